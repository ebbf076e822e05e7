import Errors
import OrderedCollections

/// How a service's image is built (Compose build specification).
public struct Build: Sendable {
    /// Absolute path of the context, or a URL of a repository or archive.
    public var context: String
    /// Relative to the context, or absolute.
    public var dockerfile: String?
    public var dockerfileInline: String?
    public var args: OrderedDictionary<String, String?> = [:]
    public var labels: OrderedDictionary<String, String> = [:]
    public var target: String?
    /// Further names for the built image.
    public var tags: [String] = []
    public var platforms: [String] = []
    public var cacheFrom: [String] = []
    public var cacheTo: [String] = []
    public var noCache: Bool = false
    public var pull: Bool = false
    public var network: String?
    public var shmSize: Int64?
    public var extraHosts: [ExtraHost] = []
    /// Name to absolute path, URL, `docker-image://…` or `service:…`.
    public var additionalContexts: OrderedDictionary<String, String> = [:]
    public var secrets: [FileReference] = []
    /// `default`, or `id=path`.
    public var ssh: [String] = []
    public var ulimits: OrderedDictionary<String, ServiceUlimit> = [:]
    public var privileged: Bool = false
    public var isolation: String?
    public var entitlements: [String] = []
    public var provenance: String?
    public var sbom: String?

    public init(context: String) { self.context = context }

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> Build {
        if let text = tree.text {
            return Build(context: Self.context(text, from: tree))
        }
        var fields = try Fields(tree, path)
        let context = fields.value("context")
        var build = Build(context: Self.context(try context?.asString("\(path).context") ?? ".", from: context ?? tree))
        build.dockerfile = try fields.string("dockerfile")
        build.dockerfileInline = try fields.string("dockerfile_inline")
        build.args = try fields.keyValues("args") ?? [:]
        build.labels = try fields.labels("labels") ?? [:]
        build.target = try fields.string("target")
        build.tags = try fields.strings("tags") ?? []
        build.platforms = try fields.strings("platforms") ?? []
        build.cacheFrom = try fields.strings("cache_from") ?? []
        build.cacheTo = try fields.strings("cache_to") ?? []
        build.noCache = try fields.bool("no_cache") ?? false
        build.pull = try fields.bool("pull") ?? false
        build.network = try fields.string("network")
        build.shmSize = try fields.bytes("shm_size")
        build.extraHosts = try fields.read("extra_hosts", ExtraHost.decodeAll) ?? []
        if let contexts = fields.value("additional_contexts") {
            let named = try contexts.asKeyValues("\(path).additional_contexts")
            build.additionalContexts = named.mapValues { Self.context($0 ?? "", from: contexts) }
        }
        build.secrets = try fields.each("secrets", FileReference.decode) ?? []
        build.ssh = try fields.read("ssh", Self.decodeSSH) ?? []
        build.ulimits =
            try fields.entries("ulimits") { _, tree, path throws(BerthError) in try ServiceUlimit.decode(tree, path) }
            ?? [:]
        build.privileged = try fields.bool("privileged") ?? false
        build.isolation = try fields.string("isolation")
        build.entitlements = try fields.strings("entitlements") ?? []
        build.provenance = try fields.string("provenance")
        build.sbom = try fields.string("sbom")
        try fields.finish()
        if build.dockerfile != nil, build.dockerfileInline != nil {
            throw tree.invalid("\(path) can't set both dockerfile and dockerfile_inline")
        }
        return build
    }

    /// Whether the context is fetched from elsewhere rather than read from a folder.
    public var isRemote: Bool { Self.isRemote(context) }

    static func isRemote(_ context: String) -> Bool {
        context.contains("://") || context.hasPrefix("git@") || context.hasPrefix("github.com/")
            || context.hasPrefix("service:")
    }

    private static func context(_ text: String, from tree: Tree) -> String {
        isRemote(text) ? text : FilePath.absolute(text, from: tree.location.source.directory)
    }

    private static func decodeSSH(_ tree: Tree, _ path: String) throws(BerthError) -> [String] {
        try tree.asKeyValues(path).map { name, path in path.map { "\(name)=\($0)" } ?? name }
    }

    func render() -> Tree {
        var result: OrderedTree = ["context": .string(context)]
        result.set("dockerfile", dockerfileInline == nil ? dockerfile ?? "Dockerfile" : nil)
        result.set("dockerfile_inline", dockerfileInline)
        result.set("args", nonEmpty: .map(args.sortedByKey().mapValues { $0.map(Tree.string) ?? .null }))
        result.set("labels", labels)
        result.set("target", target)
        result.set("tags", tags)
        result.set("platforms", platforms)
        result.set("cache_from", cacheFrom)
        result.set("cache_to", cacheTo)
        if noCache { result.set("no_cache", true) }
        if pull { result.set("pull", true) }
        result.set("network", network)
        result.set(bytes: "shm_size", shmSize)
        result.set("extra_hosts", extraHosts.map(\.description))
        result.set("additional_contexts", additionalContexts)
        result.set("secrets", nonEmpty: .list(secrets.map { $0.render() }))
        result.set("ssh", ssh)
        result.set("ulimits", nonEmpty: .map(ulimits.mapValues { $0.render() }))
        if privileged { result.set("privileged", true) }
        result.set("isolation", isolation)
        result.set("entitlements", entitlements)
        result.set("provenance", provenance)
        result.set("sbom", sbom)
        return .map(result)
    }
}
