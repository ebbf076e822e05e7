import EngineAPI

struct ExecRoutes: Sendable {
    let backend: any ExecBackend

    var table: [Route] {
        [
            .post("/containers/{id}/exec", create),
            .post("/exec/{id}/start", start),
            .post("/exec/{id}/resize", resize),
            .get("/exec/{id}/json", inspect),
        ]
    }

    private func create(_ request: Request) async throws -> Response {
        let response = try await backend.createExec(
            container: request.parameter("id"), try await request.json())
        return try .json(response, status: .created)
    }

    private func start(_ request: Request) async throws -> Response {
        guard let stream = try await backend.startExec(request.parameter("id"), try await request.json()) else {
            return .empty(.ok)
        }
        return .hijacked(stream, for: request)
    }

    private func resize(_ request: Request) async throws -> Response {
        let (height, width) = try request.terminalSize()
        try await backend.resizeExec(request.parameter("id"), height: height, width: width)
        return .empty(.ok)
    }

    private func inspect(_ request: Request) async throws -> Response {
        try .json(await backend.inspectExec(request.parameter("id")))
    }
}
