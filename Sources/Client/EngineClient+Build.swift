import EngineAPI
import FoundationEssentials

extension EngineClient {
    /// `POST /build`.
    /// - Parameters:
    ///   - credentials: by registry, for base images.
    ///   - context: a tar archive of the build context.
    /// - Returns: the classic builder's messages, and Berth's own events where the daemon sends them.
    public func build(
        _ options: BuildOptions, credentials: [String: AuthConfig] = [:], context: EngineRequest.Body
    ) async throws -> JSONLines<ProgressMessage> {
        var headers: [(name: String, value: String)] = [("X-Berth-Progress", "1")]
        if !credentials.isEmpty { headers.append(("X-Registry-Config", try RegistryAuth.encode(credentials))) }
        return try await perform(
            EngineRequest(.post, "/build", query: try options.query(), headers: headers, body: context)
        ).body.jsonLines(of: ProgressMessage.self)
    }

    /// `POST /build/prune`.
    public func pruneBuildCache(all: Bool = false, filters: Filters = [:]) async throws -> BuildPruneReport {
        var query = Query()
        query.add("all", all)
        try query.add(filters)
        return try await value(EngineRequest(.post, "/build/prune", query: query))
    }
}
