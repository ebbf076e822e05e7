import Errors
import FoundationEssentials

/// Where a daemon listens, and how that was chosen.
public struct EngineHost: Sendable, Equatable {
    public enum Address: Sendable, Equatable {
        /// Absolute path of a Unix socket.
        case unix(String)
        /// Plain HTTP over TCP.
        case tcp(host: String, port: Int)
    }

    /// Who named the address. Only a daemon of our own may be started when it is away.
    public enum Origin: Sendable, Equatable {
        case standard
        case flag
        case berthHost
        case dockerHost
    }

    public let address: Address
    public let origin: Origin

    /// Path of the default API socket.
    public static let standardSocket = "/run/berth/berth.sock"

    public init(address: Address, origin: Origin = .flag) {
        self.address = address
        self.origin = origin
    }

    /// Parses `unix:///path`, `tcp://host:port`, `http://host:port` or `host:port`.
    /// - Throws: `invalidArgument` naming the text that is no address.
    public init(parsing text: String, origin: Origin = .flag) throws(BerthError) {
        self.origin = origin
        if let path = text.dropping(prefix: "unix://") {
            guard path.hasPrefix("/"), path.utf8.count < 108 else {
                throw .invalidArgument(
                    "invalid host \"\(text)\": a unix:// address is an absolute path of fewer than 108 bytes")
            }
            address = .unix(String(path))
            return
        }
        for scheme in ["ssh://", "fd://", "npipe://", "https://"] where text.hasPrefix(scheme) {
            throw .invalidArgument("invalid host \"\(text)\": berth connects to unix:// and tcp:// addresses")
        }
        let rest = text.dropping(prefix: "tcp://") ?? text.dropping(prefix: "http://") ?? text[...]
        address = try Self.tcpAddress(rest, original: text)
    }

    private static func tcpAddress(_ rest: Substring, original: String) throws(BerthError) -> Address {
        let authority = rest.prefix { $0 != "/" }
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            let host = String(authority[authority.index(after: authority.startIndex)..<end])
            let tail = authority[authority.index(after: end)...]
            if tail.isEmpty { return .tcp(host: host, port: 2375) }
            if tail.hasPrefix(":"), let port = UInt16(tail.dropFirst()) { return .tcp(host: host, port: Int(port)) }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            let host = parts.first.map(String.init) ?? ""
            if parts.count == 1, !host.isEmpty { return .tcp(host: host, port: 2375) }
            if parts.count == 2, let port = UInt16(parts[1]) {
                return .tcp(host: host.isEmpty ? "localhost" : host, port: Int(port))
            }
        }
        throw .invalidArgument("invalid host \"\(original)\": expected unix:///path or tcp://host:port")
    }

    /// The daemon that a command talks to: `-H`, then `BERTH_HOST`, then `DOCKER_HOST`, then the
    /// default socket.
    public static func choose(
        flag: String?, environment: [String: String]
    ) throws(BerthError) -> EngineHost {
        if let flag { return try EngineHost(parsing: flag, origin: .flag) }
        if let named = environment["BERTH_HOST"], !named.isEmpty {
            return try EngineHost(parsing: named, origin: .berthHost)
        }
        if let named = environment["DOCKER_HOST"], !named.isEmpty {
            return try EngineHost(parsing: named, origin: .dockerHost)
        }
        return EngineHost(address: .unix(standardSocket), origin: .standard)
    }
}

extension EngineHost: CustomStringConvertible {
    public var description: String {
        switch address {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        }
    }
}

extension String {
    fileprivate func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
