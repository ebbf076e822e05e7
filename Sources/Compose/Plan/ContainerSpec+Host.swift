import EngineAPI
import Errors

extension ContainerSpec {
    // MARK: Mounts

    func addMounts(to host: inout HostConfig) throws(BerthError) {
        var binds: [String] = []
        var mounts: [EngineAPI.Mount] = []
        var targets: Set<String> = []
        for mount in service.volumes {
            targets.insert(mount.target)
            if let bind = bind(for: mount) { binds.append(bind) } else { mounts.append(self.mount(for: mount)) }
        }
        for file in try FileMount.all(of: service, in: project) {
            guard case .bind(let source) = file.content else { continue }
            targets.insert(file.target)
            binds.append("\(source):\(file.target):ro")
        }
        // Anonymous volumes of the image move on to the container that comes after.
        for (target, volume) in (replaced?.volumes ?? [:]).sorted(by: { $0.key < $1.key })
        where !targets.contains(target) {
            binds.append("\(volume):\(target)")
        }
        host.binds = binds.isEmpty ? nil : binds
        host.mounts = mounts
        if !service.tmpfs.isEmpty {
            host.tmpfs = Dictionary(
                service.tmpfs.map { text in
                    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                    return (parts[0], parts.count > 1 ? parts[1] : "")
                }, uniquingKeysWith: { _, last in last })
        }
        var from: [String] = []
        for item in service.volumesFrom {
            if item.hasPrefix("container:") {
                from.append(String(item.dropFirst("container:".count)))
                continue
            }
            let parts = item.split(separator: ":", maxSplits: 1).map(String.init)
            guard let id = containerIDs[parts[0]]?.first else {
                throw .conflict(
                    "service \"\(service.name)\" takes volumes from service \"\(parts[0])\", which has no container")
            }
            from.append(parts.count > 1 ? "\(id):\(parts[1])" : id)
        }
        host.volumesFrom = from.isEmpty ? nil : from
    }

    /// The engine's short form, for what it can say; bind mounts in it create a missing source.
    private func bind(for mount: ServiceMount) -> String? {
        guard let source = mount.source, mount.subpath == nil, mount.labels.isEmpty else { return nil }
        var options = [mount.readOnly ? "ro" : "rw"]
        switch mount.kind {
        case .bind:
            guard mount.missingSource != .fail, mount.recursive == nil, !source.contains(":") else { return nil }
            if let selinux = mount.selinux { options.append(selinux) }
            if let propagation = mount.propagation { options.append(propagation) }
            return "\(source):\(mount.target):\(options.joined(separator: ","))"
        case .volume:
            if mount.noCopy { options.append("nocopy") }
            return "\(volumeName(source)):\(mount.target):\(options.joined(separator: ","))"
        case .tmpfs, .image, .npipe, .cluster: return nil
        }
    }

    private func mount(for mount: ServiceMount) -> EngineAPI.Mount {
        var result = EngineAPI.Mount()
        result.type = mount.kind.rawValue
        result.target = mount.target
        result.readOnly = mount.readOnly
        result.consistency = mount.consistency ?? ""
        switch mount.kind {
        case .bind:
            result.source = mount.source ?? ""
            var options = BindOptions()
            options.propagation = mount.propagation ?? ""
            options.createMountpoint = mount.missingSource != .fail
            switch mount.recursive {
            case "disabled": options.nonRecursive = true
            case "writable": options.readOnlyNonRecursive = true
            case "readonly": options.readOnlyForceRecursive = true
            default: break
            }
            result.bindOptions = options
        case .volume:
            result.source = mount.source.map(volumeName) ?? replaced?.volumes[mount.target] ?? ""
            if mount.noCopy || mount.subpath != nil || !mount.labels.isEmpty {
                var options = VolumeOptions()
                options.noCopy = mount.noCopy
                options.subpath = mount.subpath ?? ""
                options.labels = Dictionary(uniqueKeysWithValues: mount.labels.map { ($0.key, $0.value) })
                result.volumeOptions = options
            }
        case .tmpfs:
            if mount.size != nil || mount.mode != nil {
                var options = TmpfsOptions()
                options.sizeBytes = mount.size ?? 0
                options.mode = UInt32(truncatingIfNeeded: mount.mode ?? 0)
                result.tmpfsOptions = options
            }
        case .image:
            result.source = mount.source ?? ""
            if let subpath = mount.subpath { result.imageOptions = ImageOptions(subpath: subpath) }
        case .npipe, .cluster:
            result.source = mount.source ?? ""
        }
        return result
    }

