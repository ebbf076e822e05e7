/// Everything about one container: `GET /containers/{id}/json`.
public struct ContainerInspect: Codable, Equatable, Sendable {
    @Zero public var id: String
    /// RFC 3339 with nanoseconds.
    @Zero public var created: String
    @Zero public var path: String
    @Zero public var args: [String]
    public var state: ContainerState
    /// The image's ID.
    @Zero public var image: String
    @Zero public var resolvConfPath: String
    @Zero public var hostnamePath: String
    @Zero public var hostsPath: String
    @Zero public var logPath: String
    /// With a leading slash.
    @Zero public var name: String
    @Zero public var restartCount: Int
    @Zero public var driver: String
    @Zero public var platform: String
    @Zero public var mountLabel: String
    @Zero public var processLabel: String
    @Zero public var appArmorProfile: String
    @Zero public var execIDs: [String]?
    public var hostConfig: HostConfig
    public var graphDriver: GraphDriver?
    public var sizeRw: Int64?
    public var sizeRootFs: Int64?
    public var imageManifestDescriptor: OCIDescriptor?
    @Zero public var mounts: [MountPoint]
    public var config: ContainerConfig
    public var networkSettings: NetworkSettings

    public init(
        id: String = "", created: String = "", path: String = "", args: [String] = [],
        state: ContainerState = ContainerState(), image: String = "", resolvConfPath: String = "",
        hostnamePath: String = "", hostsPath: String = "", logPath: String = "", name: String = "",
        restartCount: Int = 0, driver: String = "", platform: String = "", mountLabel: String = "",
        processLabel: String = "", appArmorProfile: String = "", execIDs: [String]? = nil,
        hostConfig: HostConfig = HostConfig(), graphDriver: GraphDriver? = nil, sizeRw: Int64? = nil,
        sizeRootFs: Int64? = nil, imageManifestDescriptor: OCIDescriptor? = nil, mounts: [MountPoint] = [],
        config: ContainerConfig = ContainerConfig(), networkSettings: NetworkSettings = NetworkSettings()
    ) {
        self.id = id
        self.created = created
        self.path = path
        self.args = args
        self.state = state
        self.image = image
        self.resolvConfPath = resolvConfPath
        self.hostnamePath = hostnamePath
        self.hostsPath = hostsPath
        self.logPath = logPath
        self.name = name
        self.restartCount = restartCount
        self.driver = driver
        self.platform = platform
        self.mountLabel = mountLabel
        self.processLabel = processLabel
        self.appArmorProfile = appArmorProfile
        self.execIDs = execIDs
        self.hostConfig = hostConfig
        self.graphDriver = graphDriver
        self.sizeRw = sizeRw
        self.sizeRootFs = sizeRootFs
        self.imageManifestDescriptor = imageManifestDescriptor
        self.mounts = mounts
        self.config = config
        self.networkSettings = networkSettings
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case path = "Path"
        case args = "Args"
        case state = "State"
        case image = "Image"
        case resolvConfPath = "ResolvConfPath"
        case hostnamePath = "HostnamePath"
        case hostsPath = "HostsPath"
        case logPath = "LogPath"
        case name = "Name"
        case restartCount = "RestartCount"
        case driver = "Driver"
        case platform = "Platform"
        case mountLabel = "MountLabel"
        case processLabel = "ProcessLabel"
        case appArmorProfile = "AppArmorProfile"
        case execIDs = "ExecIDs"
        case hostConfig = "HostConfig"
        case graphDriver = "GraphDriver"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case imageManifestDescriptor = "ImageManifestDescriptor"
        case mounts = "Mounts"
        case config = "Config"
        case networkSettings = "NetworkSettings"
    }
}

/// The state of a container. `status` is `created`, `running`, `paused`, `restarting`, `removing`,
/// `exited` or `dead`; the booleans repeat it.
public struct ContainerState: Codable, Equatable, Sendable {
    @Zero public var status: String
    @Zero public var running: Bool
    @Zero public var paused: Bool
    @Zero public var restarting: Bool
    @Zero public var oomKilled: Bool
    @Zero public var dead: Bool
    @Zero public var pid: Int
    @Zero public var exitCode: Int
    @Zero public var error: String
    /// RFC 3339; `0001-01-01T00:00:00Z` if never started.
    @Zero public var startedAt: String
    /// RFC 3339; `0001-01-01T00:00:00Z` if never finished.
    @Zero public var finishedAt: String
    public var health: Health?

    public init(
        status: String = "", running: Bool = false, paused: Bool = false, restarting: Bool = false,
        oomKilled: Bool = false, dead: Bool = false, pid: Int = 0, exitCode: Int = 0, error: String = "",
        startedAt: String = zeroTime, finishedAt: String = zeroTime, health: Health? = nil
    ) {
        self.status = status
        self.running = running
        self.paused = paused
        self.restarting = restarting
        self.oomKilled = oomKilled
        self.dead = dead
        self.pid = pid
        self.exitCode = exitCode
        self.error = error
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.health = health
    }

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case running = "Running"
        case paused = "Paused"
        case restarting = "Restarting"
        case oomKilled = "OOMKilled"
        case dead = "Dead"
        case pid = "Pid"
        case exitCode = "ExitCode"
        case error = "Error"
        case startedAt = "StartedAt"
        case finishedAt = "FinishedAt"
        case health = "Health"
    }
}

