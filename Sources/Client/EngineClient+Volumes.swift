import EngineAPI

extension EngineClient {
    /// `GET /volumes`.
    public func volumes(filters: Filters = [:]) async throws -> [Volume] {
        var query = Query()
        try query.add(filters)
        let list: VolumeList = try await value(EngineRequest(.get, "/volumes", query: query))
        return list.volumes
    }

    /// `GET /volumes/{name}`.
    public func inspectVolume(_ name: String) async throws -> Volume {
        try await value(EngineRequest(.get, volume(name)))
    }

    /// `GET /volumes/{name}`, as the daemon wrote it.
    public func inspectVolumeJSON(_ name: String) async throws -> [UInt8] {
        try await bytes(EngineRequest(.get, volume(name)))
    }

    /// `POST /volumes/create`.
    public func createVolume(_ request: VolumeCreateRequest) async throws -> Volume {
        try await value(EngineRequest(.post, "/volumes/create", body: try Self.encode(request)))
    }

    /// `DELETE /volumes/{name}`.
    public func removeVolume(_ name: String, force: Bool = false) async throws {
        var query = Query()
        query.add("force", force)
        try await send(EngineRequest(.delete, volume(name), query: query))
    }

    /// `POST /volumes/prune`; the filter `all=1` takes named volumes too.
    public func pruneVolumes(filters: Filters = [:]) async throws -> VolumePruneReport {
        try await value(try prune("/volumes/prune", filters))
    }

    private func volume(_ name: String) -> String { "/volumes/\(PercentEncoding.path(name))" }
}
