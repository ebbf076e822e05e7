import Errors
import OrderedCollections

/// An entry of `/etc/hosts`.
public struct ExtraHost: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    /// An IP address, or `host-gateway`.
    public var address: String

    /// As the Engine API takes it.
    public var description: String { "\(host):\(address)" }

    /// `host:ip` or `host=ip` items, or a mapping of host to one or several addresses.
    static func decodeAll(_ tree: Tree, _ path: String) throws(BerthError) -> [ExtraHost] {
        var hosts: [ExtraHost] = []
        if let entries = tree.mapping {
            for (host, value) in entries {
                let addresses =
                    value.sequence == nil
                    ? [try value.asString("\(path).\(host)")] : try value.asStrings("\(path).\(host)")
                hosts += addresses.map { ExtraHost(host: host, address: bare($0)) }
            }
            return hosts
        }
        for (index, item) in try tree.asStrings(path).enumerated() {
            let separator = item.contains("=") ? Character("=") : ":"
            guard let cut = item.firstIndex(of: separator) else {
                throw tree.invalid("\(path)[\(index)]: bad host name \"\(item)\", want HOST:IP or HOST=IP")
            }
            hosts.append(
                ExtraHost(host: String(item[..<cut]), address: bare(String(item[item.index(after: cut)...]))))
        }
        return hosts
    }

    private static func bare(_ address: String) -> String {
        address.hasPrefix("[") && address.hasSuffix("]") ? String(address.dropFirst().dropLast()) : address
    }
}

/// A limit of `setrlimit(2)`; -1 is unlimited.
public struct ServiceUlimit: Sendable, Hashable {
    public var soft: Int
    public var hard: Int

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> ServiceUlimit {
        if tree.text != nil {
            let both = try tree.asInt(path)
            return ServiceUlimit(soft: both, hard: both)
        }
        var fields = try Fields(tree, path)
        let soft = try fields.int("soft")
        let hard = try fields.int("hard")
        try fields.finish()
        guard let soft, let hard else { throw tree.invalid("\(path) needs both soft and hard") }
        return ServiceUlimit(soft: soft, hard: hard)
    }

    func render() -> Tree {
        soft == hard ? .int(soft) : .map(["soft": .int(soft), "hard": .int(hard)])
    }
}

/// How a service waits for another one (`depends_on`).
public struct Dependency: Sendable, Hashable {
    public enum Condition: String, Sendable, CaseIterable {
        case started = "service_started"
        case healthy = "service_healthy"
        case completed = "service_completed_successfully"
    }

    public var condition: Condition = .started
    /// Whether the dependent is restarted when Compose restarts this one.
    public var restart: Bool = false
    /// Whether it is an error if the service is missing or fails.
    public var required: Bool = true

    static func decodeAll(_ tree: Tree, _ path: String) throws(BerthError) -> OrderedDictionary<String, Dependency> {
        var result: OrderedDictionary<String, Dependency> = [:]
        guard let entries = tree.mapping else {
            for name in try tree.asStrings(path) { result[name] = Dependency() }
            return result
        }
        for (name, value) in entries {
            if value.isNull {
                result[name] = Dependency()
                continue
            }
            var fields = try Fields(value, "\(path).\(name)")
            let word = try fields.string("condition") ?? Condition.started.rawValue
            guard let condition = Condition(rawValue: word) else {
                let known = Condition.allCases.map(\.rawValue).joined(separator: ", ")
                throw value.invalid("\(path).\(name).condition must be one of \(known), not \"\(word)\"")
            }
            result[name] = Dependency(
                condition: condition, restart: try fields.bool("restart") ?? false,
                required: try fields.bool("required") ?? true)
            try fields.finish()
        }
        return result
    }

    func render() -> Tree {
        var result: OrderedTree = ["condition": .string(condition.rawValue)]
        if restart { result.set("restart", true) }
        result.set("required", required)
        return .map(result)
    }
}

