import Errors
import Glibc

/// Where the server listens.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case unix(path: String)
    /// A listening stream socket that this process was started with.
    case inherited(descriptor: Int32)

    /// The endpoints that one `--host` names.
    ///
    /// - Parameters:
    ///   - host: `unix:///path`; `fd://` for all sockets of systemd's socket activation, or `fd://3`
    ///     for one of them.
    ///   - environment: for `LISTEN_PID` and `LISTEN_FDS`, see sd_listen_fds(3).
    public static func parse(_ host: String, environment: [String: String]) throws -> [Endpoint] {
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
        throw BerthError.invalidArgument("invalid host \"\(host)\": want unix:///path or fd://")
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
        case .inherited(let descriptor): "fd://\(descriptor)"
        }
    }
}
