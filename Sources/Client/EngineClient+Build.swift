import EngineAPI
import FoundationEssentials

extension EngineClient {
    /// What `POST /build` is asked to do.
    public struct BuildOptions: Sendable {
        /// The Dockerfile's path in the context.
        public var dockerfile: String?
        public var tags: [String] = []
        /// Values without `=` in the command line come from the environment; nil unsets.
        public var arguments: [String: String?] = [:]
        public var target: String?
        public var labels: [String: String] = [:]
        public var noCache = false
        /// Ask registries for newer versions of the base images.
        public var pull = false
        public var quiet = false
        public var networkMode: String?
        public var extraHosts: [String] = []
        public var platform: String?
        /// An URL or git repository instead of a context in the body.
        public var remote: String?
        public var shmSize: Int64?
        public var memory: Int64?
        public var cacheFrom: [String] = []
        /// Give the steps the host's bundle of certificate authorities (Berth's own).
        public var caBundle = false
        /// Credentials by registry host, for base images.
        public var credentials: [String: AuthConfig] = [:]

        public init() {}

        func query() throws -> Query {
            var query = Query()
            query.add("dockerfile", dockerfile)
            query.add(contentsOf: "t", tags)
            if !arguments.isEmpty { query.add("buildargs", try Self.json(arguments)) }
            query.add("target", target)
            if !labels.isEmpty { query.add("labels", try Self.json(labels)) }
            query.add("nocache", noCache)
            query.add("pull", pull)
            query.add("q", quiet)
            query.add("networkmode", networkMode)
            query.add(contentsOf: "extrahosts", extraHosts)
            query.add("platform", platform)
            query.add("remote", remote)
            query.add("shmsize", shmSize.map { String($0) })
            query.add("memory", memory.map { String($0) })
            if !cacheFrom.isEmpty { query.add("cachefrom", try Self.json(cacheFrom)) }
            query.add("cabundle", caBundle)
            query.add("rm", true)
            return query
        }

        private static func json(_ value: some Encodable) throws -> String {
            String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        }
    }
}

/// One line of a build's progress: the classic builder's messages, and Berth's own events where the
/// daemon sends them.
public struct BuildMessage: Decodable, Sendable {
    public var stream: String?
    public var status: String?
    public var id: String?
    public var progress: String?
    public var progressDetail: ProgressDetail?
    public var error: String?
    public var aux: Aux?

    public struct Aux: Decodable, Sendable {
        /// Digest of the built image.
        public var imageID: String?
        public var berth: BuildStepEvent?

        enum CodingKeys: String, CodingKey {
            case imageID = "ID"
            case berth
        }
    }
}

extension EngineClient {
    /// `POST /build`.
    /// - Parameter context: a tar archive of the build context.
    public func build(
        _ options: BuildOptions, context: EngineRequest.Body
    ) async throws -> JSONLines<BuildMessage> {
        var headers: [(name: String, value: String)] = [("X-Berth-Progress", "1")]
        if !options.credentials.isEmpty {
            headers.append(("X-Registry-Config", try RegistryAuth.encode(options.credentials)))
        }
        return try await perform(
            EngineRequest(.post, "/build", query: try options.query(), headers: headers, body: context)
        ).body.jsonLines(of: BuildMessage.self)
    }

    /// `POST /build/prune`.
    public func pruneBuildCache(all: Bool = false, filters: Filters = [:]) async throws -> BuildPruneReport {
        var query = Query()
        query.add("all", all)
        query.add(filters: filters)
        return try await value(EngineRequest(.post, "/build/prune", query: query))
    }
}
