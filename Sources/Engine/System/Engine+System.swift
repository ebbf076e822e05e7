import EngineAPI
import Errors
import FoundationEssentials
import Linux
import OCI

extension Engine: SystemBackend {
    public func systemVersion() async throws -> SystemVersion {
        let host = HostFacts()
        let version = services.configuration.version
        return SystemVersion(
            platform: VersionPlatform(name: "Berth Engine"),
            components: [
                VersionComponent(
                    name: "Engine", version: version,
                    details: [
                        "ApiVersion": APIVersion.current.description, "Arch": Platform.host.architecture,
                        "KernelVersion": host.kernel, "MinAPIVersion": APIVersion.minimum.description, "Os": "linux",
                    ]),
                VersionComponent(name: "berth-shim", version: version),
            ], version: version, apiVersion: APIVersion.current.description,
            minAPIVersion: APIVersion.minimum.description, gitCommit: "", goVersion: "swift6.3", os: "linux",
            arch: Platform.host.architecture, kernelVersion: host.kernel, buildTime: "")
    }

    public func systemInfo() async throws -> SystemInfo {
        let host = HostFacts()
        let snapshots = services.board.all()
        let images = services.images
        let imageCount = try await blocking { try images.images().count }
        let hierarchies = services.hierarchies
        var info = SystemInfo()
        info.id = try hostID()
        info.containers = snapshots.count
        info.containersRunning = snapshots.count { $0.phase.run.map { !$0.isPaused } ?? false }
        info.containersPaused = snapshots.count { $0.phase.run?.isPaused == true }
        info.containersStopped = info.containers - info.containersRunning - info.containersPaused
        info.images = imageCount
        info.driver = "overlay2"
        info.driverStatus = [
            ["Backing Filesystem", host.fileSystem(of: services.configuration.dataRoot)],
            ["Native Overlay Diff", "true"],
        ]
        info.plugins.volume = ["local"]
        info.plugins.network = ["bridge", "host", "null"]
        info.plugins.log = LogDriver.Kind.allCases.map(\.rawValue).filter { $0 != "none" }.sorted()
        func has(_ controller: String) -> Bool {
            hierarchies.mountPoint(of: controller) != nil || hierarchies.version2Controllers.contains(controller)
        }
        info.memoryLimit = has("memory")
        info.swapLimit = host.swapLimit(hierarchies)
        info.cpuCfsPeriod = has("cpu")
        info.cpuCfsQuota = has("cpu")
        info.cpuShares = has("cpu")
        info.cpuSet = has("cpuset")
        info.pidsLimit = has("pids")
        info.ipv4Forwarding = (try? Files.readText("/proc/sys/net/ipv4/ip_forward"))?.hasPrefix("1") ?? false
        info.oomKillDisable = hierarchies.mountPoint(of: "memory") != nil
        info.nFd = (try? FileDescriptor.openDirectory("/proc/self/fd").entries().count) ?? 0
        info.systemTime = Clock.rfc3339(Clock.now())
        info.loggingDriver = services.configuration.logDriver
        info.cgroupDriver = "cgroupfs"
        info.cgroupVersion = hierarchies.mode == .v2 ? "2" : "1"
        info.kernelVersion = host.kernel
        info.operatingSystem = host.osName
        info.osVersion = host.osVersion
        info.osType = "linux"
        info.architecture = host.machine
        info.ncpu = ProcessInfo.processInfo.activeProcessorCount
        info.memTotal = host.memory
        info.dockerRootDir = services.configuration.dataRoot
        info.name = host.name
        info.serverVersion = services.configuration.version
        info.runtimes = ["berth": RuntimeInfo(path: "berth-runtime")]
        info.defaultRuntime = "berth"
        info.swarm = SwarmInfo(localNodeState: "inactive")
        // Containers always outlive the daemon.
        info.liveRestoreEnabled = true
        info.warnings = services.configuration.warnings.isEmpty ? nil : services.configuration.warnings
        info.initBinary = "docker-init"
        info.securityOptions = ["name=seccomp,profile=builtin"] + (hierarchies.mode == .v2 ? ["name=cgroupns"] : [])
        return info
    }

