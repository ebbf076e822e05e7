import Client
import EngineAPI
import Errors
import FoundationEssentials
import Glibc
import Linux

/// The client's settings, in Docker's file and format (`~/.docker/config.json`), so that both tools
/// know the same registries.
struct ConfigFile: Sendable {
    private(set) var fields: [TemplateValue.Field]
    let path: String

    /// An absent file is an empty one.
    /// - Throws: `invalidArgument` when the file is there but cannot be read.
    init(folder: String) throws {
        path = folder + "/config.json"
        do throws(SystemError) {
            let text = try Files.read(path)
            guard case .object(let fields)? = try? JSONReader.read(text) else {
                throw SystemError("reading", errno: EINVAL, subject: path)
            }
            self.fields = fields
        } catch {
            guard error.errno == ENOENT || error.errno == ENOTDIR else {
                throw BerthError.invalidArgument("the client's settings in \(path) cannot be read: \(error.reason)")
            }
            fields = []
        }
    }

    subscript(name: String) -> TemplateValue? {
        get { fields.first { $0.name == name }?.value }
        set {
            let index = fields.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): fields[index].value = value
            case (let index?, nil): fields.remove(at: index)
            case (nil, let value?): fields.append(.init(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Writes the file whole or not at all; only its owner may read it.
    func save() throws {
        do throws(SystemError) {
            try Files.makeDirectories(Files.parent(of: path), mode: 0o700)
            try Files.writeAtomically(
                path, Array((TemplateValue.object(fields).prettyJSON(indent: "\t") + "\n").utf8), mode: 0o600)
        } catch {
            throw BerthError("saving the client's settings", error)
        }
    }
}

extension Session {
    /// A format for listings that the user has set for good.
    func listFormat(_ key: String) -> String? {
        guard let file = try? ConfigFile(folder: configFolder), case .string(let format)? = file[key] else {
            return nil
        }
        return format
    }
}

/// Credentials of registries, as `login` stores them.
struct RegistryCredentials: Sendable {
    private var file: ConfigFile

    /// The key of Docker Hub.
    static let hub = "https://index.docker.io/v1/"

    init(_ session: Session) throws { file = try ConfigFile(folder: session.configFolder) }

    /// What a registry is called in the file: a host, or Docker Hub's old address.
    static func key(_ registry: String) -> String {
        ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(registry) ? hub : registry
    }

    /// What to show a registry for this image; nil without credentials.
    func auth(forImage name: String) throws -> RegistryAuth? {
        config(for: Self.key(ImageName.registry(of: name))).map { RegistryAuth($0) }
    }

    /// All of them, by registry: a build may need any.
    var all: [String: AuthConfig] {
        guard case .object(let auths)? = file["auths"] else { return [:] }
        var configs: [String: AuthConfig] = [:]
        for auth in auths { configs[auth.name] = config(for: auth.name) }
        return configs
    }

    func config(for key: String) -> AuthConfig? {
        guard let entry = file["auths"]?.field(key) else { return nil }
        var config = AuthConfig(serverAddress: key)
        if case .string(let token)? = entry.field("identitytoken") { config.identityToken = token }
        if case .string(let encoded)? = entry.field("auth"), let data = Data(base64Encoded: encoded) {
            let pair = String(decoding: data, as: UTF8.self)
            guard let colon = pair.firstIndex(of: ":") else { return nil }
            config.username = String(pair[..<colon])
            config.password = String(pair[pair.index(after: colon)...])
        }
        return config.username.isEmpty && config.identityToken.isEmpty ? nil : config
    }

    mutating func store(_ config: AuthConfig, for key: String) throws {
        let pair = Data("\(config.username):\(config.password)".utf8).base64EncodedString()
        var entry: [TemplateValue.Field] = [.init(name: "auth", value: .string(pair))]
        if !config.identityToken.isEmpty {
            let user = Data("\(config.username):".utf8).base64EncodedString()
            entry = [
                .init(name: "auth", value: .string(user)),
                .init(name: "identitytoken", value: .string(config.identityToken)),
            ]
        }
        var auths = entries.filter { $0.name != key }
        auths.append(.init(name: key, value: .object(entry)))
        file["auths"] = .object(auths)
        try file.save()
    }

    /// - Returns: whether there was anything to forget.
    mutating func remove(_ key: String) throws -> Bool {
        let rest = entries.filter { $0.name != key }
        guard rest.count < entries.count else { return false }
        file["auths"] = .object(rest)
        try file.save()
        return true
    }

    private var entries: [TemplateValue.Field] {
        if case .object(let auths)? = file["auths"] { auths } else { [] }
    }

    var path: String { file.path }
}
