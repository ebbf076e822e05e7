import DNS
import Errors

/// How registries are reached, for one daemon.
public struct RegistrySettings: Sendable {
    /// What stands in for a registry.
    public struct Route: Sendable {
        /// Asked first, in order, and only for pulls.
        public var mirrors: [RegistryEndpoint]
        /// In the place of the registry itself; nil is the registry.
        public var server: RegistryEndpoint?

        public init(mirrors: [RegistryEndpoint] = [], server: RegistryEndpoint? = nil) {
            self.mirrors = mirrors
            self.server = server
        }
    }

    /// By registry as references have it, such as `docker.io` or `host:5000`.
    public var routes: [String: Route] = [:]
    /// Registries that may be spoken to by plain HTTP, or with a certificate that nobody vouches for.
    /// Loopback always may.
    public var insecure: [InsecureRegistry] = []
    /// Folders with one folder for each registry, `host:port`, of `*.crt` (authorities) and of
    /// `*.cert` with `*.key` (our own certificate), as Docker has them.
    public var certificateFolders: [String] = []
    /// Authorities besides those of the system, in PEM.
    public var caBundle: String?
    public var proxies = ProxySettings()
    public var userAgent = "berth"

    public init() {}

    /// Where to look for a registry's images, in order. The last one is the registry itself.
    func endpoints(of registry: String) -> [RegistryEndpoint] {
        let route = routes[registry] ?? Route()
        return route.mirrors + [server(of: registry)]
    }

    /// Where a registry itself is.
    func server(of registry: String) -> RegistryEndpoint {
        if let server = routes[registry]?.server { return server }
        // Docker Hub's API is not where its name leads.
        return RegistryEndpoint(authority: registry == "docker.io" ? "registry-1.docker.io" : registry)
    }

    func isInsecure(_ authority: String) -> Bool {
        let host = RegistryEndpoint.host(of: authority)
        if RegistryEndpoint.isLoopback(host) { return true }
        return insecure.contains { $0.matches(authority: authority, host: host) }
    }
}

/// An entry of `insecure-registries`: a registry's name, or a block of addresses.
public struct InsecureRegistry: Sendable {
    private enum Kind {
        case name(String)
        case block(base: IPAddress, prefix: Int)
    }

    private let kind: Kind

    /// `host`, `host:port` or `10.0.0.0/8`.
    public init(_ text: String) throws(BerthError) {
        let name = text.split(separator: "://").last.map(String.init) ?? text
        let parts = name.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else {
            kind = .name(name)
            return
        }
        guard let base = IPAddress(String(parts[0])), let prefix = Int(parts[1]), (0...base.family.width) ~= prefix
        else {
            throw .invalidArgument("insecure registry \"\(text)\": write a host, host:port or a block of addresses")
        }
        kind = .block(base: base, prefix: prefix)
    }

    func matches(authority: String, host: String) -> Bool {
        switch kind {
        case .name(let name): return name == authority || name == host
        case .block(let base, let prefix):
            guard let address = IPAddress(host), address.family == base.family else { return false }
            let shift = UInt128(base.family.width - prefix)
            return shift >= 128 || address.value >> shift == base.value >> shift
        }
    }
}

/// A server that speaks the distribution API.
public struct RegistryEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// `https` or `http`; nil is HTTPS, and HTTP where that is allowed and the server speaks no TLS.
    public let scheme: String?
    /// `host` or `host:port`.
    public let authority: String
    /// What stands before `/v2/` in paths, without a slash at its end.
    public let prefix: String

    public init(scheme: String? = nil, authority: String, prefix: String = "") {
        self.scheme = scheme
        self.authority = authority
        self.prefix = prefix
    }

    /// `[http[s]://]host[:port][/prefix]`.
    public init(_ text: String) throws(BerthError) {
        var rest = text[...]
        var scheme: String?
        if let range = rest.firstRange(of: "://") {
            scheme = rest[..<range.lowerBound].lowercased()
            rest = rest[range.upperBound...]
        }
        guard scheme == nil || scheme == "http" || scheme == "https" else {
            throw .invalidArgument("registry address \"\(text)\": only http:// and https:// are known")
        }
        let parts = rest.split(separator: "/", maxSplits: 1)
        guard let authority = parts.first, !authority.contains("@"), !authority.contains(" ") else {
            throw .invalidArgument("registry address \"\(text)\": write [https://]host[:port]")
        }
        let path = parts.count > 1 ? parts[1].split(separator: "/").joined(separator: "/") : ""
        self.init(
            scheme: scheme, authority: String(authority), prefix: path.isEmpty || path == "v2" ? "" : "/" + path)
    }

    public var description: String { (scheme.map { $0 + "://" } ?? "") + authority + prefix }

    static func isLoopback(_ host: String) -> Bool { host == "localhost" || IPAddress(host)?.isLoopback == true }

    /// The host of `host:port`, an IPv6 address without its brackets.
    static func host(of authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return authority.split(separator: ":").first.map(String.init) ?? authority
    }
}
