import EngineAPI
import Errors
import Linux

/// One end of a pair, as the engine hands it over.
final class StreamEnd: ConnectedStream {
    private let descriptor: FileDescriptor
    var rawValue: Int32 { descriptor.rawValue }

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }
}

/// A backend of which each test uses a few methods; the others say that they are not there.
final class StubBackend: EngineBackend {
    let attach: @Sendable () throws -> HijackedStream
    let pull: @Sendable (any ProgressSink) async throws -> Void
    /// Called when a wait is cancelled.
    let onCancel: @Sendable () -> Void

    init(
        attach: @escaping @Sendable () throws -> HijackedStream = { throw BerthError.notFound("No such container: c") },
        pull: @escaping @Sendable (any ProgressSink) async throws -> Void = { _ in },
        onCancel: @escaping @Sendable () -> Void = {}
    ) {
        self.attach = attach
        self.pull = pull
        self.onCancel = onCancel
    }

    private var absent: BerthError { BerthError(.unimplemented, "not in this stub") }

    func attachContainer(_ id: String, _ options: AttachOptions) async throws -> HijackedStream { try attach() }

    func pullImage(_ options: ImagePullOptions, auth: AuthConfig?, progress: any ProgressSink) async throws {
        try await pull(progress)
    }

    func waitContainer(_ id: String, _ condition: WaitCondition) async throws -> Pending<WaitResponse> {
        Pending { [onCancel] in
            do {
                try await Task.sleep(for: .seconds(60))
                return WaitResponse()
            } catch {
                onCancel()
                throw error
            }
        }
    }

    func writeContainerArchive(_ id: String, _ options: ArchivePutOptions, body: RequestBody) async throws {
        throw BerthError.notFound("No such container: \(id)")
    }

    func killContainer(_ id: String, signal: String?) async throws {}

    // What follows says nothing but that it is absent.
    func listContainers(_ options: ContainerListOptions) async throws -> [ContainerSummary] { [] }
    func createContainer(_ request: ContainerCreateRequest, name: String?, platform: String?) async throws
        -> ContainerCreateResponse
    { throw absent }
    func inspectContainer(_ id: String, size: Bool) async throws -> ContainerInspect { throw absent }
    func topContainer(_ id: String, arguments: [String]) async throws -> TopResponse { throw absent }
    func containerLogs(_ id: String, _ options: LogsOptions) async throws -> StreamedOutput { throw absent }
    func containerChanges(_ id: String) async throws -> [FilesystemChange] { throw absent }
    func exportContainer(_ id: String) async throws -> StreamedOutput { throw absent }
    func containerStats(_ id: String, _ options: StatsOptions) async throws -> StreamedMessages<ContainerStats> {
        throw absent
    }
    func resizeContainer(_ id: String, height: Int, width: Int) async throws { throw absent }
    func startContainer(_ id: String, detachKeys: String?) async throws { throw absent }
    func stopContainer(_ id: String, _ options: StopOptions) async throws { throw absent }
    func restartContainer(_ id: String, _ options: StopOptions) async throws { throw absent }
    func updateContainer(_ id: String, _ request: ContainerUpdateRequest) async throws -> ContainerUpdateResponse {
        throw absent
    }
    func renameContainer(_ id: String, to name: String) async throws { throw absent }
    func pauseContainer(_ id: String) async throws { throw absent }
    func unpauseContainer(_ id: String) async throws { throw absent }
    func removeContainer(_ id: String, _ options: ContainerRemoveOptions) async throws { throw absent }
    func statContainerPath(_ id: String, path: String) async throws -> PathStat { throw absent }
    func readContainerArchive(_ id: String, path: String) async throws -> ContainerArchive { throw absent }
    func pruneContainers(_ filters: Filters) async throws -> ContainerPruneReport { throw absent }
    func commitContainer(_ options: CommitOptions, config: ContainerConfig?) async throws -> CommitResponse {
        throw absent
    }
    func createExec(container: String, _ request: ExecCreateRequest) async throws -> ExecCreateResponse { throw absent }
    func startExec(_ id: String, _ request: ExecStartRequest) async throws -> HijackedStream? { throw absent }
    func resizeExec(_ id: String, height: Int, width: Int) async throws { throw absent }
    func inspectExec(_ id: String) async throws -> ExecInspect { throw absent }
    func listImages(_ options: ImageListOptions) async throws -> [ImageSummary] { throw absent }
    func importImage(_ options: ImageImportOptions, body: RequestBody, progress: any ProgressSink) async throws {
        throw absent
    }
    func inspectImage(_ name: String, _ options: ImageInspectOptions) async throws -> ImageInspect { throw absent }
    func imageHistory(_ name: String, platform: OCIPlatform?) async throws -> [ImageHistoryItem] { throw absent }
    func pushImage(_ name: String, _ options: ImagePushOptions, auth: AuthConfig?, progress: any ProgressSink)
        async throws
    { throw absent }
    func tagImage(_ name: String, _ options: ImageTagOptions) async throws { throw absent }
    func removeImage(_ name: String, _ options: ImageRemoveOptions) async throws -> [ImageDeleteResponse] {
        throw absent
    }
    func searchImages(_ options: ImageSearchOptions) async throws -> [ImageSearchResult] { throw absent }
    func pruneImages(_ filters: Filters) async throws -> ImagePruneReport { throw absent }
    func saveImages(_ names: [String], platforms: [OCIPlatform]) async throws -> StreamedOutput { throw absent }
    func loadImages(_ options: ImageLoadOptions, body: RequestBody, progress: any ProgressSink) async throws {
        throw absent
    }
    func inspectDistribution(_ name: String, auth: AuthConfig?) async throws -> DistributionInspect { throw absent }
    func buildImage(
        _ options: BuildOptions, auth: [String: AuthConfig], context: RequestBody, progress: any ProgressSink
    ) async throws { throw absent }
    func pruneBuildCache(_ options: BuildPruneOptions) async throws -> BuildPruneReport { throw absent }
    func cancelBuild(_ id: String) async throws { throw absent }
    func listNetworks(_ filters: Filters) async throws -> [NetworkInspect] { throw absent }
    func inspectNetwork(_ id: String, _ options: NetworkInspectOptions) async throws -> NetworkInspect { throw absent }
    func createNetwork(_ request: NetworkCreateRequest) async throws -> NetworkCreateResponse { throw absent }
    func removeNetwork(_ id: String) async throws { throw absent }
    func connectNetwork(_ id: String, _ request: NetworkConnectRequest) async throws { throw absent }
    func disconnectNetwork(_ id: String, _ request: NetworkDisconnectRequest) async throws { throw absent }
    func pruneNetworks(_ filters: Filters) async throws -> NetworkPruneReport { throw absent }
    func listVolumes(_ filters: Filters) async throws -> VolumeList { throw absent }
    func createVolume(_ request: VolumeCreateRequest) async throws -> Volume { throw absent }
    func inspectVolume(_ name: String) async throws -> Volume { throw absent }
    func removeVolume(_ name: String, force: Bool) async throws { throw absent }
    func pruneVolumes(_ filters: Filters) async throws -> VolumePruneReport { throw absent }
    func systemVersion() async throws -> SystemVersion { throw absent }
    func systemInfo() async throws -> SystemInfo { throw absent }
    func diskUsage(_ options: DiskUsageOptions) async throws -> DiskUsage { throw absent }
    func events(_ options: EventsOptions) async throws -> StreamedMessages<EventMessage> { throw absent }
    func authenticate(_ auth: AuthConfig) async throws -> AuthResponse { throw absent }
}
