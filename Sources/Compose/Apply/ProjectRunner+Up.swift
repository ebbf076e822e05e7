import EngineAPI
import Errors
import OrderedCollections

/// What `up` and `create` are asked to do.
public struct UpOptions: Sendable {
    /// Empty means all.
    public var services: [String] = []
    /// `--no-deps` leaves out what the services need.
    public var includesDependencies = true
    public var images = ImagePolicy()
    public var recreation: Planner.Recreation = .changed
    /// `--always-recreate-deps`
    public var recreatesDependencies = false
    /// `-V`: anonymous volumes are not carried over to replaced containers.
    public var renewsVolumes = false
    public var scale: [String: Int] = [:]
    public var removesOrphans = false
    /// `COMPOSE_IGNORE_ORPHANS` turns it off.
    public var warnsOfOrphans = true
    /// Seconds that a replaced container has to stop.
    public var timeout: Int?
    /// `create` and `--no-start` leave the containers created.
    public var starts = true
    /// `--wait`, with its limit.
    public var waits = false
    public var waitTimeout: Duration?

    public init() {}
}

extension ProjectRunner {
    /// `up -d`, `create`, and the first half of `up` in front.
    ///
    /// Everything that can be known before is checked before anything is touched: the files' sense,
    /// bind mount sources, ports, images.
    ///
    /// - Parameter onStart: called for each container once it runs, and for those that ran already.
    /// - Returns: the services that took part, in the order of starting.
    @discardableResult
    public func up(
        _ options: UpOptions, onStart: @escaping @Sendable (StartedContainer) -> Void = { _ in }
    ) async throws -> [String] {
        let project = try scaled(try project.enabling(options.services), options.scale)
        let runner = with(project)
        let names = try runner.participants(options)
        guard !names.isEmpty else { throw BerthError.invalidArgument("no service selected") }
        let services = names.compactMap { project.services[$0] }

        let preflight = Preflight(project: project, locality: locality)
        try preflight.checkSources(of: services)
        try preflight.checkPortsAmong(services, scale: options.scale)
        try await runner.checkHostPorts(of: services)

        let imageIDs = try await runner.ensureImages(services, options.images)
        let plan = try await runner.plan(options, participants: names, imageIDs: imageIDs)
        for warning in project.warnings + plan.warnings { report(.warning(warning)) }
        try preflight.makeSources(of: services)

        let convergence = Convergence(runner: runner, plan: plan, imageIDs: imageIDs, options: options)
        try await convergence.run(onStart: onStart)
        if options.starts { try await runner.warnOfReplacedFiles(services) }
        if options.waits, options.starts {
            try await runner.waitUntilUp(names, timeout: options.waitTimeout)
        }
        return names
    }

    /// The plan that `up` would carry out; nothing is changed, and images that are not there are
    /// taken as changed.
    public func plan(_ options: UpOptions) async throws -> Plan {
        let project = try scaled(try project.enabling(options.services), options.scale)
        let runner = with(project)
        var imageIDs: [String: String] = [:]
        let names = try runner.participants(options)
        for service in names.compactMap({ project.services[$0] }) {
            imageIDs[service.name] = try await findImage(service.imageName(project: project.name))?.id
        }
        return try await runner.plan(options, participants: names, imageIDs: imageIDs)
    }

    private func scaled(_ project: Project, _ scale: [String: Int]) throws(BerthError) -> Project {
        for name in scale.keys { _ = try project.service(name) }
        return project
    }

    private func participants(_ options: UpOptions) throws(BerthError) -> [String] {
        for name in options.services { _ = try project.service(name) }
        let graph = try DependencyGraph(project)
        if options.services.isEmpty { return graph.order }
        if options.includesDependencies { return graph.closure(of: options.services) }
        return graph.order.filter { options.services.contains($0) }
    }

    private func plan(
        _ options: UpOptions, participants: [String], imageIDs: [String: String]
    ) async throws -> Plan {
        var planning = Planner.Options()
        planning.recreation = options.recreation
        planning.dependencyRecreation = options.recreatesDependencies ? .always : .changed
        if options.recreation == .never { planning.dependencyRecreation = .never }
        planning.scale = options.scale
        planning.removesOrphans = options.removesOrphans
        planning.warnsOfOrphans = options.warnsOfOrphans
        planning.separator = separator
        let named = Set(options.services.isEmpty ? participants : options.services)
        return try Planner(project, present: try await present(imageIDs), options: planning)
            .plan(services: participants, named: named)
    }

    /// Reads what is there.
    func present(_ imageIDs: [String: String]) async throws -> Present {
        let filter = Labels.filter(project: project.name)
        var present = Present(containers: try await containers(oneOffs: true), imageIDs: imageIDs)
        for network in try await engine.networks(labels: [filter]) {
            present.networks[network.name] = PresentNetwork(id: network.id, name: network.name, labels: network.labels)
        }
        for volume in try await engine.volumes(labels: [filter]) { present.volumes[volume.name] = volume.labels }
        for network in project.networks.values where present.networks[network.name] == nil {
            do {
                let found = try await engine.inspectNetwork(network.name)
                present.networks[found.name] = PresentNetwork(id: found.id, name: found.name, labels: found.labels)
            } catch let error where error.isNotFound {}
        }
        for volume in project.volumes.values where present.volumes[volume.name] == nil {
            do {
                present.volumes[volume.name] = try await engine.inspectVolume(volume.name).labels
            } catch let error where error.isNotFound {}
        }
        return present
    }
}

/// A container that `up` started, or found running.
public struct StartedContainer: Sendable {
    public enum Since: Sendable {
        /// Its output from its start belongs to this `up`.
        case start
        /// It ran before; only what comes from now on does.
        case now
    }

    public var id: String
    public var name: String
    public var service: String
    public var since: Since
}
