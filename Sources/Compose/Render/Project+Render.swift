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

    /// `config`.
    public func yaml() throws(BerthError) -> String { try rendered().yaml() }

    /// `config --format json`.
    public func json() throws(BerthError) -> String { try rendered().json() }

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
