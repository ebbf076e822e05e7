import Client
import EngineAPI
import Errors
import FoundationEssentials

/// Credentials of registries, where Docker's clients keep them: in the client's settings, or with the
/// helper programs that these name.
struct RegistryCredentials: Sendable {
    private var file: ConfigFile
    private let environment: [String: String]

    /// - Parameter forChange: a file that cannot be read is then an error, since it would be overwritten;
    ///   otherwise it is told of and counts as empty, so that what is public can still be pulled.
    init(_ session: Session, forChange: Bool = false) throws {
        let file: ConfigFile
        do {
            file = try ConfigFile(folder: session.configFolder)
        } catch let error as BerthError where !forChange {
            Console.note("WARNING: \(error.message)")
            file = ConfigFile(emptyIn: session.configFolder)
        }
        self.init(file: file, environment: session.environment)
    }

    init(file: ConfigFile, environment: [String: String]) {
        self.file = file
        self.environment = environment
    }

    /// Path of the client's settings.
    var path: String { file.path }

    // MARK: Finding

    /// What to show a registry for this image; nil without credentials.
    func auth(forImage name: String) throws -> RegistryAuth? {
        try config(for: RegistryKey(ImageName.registry(of: name))).map { RegistryAuth($0) }
    }

    /// All of them, by registry: a build may need any. What a helper cannot tell is left out, since the
    /// build may not need it.
    var all: [String: AuthConfig] {
        var keys = file.object("auths").map(\.name) + file.object("credHelpers").map(\.name)
        if let helper = standardHelper { keys += (try? helper.list()) ?? [] }
        var configs: [String: AuthConfig] = [:]
        for name in Set(keys) {
            guard let config = (try? config(for: RegistryKey(name))) ?? nil else { continue }
            configs[name] = config
        }
        return configs
    }

    func config(for key: RegistryKey) throws -> AuthConfig? {
        guard let helper = helper(for: key) else { return fileConfig(for: key) }
        // Old logins stay in the file when a helper is set up later.
        guard let found = try helper.get(key.text) else { return fileConfig(for: key) }
        var config = AuthConfig(serverAddress: key.text)
        if found.isToken {
            config.identityToken = found.secret
        } else {
            config.username = found.user
            config.password = found.secret
        }
        return config
    }

    private func fileConfig(for key: RegistryKey) -> AuthConfig? {
        let auths = file.object("auths")
        guard
            let entry = auths.first(where: { $0.name == key.text })
                ?? auths.first(where: { RegistryKey($0.name) == key })
        else { return nil }
        var config = AuthConfig(serverAddress: key.text)
        if case .string(let token)? = entry.value.field("identitytoken") { config.identityToken = token }
        if case .string(let token)? = entry.value.field("registrytoken") { config.registryToken = token }
        if case .string(let encoded)? = entry.value.field("auth"), let data = Data(base64Encoded: encoded) {
            let pair = String(decoding: data, as: UTF8.self)
            guard let colon = pair.firstIndex(of: ":") else { return nil }
            config.username = String(pair[..<colon])
            config.password = String(pair[pair.index(after: colon)...])
        }
        let isEmpty = config.username.isEmpty && config.identityToken.isEmpty && config.registryToken.isEmpty
        return isEmpty ? nil : config
    }

    // MARK: Changing

    /// - Returns: whether they now stand readable in the file.
    mutating func store(_ config: AuthConfig, for key: RegistryKey) throws -> Bool {
        let isToken = !config.identityToken.isEmpty
        var entry: [TemplateValue.Field] = []
        let helper = helper(for: key)
        if let helper {
            try helper.store(
                key.text,
                .init(
                    user: config.username, secret: isToken ? config.identityToken : config.password, isToken: isToken))
        } else {
            let pair = Data("\(config.username):\(isToken ? "" : config.password)".utf8).base64EncodedString()
            entry.append(.init(name: "auth", value: .string(pair)))
            if isToken { entry.append(.init(name: "identitytoken", value: .string(config.identityToken))) }
        }
        // With a helper the empty entry is what tells that there is a login.
        var auths = file.object("auths")
        if let place = auths.firstIndex(where: { $0.name == key.text }) {
            auths[place].value = .object(entry)
        } else {
            auths.append(.init(name: key.text, value: .object(entry)))
        }
        file["auths"] = .object(auths)
        try file.save()
        return helper == nil
    }

