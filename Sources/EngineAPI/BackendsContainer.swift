// What the server asks of the engine, by resource. The server decodes, calls one of these methods
// and encodes; every decision is behind them. Errors are `BerthError`s whose code becomes the status.

/// Containers. A container is named by its ID, a unique prefix of it, or its name with or without
/// the leading slash.
public protocol ContainerBackend: Sendable {
    func listContainers(_ options: ContainerListOptions) async throws -> [ContainerSummary]

    /// - Parameters:
    ///   - name: `nil` asks for a generated name.
    ///   - platform: `os/architecture[/variant]`, `nil` is the host's.
    func createContainer(
        _ request: ContainerCreateRequest, name: String?, platform: String?
    ) async throws -> ContainerCreateResponse

    func inspectContainer(_ id: String, size: Bool) async throws -> ContainerInspect

    /// - Parameter arguments: of `ps(1)`, split into words; empty is `-ef`.
    func topContainer(_ id: String, arguments: [String]) async throws -> TopResponse

    /// Media type raw or multiplexed, see `StreamMediaType`.
    func containerLogs(_ id: String, _ options: LogsOptions) async throws -> StreamedOutput

    func containerChanges(_ id: String) async throws -> [FilesystemChange]

    /// A tar of the whole file system.
    func exportContainer(_ id: String) async throws -> StreamedOutput

    func containerStats(_ id: String, _ options: StatsOptions) async throws -> StreamedMessages<ContainerStats>

    func resizeContainer(_ id: String, height: Int, width: Int) async throws

    /// Throws `notModified` if it is running.
    func startContainer(_ id: String, detachKeys: String?) async throws

    /// Throws `notModified` if it is not running.
    func stopContainer(_ id: String, _ options: StopOptions) async throws

    func restartContainer(_ id: String, _ options: StopOptions) async throws

    /// - Parameter signal: a name or number; `nil` is SIGKILL.
    func killContainer(_ id: String, signal: String?) async throws

    func updateContainer(_ id: String, _ request: ContainerUpdateRequest) async throws -> ContainerUpdateResponse

    func renameContainer(_ id: String, to name: String) async throws

    func pauseContainer(_ id: String) async throws

    func unpauseContainer(_ id: String) async throws

    func attachContainer(_ id: String, _ options: AttachOptions) async throws -> HijackedStream

    /// Returns as soon as the wait is registered: clients start the container after that.
    func waitContainer(_ id: String, _ condition: WaitCondition) async throws -> Pending<WaitResponse>

    func removeContainer(_ id: String, _ options: ContainerRemoveOptions) async throws

    func statContainerPath(_ id: String, path: String) async throws -> PathStat

    func readContainerArchive(_ id: String, path: String) async throws -> ContainerArchive

    /// - Parameter body: a tar, plain or compressed.
    func writeContainerArchive(_ id: String, _ options: ArchivePutOptions, body: RequestBody) async throws

    func pruneContainers(_ filters: Filters) async throws -> ContainerPruneReport

    /// - Parameter config: overrides of the container's configuration, `nil` for none.
    func commitContainer(_ options: CommitOptions, config: ContainerConfig?) async throws -> CommitResponse
}

/// A tar of a path in a container, and what is at that path.
public struct ContainerArchive: Sendable {
    public var stat: PathStat
    public var output: StreamedOutput

    public init(stat: PathStat, output: StreamedOutput) {
        self.stat = stat
        self.output = output
    }
}

/// Further processes in containers.
public protocol ExecBackend: Sendable {
    func createExec(container: String, _ request: ExecCreateRequest) async throws -> ExecCreateResponse

    /// Returns when the process runs; `nil` if the request says `detach`.
    func startExec(_ id: String, _ request: ExecStartRequest) async throws -> HijackedStream?

    func resizeExec(_ id: String, height: Int, width: Int) async throws

    func inspectExec(_ id: String) async throws -> ExecInspect
}
