import Errors
import Glibc
import Linux

/// Where the server listens.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case unix(path: String)
    /// An address literal. With TLS where the server has any.
    case tcp(address: String, port: UInt16)
    /// A listening stream socket that this process was started with.
    case inherited(descriptor: Int32)

    /// The endpoints that one `--host` names.
    ///
    /// - Parameters:
    ///   - host: `unix:///path`; `tcp://address:port`; `fd://` for all sockets of systemd's socket activation, or `fd://3`
    ///     for one of them.
    ///   - hasTLS: decides the port where none is named, 2376 or 2375.
    ///   - environment: for `LISTEN_PID` and `LISTEN_FDS`, see sd_listen_fds(3).
    public static func parse(_ host: String, environment: [String: String], hasTLS: Bool = false) throws -> [Endpoint] {
        if host.hasPrefix("unix://") {
            let path = String(host.dropFirst("unix://".count))
            guard path.hasPrefix("/") else {
                throw BerthError.invalidArgument("invalid host \"\(host)\": the path must be absolute")
            }
            return [.unix(path: path)]
        }
        if host.hasPrefix("fd://") {
            return try activated(by: host, environment: environment).map { .inherited(descriptor: $0) }
        }
        if host.hasPrefix("tcp://") { return [try tcp(host, defaultPort: hasTLS ? 2376 : 2375)] }
        throw BerthError.invalidArgument("invalid host \"\(host)\": want unix:///path, tcp://address:port or fd://")
    }

    /// `tcp://127.0.0.1:2376`, `tcp://[::1]:2376`, `tcp://:2376`; no address is this machine alone.
    private static func tcp(_ host: String, defaultPort: UInt16) throws(BerthError) -> Endpoint {
        let text = host.dropFirst("tcp://".count)
        var address = text
        var port = defaultPort
        let close = text.hasPrefix("[") ? text.firstIndex(of: "]") : nil
        if let colon = text[(close ?? text.startIndex)...].lastIndex(of: ":") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                throw .invalidArgument("invalid host \"\(host)\": the port must be a number")
            }
            port = number
            address = text[..<colon]
        }
        if close != nil { address = address.dropFirst().dropLast() }
        if address.isEmpty || address == "localhost" { address = "127.0.0.1" }
        guard SocketAddress(String(address), port: port) != nil else {
            throw .invalidArgument(
                "invalid host \"\(host)\": want the address of an interface, as tcp://127.0.0.1:2376")
        }
        return .tcp(address: String(address), port: port)
    }

    private static let firstActivatedDescriptor: Int32 = 3

    private static func activated(by host: String, environment: [String: String]) throws -> [Int32] {
        guard environment["LISTEN_PID"] == String(getpid()), let count = environment["LISTEN_FDS"].flatMap(Int32.init),
            count > 0
        else {
            throw BerthError.invalidArgument(
                "no sockets found for \"\(host)\": this process was not started by socket activation")
        }
        let all = Array(firstActivatedDescriptor..<firstActivatedDescriptor + count)
        let wanted = host.dropFirst("fd://".count)
        if wanted.isEmpty || wanted == "*" { return all }
        guard let one = Int32(wanted), all.contains(one) else {
            let passed = all.map(String.init).joined(separator: ", ")
            throw BerthError.invalidArgument("no socket found for \"\(host)\": socket activation passed \(passed)")
        }
        return [one]
    }

    public var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let address, let port):
            address.contains(":") ? "tcp://[\(address)]:\(port)" : "tcp://\(address):\(port)"
        case .inherited(let descriptor): "fd://\(descriptor)"
        }
    }
}
