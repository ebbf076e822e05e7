import Distribution
import Errors

/// How registries are reached, as the settings file and the flags say it.
struct RegistryOptions {
    /// An entry of `registries`, by the registry's name.
    struct Registry: Decodable {
        /// Asked first, for pulls.
        var mirrors: [String]?
        /// In the place of the registry, for pulls and pushes.
        var server: String?
    }

    /// dockerd's `proxies`.
    struct Proxies: Decodable {
        var http: String?
        var https: String?
        var none: String?

        enum CodingKeys: String, CodingKey {
            case http = "http-proxy"
            case https = "https-proxy"
            case none = "no-proxy"
        }
    }

    /// Of Docker Hub.
    var mirrors: [String]
    var insecure: [String]
    var registries: [String: Registry]
    var proxies: Proxies?
    var caBundle: String?
    /// Where `certs.d` is looked for, besides Docker's.
    var folder: String

    /// - Throws: `invalidArgument`, naming the address that is none.
    func settings(environment: [String: String]) throws -> RegistrySettings {
        var settings = RegistrySettings()
        for (name, registry) in registries {
            settings.routes[name] = RegistrySettings.Route(
                mirrors: try (registry.mirrors ?? []).map { try RegistryEndpoint($0) },
                server: try registry.server.map { try RegistryEndpoint($0) })
        }
        settings.routes["docker.io", default: RegistrySettings.Route()].mirrors += try mirrors.map {
            try RegistryEndpoint($0)
        }
        settings.insecure = try insecure.map { try InsecureRegistry($0) }
        let outer = ProxySettings(environment: environment)
        settings.proxies = ProxySettings(
            http: proxies?.http ?? outer.http, https: proxies?.https ?? outer.https, none: proxies?.none ?? outer.none)
        settings.caBundle = caBundle
        settings.certificateFolders = ["\(folder)/certs.d", "/etc/docker/certs.d"]
        settings.userAgent = "berth/\(Daemon.version)"
        return settings
    }
}