/// A service's health check; nil fields leave it to the image.
public struct Healthcheck: Sendable, Hashable {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    public var test: [String]?
    public var interval: Duration?
    public var timeout: Duration?
    public var retries: Int?
    public var startPeriod: Duration?
    public var startInterval: Duration?

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> Healthcheck {
        var fields = try Fields(tree, path)
        var check = Healthcheck()
        if let test = fields.value("test") {
            if let line = test.text {
                check.test = ["CMD-SHELL", line]
            } else {
                check.test = try test.asStrings("\(path).test")
            }
            if let first = check.test?.first, !["NONE", "CMD", "CMD-SHELL"].contains(first) {
                throw test.invalid("\(path).test must start with NONE, CMD or CMD-SHELL, not \"\(first)\"")
            }
        }
        check.interval = try fields.duration("interval")
        check.timeout = try fields.duration("timeout")
        check.retries = try fields.int("retries")
        check.startPeriod = try fields.duration("start_period")
        check.startInterval = try fields.duration("start_interval")
        if try fields.bool("disable") == true { check.test = ["NONE"] }
        try fields.finish()
        return check
    }

    func render() -> Tree {
        if test == ["NONE"] { return .map(["disable": .bool(true)]) }
        var result: OrderedTree = [:]
        result.set("test", test)
        result.set("interval", interval)
        result.set("timeout", timeout)
        result.set("retries", retries)
        result.set("start_period", startPeriod)
        result.set("start_interval", startInterval)
        return .map(result)
    }
}

/// A file of variables for a service's containers.
public struct EnvFile: Sendable, Hashable {
    public enum Format: Sendable { case dotenv, raw }

    /// Absolute.
    public var path: String
    public var required: Bool = true
    public var format: Format = .dotenv
    var location: Location = .none

    static func decodeAll(_ tree: Tree, _ path: String) throws(BerthError) -> [EnvFile] {
        guard let items = tree.sequence else { return [try decode(tree, path)] }
        var files: [EnvFile] = []
        for (index, item) in items.enumerated() { files.append(try decode(item, "\(path)[\(index)]")) }
        return files
    }

    private static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> EnvFile {
        if tree.text != nil { return EnvFile(path: try tree.asPath(path), location: tree.location) }
        var fields = try Fields(tree, path)
        guard let file = try fields.read("path", { t, p throws(BerthError) in try t.asPath(p) }) else {
            throw tree.invalid("\(path) path is required")
        }
        let required = try fields.bool("required") ?? true
        let format = try fields.string("format")
        try fields.finish()
        guard format == nil || format == "raw" else {
            throw tree.invalid("\(path).format must be raw, not \"\(format ?? "")\"")
        }
        return EnvFile(path: file, required: required, format: format == nil ? .dotenv : .raw, location: tree.location)
    }
}

/// Where a service's logs go.
public struct ServiceLogging: Sendable, Hashable {
    public var driver: String?
    public var options: OrderedDictionary<String, String> = [:]

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> ServiceLogging {
        var fields = try Fields(tree, path)
        let log = ServiceLogging(driver: try fields.string("driver"), options: try fields.labels("options") ?? [:])
        try fields.finish()
        return log
    }

    func render() -> Tree {
        var result: OrderedTree = [:]
        result.set("driver", driver)
        result.set("options", options)
        return .map(result)
    }
}

/// A service's end of a network.
public struct NetworkAttachment: Sendable, Hashable {
    public var aliases: [String] = []
    public var ipv4Address: String?
    public var ipv6Address: String?
    public var linkLocalIPs: [String] = []
    public var macAddress: String?
    public var driverOptions: OrderedDictionary<String, String> = [:]
    /// The order in which networks are connected, highest first.
    public var priority: Int?
    /// The network with the highest value gives the default route.
    public var gatewayPriority: Int?
    public var interfaceName: String?

    /// A list of names, or a mapping of names to settings.
    static func decodeAll(_ tree: Tree, _ path: String) throws(BerthError) -> OrderedDictionary<
        String, NetworkAttachment
    > {
        var result: OrderedDictionary<String, NetworkAttachment> = [:]
        guard let entries = tree.mapping else {
            for name in try tree.asStrings(path) { result[name] = NetworkAttachment() }
            return result
        }
        for (name, value) in entries where !name.hasPrefix("x-") {
            result[name] = value.isNull ? NetworkAttachment() : try decode(value, "\(path).\(name)")
        }
        return result
    }

    private static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> NetworkAttachment {
        var fields = try Fields(tree, path)
        let attachment = NetworkAttachment(
            aliases: try fields.strings("aliases") ?? [],
            ipv4Address: try fields.string("ipv4_address"),
            ipv6Address: try fields.string("ipv6_address"),
            linkLocalIPs: try fields.strings("link_local_ips") ?? [],
            macAddress: try fields.string("mac_address"),
            driverOptions: try fields.labels("driver_opts") ?? [:],
            priority: try fields.int("priority"),
            gatewayPriority: try fields.int("gw_priority"),
            interfaceName: try fields.string("interface_name"))
        try fields.finish()
        return attachment
    }

