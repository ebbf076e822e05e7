import Errors

/// A published port of a service (Compose specification, "ports").
public struct PublishedPort: Sendable, Hashable {
    public var name: String?
    /// `ingress` or `host`; without a swarm they mean the same.
    public var mode: String
    public var hostIP: String?
    /// The port in the container.
    public var target: Int
    /// The host's port, a range `8000-8010` to choose from, or nil for any free one.
    public var published: String?
    /// `tcp`, `udp` or `sctp`.
    public var proto: String
    public var appProtocol: String?

    public init(
        target: Int, published: String? = nil, hostIP: String? = nil, proto: String = "tcp", mode: String = "ingress",
        name: String? = nil, appProtocol: String? = nil
    ) {
        self.target = target
        self.published = published
        self.hostIP = hostIP
        self.proto = proto
        self.mode = mode
        self.name = name
        self.appProtocol = appProtocol
    }

    /// Parses the short form `[[ip:][host]:]container[/protocol]`, where host and container may be
    /// ranges.
    ///
    /// - Returns: one port per container port of the range.
    public static func parse(short text: String) throws(BerthError) -> [PublishedPort] {
        func wrong(_ reason: String) -> BerthError { .invalidArgument("invalid port \"\(text)\": \(reason)") }

        var rest = text[...]
        var proto = "tcp"
        if let slash = rest.lastIndex(of: "/") {
            proto = rest[rest.index(after: slash)...].lowercased()
            rest = rest[..<slash]
        }
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw wrong("unknown protocol \(proto)") }

        let container: Substring
        var host: Substring?
        var hostIP: String?
        if let colon = rest.lastIndex(of: ":") {
            container = rest[rest.index(after: colon)...]
            rest = rest[..<colon]
            if let inner = rest.lastIndex(of: ":") {
                host = rest[rest.index(after: inner)...]
                hostIP = String(rest[..<inner].drop { $0 == "[" }.trimmingSuffix { $0 == "]" })
            } else {
                host = rest
            }
        } else {
            container = rest
        }
        if host?.isEmpty == true { host = nil }
        if hostIP?.isEmpty == true { hostIP = nil }

        guard let targets = range(container) else { throw wrong("invalid containerPort: \(container)") }
        guard let host else {
            return targets.map { PublishedPort(target: $0, hostIP: hostIP, proto: proto) }
        }
        guard let published = range(host) else { throw wrong("invalid hostPort: \(host)") }
        if targets.count == 1, published.count > 1 {
            return [PublishedPort(target: targets.lowerBound, published: String(host), hostIP: hostIP, proto: proto)]
        }
        guard targets.count == published.count else {
            throw wrong("the ranges of host and container ports differ in length")
        }
        return zip(targets, published).map { target, published in
            PublishedPort(target: target, published: String(published), hostIP: hostIP, proto: proto)
        }
    }

    /// The host ports that may be taken; nil when any may be.
    public var publishedRange: ClosedRange<Int>? { published.flatMap { Self.range($0[...]) } }

    private static func range(_ text: Substring) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = ends.first, let low = first, let last = ends.last, let high = last, ends.count <= 2,
            low <= high, (0...65535).contains(low), (0...65535).contains(high)
        else { return nil }
        return low...high
    }

    /// One item of `ports`, short or long.
    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> [PublishedPort] {
        if let text = tree.text {
            do { return try parse(short: text) } catch { throw tree.invalid("\(path): \(error.message)") }
        }
        var fields = try Fields(tree, path)
        guard let target = try fields.int("target") else { throw tree.invalid("\(path) target is required") }
        guard (1...65535).contains(target) else { throw tree.invalid("\(path).target must be a port from 1 to 65535") }
        let port = PublishedPort(
            target: target,
            published: try fields.string("published").flatMap { $0.isEmpty ? nil : $0 },
            hostIP: try fields.string("host_ip"),
            proto: try fields.string("protocol") ?? "tcp",
            mode: try fields.string("mode") ?? "ingress",
            name: try fields.string("name"),
            appProtocol: try fields.string("app_protocol"))
        try fields.finish()
        guard port.published == nil || port.publishedRange != nil else {
            throw tree.invalid("\(path).published must be a port or a range, not \"\(port.published ?? "")\"")
        }
        return [port]
    }

    func render() -> Tree {
        var result: OrderedTree = ["mode": .string(mode), "target": .int(target)]
        result["host_ip"] = hostIP.map(Tree.string)
        result["published"] = published.map(Tree.string)
        result["protocol"] = .string(proto)
        result["name"] = name.map(Tree.string)
        result["app_protocol"] = appProtocol.map(Tree.string)
        return .map(result)
    }
}
