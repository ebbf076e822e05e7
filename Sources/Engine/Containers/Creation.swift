import EngineAPI
import Errors
import ImageStore
import Linux
import OCI

/// From a create request to a record: everything is checked and decided here, so that a start can
/// only fail for reasons that lie in the host.
struct Creation {
    let request: ContainerCreateRequest
    let services: Services
    let id = randomID()

    func record(name: String, image: Image, layers: [String]) throws -> (ContainerRecord, MountResolver.Result) {
        var config = merged(with: image.config.config ?? ImageConfig.Execution())
        if (config.cmd ?? []).isEmpty, (config.entrypoint ?? []).isEmpty {
            throw BerthError.invalidArgument("no command specified")
        }
        if config.hostname.isEmpty { config.hostname = try defaultHostname() }
        try check(config)
        let directory = services.configuration.directory(of: id)
        var host = HostConfigCheck.completed(request.hostConfig)
        if host.logConfig?.type.isEmpty != false {
            host.logConfig = LogConfig(type: services.configuration.logDriver, config: host.logConfig?.config ?? [:])
        }
        if host.ipcMode.isEmpty { host.ipcMode = "private" }
        if host.networkMode.isEmpty || host.networkMode == "default" { host.networkMode = "bridge" }
        if host.shmSize == 0 { host.shmSize = services.configuration.defaultShmSize }
        let asks = host.annotations?[Self.caBundleAnnotation].map { $0 == "true" || $0 == "1" }
        let handsCABundle = asks ?? services.configuration.handsCABundleByDefault
        if handsCABundle, services.configuration.caBundle == nil {
            throw BerthError.invalidArgument(
                "the daemon has no CA bundle to hand out: start it with --ca-bundle FILE")
        }
        let endpoints = try endpoints(host)
        // Last, for it makes volumes.
        let mounts = try MountResolver(id: id, services: services, image: image.config.config).resolve(
            config, request.hostConfig)
        let record = ContainerRecord(
            id: id, name: name, created: Clock.now(), imageID: image.id, imageName: config.image,
            layers: layers.isEmpty ? [services.configuration.dataRoot + "/empty"] : layers,
            workspace: .init(
                root: directory + "/layer", upper: directory + "/layer/upper", work: directory + "/layer/work"),
            config: config, hostConfig: host, mounts: mounts.mounts, anonymousVolumes: mounts.anonymous,
            endpoints: endpoints, platform: image.platform, handsCABundle: handsCABundle)
        return (record, mounts)
    }

    /// The name of whose network and host names the container shares, or its own ID.
    private func defaultHostname() throws -> String {
        let host = request.hostConfig
        if host.networkMode.hasPrefix("container:") {
            return try services.board.find(String(host.networkMode.dropFirst(10))).record.config.hostname
        }
        if host.utsMode == "host" || host.networkMode == "host" { return HostFacts().name }
        return String(id.prefix(12))
    }

    /// Asks for the host's certificate authorities: works from any client (`--annotation`).
    static let caBundleAnnotation = "berth.ca-bundle"

    // MARK: The image's configuration under the user's

    private func merged(with image: ImageConfig.Execution) -> ContainerConfig {
        var config = request.config
        if config.user.isEmpty { config.user = image.user ?? "" }
        if config.workingDir.isEmpty { config.workingDir = image.workingDir ?? "" }
        if config.stopSignal.isEmpty { config.stopSignal = image.stopSignal ?? "" }
        config.env = Self.merge(config.env, over: image.env ?? [])
        config.labels = (image.labels ?? [:]).merging(config.labels) { $1 }
        let exposed = Set((image.exposedPorts ?? [:]).keys).union(config.exposedPorts ?? [])
            .union(request.hostConfig.portBindings.bindings.keys)
        config.exposedPorts = exposed.isEmpty ? nil : exposed
        let volumes = Set((image.volumes ?? [:]).keys).union(config.volumes ?? [])
        config.volumes = volumes.isEmpty ? nil : volumes
        if config.entrypoint == nil {
            config.entrypoint = image.entrypoint
            if (config.cmd ?? []).isEmpty { config.cmd = image.cmd }
        } else if config.entrypoint == [""] {
            config.entrypoint = []
        }
        if config.shell == nil { config.shell = image.shell }
        config.healthcheck = merged(config.healthcheck, with: image.healthcheck)
        return config
    }

    private func merged(_ own: HealthConfig?, with image: ImageConfig.Healthcheck?) -> HealthConfig? {
        guard let image else { return own }
        var health = own ?? HealthConfig()
        if (health.test ?? []).isEmpty { health.test = image.test }
        if health.interval == 0 { health.interval = image.interval ?? 0 }
        if health.timeout == 0 { health.timeout = image.timeout ?? 0 }
        if health.startPeriod == 0 { health.startPeriod = image.startPeriod ?? 0 }
        if health.startInterval == 0 { health.startInterval = image.startInterval ?? 0 }
        if health.retries == 0 { health.retries = image.retries ?? 0 }
        return health
    }