    private func volumeName(_ key: String) -> String { project.volumes[key]?.name ?? key }

    // MARK: Isolation

    func addIsolation(to host: inout HostConfig) throws(BerthError) {
        host.privileged = service.privileged
        host.capAdd = service.capAdd.isEmpty ? nil : service.capAdd
        host.capDrop = service.capDrop.isEmpty ? nil : service.capDrop
        host.groupAdd = service.groupAdd.isEmpty ? nil : service.groupAdd
        host.readonlyRootfs = service.readOnly
        host.initProcess = service.initProcess
        host.usernsMode = service.usernsMode ?? ""
        host.utsMode = try service.uts.map { mode throws(BerthError) in try sharedNamespace(mode, key: "uts") } ?? ""
        host.ipcMode = try service.ipc.map { mode throws(BerthError) in try sharedNamespace(mode, key: "ipc") } ?? ""
        host.pidMode = try service.pid.map { mode throws(BerthError) in try sharedNamespace(mode, key: "pid") } ?? ""
        host.cgroupnsMode = service.cgroup ?? ""
        host.cgroupParent = service.cgroupParent ?? ""
        host.runtime = service.runtime ?? ""
        host.isolation = service.isolation ?? ""
        host.annotations =
            service.annotations.isEmpty
            ? nil : Dictionary(uniqueKeysWithValues: service.annotations.map { ($0.key, $0.value) })
        host.sysctls =
            service.sysctls.isEmpty
            ? nil : Dictionary(uniqueKeysWithValues: service.sysctls.map { ($0.key, $0.value) })
        host.securityOpt = try securityOptions()
        host.restartPolicy = restartPolicy
        if let logging = service.logging {
            host.logConfig = EngineAPI.LogConfig(
                type: logging.driver ?? "",
                config: Dictionary(uniqueKeysWithValues: logging.options.map { ($0.key, $0.value) }))
        }
    }

    /// Profiles of seccomp are read here, since the engine takes their text and not their path.
    private func securityOptions() throws(BerthError) -> [String]? {
        var result: [String] = []
        for option in service.securityOpt {
            let cut = option.firstIndex(of: "=") ?? option.firstIndex(of: ":")
            guard let cut, option[..<cut] == "seccomp" else {
                result.append(option)
                continue
            }
            let value = String(option[option.index(after: cut)...])
            if ["unconfined", "builtin"].contains(value) {
                result.append("seccomp=\(value)")
            } else {
                let path = FilePath.absolute(value, from: project.workingDirectory)
                result.append("seccomp=\(try TextFile.read(path))")
            }
        }
        return result.isEmpty ? nil : result
    }

