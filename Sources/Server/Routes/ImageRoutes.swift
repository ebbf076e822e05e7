import EngineAPI
import Errors

struct ImageRoutes: Sendable {
    let backend: any ImageBackend

    var table: [Route] {
        [
            .get("/images/json", list),
            .get("/images/search", search),
            .get("/images/get", saveAll),
            .post("/images/create", create),
            .post("/images/load", load),
            .post("/images/prune", prune),
            .get("/images/{name...}/json", inspect),
            .get("/images/{name...}/history", history),
            .get("/images/{name...}/get", save),
            .post("/images/{name...}/push", push),
            .post("/images/{name...}/tag", tag),
            .delete("/images/{name...}", remove),
            .get("/distribution/{name...}/json", inspectDistribution),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        try .json(await backend.listImages(ImageListOptions(request.query)))
    }

    private func search(_ request: Request) async throws -> Response {
        try .json(await backend.searchImages(ImageSearchOptions(request.query)))
    }

    private func saveAll(_ request: Request) async throws -> Response {
        try await save(request.query.all("names").flatMap { $0.split(separator: ",").map(String.init) }, request)
    }

    private func save(_ request: Request) async throws -> Response {
        try await save([request.parameter("name")], request)
    }

    private func save(_ names: [String], _ request: Request) async throws -> Response {
        .stream(try await backend.saveImages(names, platforms: request.platforms("platform")))
    }

    private func create(_ request: Request) async throws -> Response {
        if request.query.string("fromImage") != nil {
            let options = try ImagePullOptions(request.query)
            return .progress { [backend] progress in
                try await backend.pullImage(options, auth: request.registryAuth, progress: progress)
            }
        }
        guard request.query.string("fromSrc") != nil else {
            throw BerthError.invalidArgument("one of the query parameters \"fromImage\" and \"fromSrc\" is required")
        }
        let options = try ImageImportOptions(request.query)
        return .progress { [backend] progress in
            try await backend.importImage(options, body: request.body, progress: progress)
        }
    }

    private func load(_ request: Request) async throws -> Response {
        let options = try ImageLoadOptions(request.query)
        return .progress { [backend] progress in
            try await backend.loadImages(options, body: request.body, progress: progress)
        }
    }

    private func prune(_ request: Request) async throws -> Response {
        try .json(await backend.pruneImages(Filters(request.query)))
    }

    private func inspect(_ request: Request) async throws -> Response {
        try .json(await backend.inspectImage(request.parameter("name"), ImageInspectOptions(request.query)))
    }

    private func history(_ request: Request) async throws -> Response {
        let platform = try request.query.json("platform", as: OCIPlatform.self)
        return try .json(await backend.imageHistory(request.parameter("name"), platform: platform))
    }

    private func push(_ request: Request) async throws -> Response {
        let name = try request.parameter("name")
        let options = try ImagePushOptions(request.query)
        return .progress { [backend] progress in
            try await backend.pushImage(name, options, auth: request.registryAuth, progress: progress)
        }
    }

    private func tag(_ request: Request) async throws -> Response {
        try await backend.tagImage(request.parameter("name"), ImageTagOptions(request.query))
        return .empty(.created)
    }

    private func remove(_ request: Request) async throws -> Response {
        try .json(await backend.removeImage(request.parameter("name"), ImageRemoveOptions(request.query)))
    }

    private func inspectDistribution(_ request: Request) async throws -> Response {
        try .json(await backend.inspectDistribution(request.parameter("name"), auth: request.registryAuth))
    }
}

extension Request {
    /// Platforms in JSON: several values, or one that is a list.
    fileprivate func platforms(_ name: String) throws -> [OCIPlatform] {
        try query.all(name).flatMap { text -> [OCIPlatform] in
            var one = Query()
            one.add(name, text)
            if text.hasPrefix("[") { return try one.json(name) ?? [] }
            return try one.json(name, as: OCIPlatform.self).map { [$0] } ?? []
        }
    }
}
