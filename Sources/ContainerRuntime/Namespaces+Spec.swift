import Linux
import OCI

extension RuntimeSpec {
    /// New namespaces: those listed without a path.
    var namespacesToMake: Namespaces {
        (linux?.namespaces ?? []).reduce(into: []) { set, namespace in
            if (namespace.path ?? "").isEmpty { set.insert(namespace.type.kernelFlag) }
        }
    }

    /// All namespaces that are not the host's.
    public var ownNamespaces: Namespaces {
        (linux?.namespaces ?? []).reduce(into: []) { $0.insert($1.type.kernelFlag) }
    }

    /// Existing namespaces to join.
    var namespacesToJoin: [(Namespaces, path: String)] {
        (linux?.namespaces ?? []).compactMap { namespace in
            guard let path = namespace.path, !path.isEmpty else { return nil }
            return (namespace.type.kernelFlag, path)
        }
    }

    public var usesUserNamespace: Bool { ownNamespaces.contains(.user) }

    /// Whether a process of its own has to go ahead: a user namespace decides who owns the namespaces
    /// made in it, so they come after it; and a time namespace is entered by being born in it.
    var entersByDetour: Bool { usesUserNamespace || namespacesToMake.contains(.time) }
}

extension RuntimeSpec.Namespace.Kind {
    /// `CLONE_NEW…` of this kind.
    public var kernelFlag: Namespaces {
        switch self {
        case .pid: .pid
        case .network: .network
        case .mount: .mount
        case .ipc: .ipc
        case .uts: .uts
        case .user: .user
        case .cgroup: .cgroup
        case .time: .time
        }
    }
}
