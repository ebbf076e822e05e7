import EngineAPI
import Errors
import Linux

/// What turns the words of a command line into a request besides the words themselves.
struct RequestContext: Sendable {
    let folder: WorkingFolder
    let environment: [String: String]
    /// Variables that a container gets where the user gives no others of that name.
    let proxies: [(name: String, value: String)]
    /// Reads a file of this host.
    let read: @Sendable (String) throws -> String

    init(
        folder: WorkingFolder, environment: [String: String], proxies: [(name: String, value: String)] = [],
        read: @escaping @Sendable (String) throws -> String
    ) {
        self.folder = folder
        self.environment = environment
        self.proxies = proxies
        self.read = read
    }
}

extension ContainerOptions {
    /// The request for `image` with `command`.
    /// - Parameter detached: nobody will be attached (`run -d`).
    /// - Throws: `invalidArgument` that names the flag's value.
    func request(
        image: String, command: [String], detached: Bool, in context: RequestContext
    ) throws -> ContainerCreateRequest {
        var request = ContainerCreateRequest(
            config: try config(image: image, command: command, detached: detached, context),
            hostConfig: try hostConfig(context))
        try addVolumes(to: &request, context)
        try addPorts(to: &request)
        try NetworkSpec.add(self, to: &request)
        return request
    }

    private func config(
        image: String, command: [String], detached: Bool, _ context: RequestContext
    ) throws -> ContainerConfig {
        var config = ContainerConfig()
        config.image = image
        config.cmd = command.isEmpty ? nil : command
        config.entrypoint = entrypoint.map { $0.isEmpty ? [""] : [$0] }
        config.hostname = hostname ?? ""
        config.domainname = domainName ?? ""
        config.user = user ?? ""
        config.workingDir = workingDirectory ?? ""
        config.tty = tty
        config.openStdin = interactive
        let streams = try attachedStreams(detached: detached)
        config.attachStdin = streams.input
        config.attachStdout = streams.output
        config.attachStderr = streams.error
        config.stdinOnce = streams.input
        let files = try environmentFiles.map { (path: $0, text: try context.read(context.folder.absolute($0))) }
        config.env = try EnvironmentSpec.merge(files: files, flags: environment, environment: context.environment)
        let named = Set(config.env.map { Parse.pair($0).key })
        let proxies = context.proxies.filter { !named.contains($0.name) }.map { "\($0.name)=\($0.value)" }
        if !proxies.isEmpty { config.env += proxies }
        config.labels = try labelMap(context)
        config.stopSignal = stopSignal ?? ""
        config.stopTimeout = stopTimeout
        config.healthcheck = try healthcheck()
        return config
    }

    private func labelMap(_ context: RequestContext) throws -> [String: String] {
        let files = try labelFiles.map { (path: $0, text: try context.read(context.folder.absolute($0))) }
        return Parse.map(try EnvironmentSpec.merge(files: files, flags: [], environment: [:]) + labels)
    }

    private func healthcheck() throws(BerthError) -> HealthConfig? {
        let hasSettings =
            healthCommand != nil || healthInterval != nil || healthTimeout != nil || healthRetries != nil
            || healthStartPeriod != nil || healthStartInterval != nil
        guard noHealthcheck || hasSettings else { return nil }
        var health = HealthConfig()
        if noHealthcheck {
            guard !hasSettings else { throw .invalidArgument("--no-healthcheck conflicts with --health-* options") }
            health.test = ["NONE"]
            return health
        }
        health.test = healthCommand.map { ["CMD-SHELL", $0] }
        health.interval = healthInterval ?? 0
        health.timeout = healthTimeout ?? 0
        health.startPeriod = healthStartPeriod ?? 0
        health.startInterval = healthStartInterval ?? 0
        health.retries = healthRetries ?? 0
        return health
    }

    private func hostConfig(_ context: RequestContext) throws -> HostConfig {
        var host = HostConfig()
        host.autoRemove = autoRemove
        host.restartPolicy = try RestartSpec.parse(restart ?? "no")
        if autoRemove, let policy = host.restartPolicy, !policy.name.isEmpty, policy.name != "no" {
            throw BerthError.invalidArgument("conflicting options: cannot specify both --restart and --rm")
        }
        host.containerIDFile = cidFile ?? ""
        host.annotations = annotations.isEmpty ? nil : Parse.map(annotations)
        host.logConfig = LogConfig(type: logDriver ?? "", config: Parse.map(logOptions))
        host.readonlyRootfs = readOnly
        host.shmSize = shmSize ?? 0
        host.tmpfs = tmpfs.isEmpty ? nil : Self.tmpfsMap(tmpfs)
        host.mounts = try mounts.map { try MountSpec.mount($0, in: context.folder) }
        host.volumesFrom = volumesFrom.isEmpty ? nil : volumesFrom
        host.volumeDriver = volumeDriver ?? ""
        host.storageOpt = storageOptions.isEmpty ? nil : Parse.map(storageOptions)
        host.initProcess = usesInit
        try addResources(to: &host)
        try addIsolation(to: &host, context)
        return host
    }

