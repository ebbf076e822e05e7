import EngineAPI
import Errors
import FoundationEssentials

extension EngineClient {
    /// `GET /images/json`.
    public func images(
        all: Bool = false, digests: Bool = false, filters: Filters = [:]
    ) async throws -> [ImageSummary] {
        var query = Query()
        query.add("all", all)
        query.add("digests", digests)
        try query.add(filters)
        return try await value(EngineRequest(.get, "/images/json", query: query))
    }

    /// `GET /images/{name}/json`.
    public func inspectImage(_ name: String) async throws -> ImageInspect {
        try await value(EngineRequest(.get, image(name, "json")))
    }

    /// `GET /images/{name}/json`, as the daemon wrote it.
    public func inspectImageJSON(_ name: String) async throws -> [UInt8] {
        try await bytes(EngineRequest(.get, image(name, "json")))
    }

    /// `GET /images/{name}/history`.
    public func history(_ name: String) async throws -> [ImageHistoryItem] {
        try await value(EngineRequest(.get, image(name, "history")))
    }

    /// `POST /images/create?fromImage=`: pulls.
    /// - Parameter reference: a name with its tag or digest; without either, every tag of the repository.
    public func pullImage(
        _ reference: String, platform: String? = nil, auth: RegistryAuth? = nil
    ) async throws -> JSONLines<ProgressMessage> {
        let (repository, tag) = Self.split(reference)
        var query = Query()
        query.add("fromImage", repository)
        query.add("tag", tag)
        query.add("platform", platform)
        return try await perform(
            EngineRequest(.post, "/images/create", query: query, headers: try Self.headers(auth))
        ).body.jsonLines(of: ProgressMessage.self)
    }

    /// `POST /images/create?fromSrc=`: makes an image of one layer out of a tar archive.
    /// - Parameters:
    ///   - source: `-` for `body`, or an URL that the daemon fetches.
    ///   - changes: Dockerfile instructions for the image's configuration.
    public func importImage(
        source: String, body: EngineRequest.Body = .empty, reference: String? = nil, message: String? = nil,
        changes: [String] = [], platform: String? = nil
    ) async throws -> JSONLines<ProgressMessage> {
        var query = Query()
        query.add("fromSrc", source)
        if let reference {
            let (repository, tag) = Self.split(reference)
            query.add("repo", repository)
            query.add("tag", tag)
        }
        query.add("message", message)
        query.add("changes", changes)
        query.add("platform", platform)
        return try await perform(EngineRequest(.post, "/images/create", query: query, body: body)).body
            .jsonLines(of: ProgressMessage.self)
    }

    /// `POST /images/{name}/push`.
    public func pushImage(
        _ repository: String, tag: String?, platform: String? = nil, auth: RegistryAuth?
    ) async throws -> JSONLines<ProgressMessage> {
        var query = Query()
        query.add("tag", tag)
        query.add("platform", platform)
        // A push without the header is refused, even where no credentials are needed.
        let auth = auth ?? RegistryAuth(AuthConfig())
        return try await perform(
            EngineRequest(.post, image(repository, "push"), query: query, headers: try Self.headers(auth))
        ).body.jsonLines(of: ProgressMessage.self)
    }

    /// `POST /images/{name}/tag`.
    public func tagImage(_ name: String, repository: String, tag: String?) async throws {
        var query = Query()
        query.add("repo", repository)
        query.add("tag", tag)
        try await send(EngineRequest(.post, image(name, "tag"), query: query))
    }

    /// `DELETE /images/{name}`.
    /// - Parameter prune: also parents that have no name of their own.
    public func removeImage(
        _ name: String, force: Bool = false, prune: Bool = true
    ) async throws -> [ImageDeleteResponse] {
        var query = Query()
        query.add("force", force)
        query.add("noprune", !prune)
        return try await value(EngineRequest(.delete, "/images/\(PercentEncoding.path(name))", query: query))
    }

    /// `POST /images/prune`.
    public func pruneImages(filters: Filters = [:]) async throws -> ImagePruneReport {
        try await value(try prune("/images/prune", filters))
    }

    /// `GET /images/get`: images as an archive that `loadImages` takes.
    public func saveImages(_ names: [String], platform: String? = nil) async throws -> ResponseBody {
        var query = Query()
        query.add("names", names)
        query.add("platform", platform)
        return try await perform(EngineRequest(.get, "/images/get", query: query)).body
    }

    /// `POST /images/load`.
    public func loadImages(
        _ body: EngineRequest.Body, quiet: Bool = false, platform: String? = nil
    ) async throws -> JSONLines<ProgressMessage> {
        var query = Query()
        query.add("quiet", quiet)
        query.add("platform", platform)
        return try await perform(EngineRequest(.post, "/images/load", query: query, body: body)).body
            .jsonLines(of: ProgressMessage.self)
    }

    /// `POST /commit`.
    public func commit(
        container: String, repository: String? = nil, tag: String? = nil, comment: String? = nil,
        author: String? = nil, pause: Bool = true, changes: [String] = []
    ) async throws -> String {
        var query = Query()
        query.add("container", container)
        query.add("repo", repository)
        query.add("tag", tag)
        query.add("comment", comment)
        query.add("author", author)
        query.add("pause", pause ? "1" : "0")
        query.add("changes", changes)
        let response: CommitResponse = try await value(EngineRequest(.post, "/commit", query: query))
        return response.id
    }

    /// `GET /images/search`.
    public func searchImages(
        _ term: String, limit: Int? = nil, filters: Filters = [:]
    ) async throws -> [ImageSearchResult] {
        var query = Query()
        query.add("term", term)
        query.add("limit", limit)
        try query.add(filters)
        return try await value(EngineRequest(.get, "/images/search", query: query))
    }

    private func image(_ name: String, _ action: String) -> String {
        "/images/\(PercentEncoding.path(name))/\(action)"
    }

    /// The repository of a reference, and its tag or digest if it has one. A colon before a slash
    /// belongs to a registry's port.
    public static func split(_ reference: String) -> (repository: String, tag: String?) {
        if let at = reference.firstIndex(of: "@") {
            return (String(reference[..<at]), String(reference[reference.index(after: at)...]))
        }
        let name = reference.lastIndex(of: "/").map { reference[reference.index(after: $0)...] } ?? reference[...]
        guard let colon = name.lastIndex(of: ":") else { return (reference, nil) }
        return (String(reference[..<colon]), String(reference[reference.index(after: colon)...]))
    }
}

/// Credentials for one registry, as the header `X-Registry-Auth` carries them.
public struct RegistryAuth: Sendable, Equatable {
    public var config: AuthConfig

    public init(_ config: AuthConfig) { self.config = config }

    /// Base64 with the URL alphabet, of the JSON.
    var header: String {
        get throws { try Self.encode(config) }
    }

    static func encode(_ value: some Encodable) throws -> String {
        try JSONEncoder().encode(value).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_")
    }
}

extension EngineClient {
    static func headers(_ auth: RegistryAuth?) throws -> [(name: String, value: String)] {
        guard let auth else { return [] }
        return [("X-Registry-Auth", try auth.header)]
    }
}