    /// Made once and kept, as clients tell engines apart by it.
    private func hostID() throws -> String {
        let path = services.configuration.dataRoot + "/engine-id"
        if let text = try? Files.readText(path), !text.isEmpty { return text }
        let id = UUID().uuidString.lowercased()
        try Files.writeAtomically(path, id.utf8)
        return id
    }

    public func diskUsage(_ options: DiskUsageOptions) async throws -> DiskUsage {
        func wants(_ type: String) -> Bool { options.types.isEmpty || options.types.contains(type) }
        var usage = DiskUsage()
        if wants("image") {
            let images = services.images
            usage.layersSize = try await blocking { try images.usage().layersSize }
            usage.images = try await listImages(ImageListOptions(all: true))
        }
        if wants("container") {
            usage.containers = try await listContainers(ContainerListOptions(all: true, size: true))
        }
        if wants("volume") {
            for var volume in try await listVolumes(Filters()).volumes {
                let path = volume.mountpoint
                volume.usageData = VolumeUsage(
                    size: try await blocking { TreeSize.bytes(of: path) },
                    refCount: Int64(users(of: volume.name).count))
                usage.volumes.append(volume)
            }
        }
        if wants("build-cache") { usage.buildCache = try await buildCacheRecords() }
        return usage
    }

    public func events(_ options: EventsOptions) async throws -> StreamedMessages<EventMessage> {
        let filter = EventFilter(options.filters)
        let since = options.since?.timeNano
        let until = options.until?.timeNano
        let (history, stream) = services.events.subscribe(
            withHistory: since != nil || until.map { $0 <= Clock.now() } ?? false)
        return StreamedMessages { sink in
            for await segments in history {
                try await EventJournal.read(segments, since: since ?? 0, until: until) { messages in
                    for message in messages where filter.matches(message) { try await sink.send(message) }
                }
            }
            if let until, until <= Clock.now() { return }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await message in stream where filter.matches(message) { try await sink.send(message) }
                }
                if let until {
                    group.addTask { try await Task.sleep(for: .nanoseconds(until - Clock.now())) }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }
}

/// What the host is.
struct HostFacts {
    let kernel: String
    let machine: String
    let name: String

    init() {
        func read(_ name: String) -> String {
            ((try? Files.readText("/proc/sys/kernel/\(name)")) ?? "").split(separator: "\n").first.map(String.init)
                ?? ""
        }
        kernel = read("osrelease")
        name = read("hostname")
        #if arch(x86_64)
            machine = "x86_64"
        #else
            machine = "aarch64"
        #endif
    }

    private func osRelease(_ key: String) -> String? {
        let text = (try? Files.readText("/etc/os-release")) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix(key + "=") {
            return line.dropFirst(key.count + 1).filter { $0 != "\"" }
        }
        return nil
    }

    var osName: String { osRelease("PRETTY_NAME") ?? "Linux" }
    var osVersion: String { osRelease("VERSION_ID") ?? "" }

    /// Bytes.
    var memory: Int64 {
        let text = (try? Files.readText("/proc/meminfo")) ?? ""
        let words = text.split(separator: "\n").first?.split(whereSeparator: \.isWhitespace) ?? []
        return words.count > 1 ? (Int64(words[1]) ?? 0) * 1024 : 0
    }

    func swapLimit(_ hierarchies: CgroupHierarchies) -> Bool {
        if let mount = hierarchies.mountPoint(of: "memory") {
            return Files.exists(mount + "/memory.memsw.limit_in_bytes")
        }
        return Files.exists("/proc/swaps")
    }

    func fileSystem(of path: String) -> String {
        guard let magic = try? FileDescriptor.openDirectory(path).fileSystemMagic() else { return "unknown" }
        switch magic {
        case 0xef53: return "extfs"
        case 0x5846_5342: return "xfs"
        case 0x9123_683e: return "btrfs"
        case 0x0102_1994: return "tmpfs"
        case 0x794c_7630: return "overlayfs"
        default: return "0x" + String(magic, radix: 16)
        }
    }
}
