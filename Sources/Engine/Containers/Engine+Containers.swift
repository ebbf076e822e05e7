import ContainerRuntime
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import ShimProtocol

extension Engine: ContainerBackend {
    // MARK: Creating

    public func createContainer(
        _ request: ContainerCreateRequest, name: String?, platform: String?
    ) async throws -> ContainerCreateResponse {
        let begin = Clock.monotonic()
        let name = try reserveName(name)
        defer { reservedNames.withLock { _ = $0.remove(name) } }
        let creation = Creation(request: request, services: services)
        let images = services.images
        let (image, layers) = try await blocking {
            let image = try images.image(request.config.image)
            return (image, try images.layerPaths(of: image))
        }
        if let platform, !platform.isEmpty { try image.check(platform) }
        let (record, resolved): (ContainerRecord, MountResolver.Result)
        do {
            (record, resolved) = try creation.record(name: name, image: image, layers: layers)
        } catch let error as BerthError where error.code == .notFound {
            // Clients take "not found" for the image, and pull it.
            throw BerthError.invalidArgument(error.message, cause: error)
        }
        do {
            try await makeDirectories(of: record, unfilled: resolved.unfilled)
            for volume in resolved.newVolumes {
                try await services.records.save(volume, id: volume.name, name: volume.name, in: .volume)
                services.events.publish("volume", "create", id: volume.name, attributes: ["driver": volume.driver])
            }
            services.trace?.mark(record.id, "begin", at: begin)
            services.trace?.mark(record.id, "create: decisions and directories")
            let container = makeContainer(record, phase: .created)
            try await container.save()
            services.trace?.mark(record.id, "record")
            await container.publish()
            await container.tell("create")
        } catch {
            containers.withLock { _ = $0.removeValue(forKey: record.id) }
            try? await blocking { try Files.removeTree(self.services.configuration.directory(of: record.id)) }
            for volume in resolved.newVolumes {
                try? services.volumes.remove(volume.name)
                try? await services.records.delete(volume.name, from: .volume)
            }
            throw error
        }
        return ContainerCreateResponse(id: record.id, warnings: [])
    }