    /// - Returns: whether there was anything to forget.
    mutating func remove(_ key: RegistryKey) throws -> Bool {
        var hadAny = false
        if let helper = helper(for: key), try helper.get(key.text) != nil {
            try helper.erase(key.text)
            hadAny = true
        }
        let auths = file.object("auths")
        let rest = auths.filter { RegistryKey($0.name) != key }
        guard rest.count < auths.count else { return hadAny }
        file["auths"] = .object(rest)
        try file.save()
        return true
    }

    // MARK: Helpers

    private var standardHelper: CredentialHelper? {
        guard case .string(let name)? = file["credsStore"], !name.isEmpty else { return nil }
        return CredentialHelper(name, environment: environment)
    }

    private func helper(for key: RegistryKey) -> CredentialHelper? {
        if case .string(let name)? = file.object("credHelpers").first(where: { RegistryKey($0.name) == key })?.value,
            !name.isEmpty
        {
            return CredentialHelper(name, environment: environment)
        }
        return standardHelper
    }
}

/// What a registry is called in the client's settings: its host, or Docker Hub's old address.
struct RegistryKey: Sendable, Equatable {
    let text: String

    static let hub = RegistryKey("docker.io")

    private static let hubAddress = "https://index.docker.io/v1/"

    /// - Parameter registry: a host with perhaps a port, or an URL of which only these count.
    init(_ registry: String) {
        var rest = registry[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        let host = String(rest.prefix { $0 != "/" })
        text = ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(host) ? Self.hubAddress : host
    }

    /// What every name of the registry's has in it.
    var domain: String { text == Self.hubAddress ? "docker.io" : text }

    /// The host, for messages.
    var host: String { text == Self.hubAddress ? "index.docker.io" : text }
}

extension ConfigFile {
    /// The fields of an object; none when it is absent.
    func object(_ name: String) -> [TemplateValue.Field] {
        if case .object(let fields)? = self[name] { fields } else { [] }
    }
}

/// Proxies that the client's settings give to containers and builds.
enum ProxySettings {
    private static let names = [
        ("httpProxy", "HTTP_PROXY"), ("httpsProxy", "HTTPS_PROXY"), ("ftpProxy", "FTP_PROXY"), ("noProxy", "NO_PROXY"),
        ("allProxy", "ALL_PROXY"),
    ]

    /// Variables of the environment, in both spellings, for the daemon at this address.
    static func variables(_ file: ConfigFile, host: String) -> [(name: String, value: String)] {
        let proxies = file.object("proxies")
        let chosen = proxies.first { $0.name == host } ?? proxies.first { $0.name == "default" }
        return names.flatMap { field, name -> [(name: String, value: String)] in
            guard case .string(let value)? = chosen?.value.field(field), !value.isEmpty else { return [] }
            return [(name, value), (name.lowercased(), value)]
        }
    }
}

extension Session {
    /// Does something with an image's registry; when that wants a login, the error says how to.
    func tellingHowToLogIn<Result>(
        to image: String, _ action: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await action()
        } catch let error as BerthError where Self.wantsLogin(error.message) {
            let registry = ImageName.registry(of: image)
            let server = registry == "docker.io" ? "" : " \(registry)"
            let isLoggedIn = ((try? RegistryCredentials(self).auth(forImage: image)) ?? nil) != nil
            guard !isLoggedIn, !error.message.contains("berth login\(server)") else { throw error }
            throw BerthError(
                error.code, "\(error.message)\nLog in first: \(program.name) login\(server)", cause: error.cause)
        }
    }

    private static func wantsLogin(_ message: String) -> Bool {
        ["no basic auth credentials", "unauthorized", "authentication required", "access to the resource is denied"]
            .contains { message.contains($0) }
    }

    /// Proxies for containers and builds; none when the settings cannot be read, which is told elsewhere.
    var proxyVariables: [(name: String, value: String)] {
        guard let file = try? ConfigFile(folder: configFolder) else { return [] }
        return ProxySettings.variables(file, host: "\(client.host)")
    }
}
