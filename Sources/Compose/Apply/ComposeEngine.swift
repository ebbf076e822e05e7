import EngineAPI

/// What Compose needs of an engine. `DaemonEngine` answers it over the Engine API; tests answer it
/// from memory.
public protocol ComposeEngine: Sendable {
    // Containers. Errors are `BerthError`s with the engine's words.
    /// - Parameter labels: `key` or `key=value`, all of which must match; running and stopped.
    func containers(labels: [String]) async throws -> [ContainerSummary]
    func inspectContainer(_ id: String) async throws -> ContainerInspect
    func createContainer(
        _ request: ContainerCreateRequest, name: String, platform: String?
    ) async throws -> ContainerCreateResponse
    func startContainer(_ id: String) async throws
    /// - Parameter timeout: seconds until it is killed; nil as the container was configured.
    func stopContainer(_ id: String, timeout: Int?) async throws
    func killContainer(_ id: String, signal: String?) async throws
    func restartContainer(_ id: String, timeout: Int?) async throws
    func pauseContainer(_ id: String) async throws
    func unpauseContainer(_ id: String) async throws
    /// - Parameters:
    ///   - volumes: also its anonymous volumes.
    ///   - logsTo: the container that is to take its log over, which not every engine can do.
    func removeContainer(_ id: String, volumes: Bool, force: Bool, logsTo: String?) async throws
    func renameContainer(_ id: String, to name: String) async throws
    /// Waits until the container does not run.
    /// - Returns: its exit code.
    func waitContainer(_ id: String) async throws -> Int
    func logs(_ id: String, tty: Bool, _ request: LogRequest) async throws -> any AsyncSequence<LogPiece, any Error>
        & Sendable
    func top(_ id: String) async throws -> TopResponse
    /// Writes one file into a container, running or not.
    func writeFile(_ file: InjectedFile, in id: String) async throws
    /// Runs a command in a running container to its end.
    /// - Returns: its exit code.
    func run(_ request: ExecCreateRequest, in id: String) async throws -> Int
    /// Starts, exits and removals of a project's containers, from now on.
    func containerEvents(project: String) async throws -> any AsyncSequence<EventMessage, any Error> & Sendable

    // Networks and volumes.
    func networks(labels: [String]) async throws -> [NetworkInspect]
    func inspectNetwork(_ name: String) async throws -> NetworkInspect
    func createNetwork(_ request: NetworkCreateRequest) async throws -> String
    func removeNetwork(_ id: String) async throws
    func disconnect(_ container: String, from network: String) async throws
    func volumes(labels: [String]) async throws -> [Volume]
    func inspectVolume(_ name: String) async throws -> Volume
    func createVolume(_ request: VolumeCreateRequest) async throws
    func removeVolume(_ name: String) async throws

    // Images.
    func inspectImage(_ name: String) async throws -> ImageInspect
    func pullImage(_ name: String, platform: String?) async throws -> any AsyncSequence<ProgressMessage, any Error>
        & Sendable
    func pushImage(_ name: String) async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable
    func removeImage(_ name: String) async throws
}

extension ComposeEngine {
    func removeContainer(_ id: String, volumes: Bool, force: Bool) async throws {
        try await removeContainer(id, volumes: volumes, force: force, logsTo: nil)
    }
}

/// Which part of a container's log is wanted.
public struct LogRequest: Sendable {
    public var follow = false
    public var timestamps = false
    /// Seconds since 1970 with an optional fraction, as the Engine API takes times here.
    public var since: String?
    public var until: String?
    /// A number of lines, or `all`.
    public var tail: String?

    public init(
        follow: Bool = false, timestamps: Bool = false, since: String? = nil, until: String? = nil, tail: String? = nil
    ) {
        self.follow = follow
        self.timestamps = timestamps
        self.since = since
        self.until = until
        self.tail = tail
    }
}

/// Bytes of a container's output, not cut at line ends.
public struct LogPiece: Sendable {
    public var stream: LogLine.Stream
    public var bytes: [UInt8]

    public init(stream: LogLine.Stream, bytes: [UInt8]) {
        self.stream = stream
        self.bytes = bytes
    }
}

/// A file that is written into a container before it starts.
public struct InjectedFile: Sendable, Equatable {
    /// Absolute path in the container.
    public var path: String
    public var content: [UInt8]
    public var mode: Int
    public var userID: Int
    public var groupID: Int
}
