/// The engine and its host: `GET /info`.
public struct SystemInfo: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var containers: Int
    @Zero public var containersRunning: Int
    @Zero public var containersPaused: Int
    @Zero public var containersStopped: Int
    @Zero public var images: Int
    @Zero public var driver: String
    /// Pairs of name and value.
    @Zero public var driverStatus: [[String]]
    public var plugins: PluginsInfo
    @Zero public var memoryLimit: Bool
    @Zero public var swapLimit: Bool
    @Zero public var cpuCfsPeriod: Bool
    @Zero public var cpuCfsQuota: Bool
    @Zero public var cpuShares: Bool
    @Zero public var cpuSet: Bool
    @Zero public var pidsLimit: Bool
    @Zero public var ipv4Forwarding: Bool
    @Zero public var debug: Bool
    @Zero public var nFd: Int
    @Zero public var oomKillDisable: Bool
    @Zero public var nGoroutines: Int
    /// RFC 3339.
    @Zero public var systemTime: String
    @Zero public var loggingDriver: String
    @Zero public var cgroupDriver: String
    @Zero public var cgroupVersion: String
    @Zero public var nEventsListener: Int
    @Zero public var kernelVersion: String
    @Zero public var operatingSystem: String
    @Zero public var osVersion: String
    @Zero public var osType: String
    @Zero public var architecture: String
    @Zero public var indexServerAddress: String
    public var registryConfig: RegistryServiceConfig?
    @Zero public var ncpu: Int
    @Zero public var memTotal: Int64
    @Zero public var genericResources: [String]?
    @Zero public var dockerRootDir: String
    @Zero public var httpProxy: String
    @Zero public var httpsProxy: String
    @Zero public var noProxy: String
    @Zero public var name: String
    @Zero public var labels: [String]
    @Zero public var experimentalBuild: Bool
    @Zero public var serverVersion: String
    @Zero public var runtimes: [String: RuntimeInfo]
    @Zero public var defaultRuntime: String
    public var swarm: SwarmInfo
    @Zero public var liveRestoreEnabled: Bool
    @Zero public var isolation: String
    @Zero public var initBinary: String
    public var containerdCommit: Commit
    public var runcCommit: Commit
    public var initCommit: Commit
    @Zero public var securityOptions: [String]
    public var defaultAddressPools: [NetworkAddressPool]?
    public var firewallBackend: FirewallInfo?
    @Zero public var cdiSpecDirs: [String]
    @Zero public var warnings: [String]?

    public init(
        id: String = "", containers: Int = 0, containersRunning: Int = 0, containersPaused: Int = 0,
        containersStopped: Int = 0, images: Int = 0, driver: String = "", driverStatus: [[String]] = [],
        plugins: PluginsInfo = PluginsInfo(), memoryLimit: Bool = false, swapLimit: Bool = false,
        cpuCfsPeriod: Bool = false, cpuCfsQuota: Bool = false, cpuShares: Bool = false, cpuSet: Bool = false,
        pidsLimit: Bool = false, ipv4Forwarding: Bool = false, debug: Bool = false, nFd: Int = 0,
        oomKillDisable: Bool = false, nGoroutines: Int = 0, systemTime: String = "",
        loggingDriver: String = "", cgroupDriver: String = "", cgroupVersion: String = "",
        nEventsListener: Int = 0, kernelVersion: String = "", operatingSystem: String = "",
        osVersion: String = "", osType: String = "", architecture: String = "",
        indexServerAddress: String = "", registryConfig: RegistryServiceConfig? = nil, ncpu: Int = 0,
        memTotal: Int64 = 0, genericResources: [String]? = nil, dockerRootDir: String = "",
        httpProxy: String = "", httpsProxy: String = "", noProxy: String = "", name: String = "",
        labels: [String] = [], experimentalBuild: Bool = false, serverVersion: String = "",
        runtimes: [String: RuntimeInfo] = [:], defaultRuntime: String = "", swarm: SwarmInfo = SwarmInfo(),
        liveRestoreEnabled: Bool = false, isolation: String = "", initBinary: String = "",
        containerdCommit: Commit = Commit(), runcCommit: Commit = Commit(), initCommit: Commit = Commit(),
        securityOptions: [String] = [], defaultAddressPools: [NetworkAddressPool]? = nil,
        firewallBackend: FirewallInfo? = nil, cdiSpecDirs: [String] = [], warnings: [String]? = nil
    ) {
        self.id = id
        self.containers = containers
        self.containersRunning = containersRunning
        self.containersPaused = containersPaused
        self.containersStopped = containersStopped
        self.images = images
        self.driver = driver
        self.driverStatus = driverStatus
        self.plugins = plugins
        self.memoryLimit = memoryLimit
        self.swapLimit = swapLimit
        self.cpuCfsPeriod = cpuCfsPeriod
        self.cpuCfsQuota = cpuCfsQuota
        self.cpuShares = cpuShares
        self.cpuSet = cpuSet
        self.pidsLimit = pidsLimit
        self.ipv4Forwarding = ipv4Forwarding
        self.debug = debug
        self.nFd = nFd
        self.oomKillDisable = oomKillDisable
        self.nGoroutines = nGoroutines
        self.systemTime = systemTime
        self.loggingDriver = loggingDriver
        self.cgroupDriver = cgroupDriver
        self.cgroupVersion = cgroupVersion
        self.nEventsListener = nEventsListener
        self.kernelVersion = kernelVersion
        self.operatingSystem = operatingSystem
        self.osVersion = osVersion
        self.osType = osType
        self.architecture = architecture
        self.indexServerAddress = indexServerAddress
        self.registryConfig = registryConfig
        self.ncpu = ncpu
        self.memTotal = memTotal
        self.genericResources = genericResources
        self.dockerRootDir = dockerRootDir
        self.httpProxy = httpProxy
        self.httpsProxy = httpsProxy
        self.noProxy = noProxy
        self.name = name
        self.labels = labels
        self.experimentalBuild = experimentalBuild
        self.serverVersion = serverVersion
        self.runtimes = runtimes
        self.defaultRuntime = defaultRuntime
        self.swarm = swarm
        self.liveRestoreEnabled = liveRestoreEnabled
        self.isolation = isolation
        self.initBinary = initBinary
        self.containerdCommit = containerdCommit
        self.runcCommit = runcCommit
        self.initCommit = initCommit
        self.securityOptions = securityOptions
        self.defaultAddressPools = defaultAddressPools
        self.firewallBackend = firewallBackend
        self.cdiSpecDirs = cdiSpecDirs
        self.warnings = warnings
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case containers = "Containers"
        case containersRunning = "ContainersRunning"
        case containersPaused = "ContainersPaused"
        case containersStopped = "ContainersStopped"
        case images = "Images"
        case driver = "Driver"
        case driverStatus = "DriverStatus"
        case plugins = "Plugins"
        case memoryLimit = "MemoryLimit"
        case swapLimit = "SwapLimit"
        case cpuCfsPeriod = "CpuCfsPeriod"
        case cpuCfsQuota = "CpuCfsQuota"
        case cpuShares = "CPUShares"
        case cpuSet = "CPUSet"
        case pidsLimit = "PidsLimit"
        case ipv4Forwarding = "IPv4Forwarding"
        case debug = "Debug"
        case nFd = "NFd"
        case oomKillDisable = "OomKillDisable"
        case nGoroutines = "NGoroutines"
        case systemTime = "SystemTime"
        case loggingDriver = "LoggingDriver"
        case cgroupDriver = "CgroupDriver"
        case cgroupVersion = "CgroupVersion"
        case nEventsListener = "NEventsListener"
        case kernelVersion = "KernelVersion"
        case operatingSystem = "OperatingSystem"
        case osVersion = "OSVersion"
        case osType = "OSType"
        case architecture = "Architecture"
        case indexServerAddress = "IndexServerAddress"
        case registryConfig = "RegistryConfig"
        case ncpu = "NCPU"
        case memTotal = "MemTotal"
        case genericResources = "GenericResources"
        case dockerRootDir = "DockerRootDir"
        case httpProxy = "HttpProxy"
        case httpsProxy = "HttpsProxy"
        case noProxy = "NoProxy"
        case name = "Name"
        case labels = "Labels"
        case experimentalBuild = "ExperimentalBuild"
        case serverVersion = "ServerVersion"
        case runtimes = "Runtimes"
        case defaultRuntime = "DefaultRuntime"
        case swarm = "Swarm"
        case liveRestoreEnabled = "LiveRestoreEnabled"
        case isolation = "Isolation"
        case initBinary = "InitBinary"
        case containerdCommit = "ContainerdCommit"
        case runcCommit = "RuncCommit"
        case initCommit = "InitCommit"
        case securityOptions = "SecurityOptions"
        case defaultAddressPools = "DefaultAddressPools"
        case firewallBackend = "FirewallBackend"
        case cdiSpecDirs = "CDISpecDirs"
        case warnings = "Warnings"
    }
}

