import EngineAPI
import Errors

struct ContainerRoutes: Sendable {
    let backend: any ContainerBackend

    var table: [Route] {
        [
            .get("/containers/json", list),
            .post("/containers/create", create),
            .post("/containers/prune", prune),
            .get("/containers/{id}/json", inspect),
            .get("/containers/{id}/top", top),
            .get("/containers/{id}/logs", logs),
            .get("/containers/{id}/stats", stats),
            .post("/containers/{id}/resize", resize),
            .post("/containers/{id}/start", start),
            .post("/containers/{id}/stop", stop),
            .post("/containers/{id}/restart", restart),
            .post("/containers/{id}/kill", kill),
            .post("/containers/{id}/update", update),
            .post("/containers/{id}/rename", rename),
            .post("/containers/{id}/pause", pause),
            .post("/containers/{id}/unpause", unpause),
            .post("/containers/{id}/attach", attach),
            .get("/containers/{id}/attach/ws", attachWebSocket),
            .post("/containers/{id}/wait", wait),
            .delete("/containers/{id}", remove),
            .post("/commit", commit),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        try .json(await backend.listContainers(ContainerListOptions(request.query)))
    }

    private func create(_ request: Request) async throws -> Response {
        let response = try await backend.createContainer(
            try await request.json(), name: request.query.string("name"), platform: request.query.string("platform"))
        return try .json(response, status: .created)
    }

    private func prune(_ request: Request) async throws -> Response {
        try .json(await backend.pruneContainers(Filters(request.query)))
    }

    private func inspect(_ request: Request) async throws -> Response {
        try .json(await backend.inspectContainer(request.parameter("id"), size: request.query.bool("size")))
    }

    private func top(_ request: Request) async throws -> Response {
        let arguments = request.query.string("ps_args")?.split(separator: " ").map(String.init) ?? []
        return try .json(await backend.topContainer(request.parameter("id"), arguments: arguments))
    }

    private func logs(_ request: Request) async throws -> Response {
        let options = try LogsOptions(request.query)
        guard options.stdout || options.stderr else {
            throw BerthError.invalidArgument("Bad parameters: you must choose at least one stream")
        }
        let output = try await backend.containerLogs(request.parameter("id"), options)
        return .stream(output.forClient(of: request), endless: options.follow)
    }

    private func stats(_ request: Request) async throws -> Response {
        let options = try StatsOptions(request.query)
        return .messages(try await backend.containerStats(request.parameter("id"), options), endless: options.stream)
    }

    private func resize(_ request: Request) async throws -> Response {
        let (height, width) = try request.terminalSize()
        try await backend.resizeContainer(request.parameter("id"), height: height, width: width)
        return .empty(.ok)
    }

    private func start(_ request: Request) async throws -> Response {
        try await backend.startContainer(request.parameter("id"), detachKeys: request.query.string("detachKeys"))
        return .empty()
    }

    private func stop(_ request: Request) async throws -> Response {
        try await backend.stopContainer(request.parameter("id"), StopOptions(request.query))
        return .empty()
    }

    private func restart(_ request: Request) async throws -> Response {
        try await backend.restartContainer(request.parameter("id"), StopOptions(request.query))
        return .empty()
    }

    private func kill(_ request: Request) async throws -> Response {
        try await backend.killContainer(request.parameter("id"), signal: request.query.string("signal"))
        return .empty()
    }

    private func update(_ request: Request) async throws -> Response {
        try .json(await backend.updateContainer(request.parameter("id"), try await request.json()))
    }

    private func rename(_ request: Request) async throws -> Response {
        try await backend.renameContainer(request.parameter("id"), to: request.query.string("name") ?? "")
        return .empty()
    }

    private func pause(_ request: Request) async throws -> Response {
        try await backend.pauseContainer(request.parameter("id"))
        return .empty()
    }

    private func unpause(_ request: Request) async throws -> Response {
        try await backend.unpauseContainer(request.parameter("id"))
        return .empty()
    }

    private func attach(_ request: Request) async throws -> Response {
        let stream = try await backend.attachContainer(request.parameter("id"), AttachOptions(request.query))
        return .hijacked(stream, for: request)
    }

    private func attachWebSocket(_ request: Request) async throws -> Response {
        let handshake = try WebSocketHandshake(request)
        var options = try AttachOptions(request.query)
        options.isRaw = true
        let stream = try await backend.attachContainer(request.parameter("id"), options)
        return Response(status: .switchingProtocols, body: .hijacked(stream, handshake))
    }

    private func wait(_ request: Request) async throws -> Response {
        .pending(try await backend.waitContainer(request.parameter("id"), WaitCondition(request.query)))
    }

    private func remove(_ request: Request) async throws -> Response {
        try await backend.removeContainer(request.parameter("id"), ContainerRemoveOptions(request.query))
        return .empty()
    }

    private func commit(_ request: Request) async throws -> Response {
        let response = try await backend.commitContainer(
            CommitOptions(request.query), config: try await request.optionalJSON())
        return try .json(response, status: .created)
    }
}

extension Request {
    /// `h` and `w`, which both must be there.
    func terminalSize() throws -> (height: Int, width: Int) {
        let options = try ResizeOptions(query)
        guard let height = options.height, let width = options.width, height >= 0, width >= 0 else {
            throw BerthError.invalidArgument("the query parameters \"h\" and \"w\" must be numbers")
        }
        return (height, width)
    }

    /// Clients before 1.42 know only one media type of container output.
    func mediaType(tty: Bool) -> String {
        StreamMediaType.of(tty: tty || apiVersion < APIVersion(1, 42))
    }
}

extension StreamedOutput {
    fileprivate func forClient(of request: Request) -> StreamedOutput {
        StreamedOutput(mediaType: request.mediaType(tty: mediaType != StreamMediaType.multiplexed), write: write)
    }
}

extension Response {
    /// Without an upgrade Docker names every stream raw, framed or not.
    static func hijacked(_ stream: HijackedStream, for request: Request) -> Response {
        let type = request.wantsUpgrade ? request.mediaType(tty: stream.tty) : StreamMediaType.raw
        return Response(status: .ok, headers: ["Content-Type": type], body: .hijacked(stream))
    }
}
