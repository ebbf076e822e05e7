import EngineAPI

struct BuildRoutes: Sendable {
    let backend: any BuildBackend

    var table: [Route] {
        [
            .post("/build", build),
            .post("/build/prune", prune),
            .post("/build/cancel", cancel),
        ]
    }

    private func build(_ request: Request) async throws -> Response {
        var options = try BuildOptions(request.query)
        options.reportsSteps = request.headers.contains(name: "X-Berth-Progress")
        return .progress { [backend, options] progress in
            try await backend.buildImage(
                options, auth: request.registryConfig, context: request.body, progress: progress)
        }
    }

    private func prune(_ request: Request) async throws -> Response {
        try .json(await backend.pruneBuildCache(BuildPruneOptions(request.query)))
    }

    private func cancel(_ request: Request) async throws -> Response {
        try await backend.cancelBuild(request.query.required("id"))
        return .empty()
    }
}
