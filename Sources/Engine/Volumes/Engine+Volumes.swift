import EngineAPI
import Errors
import Linux

extension Engine: VolumeBackend {
    public func listVolumes(_ filters: Filters) async throws -> VolumeList {
        try filters.validate(["dangling", "driver", "label", "name"])
        let dangling = try filters.bool("dangling")
        let volumes = services.volumes.all().sorted { $0.name < $1.name }.filter { record in
            (filters["name"].isEmpty || filters["name"].contains { record.name.contains($0) })
                && (filters["driver"].isEmpty || filters["driver"].contains(record.driver))
                && filters.matchesLabels(record.labels)
                && (dangling.map { $0 == users(of: record.name).isEmpty } ?? true)
        }
        return VolumeList(volumes: volumes.map(view))
    }

    public func createVolume(_ request: VolumeCreateRequest) async throws -> Volume {
        let isAnonymous = request.name.isEmpty
        var labels = request.labels
        if isAnonymous { labels["com.docker.volume.anonymous"] = "" }
        let wanted = VolumeRecord(
            name: isAnonymous ? randomID() : request.name, driver: request.driver.isEmpty ? "local" : request.driver,
            created: Clock.now(), options: request.driverOpts, labels: labels, isAnonymous: isAnonymous)
        let (record, isNew) = try services.volumes.create(wanted)
        if isNew {
            try await services.records.save(record, id: record.name, name: record.name, in: .volume)
            services.events.publish("volume", "create", id: record.name, attributes: ["driver": record.driver])
        }
        return view(record)
    }

    public func inspectVolume(_ name: String) async throws -> Volume { view(try services.volumes.find(name)) }

    public func removeVolume(_ name: String, force: Bool) async throws {
        guard let record = try? services.volumes.find(name) else {
            if force { return }
            throw BerthError.notFound("get \(name): no such volume")
        }
        let users = users(of: record.name)
        guard users.isEmpty else {
            let names = users.compactMap { services.board[$0]?.record.name }.sorted()
            throw BerthError.conflict(
                "remove \(name): volume is in use - [\(users.joined(separator: ", "))] (by \(names.joined(separator: ", ")))"
            )
        }
        try await remove(record)
    }

    private func remove(_ record: VolumeRecord) async throws {
        let volumes = services.volumes
        try await blocking { try volumes.remove(record.name) }
        try await services.records.delete(record.name, from: .volume)
        services.events.publish("volume", "destroy", id: record.name, attributes: ["driver": record.driver])
    }

    public func pruneVolumes(_ filters: Filters) async throws -> VolumePruneReport {
        try filters.validate(["label", "label!", "all"])
        // Named volumes were made on purpose; they go only when asked for.
        let all = try filters.bool("all") ?? false
        var deleted: [String] = []
        var reclaimed: UInt64 = 0
        for record in services.volumes.all() where (all || record.isAnonymous) && users(of: record.name).isEmpty {
            guard try filters.allowsPruning(labels: record.labels, created: record.created) else { continue }
            let path = services.volumes.path(of: record.name)
            reclaimed += UInt64(max(0, try await blocking { TreeSize.bytes(of: path) }))
            try await remove(record)
            deleted.append(record.name)
        }
        services.events.publishPrune("volume", reclaimed: reclaimed)
        return VolumePruneReport(volumesDeleted: deleted, spaceReclaimed: reclaimed)
    }

    /// Containers, running or not, that mount a volume.
    func users(of volume: String) -> [String] {
        services.board.all().filter { $0.record.mounts.contains { $0.kind == .volume && $0.name == volume } }.map(
            \.record.id)
    }

    private func view(_ record: VolumeRecord) -> Volume {
        Volume(
            name: record.name, driver: record.driver, mountpoint: services.volumes.path(of: record.name),
            createdAt: Clock.rfc3339(record.created), labels: record.labels, scope: "local", options: record.options)
    }
}
