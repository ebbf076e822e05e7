import OrderedCollections

/// What has to happen for a project to be as its files say. A value: it can be looked at, printed and
/// tested without an engine.
public struct Plan: Sendable, Equatable {
    /// Why a container is replaced.
    public enum Reason: Sendable, Equatable {
        case configChanged
        case imageChanged
        case networkChanged(String)
        case volumeChanged(String)
        case forced
        /// A container whose namespaces or volumes it shares is replaced.
        case dependencyReplaced(String)
    }

    public enum ContainerAction: Sendable, Equatable {
        /// It is as it should be and runs.
        case keep(PresentContainer)
        /// It is as it should be and does not run.
        case start(PresentContainer)
        case create(name: String, number: Int)
        case replace(PresentContainer, name: String, reason: Reason)
        /// The service was scaled down.
        case remove(PresentContainer)
    }

    public enum NetworkAction: Sendable, Equatable {
        case create(key: String)
        /// It exists with another configuration.
        case replace(key: String, PresentNetwork)
    }

    public var networks: [NetworkAction] = []
    /// Keys of the volumes to create.
    public var volumes: [String] = []
    /// By service, in the order of starting.
    public var services: OrderedDictionary<String, [ContainerAction]> = [:]
    /// Containers of services that the files no longer have.
    public var orphans: [PresentContainer] = []
    /// Whether `orphans` are removed, or only told of.
    public var removesOrphans: Bool = false
    /// What the user should know.
    public var warnings: [String] = []

    /// Whether nothing would change.
    public var isEmpty: Bool {
        networks.isEmpty && volumes.isEmpty && (orphans.isEmpty || !removesOrphans)
            && services.values.allSatisfy { $0.allSatisfy { if case .keep = $0 { true } else { false } } }
    }

    /// One line for each thing that would happen, for `--dry-run`.
    public var lines: [String] {
        var lines = networks.map { action in
            switch action {
            case .create(let key): "create network \(key)"
            case .replace(let key, let old): "replace network \(key) (\(old.name)): its configuration changed"
            }
        }
        lines += volumes.map { "create volume \($0)" }
        if removesOrphans { lines += orphans.map { "remove container \($0.name): no service \($0.service) any more" } }
        for (service, actions) in services {
            lines += actions.map { "\(service): \($0)" }
        }
        return lines
    }
}

extension Plan.ContainerAction: CustomStringConvertible {
    public var description: String {
        switch self {
        case .keep(let container): "keep container \(container.name)"
        case .start(let container): "start container \(container.name)"
        case .create(let name, _): "create container \(name)"
        case .replace(let container, _, let reason): "replace container \(container.name): \(reason)"
        case .remove(let container): "remove container \(container.name): scaled down"
        }
    }
}

extension Plan.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .configChanged: "its configuration changed"
        case .imageChanged: "its image changed"
        case .networkChanged(let name): "network \(name) changed"
        case .volumeChanged(let name): "volume \(name) changed"
        case .forced: "asked for"
        case .dependencyReplaced(let name): "it shares with \(name), which is replaced"
        }
    }
}
