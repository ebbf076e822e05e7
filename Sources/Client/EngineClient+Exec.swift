import EngineAPI

extension EngineClient {
    /// `POST /containers/{id}/exec`.
    /// - Returns: the exec's ID.
    public func createExec(_ container: String, _ request: ExecCreateRequest) async throws -> String {
        let response: ExecCreateResponse = try await value(
            EngineRequest(.post, self.container(container, "exec"), body: try Self.encode(request)))
        return response.id
    }

    /// `POST /exec/{id}/start`, attached to its streams.
    public func startExec(_ id: String, tty: Bool, consoleSize: [Int]? = nil) async throws -> RawStream {
        let request = ExecStartRequest(detach: false, tty: tty, consoleSize: consoleSize)
        return try await hijack(EngineRequest(.post, exec(id, "start"), body: try Self.encode(request)))
    }

    /// `POST /exec/{id}/start` without streams.
    public func startExecDetached(_ id: String, tty: Bool) async throws {
        let request = ExecStartRequest(detach: true, tty: tty)
        try await send(EngineRequest(.post, exec(id, "start"), body: try Self.encode(request)))
    }

    /// `POST /exec/{id}/resize`.
    public func resizeExec(_ id: String, height: Int, width: Int) async throws {
        var query = Query()
        query.add("h", height)
        query.add("w", width)
        try await send(EngineRequest(.post, exec(id, "resize"), query: query))
    }

    /// `GET /exec/{id}/json`.
    public func inspectExec(_ id: String) async throws -> ExecInspect {
        try await value(EngineRequest(.get, exec(id, "json")))
    }

    private func exec(_ id: String, _ action: String) -> String { "/exec/\(PercentEncoding.path(id))/\(action)" }
}
