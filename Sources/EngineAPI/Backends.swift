/// Networks, named by name, ID or a unique prefix of it.
public protocol NetworkBackend: Sendable {
    func listNetworks(_ filters: Filters) async throws -> [NetworkInspect]

    func inspectNetwork(_ id: String, _ options: NetworkInspectOptions) async throws -> NetworkInspect

    func createNetwork(_ request: NetworkCreateRequest) async throws -> NetworkCreateResponse

    func removeNetwork(_ id: String) async throws

    func connectNetwork(_ id: String, _ request: NetworkConnectRequest) async throws

    func disconnectNetwork(_ id: String, _ request: NetworkDisconnectRequest) async throws

    func pruneNetworks(_ filters: Filters) async throws -> NetworkPruneReport
}

/// Volumes.
public protocol VolumeBackend: Sendable {
    func listVolumes(_ filters: Filters) async throws -> VolumeList

    func createVolume(_ request: VolumeCreateRequest) async throws -> Volume

    func inspectVolume(_ name: String) async throws -> Volume

    func removeVolume(_ name: String, force: Bool) async throws

    func pruneVolumes(_ filters: Filters) async throws -> VolumePruneReport
}

/// The engine as a whole.
public protocol SystemBackend: Sendable {
    func systemVersion() async throws -> SystemVersion

    func systemInfo() async throws -> SystemInfo

    func diskUsage(_ options: DiskUsageOptions) async throws -> DiskUsage

    /// Returns when the subscription stands, so that nothing that happens afterwards is missed.
    func events(_ options: EventsOptions) async throws -> StreamedMessages<EventMessage>

    /// Tries credentials at their registry.
    func authenticate(_ auth: AuthConfig) async throws -> AuthResponse
}

/// All that the API server needs.
public typealias EngineBackend = ContainerBackend & ExecBackend & ImageBackend & BuildBackend
    & NetworkBackend & VolumeBackend & SystemBackend
