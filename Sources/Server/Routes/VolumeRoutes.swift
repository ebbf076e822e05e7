import EngineAPI

struct VolumeRoutes: Sendable {
    let backend: any VolumeBackend

    var table: [Route] {
        [
            .get("/volumes", list),
            .post("/volumes/create", create),
            .post("/volumes/prune", prune),
            .get("/volumes/{name}", inspect),
            .delete("/volumes/{name}", remove),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        try .json(await backend.listVolumes(Filters(request.query)))
    }

    private func create(_ request: Request) async throws -> Response {
        let volume = try await backend.createVolume(try await request.optionalJSON() ?? VolumeCreateRequest())
        return try .json(volume, status: .created)
    }

    private func prune(_ request: Request) async throws -> Response {
        try .json(await backend.pruneVolumes(Filters(request.query)))
    }

    private func inspect(_ request: Request) async throws -> Response {
        try .json(await backend.inspectVolume(request.parameter("name")))
    }

    private func remove(_ request: Request) async throws -> Response {
        try await backend.removeVolume(request.parameter("name"), force: request.query.bool("force"))
        return .empty()
    }
}
