import EngineAPI
import Errors
import FoundationEssentials
import Linux

extension EngineClient {
    /// `GET /containers/json`.
    /// - Parameters:
    ///   - limit: the newest so many, running or not.
    ///   - size: fill in `sizeRw` and `sizeRootFs`, which takes a walk over each container's files.
    public func containers(
        all: Bool = false, limit: Int? = nil, size: Bool = false, filters: Filters = [:]
    ) async throws -> [ContainerSummary] {
        var query = Query()
        query.add("all", all)
        query.add("limit", limit)
        query.add("size", size)
        try query.add(filters)
        return try await value(EngineRequest(.get, "/containers/json", query: query))
    }

    /// `POST /containers/create`.
    /// - Parameter caBundle: give the container the host's bundle of certificate authorities (Berth's own).
    public func createContainer(
        _ request: ContainerCreateRequest, name: String? = nil, platform: String? = nil, caBundle: Bool = false
    ) async throws -> ContainerCreateResponse {
        var query = Query()
        query.add("name", name)
        query.add("platform", platform)
        var request = request
        if caBundle {
            request.hostConfig.annotations = (request.hostConfig.annotations ?? [:]).merging(["berth.ca-bundle": "true"]
            ) { $1 }
        }
        return try await value(
            EngineRequest(.post, "/containers/create", query: query, body: try Self.encode(request)))
    }

    /// `GET /containers/{id}/json`.
    public func inspectContainer(_ id: String, size: Bool = false) async throws -> ContainerInspect {
        try await value(inspectContainerRequest(id, size: size))
    }

    /// `GET /containers/{id}/json`, as the daemon wrote it.
    public func inspectContainerJSON(_ id: String, size: Bool = false) async throws -> [UInt8] {
        try await bytes(inspectContainerRequest(id, size: size))
    }

    private func inspectContainerRequest(_ id: String, size: Bool) -> EngineRequest {
        var query = Query()
        query.add("size", size)
        return EngineRequest(.get, container(id, "json"), query: query)
    }

    /// `GET /containers/{id}/top`.
    public func top(_ id: String, arguments: String? = nil) async throws -> TopResponse {
        var query = Query()
        query.add("ps_args", arguments)
        return try await value(EngineRequest(.get, container(id, "top"), query: query))
    }

    /// `GET /containers/{id}/logs`: frames, or raw bytes when the container has a terminal.
    /// - Parameter tail: a number of lines, or `all`.
    public func logs(
        _ id: String, follow: Bool = false, stdout: Bool = true, stderr: Bool = true, since: String? = nil,
        until: String? = nil, timestamps: Bool = false, tail: String? = nil, details: Bool = false
    ) async throws -> ResponseBody {
        var query = Query()
        query.add("follow", follow)
        query.add("stdout", stdout)
        query.add("stderr", stderr)
        query.add("since", since)
        query.add("until", until)
        query.add("timestamps", timestamps)
        query.add("tail", tail)
        query.add("details", details)
        return try await perform(EngineRequest(.get, container(id, "logs"), query: query)).body
    }

    /// `GET /containers/{id}/changes`.
    public func changes(_ id: String) async throws -> [FilesystemChange] {
        try await value(EngineRequest(.get, container(id, "changes")), as: [FilesystemChange]?.self) ?? []
    }

    /// `GET /containers/{id}/export`: the root file system as a tar archive.
    public func exportContainer(_ id: String) async throws -> ResponseBody {
        try await perform(EngineRequest(.get, container(id, "export"))).body
    }

    /// `GET /containers/{id}/stats`: one sample a second, or a single one.
    /// - Parameter oneShot: with `stream` off, do not wait for the sample before it.
    public func stats(
        _ id: String, stream: Bool, oneShot: Bool = false
    ) async throws -> JSONLines<ContainerStats> {
        var query = Query()
        query.add("stream", stream ? "1" : "0")
        query.add("one-shot", oneShot)
        return try await perform(EngineRequest(.get, container(id, "stats"), query: query)).body
            .jsonLines(of: ContainerStats.self)
    }

    /// `POST /containers/{id}/resize`.
    public func resizeContainer(_ id: String, height: Int, width: Int) async throws {
        var query = Query()
        query.add("h", height)
        query.add("w", width)
        try await send(EngineRequest(.post, container(id, "resize"), query: query))
    }

    /// `POST /containers/{id}/start`.
    /// - Returns: false when it was running already.
    @discardableResult
    public func startContainer(_ id: String, detachKeys: String? = nil) async throws -> Bool {
        var query = Query()
        query.add("detachKeys", detachKeys)
        return try await send(EngineRequest(.post, container(id, "start"), query: query)) != 304
    }

    /// `POST /containers/{id}/stop`.
    /// - Parameter timeout: seconds until it is killed; -1 never; nil as the container was configured.
    /// - Returns: false when it was not running.
    @discardableResult
    public func stopContainer(_ id: String, signal: String? = nil, timeout: Int? = nil) async throws -> Bool {
        try await send(
            EngineRequest(.post, container(id, "stop"), query: Self.ending(signal, timeout))) != 304
    }

    /// `POST /containers/{id}/restart`; the parameters are those of `stopContainer`.
    public func restartContainer(_ id: String, signal: String? = nil, timeout: Int? = nil) async throws {
        try await send(EngineRequest(.post, container(id, "restart"), query: Self.ending(signal, timeout)))
    }

    private static func ending(_ signal: String?, _ timeout: Int?) -> Query {
        var query = Query()
        query.add("signal", signal)
        query.add("t", timeout)
        return query
    }

