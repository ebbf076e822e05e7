import Errors
import OrderedCollections

/// Compares a project with what is there.
public struct Planner: Sendable {
    /// When existing containers are replaced.
    public enum Recreation: Sendable {
        /// When their configuration or image changed.
        case changed
        case always
        case never
    }

    public struct Options: Sendable {
        public var recreation: Recreation = .changed
        /// The same for services that were not named but are needed.
        public var dependencyRecreation: Recreation = .changed
        /// Numbers of containers by service that the command line asks for.
        public var scale: [String: Int] = [:]
        public var removesOrphans = false
        public var warnsOfOrphans = true
        /// `-` as Compose v2 writes it, `_` with `--compatibility`.
        public var separator = "-"

        public init() {}
    }

    let project: Project
    let present: Present
    let options: Options

    public init(_ project: Project, present: Present, options: Options = Options()) {
        self.project = project
        self.present = present
        self.options = options
    }

    /// - Parameters:
    ///   - services: those that take part, dependencies included.
    ///   - named: those that the user named; the rest is there because they need it.
    /// - Throws: `notFound` for an external network or volume that is not there, `conflict` for one of
    ///   the project's names that belongs to something else.
    public func plan(services: [String], named: Set<String>) throws(BerthError) -> Plan {
        var plan = Plan()
        let order = try DependencyGraph(project).order.filter { services.contains($0) }
        let taking = order.compactMap { project.services[$0] }
        plan.networks = try networkActions(for: taking)
        plan.volumes = try volumeActions(for: taking, warnings: &plan.warnings)

        var replaced: Set<String> = []
        for service in taking {
            let actions = try actions(
                for: service, networks: plan.networks, replaced: replaced,
                recreation: named.contains(service.name) ? options.recreation : options.dependencyRecreation)
            if actions.contains(where: \.makesContainer) { replaced.insert(service.name) }
            plan.services[service.name] = actions
        }

        plan.orphans = present.containers.filter { container in
            !container.isOneOff && project.services[container.service] == nil
                && project.disabledServices[container.service] == nil
        }
        plan.removesOrphans = options.removesOrphans
        if !plan.orphans.isEmpty, !options.removesOrphans, options.warnsOfOrphans {
            let names = plan.orphans.map(\.name).joined(separator: " ")
            plan.warnings.append(
                "Found orphan containers ([\(names)]) for this project. If you removed or renamed this service in your "
                    + "compose file, you can run this command with the --remove-orphans flag to clean it up.")
        }
        return plan
    }

    // MARK: Networks and volumes

    private func networkActions(for services: [Service]) throws(BerthError) -> [Plan.NetworkAction] {
        var actions: [Plan.NetworkAction] = []
        for key in project.networks.keys where services.contains(where: { $0.networks[key] != nil }) {
            guard let network = project.networks[key] else { continue }
            let existing = present.networks[network.name]
            if network.ownership == .external {
                guard existing != nil || ["host", "none", "bridge"].contains(network.name) else {
                    throw .notFound(
                        "network \(network.name) declared as external, but could not be found; "
                            + "create it with: network create \(network.name)")
                }
                continue
            }
            guard let existing else {
                actions.append(.create(key: key))
                continue
            }
            let owner = existing.labels[Labels.project]
            guard existing.labels[Labels.network] == key, owner == project.name else {
                throw .conflict(
                    "network \(network.name) was found but has incorrect label \(Labels.network) set to "
                        + "\"\(existing.labels[Labels.network] ?? "")\" (expected: \"\(key)\"): it belongs to "
                        + "\(owner.map { "project \($0)" } ?? "no project"). Set `external: true` to use it")
            }
            // Networks of older releases carry no hash; they are taken as they are.
            if let hash = existing.labels[Labels.configHash], hash != (try ConfigHash.of(network)) {
                actions.append(.replace(key: key, existing))
            }
        }
        return actions
    }

