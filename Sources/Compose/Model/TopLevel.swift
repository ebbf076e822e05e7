import Errors
import OrderedCollections

/// Whether a thing is the project's own or made by someone else.
public enum Ownership: Sendable, Hashable {
    case project
    case external
}

/// A network of a project (top-level `networks`).
public struct ProjectNetwork: Sendable {
    public struct Pool: Sendable, Hashable {
        public var subnet: String?
        public var ipRange: String?
        public var gateway: String?
        public var auxAddresses: OrderedDictionary<String, String> = [:]
    }

    /// The key in the file.
    public var key: String
    /// The name that the engine knows.
    public var name: String
    public var ownership: Ownership = .project
    public var driver: String?
    public var driverOptions: OrderedDictionary<String, String> = [:]
    public var ipamDriver: String?
    public var pools: [Pool] = []
    public var ipamOptions: OrderedDictionary<String, String> = [:]
    public var isInternal: Bool = false
    public var attachable: Bool = false
    public var enableIPv4: Bool?
    public var enableIPv6: Bool?
    public var labels: OrderedDictionary<String, String> = [:]

    public init(key: String, name: String) {
        self.key = key
        self.name = name
    }

    static func decode(key: String, project: String, _ tree: Tree, _ path: String) throws(BerthError) -> ProjectNetwork
    {
        var network = ProjectNetwork(key: key, name: "\(project)_\(key)")
        if tree.isNull { return network }
        var fields = try Fields(tree, path)
        (network.name, network.ownership) = try fields.naming(key: key, scoped: network.name)
        network.driver = try fields.string("driver")
        network.driverOptions = try fields.labels("driver_opts") ?? [:]
        if let ipam = fields.value("ipam") {
            var inner = try Fields(ipam, "\(path).ipam")
            network.ipamDriver = try inner.string("driver")
            network.pools = try inner.each("config", decodePool) ?? []
            network.ipamOptions = try inner.labels("options") ?? [:]
            try inner.finish()
        }
        network.isInternal = try fields.bool("internal") ?? false
        network.attachable = try fields.bool("attachable") ?? false
        network.enableIPv4 = try fields.bool("enable_ipv4")
        network.enableIPv6 = try fields.bool("enable_ipv6")
        network.labels = try fields.labels("labels") ?? [:]
        try fields.finish()
        return network
    }

    private static func decodePool(_ tree: Tree, _ path: String) throws(BerthError) -> Pool {
        var fields = try Fields(tree, path)
        let pool = Pool(
            subnet: try fields.string("subnet"), ipRange: try fields.string("ip_range"),
            gateway: try fields.string("gateway"), auxAddresses: try fields.labels("aux_addresses") ?? [:])
        try fields.finish()
        return pool
    }

    func render() -> Tree {
        var result: OrderedTree = ["name": .string(name)]
        if ownership == .external {
            result.set("external", true)
            return .map(result)
        }
        result.set("driver", driver)
        result.set("driver_opts", driverOptions)
        var ipam: OrderedTree = [:]
        ipam.set("driver", ipamDriver)
        ipam.set(
            "config",
            nonEmpty: .list(
                pools.map { pool in
                    var entry: OrderedTree = [:]
                    entry.set("subnet", pool.subnet)
                    entry.set("ip_range", pool.ipRange)
                    entry.set("gateway", pool.gateway)
                    entry.set("aux_addresses", pool.auxAddresses)
                    return .map(entry)
                }))
        ipam.set("options", ipamOptions)
        result["ipam"] = .map(ipam)
        if isInternal { result.set("internal", true) }
        if attachable { result.set("attachable", true) }
        result.set("enable_ipv4", enableIPv4)
        result.set("enable_ipv6", enableIPv6)
        result.set("labels", labels)
        return .map(result)
    }
}

/// A volume of a project (top-level `volumes`).
public struct ProjectVolume: Sendable {
    public var key: String
    public var name: String
    public var ownership: Ownership = .project
    public var driver: String?
    public var driverOptions: OrderedDictionary<String, String> = [:]
    public var labels: OrderedDictionary<String, String> = [:]

    public init(key: String, name: String) {
        self.key = key
        self.name = name
    }

    static func decode(key: String, project: String, _ tree: Tree, _ path: String) throws(BerthError) -> ProjectVolume {
        var volume = ProjectVolume(key: key, name: "\(project)_\(key)")
        if tree.isNull { return volume }
        var fields = try Fields(tree, path)
        (volume.name, volume.ownership) = try fields.naming(key: key, scoped: volume.name)
        volume.driver = try fields.string("driver")
        volume.driverOptions = try fields.labels("driver_opts") ?? [:]
        volume.labels = try fields.labels("labels") ?? [:]
        try fields.finish()
        return volume
    }

    func render() -> Tree {
        var result: OrderedTree = ["name": .string(name)]
        if ownership == .external {
            result.set("external", true)
            return .map(result)
        }
        result.set("driver", driver)
        result.set("driver_opts", driverOptions)
        result.set("labels", labels)
        return .map(result)
    }
}

/// A secret or config of a project (top-level `secrets`, `configs`).
public struct ProjectFile: Sendable {
    public enum Origin: Sendable, Hashable {
        /// Absolute path on the host.
        case file(String)
        /// A variable of the environment that Compose runs in, with its value; nil when it is unset.
        case environment(String, value: String?)
        case content(String)
        case external
    }

    public var key: String
    public var name: String
    public var origin: Origin

    static func decode(
        key: String, project: String, environment: [String: String], _ tree: Tree, _ path: String
    ) throws(BerthError) -> ProjectFile {
        var fields = try Fields(tree, path)
        let (name, ownership) = try fields.naming(key: key, scoped: "\(project)_\(key)")
        let file = try fields.read("file") { t, p throws(BerthError) in try t.asPath(p) }
        let variable = try fields.string("environment")
        let content = try fields.string("content")
        for ignored in ["labels", "driver", "driver_opts", "template_driver"] { _ = fields.value(ignored) }
        try fields.finish()

        let origin: Origin
        switch (ownership, file, variable, content) {
        case (.external, nil, nil, nil): origin = .external
        case (.project, let file?, nil, nil): origin = .file(file)
        case (.project, nil, let variable?, nil): origin = .environment(variable, value: environment[variable])
        case (.project, nil, nil, let content?): origin = .content(content)
        default: throw tree.invalid("\(path): exactly one of file, environment, content and external must be set")
        }
        return ProjectFile(key: key, name: name, origin: origin)
    }

    func render() -> Tree {
        var result: OrderedTree = ["name": .string(name)]
        switch origin {
        case .file(let path): result.set("file", path)
        case .environment(let variable, _): result.set("environment", variable)
        case .content(let text): result.set("content", text)
        case .external: result.set("external", true)
        }
        return .map(result)
    }
}

extension Fields {
    /// `name` and `external`, which may be a mapping with a name in old files.
    fileprivate mutating func naming(key: String, scoped: String) throws(BerthError) -> (String, Ownership) {
        var name = try string("name")
        guard let external = value("external") else { return (name ?? scoped, .project) }
        if external.mapping != nil {
            var inner = try Fields(external, "\(path).external")
            name = try inner.string("name") ?? name
            try inner.finish()
            return (name ?? key, .external)
        }
        guard try external.asBool("\(path).external") else { return (name ?? scoped, .project) }
        return (name ?? key, .external)
    }
}
