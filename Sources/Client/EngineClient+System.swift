import EngineAPI

extension EngineClient {
    /// `GET /_ping`.
    public func ping() async throws { try await send(EngineRequest(.get, "/_ping")) }

    /// `GET /version`.
    public func version() async throws -> SystemVersion { try await value(EngineRequest(.get, "/version")) }

    /// `GET /version`, as the daemon wrote it.
    public func versionJSON() async throws -> [UInt8] { try await bytes(EngineRequest(.get, "/version")) }

    /// `GET /info`.
    public func info() async throws -> SystemInfo { try await value(EngineRequest(.get, "/info")) }

    /// `GET /info`, as the daemon wrote it.
    public func infoJSON() async throws -> [UInt8] { try await bytes(EngineRequest(.get, "/info")) }

    /// `GET /system/df`.
    public func diskUsage() async throws -> DiskUsage { try await value(EngineRequest(.get, "/system/df")) }

    /// `GET /events`. Times are as the API takes them: seconds since 1970, RFC 3339, or durations.
    public func events(
        since: String? = nil, until: String? = nil, filters: Filters = [:]
    ) async throws -> JSONLines<EventMessage> {
        var query = Query()
        query.add("since", since)
        query.add("until", until)
        try query.add(filters)
        return try await perform(EngineRequest(.get, "/events", query: query)).body.jsonLines(of: EventMessage.self)
    }

    /// `POST /auth`: checks credentials with a registry.
    public func authenticate(_ config: AuthConfig) async throws -> AuthResponse {
        try await value(EngineRequest(.post, "/auth", body: try Self.encode(config)))
    }
}
