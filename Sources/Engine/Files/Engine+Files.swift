import Archive
import Builder
import EngineAPI
import Errors
import Glibc
import ImageStore
import Linux
import OCI

/// What clients do with a container's files, processes and figures.
extension Engine {
    // MARK: Files

    public func statContainerPath(_ id: String, path: String) async throws -> PathStat {
        let access = try access(id)
        return try await blocking { try access.open().stat(path) }
    }

    public func readContainerArchive(_ id: String, path: String) async throws -> ContainerArchive {
        let access = try access(id)
        let (files, skipped) = try await blocking { (try access.open(), access.pseudoMountPoints) }
        let stat = try await blocking { try files.stat(path) }
        services.events.publish("archive-path", of: access.record, ["path": path])
        return ContainerArchive(
            stat: stat,
            output: StreamedOutput(mediaType: "application/x-tar") { sink in
                try await ArchiveTransfer.send(to: sink) { try files.read(path, to: $0, skipping: skipped) }
            })
    }

    public func writeContainerArchive(_ id: String, _ options: ArchivePutOptions, body: RequestBody) async throws {
        let access = try access(id)
        let files = try await blocking { try access.open() }
        let user = access.record.config.user
        try await ArchiveTransfer.receive(body) { try files.write(options, from: $0, user: user) }
        services.events.publish("extract-to-dir", of: access.record, ["path": options.path])
    }

    public func containerChanges(_ id: String) async throws -> [FilesystemChange] {
        let record = try services.board.find(id).record
        return try await blocking { try LayerChanges.find(upper: record.workspace.upper, lower: record.layers) }
    }

    public func exportContainer(_ id: String) async throws -> StreamedOutput {
        let access = try access(id)
        let (files, mountPoints) = try await blocking { (try access.open(), access.mountPoints) }
        services.events.publish("export", of: access.record)
        return StreamedOutput(mediaType: "application/x-tar") { sink in
            try await ArchiveTransfer.send(to: sink) { try files.export(to: $0, mountPoints: mountPoints) }
        }
    }

    private func access(_ id: String) throws -> FileAccess {
        let snapshot = try services.board.find(id)
        return FileAccess(
            record: snapshot.record, run: snapshot.phase.run, name: id, stoppedRoots: services.stoppedRoots)
    }

    // MARK: Commit

    public func commitContainer(_ options: CommitOptions, config: ContainerConfig?) async throws -> CommitResponse {
        let snapshot = try services.board.find(options.container)
        let record = snapshot.record
        let reference = try options.repo.flatMap { $0.isEmpty ? nil : $0 }.map {
            try Reference.parsing($0, tag: options.tag)
        }
        let container = try container(record.id)
        let wasPaused = snapshot.phase.run?.isPaused ?? false
        let pauses = options.pause && snapshot.phase.run != nil && !wasPaused
        if pauses { try await container.pause() }
        defer { if pauses { Task { try? await container.unpause() } } }
        var execution = ImageConfig.Execution(config.map { record.config.overridden(by: $0) } ?? record.config)
        execution = try ConfigurationChange.apply(options.changes, to: execution)
        let images = services.images
        let final = execution
        let image = try await blocking { () -> Image in
            let base = try images.image(id: record.imageID)
            let layer = try images.commit(copying: record.workspace.upper)
            let now = Clock.rfc3339(Clock.now())
            var config = base.config
            config.created = now
            config.author = options.author ?? config.author
            config.config = final
            config.rootfs.diffIDs.append(layer.diffID)
            let words = (record.config.entrypoint ?? []) + (record.config.cmd ?? [])
            config.history =
                (config.history ?? []) + [
                    ImageConfig.History(
                        created: now, createdBy: words.joined(separator: " "), author: options.author,
                        comment: options.comment)
                ]
            return try images.createImage(config: config, references: reference.map { [$0] } ?? [])
        }
        services.events.publish(
            "commit", of: record,
            [
                "comment": options.comment ?? "", "imageID": image.id.description,
                "imageRef": reference?.description ?? "",
            ])
        return CommitResponse(id: image.id.description)
    }

    // MARK: Figures

    public func topContainer(_ id: String, arguments: [String]) async throws -> TopResponse {
        let snapshot = try services.board.find(id)
        guard snapshot.phase.run != nil else {
            throw BerthError.conflict("container \(snapshot.record.id) is not running")
        }
        let table = ProcessTable(cgroup: services.cgroup(of: snapshot.record.id))
        let response = try await blocking { try table.list(arguments) }
        services.events.publish("top", of: snapshot.record)
        return response
    }

