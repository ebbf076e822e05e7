import EngineAPI

struct NetworkRoutes: Sendable {
    let backend: any NetworkBackend

    var table: [Route] {
        [
            .get("/networks", list),
            .post("/networks/create", create),
            .post("/networks/prune", prune),
            .get("/networks/{id}", inspect),
            .delete("/networks/{id}", remove),
            .post("/networks/{id}/connect", connect),
            .post("/networks/{id}/disconnect", disconnect),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        try .json(await backend.listNetworks(Filters(request.query)))
    }

    private func create(_ request: Request) async throws -> Response {
        try .json(await backend.createNetwork(try await request.json()), status: .created)
    }

    private func prune(_ request: Request) async throws -> Response {
        try .json(await backend.pruneNetworks(Filters(request.query)))
    }

    private func inspect(_ request: Request) async throws -> Response {
        try .json(await backend.inspectNetwork(request.parameter("id"), NetworkInspectOptions(request.query)))
    }

    private func remove(_ request: Request) async throws -> Response {
        try await backend.removeNetwork(request.parameter("id"))
        return .empty()
    }

    private func connect(_ request: Request) async throws -> Response {
        try await backend.connectNetwork(request.parameter("id"), try await request.json())
        return .empty(.ok)
    }

    private func disconnect(_ request: Request) async throws -> Response {
        try await backend.disconnectNetwork(request.parameter("id"), try await request.json())
        return .empty(.ok)
    }
}