    private func volumeActions(for services: [Service], warnings: inout [String]) throws(BerthError) -> [String] {
        var created: [String] = []
        let used = Set(services.flatMap { $0.volumes.compactMap { $0.kind == .volume ? $0.source : nil } })
        for key in project.volumes.keys where used.contains(key) {
            guard let volume = project.volumes[key] else { continue }
            let existing = present.volumes[volume.name]
            switch (volume.ownership, existing) {
            case (.external, nil):
                throw .notFound(
                    "external volume \"\(volume.name)\" not found; create it with: volume create \(volume.name)")
            case (.external, _): break
            case (.project, nil): created.append(key)
            case (.project, let labels?):
                if labels[Labels.project] != project.name {
                    let owner =
                        labels[Labels.project].map { "was created for project \"\($0)\"" }
                        ?? "was not created by Compose"
                    warnings.append(
                        "volume \"\(volume.name)\" already exists but \(owner). "
                            + "Use `external: true` to use an existing volume")
                } else if let hash = labels[Labels.configHash], hash != (try ConfigHash.of(volume)) {
                    // Replacing it would lose data, so that is left to the user.
                    warnings.append(
                        "volume \"\(volume.name)\" exists with another configuration; it is kept as it is. "
                            + "To make it anew, remove it first: its data is lost then")
                }
            }
        }
        return created
    }

    // MARK: Containers

    private func actions(
        for service: Service, networks: [Plan.NetworkAction], replaced: Set<String>, recreation: Recreation
    ) throws(BerthError) -> [Plan.ContainerAction] {
        let existing = present.containers(of: service.name)
        let wanted = options.scale[service.name] ?? service.replicas
        if let name = service.containerName, wanted > 1 {
            throw .invalidArgument(
                "service \"\(service.name)\" cannot be scaled to \(wanted): its container_name \"\(name)\" must be "
                    + "unique; remove container_name")
        }
        let hash = try ConfigHash.of(service, in: project)
        var reasons: [String: Plan.Reason] = [:]
        for container in existing {
            reasons[container.id] = reason(
                toReplace: container, of: service, hash: hash, networks: networks, replaced: replaced,
                recreation: recreation)
        }

        // Out-of-date containers are the first to go, then those with the highest numbers.
        let surplus = existing.sorted { left, right in
            let leftStale = reasons[left.id] != nil
            let rightStale = reasons[right.id] != nil
            return leftStale == rightStale ? left.number > right.number : leftStale
        }.prefix(max(0, existing.count - wanted))
        let removed = Set(surplus.map(\.id))

        var actions: [Plan.ContainerAction] = surplus.map { .remove($0) }
        for container in existing where !removed.contains(container.id) {
            if let reason = reasons[container.id] {
                actions.append(.replace(container, name: name(of: service, container.number), reason: reason))
            } else {
                actions.append(container.state == .running ? .keep(container) : .start(container))
            }
        }
        var number = existing.map(\.number).max() ?? 0
        for _ in 0..<max(0, wanted - existing.count) {
            number += 1
            actions.append(.create(name: name(of: service, number), number: number))
        }
        return actions
    }

    func name(of service: Service, _ number: Int) -> String {
        service.containerName
            ?? [project.name, service.name, String(number)].joined(separator: options.separator)
    }

    private func reason(
        toReplace container: PresentContainer, of service: Service, hash: String, networks: [Plan.NetworkAction],
        replaced: Set<String>, recreation: Recreation
    ) -> Plan.Reason? {
        switch recreation {
        case .never: return nil
        case .always: return .forced
        case .changed: break
        }
        if container.configHash != hash { return .configChanged }
        if let image = present.imageIDs[service.name], image != container.imageID { return .imageChanged }
        for case .replace(let key, let network) in networks where service.networks[key] != nil {
            return .networkChanged(network.name)
        }
        for key in service.networks.keys {
            let name = project.networkName(key)
            // The network was removed and made anew since; the container would not start.
            if let current = present.networks[name]?.id, let attached = container.networks[name], !attached.isEmpty,
                attached != current
            {
                return .networkChanged(name)
            }
        }
        for mount in service.volumes where mount.kind == .volume {
            guard let key = mount.source, let name = project.volumes[key]?.name else { continue }
            let attached = container.mounts.first { $0.destination == mount.target && $0.type == "volume" }
            if let attached, attached.name != name { return .volumeChanged(name) }
        }
        let shared = service.namespaceServices + service.volumesFrom.map { String($0.prefix { $0 != ":" }) }
        if let other = shared.first(where: replaced.contains) { return .dependencyReplaced(other) }
        return nil
    }
}

extension Plan.ContainerAction {
    /// Whether the service has a container afterwards that was not there before.
    var makesContainer: Bool {
        switch self {
        case .create, .replace: true
        case .keep, .start, .remove: false
        }
    }
}