/// The result of health checks. `status` is `none`, `starting`, `healthy` or `unhealthy`.
public struct Health: Codable, Equatable, Sendable {
    @Zero public var status: String
    @Zero public var failingStreak: Int
    @Zero public var log: [HealthcheckResult]

    public init(status: String = "", failingStreak: Int = 0, log: [HealthcheckResult] = []) {
        self.status = status
        self.failingStreak = failingStreak
        self.log = log
    }

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case failingStreak = "FailingStreak"
        case log = "Log"
    }
}

/// One run of a health check.
public struct HealthcheckResult: Codable, Equatable, Sendable {
    @Zero public var start: String
    @Zero public var end: String
    @Zero public var exitCode: Int
    @Zero public var output: String

    public init(start: String = zeroTime, end: String = zeroTime, exitCode: Int = 0, output: String = "") {
        self.start = start
        self.end = end
        self.exitCode = exitCode
        self.output = output
    }

    enum CodingKeys: String, CodingKey {
        case start = "Start"
        case end = "End"
        case exitCode = "ExitCode"
        case output = "Output"
    }
}

/// Where a root file system's layers are.
public struct GraphDriver: Codable, Equatable, Sendable {
    @Zero public var data: [String: String]?
    @Zero public var name: String

    public init(data: [String: String]? = nil, name: String = "") {
        self.data = data
        self.name = name
    }

    enum CodingKeys: String, CodingKey {
        case data = "Data"
        case name = "Name"
    }
}

/// A container's addresses and ports. The fields beside `ports` and `networks` repeat the default
/// bridge's endpoint.
public struct NetworkSettings: Codable, Equatable, Sendable {
    @Zero public var bridge: String
    @Zero public var sandboxID: String
    @Zero public var sandboxKey: String
    /// Ports that are exposed but not published have no bindings.
    @Zero public var ports: PortMap
    @Zero public var hairpinMode: Bool
    @Zero public var linkLocalIPv6Address: String
    @Zero public var linkLocalIPv6PrefixLen: Int
    @Zero public var secondaryIPAddresses: [String]?
    @Zero public var secondaryIPv6Addresses: [String]?
    @Zero public var endpointID: String
    @Zero public var gateway: String
    @Zero public var globalIPv6Address: String
    @Zero public var globalIPv6PrefixLen: Int
    @Zero public var ipAddress: String
    @Zero public var ipPrefixLen: Int
    @Zero public var ipv6Gateway: String
    @Zero public var macAddress: String
    /// By the network's name.
    @Zero public var networks: [String: EndpointSettings]

    public init(
        bridge: String = "", sandboxID: String = "", sandboxKey: String = "", ports: PortMap = [:],
        hairpinMode: Bool = false, linkLocalIPv6Address: String = "", linkLocalIPv6PrefixLen: Int = 0,
        secondaryIPAddresses: [String]? = nil, secondaryIPv6Addresses: [String]? = nil,
        endpointID: String = "", gateway: String = "", globalIPv6Address: String = "",
        globalIPv6PrefixLen: Int = 0, ipAddress: String = "", ipPrefixLen: Int = 0, ipv6Gateway: String = "",
        macAddress: String = "", networks: [String: EndpointSettings] = [:]
    ) {
        self.bridge = bridge
        self.sandboxID = sandboxID
        self.sandboxKey = sandboxKey
        self.ports = ports
        self.hairpinMode = hairpinMode
        self.linkLocalIPv6Address = linkLocalIPv6Address
        self.linkLocalIPv6PrefixLen = linkLocalIPv6PrefixLen
        self.secondaryIPAddresses = secondaryIPAddresses
        self.secondaryIPv6Addresses = secondaryIPv6Addresses
        self.endpointID = endpointID
        self.gateway = gateway
        self.globalIPv6Address = globalIPv6Address
        self.globalIPv6PrefixLen = globalIPv6PrefixLen
        self.ipAddress = ipAddress
        self.ipPrefixLen = ipPrefixLen
        self.ipv6Gateway = ipv6Gateway
        self.macAddress = macAddress
        self.networks = networks
    }

    enum CodingKeys: String, CodingKey {
        case bridge = "Bridge"
        case sandboxID = "SandboxID"
        case sandboxKey = "SandboxKey"
        case ports = "Ports"
        case hairpinMode = "HairpinMode"
        case linkLocalIPv6Address = "LinkLocalIPv6Address"
        case linkLocalIPv6PrefixLen = "LinkLocalIPv6PrefixLen"
        case secondaryIPAddresses = "SecondaryIPAddresses"
        case secondaryIPv6Addresses = "SecondaryIPv6Addresses"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLen = "GlobalIPv6PrefixLen"
        case ipAddress = "IPAddress"
        case ipPrefixLen = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case macAddress = "MacAddress"
        case networks = "Networks"
    }
}