    /// `POST /containers/{id}/kill`; the signal is a name or a number, nil is `SIGKILL`.
    public func killContainer(_ id: String, signal: String? = nil) async throws {
        var query = Query()
        query.add("signal", signal)
        try await send(EngineRequest(.post, container(id, "kill"), query: query))
    }

    /// `POST /containers/{id}/update`.
    public func updateContainer(
        _ id: String, _ request: ContainerUpdateRequest
    ) async throws -> ContainerUpdateResponse {
        try await value(EngineRequest(.post, container(id, "update"), body: try Self.encode(request)))
    }

    /// `POST /containers/{id}/rename`.
    public func renameContainer(_ id: String, to name: String) async throws {
        var query = Query()
        query.add("name", name)
        try await send(EngineRequest(.post, container(id, "rename"), query: query))
    }

    /// `POST /containers/{id}/pause`.
    public func pauseContainer(_ id: String) async throws {
        try await send(EngineRequest(.post, container(id, "pause")))
    }

    /// `POST /containers/{id}/unpause`.
    public func unpauseContainer(_ id: String) async throws {
        try await send(EngineRequest(.post, container(id, "unpause")))
    }

    /// `DELETE /containers/{id}`.
    /// - Parameters:
    ///   - volumes: also its anonymous volumes.
    ///   - logsTo: the container that takes its log over; only Berth's daemon knows how.
    public func removeContainer(
        _ id: String, volumes: Bool = false, force: Bool = false, link: Bool = false, logsTo: String? = nil
    ) async throws {
        var query = Query()
        query.add("v", volumes)
        query.add("force", force)
        query.add("link", link)
        query.add("berth-logs-to", logsTo)
        try await send(EngineRequest(.delete, "/containers/\(PercentEncoding.path(id))", query: query))
    }

    /// `POST /containers/prune`.
    public func pruneContainers(filters: Filters = [:]) async throws -> ContainerPruneReport {
        try await value(try prune("/containers/prune", filters))
    }

    func prune(_ path: String, _ filters: Filters) throws -> EngineRequest {
        var query = Query()
        try query.add(filters)
        return EngineRequest(.post, path, query: query)
    }

    func container(_ id: String, _ action: String) -> String {
        "/containers/\(PercentEncoding.path(id))/\(action)"
    }
}

// MARK: - Attaching and waiting

/// Which of a container's streams to attach to.
public struct AttachedStreams: Sendable, Equatable {
    public var input: Bool
    public var output: Bool
    public var error: Bool

    public init(input: Bool, output: Bool, error: Bool) {
        self.input = input
        self.output = output
        self.error = error
    }
}

extension EngineClient {
    /// `POST /containers/{id}/attach`.
    /// - Parameter logs: first everything that the container has written so far.
    public func attach(
        _ id: String, streams: AttachedStreams, logs: Bool = false, detachKeys: String? = nil
    ) async throws -> RawStream {
        var query = Query()
        query.add("stream", true)
        query.add("stdin", streams.input)
        query.add("stdout", streams.output)
        query.add("stderr", streams.error)
        query.add("logs", logs)
        query.add("detachKeys", detachKeys)
        return try await hijack(EngineRequest(.post, container(id, "attach"), query: query))
    }

    /// What a wait ends with.
    public enum WaitCondition: String, Sendable {
        case notRunning = "not-running"
        case nextExit = "next-exit"
        case removed
    }

    /// `POST /containers/{id}/wait`. Returns as soon as the daemon is watching, so that a start after
    /// it cannot be missed.
    public func wait(_ id: String, condition: WaitCondition = .notRunning) async throws -> ContainerWait {
        var query = Query()
        query.add("condition", condition.rawValue)
        return ContainerWait(
            body: try await perform(EngineRequest(.post, container(id, "wait"), query: query)).body)
    }
}

/// A wait that the daemon agreed to.
public struct ContainerWait: Sendable {
    let body: ResponseBody

    /// The exit code. One caller only.
    /// - Throws: `internal` with the daemon's words when waiting failed.
    public func exitCode() async throws -> Int {
        let response = try EngineClient.decode(WaitResponse.self, from: try await body.collect())
        if let error = response.error, !error.message.isEmpty { throw BerthError.internal(error.message) }
        return response.statusCode
    }
}

// MARK: - Files

extension EngineClient {
    /// `HEAD /containers/{id}/archive`.
    public func statPath(_ path: String, in id: String) async throws -> PathStat {
        let response = try await perform(archiveRequest(.head, path, id))
        return try Self.pathStat(of: response)
    }

    /// `GET /containers/{id}/archive`: the path as a tar archive.
    public func archive(
        _ path: String, of id: String
    ) async throws -> (stat: PathStat, tar: ResponseBody) {
        let response = try await perform(archiveRequest(.get, path, id))
        return (try Self.pathStat(of: response), response.body)
    }

    /// `PUT /containers/{id}/archive`: unpacks a tar archive below an existing directory.
    public func putArchive(
        _ body: EngineRequest.Body, to directory: String, in id: String, keepOwners: Bool = false
    ) async throws {
        var request = archiveRequest(.put, directory, id)
        request.query.add("noOverwriteDirNonDir", true)
        request.query.add("copyUIDGID", keepOwners)
        request.body = body
        try await send(request)
    }

    private func archiveRequest(_ method: EngineRequest.Method, _ path: String, _ id: String) -> EngineRequest {
        var query = Query()
        query.add("path", path)
        return EngineRequest(method, container(id, "archive"), query: query)
    }

    private static func pathStat(of response: EngineResponse) throws -> PathStat {
        guard let header = response.header("X-Docker-Container-Path-Stat"), let json = Data(base64Encoded: header)
        else { throw BerthError.internal("the daemon did not say what the path is") }
        return try decode(PathStat.self, from: Array(json))
    }
}