    func render() -> Tree {
        var result: OrderedTree = [:]
        result.set("aliases", aliases)
        result.set("ipv4_address", ipv4Address)
        result.set("ipv6_address", ipv6Address)
        result.set("link_local_ips", linkLocalIPs)
        result.set("mac_address", macAddress)
        result.set("driver_opts", driverOptions)
        result.set("priority", priority)
        result.set("gw_priority", gatewayPriority)
        result.set("interface_name", interfaceName)
        return result.isEmpty ? .null : .map(result)
    }
}

/// A secret or config as a service mounts it.
public struct FileReference: Sendable, Hashable {
    /// The key under the top-level `secrets` or `configs`.
    public var source: String
    public var target: String?
    public var uid: String?
    public var gid: String?
    public var mode: Int?
    var location: Location = .none

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> FileReference {
        if let text = tree.text { return FileReference(source: text, location: tree.location) }
        var fields = try Fields(tree, path)
        guard let source = try fields.string("source") else { throw tree.invalid("\(path) source is required") }
        let reference = FileReference(
            source: source, target: try fields.string("target"), uid: try fields.string("uid"),
            gid: try fields.string("gid"), mode: try fields.int("mode"), location: tree.location)
        try fields.finish()
        return reference
    }

    func render() -> Tree {
        var result: OrderedTree = ["source": .string(source)]
        result.set("target", target)
        result.set("uid", uid)
        result.set("gid", gid)
        if let mode {
            let octal = String(mode, radix: 8)
            result.set("mode", "0" + octal)
        }
        return .map(result)
    }
}

/// A host device given to a service's containers: `host[:container[:rwm]]`.
public struct ServiceDevice: Sendable, Hashable {
    public var source: String
    public var target: String
    public var permissions: String

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> ServiceDevice {
        if let text = tree.text {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            switch parts.count {
            case 1: return ServiceDevice(source: parts[0], target: parts[0], permissions: "rwm")
            case 2 where !parts[1].hasPrefix("/") && !text.contains("="):
                return ServiceDevice(source: parts[0], target: parts[0], permissions: parts[1])
            case 2: return ServiceDevice(source: parts[0], target: parts[1], permissions: "rwm")
            case 3: return ServiceDevice(source: parts[0], target: parts[1], permissions: parts[2])
            default: throw tree.invalid("\(path): invalid device mapping \"\(text)\"")
            }
        }
        var fields = try Fields(tree, path)
        guard let source = try fields.string("source") else { throw tree.invalid("\(path) source is required") }
        let device = ServiceDevice(
            source: source, target: try fields.string("target") ?? source,
            permissions: try fields.string("permissions") ?? "rwm")
        try fields.finish()
        return device
    }

    func render() -> Tree {
        .map(["source": .string(source), "target": .string(target), "permissions": .string(permissions)])
    }
}

/// A command run in, or beside, a service's container at a point of its life.
public struct Hook: Sendable, Hashable {
    public var command: [String]
    public var image: String?
    public var user: String?
    public var privileged: Bool = false
    public var workingDirectory: String?
    public var environment: OrderedDictionary<String, String?> = [:]
    public var perReplica: Bool = false

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> Hook {
        var fields = try Fields(tree, path)
        guard let command = try fields.read("command", { t, p throws(BerthError) in try t.asCommand(p) }) else {
            throw tree.invalid("\(path) command is required")
        }
        let hook = Hook(
            command: command, image: try fields.string("image"), user: try fields.string("user"),
            privileged: try fields.bool("privileged") ?? false, workingDirectory: try fields.string("working_dir"),
            environment: try fields.keyValues("environment") ?? [:],
            perReplica: try fields.bool("per_replica") ?? false)
        try fields.finish()
        return hook
    }

    func render() -> Tree {
        var result: OrderedTree = ["command": .strings(command)]
        result.set("image", image)
        result.set("user", user)
        if privileged { result.set("privileged", true) }
        result.set("working_dir", workingDirectory)
        result.set("environment", nonEmpty: .map(environment.mapValues { $0.map(Tree.string) ?? .null }))
        if perReplica { result.set("per_replica", true) }
        return .map(result)
    }
}