    private var restartPolicy: RestartPolicy? {
        if case .oneOff = role { return nil }
        if let text = service.restart {
            let parts = text.split(separator: ":", maxSplits: 1)
            return RestartPolicy(
                name: String(parts[0]), maximumRetryCount: parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        }
        guard let policy = service.deploy?.restartPolicy else { return nil }
        switch policy.condition {
        case "none": return RestartPolicy(name: "no")
        case "on-failure": return RestartPolicy(name: "on-failure", maximumRetryCount: policy.maxAttempts ?? 0)
        default: return RestartPolicy(name: "always")
        }
    }

    // MARK: Resources

    func addResources(to host: inout HostConfig) {
        let own = service.resources
        let limits = service.deploy?.limits
        let reservations = service.deploy?.reservations
        if let cpus = limits?.cpus ?? own.cpus { host.nanoCpus = Int64((cpus * 1e9).rounded()) }
        host.cpusetCpus = own.cpuset ?? ""
        host.cpuShares = Int64(own.cpuShares ?? 0)
        host.cpuQuota = Int64(own.cpuQuota ?? 0)
        host.cpuPeriod = Int64(own.cpuPeriod ?? 0)
        host.cpuRealtimeRuntime = Int64(own.cpuRealtimeRuntime ?? 0)
        host.cpuRealtimePeriod = Int64(own.cpuRealtimePeriod ?? 0)
        host.cpuCount = Int64(own.cpuCount ?? 0)
        host.cpuPercent = Int64(own.cpuPercent ?? 0)
        host.memory = limits?.memory ?? own.memory ?? 0
        host.memoryReservation = reservations?.memory ?? own.memoryReservation ?? 0
        host.memorySwap = own.memorySwap ?? 0
        host.memorySwappiness = own.memorySwappiness
        host.pidsLimit = (limits?.pids ?? own.pidsLimit).map { Int64($0) }
        host.oomKillDisable = own.oomKillDisable
        host.oomScoreAdj = own.oomScoreAdjust ?? 0
        host.shmSize = own.shmSize ?? 0
        host.ulimits =
            own.ulimits.isEmpty
            ? nil
            : own.ulimits.map { name, limit in
                EngineAPI.Ulimit(name: name, hard: Int64(limit.hard), soft: Int64(limit.soft))
            }
        if !own.storageOptions.isEmpty {
            host.storageOpt = Dictionary(uniqueKeysWithValues: own.storageOptions.map { ($0.key, $0.value) })
        }
        if let io = own.blkio { add(io, to: &host) }
        host.devices =
            service.devices.isEmpty
            ? nil
            : service.devices.map { device in
                EngineAPI.DeviceMapping(
                    pathOnHost: device.source, pathInContainer: device.target, cgroupPermissions: device.permissions)
            }
        host.deviceCgroupRules = service.deviceCgroupRules.isEmpty ? nil : service.deviceCgroupRules
        let reserved = own.gpus + (reservations?.devices ?? [])
        host.deviceRequests =
            reserved.isEmpty
            ? nil
            : reserved.map { device in
                EngineAPI.DeviceRequest(
                    driver: device.driver ?? "", count: device.count ?? 0,
                    deviceIDs: device.deviceIDs.isEmpty ? nil : device.deviceIDs, capabilities: [device.capabilities],
                    options: Dictionary(uniqueKeysWithValues: device.options.map { ($0.key, $0.value) }))
            }
    }

    private func add(_ io: BlockIO, to host: inout HostConfig) {
        func throttles(_ devices: [BlockIO.Device]) -> [ThrottleDevice]? {
            devices.isEmpty ? nil : devices.map { ThrottleDevice(path: $0.path, rate: UInt64(clamping: $0.value)) }
        }
        host.blkioWeight = UInt16(clamping: io.weight ?? 0)
        host.blkioWeightDevice =
            io.weightDevice.isEmpty
            ? nil : io.weightDevice.map { WeightDevice(path: $0.path, weight: UInt16(clamping: $0.value)) }
        host.blkioDeviceReadBps = throttles(io.readBps)
        host.blkioDeviceWriteBps = throttles(io.writeBps)
        host.blkioDeviceReadIOps = throttles(io.readIOps)
        host.blkioDeviceWriteIOps = throttles(io.writeIOps)
    }
}

/// A secret or config as it appears in a container.
struct FileMount {
    enum Content {
        /// Absolute path on the host.
        case bind(String)
        case injected(InjectedFile)
    }

    var target: String
    var content: Content

    static func all(of service: Service, in project: Project) throws(BerthError) -> [FileMount] {
        var mounts: [FileMount] = []
        for secret in service.secrets {
            guard let file = project.secrets[secret.source] else { continue }
            mounts.append(try mount(secret, file, kind: "secret", folder: "/run/secrets", of: service))
        }
        for config in service.configs {
            guard let file = project.configs[config.source] else { continue }
            mounts.append(try mount(config, file, kind: "config", folder: "", of: service))
        }
        return mounts
    }

    private static func mount(
        _ reference: FileReference, _ file: ProjectFile, kind: String, folder: String, of service: Service
    ) throws(BerthError) -> FileMount {
        let written = reference.target ?? reference.source
        let target = written.hasPrefix("/") ? written : "\(folder)/\(written)"
        let text: String
        switch file.origin {
        case .file(let path): return FileMount(target: target, content: .bind(path))
        case .content(let content): text = content
        case .environment(_, let value?): text = value
        case .environment(let variable, nil):
            throw .invalidArgument(
                "environment variable \"\(variable)\" required by \(kind) \"\(reference.source)\" is not set")
        case .external:
            throw .invalidArgument(
                "unsupported external \(kind) \(file.name): this engine has no swarm; use file, environment or content")
        }
        guard !service.readOnly else {
            throw .invalidArgument(
                "cannot create \(kind) \"\(reference.source)\" in read-only service \(service.name): "
                    + "`file` is the sole supported option")
        }
        func id(_ text: String?, _ key: String) throws(BerthError) -> Int {
            guard let text else { return 0 }
            guard let number = Int(text) else {
                throw .invalidArgument(
                    "\(kind) \"\(reference.source)\" of service \(service.name): \(key) must be a number")
            }
            return number
        }
        let injected = InjectedFile(
            path: target, content: Array(text.utf8), mode: reference.mode ?? 0o444,
            userID: try id(reference.uid, "uid"), groupID: try id(reference.gid, "gid"))
        return FileMount(target: target, content: .injected(injected))
    }
}
