import Archive
import Client
import EngineAPI
import Errors
import Linux

/// The engine behind a daemon's socket.
public struct DaemonEngine: ComposeEngine {
    private let client: EngineClient
    /// The credentials for an image's registry, if the user has any.
    private let credentials: @Sendable (_ image: String) -> RegistryAuth?

    public init(
        _ client: EngineClient, credentials: @escaping @Sendable (_ image: String) -> RegistryAuth? = { _ in nil }
    ) {
        self.client = client
        self.credentials = credentials
    }

    private static func filters(_ labels: [String]) -> Filters {
        labels.isEmpty ? [:] : ["label": labels]
    }
}

// MARK: - Containers

extension DaemonEngine {
    public func containers(labels: [String]) async throws -> [ContainerSummary] {
        try await client.containers(all: true, filters: Self.filters(labels))
    }

    public func inspectContainer(_ id: String) async throws -> ContainerInspect {
        try await client.inspectContainer(id)
    }

    public func createContainer(
        _ request: ContainerCreateRequest, name: String, platform: String?
    ) async throws -> ContainerCreateResponse {
        try await client.createContainer(request, name: name, platform: platform)
    }

    public func startContainer(_ id: String) async throws { try await client.startContainer(id) }

    public func stopContainer(_ id: String, timeout: Int?) async throws {
        try await client.stopContainer(id, timeout: timeout)
    }

    public func killContainer(_ id: String, signal: String?) async throws {
        try await client.killContainer(id, signal: signal)
    }

    public func restartContainer(_ id: String, timeout: Int?) async throws {
        try await client.restartContainer(id, timeout: timeout)
    }

    public func pauseContainer(_ id: String) async throws { try await client.pauseContainer(id) }

    public func unpauseContainer(_ id: String) async throws { try await client.unpauseContainer(id) }

    public func removeContainer(_ id: String, volumes: Bool, force: Bool, logsTo: String?) async throws {
        try await client.removeContainer(id, volumes: volumes, force: force, logsTo: logsTo)
    }

    public func renameContainer(_ id: String, to name: String) async throws {
        try await client.renameContainer(id, to: name)
    }

    public func waitContainer(_ id: String) async throws -> Int {
        try await client.wait(id, condition: .notRunning).exitCode()
    }

    public func logs(
        _ id: String, tty: Bool, _ request: LogRequest
    ) async throws -> any AsyncSequence<LogPiece, any Error> & Sendable {
        let body = try await client.logs(
            id, follow: request.follow, since: request.since, until: request.until, timestamps: request.timestamps,
            tail: request.tail)
        if tty { return body.map { LogPiece(stream: .output, bytes: $0) } }
        return StreamFrames(body: body).map { frame in
            LogPiece(stream: frame.stream == .error ? .error : .output, bytes: frame.bytes)
        }
    }

    public func top(_ id: String) async throws -> TopResponse { try await client.top(id) }

    public func writeFile(_ file: InjectedFile, in id: String) async throws {
        let sink = BytesSink()
        let tar = TarWriter(sink)
        let entry = TarEntry(
            path: RawPath(String(file.path.drop { $0 == "/" })), kind: .file,
            mode: UInt32(truncatingIfNeeded: file.mode),
            userID: UInt32(truncatingIfNeeded: file.userID), groupID: UInt32(truncatingIfNeeded: file.groupID),
            size: Int64(file.content.count))
        try tar.add(entry, contents: file.content)
        try tar.finish()
        try await client.putArchive(
            .bytes(sink.bytes, contentType: "application/x-tar"), to: "/", in: id, keepOwners: true)
    }

    public func run(_ request: ExecCreateRequest, in id: String) async throws -> Int {
        let exec = try await client.createExec(id, request)
        let stream = try await client.startExec(exec, tty: false)
        // The command has ended when its output has.
        for try await _ in stream.bytes {}
        return try await client.inspectExec(exec).exitCode ?? 0
    }

    public func containerEvents(
        project: String
    ) async throws -> any AsyncSequence<EventMessage, any Error> & Sendable {
        try await client.events(filters: ["type": ["container"], "label": Labels.containers(project: project)])
    }
}

// MARK: - Networks and volumes

extension DaemonEngine {
    public func networks(labels: [String]) async throws -> [NetworkInspect] {
        try await client.networks(filters: Self.filters(labels))
    }

    public func inspectNetwork(_ name: String) async throws -> NetworkInspect { try await client.inspectNetwork(name) }

    public func createNetwork(_ request: NetworkCreateRequest) async throws -> String {
        try await client.createNetwork(request).id
    }

    public func removeNetwork(_ id: String) async throws { try await client.removeNetwork(id) }

    public func disconnect(_ container: String, from network: String) async throws {
        try await client.disconnect(container, from: network, force: true)
    }

    public func volumes(labels: [String]) async throws -> [Volume] {
        try await client.volumes(filters: Self.filters(labels))
    }

    public func inspectVolume(_ name: String) async throws -> Volume { try await client.inspectVolume(name) }

    public func createVolume(_ request: VolumeCreateRequest) async throws { _ = try await client.createVolume(request) }

    public func removeVolume(_ name: String) async throws { try await client.removeVolume(name) }
}

// MARK: - Images

extension DaemonEngine {
    public func inspectImage(_ name: String) async throws -> ImageInspect { try await client.inspectImage(name) }

    public func pullImage(
        _ name: String, platform: String?
    ) async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable {
        // Without a tag the API takes every tag of the repository.
        let (repository, tag) = EngineClient.split(name)
        let reference = tag == nil ? repository + ":latest" : name
        return try await client.pullImage(reference, platform: platform, auth: credentials(name))
    }

    public func pushImage(_ name: String) async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable {
        let (repository, tag) = EngineClient.split(name)
        return try await client.pushImage(repository, tag: tag ?? "latest", auth: credentials(name))
    }

    public func removeImage(_ name: String) async throws { _ = try await client.removeImage(name) }
}
