import EngineAPI
import Errors
import OrderedCollections

/// What `down` is asked to do.
public struct DownOptions: Sendable {
    /// `--rmi`
    public enum Images: Sendable {
        case kept
        /// Those without a name in the files.
        case local
        case all
    }

    /// Empty means all.
    public var services: [String] = []
    public var removesVolumes = false
    public var images: Images = .kept
    public var removesOrphans = false
    /// Seconds until a container is killed; nil as it was configured.
    public var timeout: Int?

    public init() {}
}

extension ProjectRunner {
    /// `down`: stops and removes containers in reverse order, then networks, and what else is asked for.
    public func down(_ options: DownOptions) async throws {
        let all = try await containers(oneOffs: true)
        try check(options.services, among: all)
        let known = { (container: PresentContainer) in
            project.services.isEmpty || project.services[container.service] != nil
                || project.disabledServices[container.service] != nil
        }
        var own = all.filter { known($0) || options.removesOrphans }
        if !options.services.isEmpty { own = all.filter { options.services.contains($0.service) } }

        try await inReverse(own) { container in
            try await stopAndRemove(container, timeout: options.timeout, volumes: options.removesVolumes)
        }
        guard options.services.isEmpty else { return }

        if all.isEmpty, try await engine.networks(labels: [Labels.filter(project: project.name)]).isEmpty,
            !options.removesVolumes, options.images == .kept
        {
            report(.warning("No resource found to remove for project \"\(project.name)\"."))
            return
        }
        try await removeNetworks()
        if options.removesVolumes { try await removeVolumes() }
        try await removeImages(options.images)
    }

    /// Does something to containers, those that depend on others before these.
    func inReverse(
        _ containers: [PresentContainer], _ work: @escaping @Sendable (PresentContainer) async throws -> Void
    ) async throws {
        let graph = try graph(containers)
        let services = OrderedSet(graph.order.reversed() + containers.map(\.service))
        try await Parallel.walk(Array(services), after: graph.reversed) { name in
            try await Parallel.each(containers.filter { $0.service == name }, work)
        }
    }

    private func removeNetworks() async throws {
        let networks = try await engine.networks(labels: [Labels.filter(project: project.name)])
        try await Parallel.each(networks) { network in
            let resource = ComposeResource(.network, network.name)
            let holders = try await engine.inspectNetwork(network.id).containers.values.map(\.name).sorted()
            guard holders.isEmpty else {
                let names = holders.joined(separator: ", ")
                report(.progress(resource, .skipped(reason: "Resource is still in use")))
                report(
                    .warning(
                        "network \(network.name) is still in use by \(names): remove or disconnect them, "
                            + "then run this command again"))
                return
            }
            try await track(resource, .removing, .removed) {
                do { try await engine.removeNetwork(network.id) } catch let error where error.isNotFound {}
            }
        }
    }

    private func removeVolumes() async throws {
        let labelled = try await engine.volumes(labels: [Labels.filter(project: project.name)]).map(\.name)
        let external = Set(project.volumes.values.filter { $0.ownership == .external }.map(\.name))
        try await Parallel.each(labelled.filter { !external.contains($0) }) { name in
            let resource = ComposeResource(.volume, name)
            do {
                try await track(resource, .removing, .removed) { try await engine.removeVolume(name) }
            } catch let error where error.isNotFound {
            } catch let error where (error as? BerthError)?.code == .conflict {
                report(.warning("\(error)"))
            }
        }
    }

    private func removeImages(_ choice: DownOptions.Images) async throws {
        guard choice != .kept else { return }
        let services = Array(project.services.values) + Array(project.disabledServices.values)
        let names = OrderedSet(
            services.compactMap { service in
                service.image == nil || choice == .all ? service.imageName(project: project.name) : nil
            })
        try await Parallel.each(Array(names)) { name in
            let resource = ComposeResource(.image, name)
            do {
                try await track(resource, .removing, .removed) { try await engine.removeImage(name) }
            } catch let error where error.isNotFound {
                report(.progress(resource, .skipped(reason: "No such image")))
            } catch let error where (error as? BerthError)?.code == .conflict {
                // Others use it too; that is no reason for `down` to fail.
                report(.progress(resource, .skipped(reason: "Resource is still in use")))
                report(.warning("image \(name) is kept: \(error)"))
            }
        }
    }
}
