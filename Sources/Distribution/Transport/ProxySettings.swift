import DNS

/// Proxies by the kind of request, as the environment variables of these names have them.
public struct ProxySettings: Sendable {
    public var http: String?
    public var https: String?
    /// Hosts reached without one, separated by commas: `host`, `.domain`, addresses, blocks, `*`.
    public var none: String?

    public init(http: String? = nil, https: String? = nil, none: String? = nil) {
        self.http = http
        self.https = https
        self.none = none
    }

    /// From `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case.
    public init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            [environment[name], environment[name.lowercased()]].compactMap { $0 }.first { !$0.isEmpty }
        }
        self.init(http: value("HTTP_PROXY"), https: value("HTTPS_PROXY"), none: value("NO_PROXY"))
    }

    /// The proxy for a request; nil goes straight.
    func proxy(scheme: String, authority: String) -> Proxy? {
        guard let text = scheme == "https" ? https : http, !isExempt(authority) else { return nil }
        return Proxy(text)
    }

    private func isExempt(_ authority: String) -> Bool {
        let host = RegistryEndpoint.host(of: authority).lowercased()
        let address = IPAddress(host)
        if RegistryEndpoint.isLoopback(host) { return true }
        for entry in (none ?? "").split(separator: ",") {
            let entry = entry.filter { $0 != " " }.lowercased()
            if entry == "*" || entry == host || entry == authority.lowercased() { return true }
            let domain = entry.hasPrefix("*.") ? String(entry.dropFirst()) : entry.hasPrefix(".") ? entry : "." + entry
            if address == nil, host.hasSuffix(domain) || "." + host == domain { return true }
            if entry.contains("/"), let block = try? InsecureRegistry(entry),
                block.matches(authority: authority, host: host)
            {
                return true
            }
        }
        return false
    }
}

/// An HTTP proxy, `[http://][user:password@]host:port`.
struct Proxy: Hashable, Sendable {
    let host: String
    let port: Int
    let user: String?
    let password: String?

    init?(_ text: String) {
        var rest = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
        var credentials: [Substring] = []
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
        }
        rest = rest.split(separator: "/").first ?? ""
        host = RegistryEndpoint.host(of: String(rest))
        guard !host.isEmpty else { return nil }
        let digits = rest.lastIndex(of: ":").map { rest[rest.index(after: $0)...] } ?? ""
        port = Int(digits) ?? 80
        user = credentials.first.map(String.init)
        password = credentials.count > 1 ? String(credentials[1]) : nil
    }
}