/// Names of the drivers of each kind.
public struct PluginsInfo: Codable, Equatable, Sendable {
    @Zero public var volume: [String]
    @Zero public var network: [String]
    @Zero public var authorization: [String]?
    @Zero public var log: [String]

    public init(
        volume: [String] = [], network: [String] = [], authorization: [String]? = nil, log: [String] = []
    ) {
        self.volume = volume
        self.network = network
        self.authorization = authorization
        self.log = log
    }

    enum CodingKeys: String, CodingKey {
        case volume = "Volume"
        case network = "Network"
        case authorization = "Authorization"
        case log = "Log"
    }
}

/// How registries are reached.
public struct RegistryServiceConfig: Codable, Equatable, Sendable {
    @Zero public var insecureRegistryCIDRs: [String]
    @Zero public var indexConfigs: [String: IndexInfo]
    @Zero public var mirrors: [String]?

    public init(
        insecureRegistryCIDRs: [String] = [], indexConfigs: [String: IndexInfo] = [:],
        mirrors: [String]? = nil
    ) {
        self.insecureRegistryCIDRs = insecureRegistryCIDRs
        self.indexConfigs = indexConfigs
        self.mirrors = mirrors
    }

    enum CodingKeys: String, CodingKey {
        case insecureRegistryCIDRs = "InsecureRegistryCIDRs"
        case indexConfigs = "IndexConfigs"
        case mirrors = "Mirrors"
    }
}

