import Errors
import OrderedCollections

extension Project {
    /// The resolved model as a tree: long forms, absolute paths, everything that is not used left out.
    public func rendered() -> Tree {
        var result: OrderedTree = ["name": .string(name)]
        let used = UsedResources(self)
        result["services"] = .map(services.sortedByKey().mapValues { $0.render() })
        set(&result, "networks", networks.filter { used.networks.contains($0.key) }.mapValues { $0.render() })
        set(&result, "volumes", volumes.filter { used.volumes.contains($0.key) }.mapValues { $0.render() })
        set(&result, "configs", configs.filter { used.configs.contains($0.key) }.mapValues { $0.render() })
        set(&result, "secrets", secrets.filter { used.secrets.contains($0.key) }.mapValues { $0.render() })
        for (key, value) in extensions { result[key] = value }
        return .map(result)
    }

    private func set(_ result: inout OrderedTree, _ key: String, _ entries: OrderedTree) {
        result.set(key, nonEmpty: .map(entries.sortedByKey()))
    }

    /// `config`: a Compose file that loads to the same project. Dollar signs are doubled for that; with
    /// `--no-interpolate` they are still the files' own.
    public func yaml(escapesDollars: Bool = true) throws(BerthError) -> String {
        try (escapesDollars ? rendered().escapingDollars() : rendered()).yaml()
    }

    /// `config --format json`, as `yaml`.
    public func json(escapesDollars: Bool = true) throws(BerthError) -> String {
        try (escapesDollars ? rendered().escapingDollars() : rendered()).json()
    }

    /// `config --services`, in the order of starting.
    public func serviceNames() throws(BerthError) -> [String] { try DependencyGraph(self).order }

    /// `config --images`.
    public func imageNames() -> [String] {
        Array(OrderedSet(services.values.map { $0.imageName(project: name) }))
    }

    /// `config --volumes`.
    public func volumeNames() -> [String] { Array(volumes.keys) }

    /// `config --networks`.
    public func networkNames() -> [String] { Array(networks.keys) }

    /// `config --hash`: the fingerprint that containers carry, by service.
    ///
    /// - Parameter names: empty means all.
    public func hashes(_ names: [String] = []) throws(BerthError) -> OrderedDictionary<String, String> {
        var result: OrderedDictionary<String, String> = [:]
        for name in names.isEmpty ? services.keys.sorted() : names {
            result[name] = try ConfigHash.of(try service(name), in: self)
        }
        return result
    }
}

extension Tree {
    /// The tree with every dollar sign in its values written so that loading gives it back.
    fileprivate func escapingDollars() -> Tree {
        switch content {
        case .null: self
        case .scalar(let text, let plain): Tree(.scalar(text.replacing("$", with: "$$"), plain: plain), at: location)
        case .sequence(let items): Tree(.sequence(items.map { $0.escapingDollars() }), at: location)
        case .mapping(let entries): Tree(.mapping(entries.mapValues { $0.escapingDollars() }), at: location)
        }
    }
}

/// The keys of the resources that some service refers to.
private struct UsedResources {
    var networks: Set<String> = []
    var volumes: Set<String> = []
    var secrets: Set<String> = []
    var configs: Set<String> = []

    init(_ project: Project) {
        for service in project.services.values {
            networks.formUnion(service.networks.keys)
            volumes.formUnion(service.volumes.compactMap { $0.kind == .volume ? $0.source : nil })
            secrets.formUnion(service.secrets.map(\.source) + (service.build?.secrets.map(\.source) ?? []))
            configs.formUnion(service.configs.map(\.source))
        }
    }
}