    /// Takes a name that no other container has, or makes one up.
    private func reserveName(_ wanted: String?) throws -> String {
        let wanted = wanted.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        guard let wanted, !wanted.isEmpty else {
            while true {
                let name = RandomName.make()
                if isFree(name), reservedNames.withLock({ $0.insert(name).inserted }) { return name }
            }
        }
        guard Self.isValidName(wanted) else {
            throw BerthError.invalidArgument(
                "Invalid container name (\(wanted)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        if let holder = services.board.all().first(where: { $0.record.name == wanted }) {
            throw BerthError.conflict(
                "Conflict. The container name \"/\(wanted)\" is already in use by container \"\(holder.record.id)\". "
                    + "You have to remove (or rename) that container to be able to reuse that name.")
        }
        guard reservedNames.withLock({ $0.insert(wanted).inserted }) else {
            throw BerthError.conflict(
                "Conflict. The container name \"/\(wanted)\" is about to be used by another container")
        }
        return wanted
    }

    private func isFree(_ name: String) -> Bool { !services.board.all().contains { $0.record.name == name } }

    static func isValidName(_ name: String) -> Bool { VolumeRegistry.isValid(name) }

    /// The writable layer, with the root's owner and mode as the image has them, and what new volumes
    /// take over from the image.
    private func makeDirectories(of record: ContainerRecord, unfilled: Set<String>) async throws {
        let mounted = record.mountedVolumes(services)
        do {
            for volume in mounted { try await services.volumeMounts.acquire(volume, for: record.id) }
            try await blocking { try self.fillDirectories(of: record, unfilled: unfilled) }
        } catch {
            for volume in mounted { try? await services.volumeMounts.release(volume, from: record.id) }
            throw error
        }
        for volume in mounted { try await services.volumeMounts.release(volume, from: record.id) }
    }

    private func fillDirectories(of record: ContainerRecord, unfilled: Set<String>) throws {
        try Files.makeDirectories(record.workspace.upper)
        try Files.makeDirectory(record.workspace.work, mode: 0o700)
        let upper = try FileDescriptor.openDirectory(record.workspace.upper)
        if let top = record.layers.last, let model = try? Files.status(top) {
            try upper.changeMode(model.permissions)
            if model.userID != 0 || model.groupID != 0 {
                try FileDescriptor.openDirectory(record.workspace.root).changeOwner(
                    "upper", user: model.userID, group: model.groupID)
            }
        }
        try VolumeFiller(record, except: unfilled).fill()
    }

    // MARK: Life

    public func startContainer(_ id: String, detachKeys: String?) async throws { try await container(id).start() }

    public func stopContainer(_ id: String, _ options: StopOptions) async throws {
        try await container(id).stop(options)
    }

    public func restartContainer(_ id: String, _ options: StopOptions) async throws {
        try await container(id).restart(options)
    }

    public func killContainer(_ id: String, signal: String?) async throws {
        let number = try signal.map { try ProcessSignal.parse($0) } ?? ProcessSignal.kill
        try await container(id).kill(number)
    }

    public func pauseContainer(_ id: String) async throws { try await container(id).pause() }

    public func unpauseContainer(_ id: String) async throws { try await container(id).unpause() }

    public func renameContainer(_ id: String, to name: String) async throws {
        let container = try container(id)
        let name = try reserveName(name)
        defer { reservedNames.withLock { _ = $0.remove(name) } }
        try await container.rename(to: name)
    }

    public func removeContainer(_ id: String, _ options: ContainerRemoveOptions) async throws {
        let container = try container(id)
        guard !options.link else {
            throw BerthError.invalidArgument(
                "links are aliases of a network here: disconnect the container from the network instead")
        }
        let successor = try options.logsTo.map { try services.board.find($0).record }
        try await container.remove(options, logsTo: successor)
    }

    public func waitContainer(_ id: String, _ condition: WaitCondition) async throws -> Pending<WaitResponse> {
        try await container(id).wait(condition)
    }

    public func updateContainer(_ id: String, _ request: ContainerUpdateRequest) async throws -> ContainerUpdateResponse
    {
        try await container(id).update(request)
        return ContainerUpdateResponse()
    }

    public func pruneContainers(_ filters: Filters) async throws -> ContainerPruneReport {
        try filters.validate(["until", "label", "label!"])
        var deleted: [String] = []
        var reclaimed: UInt64 = 0
        for snapshot in services.board.all() {
            switch snapshot.phase {
            case .created, .exited, .dead: break
            default: continue
            }
            guard try filters.allowsPruning(labels: snapshot.record.config.labels, created: snapshot.record.created)
            else { continue }
            let size = try await blocking { TreeSize.bytes(of: snapshot.record.workspace.upper) }
            try await container(snapshot.record.id).remove(ContainerRemoveOptions())
            deleted.append(snapshot.record.id)
            reclaimed += UInt64(max(0, size))
        }
        services.events.publishPrune("container", reclaimed: reclaimed)
        return ContainerPruneReport(containersDeleted: deleted, spaceReclaimed: reclaimed)
    }

    // MARK: Streams

    public func resizeContainer(_ id: String, height: Int, width: Int) async throws {
        try await container(id).resize(rows: height, columns: width)
    }

    public func attachContainer(_ id: String, _ options: AttachOptions) async throws -> HijackedStream {
        try await container(id).attach(options)
    }

    public func containerLogs(_ id: String, _ options: LogsOptions) async throws -> StreamedOutput {
        guard options.stdout || options.stderr else {
            throw BerthError.invalidArgument("Bad parameters: you must choose at least one stream")
        }
        let snapshot = try services.board.find(id)
        let record = snapshot.record
        var reader = try record.logReader(services)
        let container = try container(record.id)
        reader.end = container.logEnd
        return StreamedOutput(mediaType: StreamMediaType.of(tty: record.config.tty)) { [reader] sink in
            try await reader.write(options, to: sink) {
                _ = try? await container.wait(.notRunning).value()
            }
        }
    }
}

extension FileDescriptor: ConnectedStream {}