/// One registry's settings.
public struct IndexInfo: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var mirrors: [String]
    @Zero public var secure: Bool
    @Zero public var official: Bool

    public init(name: String = "", mirrors: [String] = [], secure: Bool = false, official: Bool = false) {
        self.name = name
        self.mirrors = mirrors
        self.secure = secure
        self.official = official
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case mirrors = "Mirrors"
        case secure = "Secure"
        case official = "Official"
    }
}

/// An OCI runtime.
public struct RuntimeInfo: Codable, Equatable, Sendable {
    @OmitZero public var path: String
    public var runtimeArgs: [String]?
    public var status: [String: String]?

    public init(path: String = "", runtimeArgs: [String]? = nil, status: [String: String]? = nil) {
        self.path = path
        self.runtimeArgs = runtimeArgs
        self.status = status
    }
}

/// The state of a swarm, for this engine always `inactive`.
public struct SwarmInfo: Codable, Equatable, Sendable {
    @Zero public var nodeID: String
    @Zero public var nodeAddr: String
    @Zero public var localNodeState: String
    @Zero public var controlAvailable: Bool
    @Zero public var error: String
    @Zero public var remoteManagers: [String]?

    public init(
        nodeID: String = "", nodeAddr: String = "", localNodeState: String = "",
        controlAvailable: Bool = false, error: String = "", remoteManagers: [String]? = nil
    ) {
        self.nodeID = nodeID
        self.nodeAddr = nodeAddr
        self.localNodeState = localNodeState
        self.controlAvailable = controlAvailable
        self.error = error
        self.remoteManagers = remoteManagers
    }

    enum CodingKeys: String, CodingKey {
        case nodeID = "NodeID"
        case nodeAddr = "NodeAddr"
        case localNodeState = "LocalNodeState"
        case controlAvailable = "ControlAvailable"
        case error = "Error"
        case remoteManagers = "RemoteManagers"
    }
}

/// A version of a component by its commit.
public struct Commit: Codable, Equatable, Sendable {
    @Zero public var id: String
    @OmitZero public var expected: String

    public init(id: String = "", expected: String = "") {
        self.id = id
        self.expected = expected
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case expected = "Expected"
    }
}

/// A pool that networks take their subnets from: prefixes of `size` bits out of `base`.
public struct NetworkAddressPool: Codable, Equatable, Sendable {
    @Zero public var base: String
    @Zero public var size: Int

    public init(base: String = "", size: Int = 0) {
        self.base = base
        self.size = size
    }

    enum CodingKeys: String, CodingKey {
        case base = "Base"
        case size = "Size"
    }
}

/// The firewall's driver, and pairs of name and value.
public struct FirewallInfo: Codable, Equatable, Sendable {
    @Zero public var driver: String
    public var info: [[String]]?

    public init(driver: String = "", info: [[String]]? = nil) {
        self.driver = driver
        self.info = info
    }

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case info = "Info"
    }
}