    /// `NAME=value` over the image's; `NAME` alone takes the image's variable away.
    static func merge(_ own: [String], over image: [String]) -> [String] {
        func name(_ entry: String) -> Substring { entry.prefix { $0 != "=" } }
        let given = Set(own.map(name))
        return image.filter { !given.contains(name($0)) } + own.filter { $0.contains("=") }
    }

    // MARK: Checks

    private func check(_ config: ContainerConfig) throws {
        let host = request.hostConfig
        if !config.workingDir.isEmpty, !config.workingDir.hasPrefix("/") {
            throw BerthError.invalidArgument(
                "the working directory '\(config.workingDir)' is invalid, it needs to be an absolute path")
        }
        for port in config.exposedPorts ?? [] { _ = try PortChooser.parse(port) }
        if !config.stopSignal.isEmpty { _ = try ProcessSignal.parse(config.stopSignal) }
        try HostConfigCheck.check(host)
        try Self.check(host.restartPolicy)
        if host.autoRemove, let policy = host.restartPolicy?.name, !policy.isEmpty, policy != "no" {
            throw BerthError.invalidArgument("can't create 'AutoRemove' container with restart policy")
        }
        _ = try LogDriver(host.logConfig, defaults: services.configuration)
        if host.networkMode == "host" || host.networkMode.hasPrefix("container:"), !config.hostname.isEmpty,
            host.networkMode.hasPrefix("container:"), !request.config.hostname.isEmpty
        {
            throw BerthError.invalidArgument("conflicting options: hostname and the network mode")
        }
        let runtime = host.runtime
        guard ["", "berth", "runc", "io.containerd.runc.v2"].contains(runtime) else {
            throw BerthError.invalidArgument("unknown or invalid runtime name: \(runtime)")
        }
    }

    static func check(_ policy: RestartPolicy?) throws(BerthError) {
        guard let policy else { return }
        switch policy.name {
        case "", "no", "always", "unless-stopped":
            if policy.maximumRetryCount != 0 {
                throw BerthError.invalidArgument(
                    "invalid restart policy: maximum retry count can only be used with 'on-failure'")
            }
        case "on-failure":
            if policy.maximumRetryCount < 0 {
                throw BerthError.invalidArgument("invalid restart policy: maximum retry count cannot be negative")
            }
        default:
            throw BerthError.invalidArgument(
                "invalid restart policy: unknown policy '\(policy.name)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )
        }
    }

    // MARK: Networks

    private func endpoints(_ host: HostConfig) throws -> [EndpointRecord] {
        let mode = host.networkMode
        guard mode != "host", mode != "none", !mode.hasPrefix("container:") else {
            if mode.hasPrefix("container:") { _ = try services.board.find(String(mode.dropFirst(10))) }
            return []
        }
        var settings = request.networkingConfig.endpointsConfig
        let primary = try services.networks.find(mode)
        // The client may name it by ID in one place and by name in the other.
        let own = settings.first { (try? services.networks.find($0.key))?.record.id == primary.record.id }
        if let own { settings[own.key] = nil }
        var endpoints = [try endpoint(own?.value, in: primary.record, mode: mode)]
        for (name, setting) in settings.sorted(by: { $0.key < $1.key }) {
            endpoints.append(try endpoint(setting, in: try services.networks.find(name).record, mode: mode))
        }
        return endpoints
    }

    private func endpoint(_ settings: EndpointSettings?, in network: NetworkRecord, mode: String) throws
        -> EndpointRecord
    {
        var endpoint = EndpointRecord(settings, in: network)
        if endpoint.requestedIPv4?.isEmpty == false, network.name == "bridge" {
            throw BerthError.invalidArgument(
                "user specified IP address is supported on user defined networks only")
        }
        if network.name == mode || network.id == mode {
            if !request.config.macAddress.isEmpty { endpoint.requestedMAC = request.config.macAddress }
            endpoint.links += request.hostConfig.links ?? []
        }
        return endpoint
    }
}

extension EndpointRecord {
    /// What a user asks of a place in a network.
    init(_ settings: EndpointSettings?, in network: NetworkRecord) {
        self.init(
            networkID: network.id, networkName: network.name, endpointID: randomID(),
            aliases: settings?.aliases ?? [])
        links = settings?.links ?? []
        requestedIPv4 = settings?.ipamConfig?.ipv4Address
        requestedIPv6 = settings?.ipamConfig?.ipv6Address
        requestedMAC = settings.flatMap { $0.macAddress.isEmpty ? nil : $0.macAddress }
        gatewayPriority = settings?.gwPriority ?? 0
        driverOptions = settings?.driverOpts ?? [:]
    }
}
