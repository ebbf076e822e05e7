import EngineAPI
import NIOHTTP1

struct SystemRoutes: Sendable {
    let backend: any SystemBackend

    var table: [Route] {
        [
            .get("/_ping", ping),
            .head("/_ping", ping),
            .get("/version", version),
            .get("/info", info),
            .get("/events", events),
            .get("/system/df", diskUsage),
            .post("/auth", authenticate),
        ]
    }

    /// `Builder-Version: 1` sends `docker build` to `POST /build`.
    private func ping(_ request: Request) -> Response {
        let headers: HTTPHeaders = [
            "Builder-Version": "1", "Swarm": "inactive",
            "Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache",
        ]
        return request.method == .HEAD ? .text("", headers: headers) : .text("OK", headers: headers)
    }

    private func version(_ request: Request) async throws -> Response {
        try .json(await backend.systemVersion())
    }

    private func info(_ request: Request) async throws -> Response {
        try .json(await backend.systemInfo())
    }

    private func events(_ request: Request) async throws -> Response {
        .messages(try await backend.events(EventsOptions(request.query)), endless: true)
    }

    private func diskUsage(_ request: Request) async throws -> Response {
        try .json(await backend.diskUsage(DiskUsageOptions(request.query)))
    }

    private func authenticate(_ request: Request) async throws -> Response {
        try .json(await backend.authenticate(try await request.json()))
    }
}