    public func containerStats(_ id: String, _ options: StatsOptions) async throws -> StreamedMessages<ContainerStats> {
        let record = try services.board.find(id).record
        let services = services
        return StreamedMessages { sink in
            var reader: (pid: Int32, StatsReader)?
            var isFirst = true
            while true {
                guard let snapshot = services.board[record.id] else { return }
                var sample = StatsReader.empty(id: record.id, name: record.name)
                if let run = snapshot.phase.run {
                    let known = reader.flatMap { $0.pid == run.pid ? $0.1 : nil }
                    let current =
                        known
                        ?? StatsReader(
                            id: record.id, name: record.name, cgroup: services.cgroup(of: record.id),
                            networkProcess: record.hostConfig.networkMode == "host" ? nil : run.pid)
                    let next = try await blocking { () -> (ContainerStats, StatsReader) in
                        var current = current
                        return (current.next(), current)
                    }
                    sample = next.0
                    reader = (run.pid, next.1)
                } else {
                    reader = nil
                }
                // Two samples make a percentage: without one-shot the first is only the base.
                let isBase = isFirst && !options.stream && !options.oneShot && reader != nil
                isFirst = false
                if !isBase {
                    try await sink.send(sample)
                    if !options.stream { return }
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}

/// The way to a container's files: through its process while it runs, by a mount of our own while it
/// does not.
private struct FileAccess: Sendable {
    let record: ContainerRecord
    let run: ContainerPhase.Run?
    /// As the client named it.
    let name: String
    let stoppedRoots: StoppedRoots

    /// Where a running container has mounts that hold no files of anybody's, such as `/proc`.
    var pseudoMountPoints: Set<String> {
        guard let run else { return [] }
        return ContainerMounts.pseudo(of: run.pid)
    }

    /// Where something is mounted over the container's own files.
    var mountPoints: Set<String> {
        guard let run else { return [] }
        return ContainerMounts.all(of: run.pid)
    }

    /// Blocking.
    func open() throws -> ContainerFiles {
        if let running = rootOfProcess() { return files(running) }
        let (root, use) = try stoppedRoots.open(record.workspace, layers: record.layers)
        var files = files(root)
        files.use = use
        return files
    }

    private func files(_ root: FileDescriptor) -> ContainerFiles {
        ContainerFiles(
            root: root, container: name, rootIsReadOnly: record.hostConfig.readonlyRootfs, mounts: record.mounts)
    }
}

extension FileAccess {
    /// Nil when the process has ended. Its number may then be another's, one of the host's even: only
    /// that it lives after its root was opened says that it was its root.
    private func rootOfProcess() -> FileDescriptor? {
        guard let run, let root = try? FileDescriptor.openDirectory("/proc/\(run.pid)/root") else { return nil }
        return Linux.Process.hasEnded(run.process) ? nil : root
    }
}

/// Gives new volumes what the image has in their place.
struct VolumeFiller {
    private let record: ContainerRecord
    private let destinations: [ResolvedMount]

    init(_ record: ContainerRecord, except unfilled: Set<String>) {
        self.record = record
        destinations = record.mounts.filter { $0.kind == .volume && !unfilled.contains($0.destination) }
    }

    /// Blocking.
    func fill() throws {
        guard !destinations.isEmpty else { return }
        // An overlay that takes no writes wants two layers at least.
        let root =
            record.layers.count == 1
            ? try FileDescriptor.openDirectory(record.layers[0])
            : try Mount.overlay(OverlayLayers(lower: record.layers), attributes: [.readOnly, .noDevices])
        for mount in destinations {
            guard let source = try? root.openInRoot(mount.destination, O_DIRECTORY) else { continue }
            try TreeCopy.fill(mount.source, from: source)
        }
    }
}

extension ContainerConfig {
    /// What a commit says otherwise.
    fileprivate func overridden(by other: ContainerConfig) -> ContainerConfig {
        var config = self
        if other.cmd != nil { config.cmd = other.cmd }
        if other.entrypoint != nil { config.entrypoint = other.entrypoint }
        if !other.env.isEmpty { config.env = Creation.merge(other.env, over: config.env) }
        if !other.user.isEmpty { config.user = other.user }
        if !other.workingDir.isEmpty { config.workingDir = other.workingDir }
        config.labels.merge(other.labels) { $1 }
        if let ports = other.exposedPorts { config.exposedPorts = (config.exposedPorts ?? []).union(ports) }
        if let volumes = other.volumes { config.volumes = (config.volumes ?? []).union(volumes) }
        return config
    }
}

extension ImageConfig.Execution {
    init(_ config: ContainerConfig) {
        self.init()
        user = config.user.isEmpty ? nil : config.user
        exposedPorts = config.exposedPorts.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, Empty()) }) }
        env = config.env
        entrypoint = config.entrypoint
        cmd = config.cmd
        volumes = config.volumes.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, Empty()) }) }
        workingDir = config.workingDir.isEmpty ? nil : config.workingDir
        labels = config.labels.isEmpty ? nil : config.labels
        stopSignal = config.stopSignal.isEmpty ? nil : config.stopSignal
        shell = config.shell
        if let check = config.healthcheck {
            var own = ImageConfig.Healthcheck()
            own.test = check.test
            own.interval = check.interval
            own.timeout = check.timeout
            own.startPeriod = check.startPeriod
            own.startInterval = check.startInterval
            own.retries = check.retries
            healthcheck = own
        }
    }
}
