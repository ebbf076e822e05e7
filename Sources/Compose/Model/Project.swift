import Errors
import OrderedCollections

/// A Compose application: the resolved model of its files.
public struct Project: Sendable {
    public var name: String
    /// Absolute path of the folder that relative paths start from.
    public var workingDirectory: String
    /// Absolute paths, in the order of merging; `-` for standard input.
    public var files: [String]
    /// What interpolation and value-less variables saw: the process's environment over `.env`.
    public var environment: [String: String]
    /// Services that take part, in the order of the files.
    public var services: OrderedDictionary<String, Service>
    /// Services left out by profiles or by choice.
    public var disabledServices: OrderedDictionary<String, Service> = [:]
    public var networks: OrderedDictionary<String, ProjectNetwork>
    public var volumes: OrderedDictionary<String, ProjectVolume>
    public var secrets: OrderedDictionary<String, ProjectFile>
    public var configs: OrderedDictionary<String, ProjectFile>
    /// What the user should be told although loading went well, such as variables that are not set.
    public var warnings: [String] = []
    /// How far the services are resolved.
    public var depth: LoadOptions.Depth = .full
    /// Top-level `x-…`, as written.
    var extensions: OrderedTree = [:]
    /// Every profile that some service names.
    public var profiles: [String] = []

    /// A project known only by its name, for commands that work without files.
    public init(name: String) {
        self.name = name
        workingDirectory = ""
        files = []
        environment = [:]
        services = [:]
        networks = [:]
        volumes = [:]
        secrets = [:]
        configs = [:]
    }

    /// A service that takes part.
    ///
    /// - Throws: `notFound` with Compose's text.
    public func service(_ name: String) throws(BerthError) -> Service {
        if let service = services[name] { return service }
        let hint = Spelling.nearest(to: name, among: Array(services.keys)).map { "; did you mean \"\($0)\"?" } ?? ""
        throw .notFound("no such service: \(name)\(hint)")
    }

    /// The name that a container's network namespace settings use for a network's key.
    func networkName(_ key: String) -> String { networks[key]?.name ?? key }

    /// Compose's rule for project names: `[a-z0-9][a-z0-9_-]*`.
    public static func isName(_ text: String) -> Bool {
        guard let first = text.first, isNameStart(first) else { return false }
        return text.allSatisfy { isNameStart($0) || $0 == "_" || $0 == "-" }
    }

    /// Makes a project name of any text, as Compose does with a folder's name: lower case, foreign
    /// characters dropped, no leading `_` or `-`.
    public static func normalizedName(_ text: String) -> String {
        let kept = text.lowercased().filter { isNameStart($0) || $0 == "_" || $0 == "-" }
        return String(kept.drop { $0 == "_" || $0 == "-" })
    }

    static func isContainerName(_ text: String) -> Bool {
        guard let first = text.first, first.isASCII, first.isLetter || first.isNumber, text.count > 1 else {
            return false
        }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
    }

    private static func isNameStart(_ character: Character) -> Bool {
        character.isASCII && (character.isNumber || (character.isLetter && character.isLowercase))
    }
}
