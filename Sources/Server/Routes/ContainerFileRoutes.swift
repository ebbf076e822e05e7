import EngineAPI
import Errors
import FoundationEssentials
import NIOHTTP1

/// What is in containers' file systems.
struct ContainerFileRoutes: Sendable {
    let backend: any ContainerBackend

    var table: [Route] {
        [
            .get("/containers/{id}/changes", changes),
            .get("/containers/{id}/export", export),
            .head("/containers/{id}/archive", stat),
            .get("/containers/{id}/archive", read),
            .put("/containers/{id}/archive", write),
        ]
    }

    private func changes(_ request: Request) async throws -> Response {
        try .json(await backend.containerChanges(request.parameter("id")))
    }

    private func export(_ request: Request) async throws -> Response {
        .stream(try await backend.exportContainer(request.parameter("id")))
    }

    private func stat(_ request: Request) async throws -> Response {
        let stat = try await backend.statContainerPath(
            request.parameter("id"), path: request.query.required("path"))
        return .empty(.ok, headers: try Self.headers(stat))
    }

    private func read(_ request: Request) async throws -> Response {
        let archive = try await backend.readContainerArchive(
            request.parameter("id"), path: request.query.required("path"))
        return .stream(archive.output, headers: try Self.headers(archive.stat))
    }

    private func write(_ request: Request) async throws -> Response {
        try await backend.writeContainerArchive(
            request.parameter("id"), ArchivePutOptions(request.query), body: request.body)
        return .empty(.ok)
    }

    private static func headers(_ stat: PathStat) throws -> HTTPHeaders {
        ["X-Docker-Container-Path-Stat": Data(try OrderedJSONEncoder().encode(stat)).base64EncodedString()]
    }
}