    /// `path[:options]`.
    private static func tmpfsMap(_ texts: [String]) -> [String: String] {
        var map: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: ":", maxSplits: 1)
            if let path = parts.first { map[String(path)] = parts.count > 1 ? String(parts[1]) : "" }
        }
        return map
    }

    private func addResources(to host: inout HostConfig) throws {
        host.memory = memory ?? 0
        host.memorySwap = memorySwap ?? 0
        host.memoryReservation = memoryReservation ?? 0
        host.memorySwappiness = memorySwappiness
        host.nanoCpus = cpus ?? 0
        host.cpuShares = Int64(cpuShares ?? 0)
        host.cpuPeriod = Int64(cpuPeriod ?? 0)
        host.cpuQuota = Int64(cpuQuota ?? 0)
        host.cpusetCpus = cpusetCPUs ?? ""
        host.cpusetMems = cpusetMemory ?? ""
        host.pidsLimit = pidsLimit.map { Int64($0) }
        host.blkioWeight = UInt16(clamping: blkioWeight ?? 0)
        host.oomKillDisable = oomKillDisable
        host.oomScoreAdj = oomScoreAdjustment ?? 0
        host.cgroupParent = cgroupParent ?? ""
        host.ulimits = ulimits.isEmpty ? nil : try ulimits.map(ResourceSpec.ulimit)
        host.devices = devices.isEmpty ? nil : try devices.map(ResourceSpec.device)
        host.deviceCgroupRules = deviceRules.isEmpty ? nil : deviceRules
        host.blkioDeviceReadBps = try ResourceSpec.throttles(deviceReadBps) { UInt64(try Parse.bytes($0)) }
        host.blkioDeviceWriteBps = try ResourceSpec.throttles(deviceWriteBps) { UInt64(try Parse.bytes($0)) }
        host.blkioDeviceReadIOps = try ResourceSpec.throttles(deviceReadIOps) { UInt64(try Parse.int($0)) }
        host.blkioDeviceWriteIOps = try ResourceSpec.throttles(deviceWriteIOps) { UInt64(try Parse.int($0)) }
        host.deviceRequests = try gpus.map { [try ResourceSpec.gpus($0)] }
    }

    private func addIsolation(to host: inout HostConfig, _ context: RequestContext) throws {
        host.privileged = privileged
        host.capAdd = capAdd.isEmpty ? nil : capAdd
        host.capDrop = capDrop.isEmpty ? nil : capDrop
        host.securityOpt =
            securityOptions.isEmpty ? nil : try securityOptions.map { try SecuritySpec.option($0, context) }
        host.sysctls = sysctls.isEmpty ? nil : Parse.map(sysctls)
        host.groupAdd = groups.isEmpty ? nil : groups
        host.pidMode = pidMode ?? ""
        host.ipcMode = ipcMode ?? ""
        host.utsMode = utsMode ?? ""
        host.usernsMode = userMode ?? ""
        host.cgroupnsMode = cgroupMode ?? ""
        host.runtime = runtime ?? ""
        if SecuritySpec.unmasksSystemPaths(securityOptions) {
            host.maskedPaths = []
            host.readonlyPaths = []
        }
    }

    private func addVolumes(to request: inout ContainerCreateRequest, _ context: RequestContext) throws {
        var binds: [String] = []
        var anonymous: Set<String> = []
        for text in volumes {
            switch try MountSpec.volume(text, in: context.folder) {
            case .anonymous(let path): anonymous.insert(path)
            case .bind(let bind): binds.append(bind)
            }
        }
        if !binds.isEmpty { request.hostConfig.binds = binds }
        if !anonymous.isEmpty { request.config.volumes = anonymous }
    }

    private func addPorts(to request: inout ContainerCreateRequest) throws {
        var exposed: Set<String> = []
        var bindings: [String: [PortBinding]] = [:]
        for text in publish {
            for spec in try PortSpec.parse(text) {
                exposed.insert(spec.containerPort)
                bindings[spec.containerPort, default: []].append(spec.binding)
            }
        }
        for text in expose { exposed.formUnion(try PortSpec.exposed(text)) }
        if !exposed.isEmpty { request.config.exposedPorts = exposed }
        request.hostConfig.portBindings = PortMap(bindings)
        request.hostConfig.publishAllPorts = publishAll
    }
}
