/// The part of a container that depends on its host: resources, mounts, ports, isolation. Zero
/// values mean "not set", as in Docker.
public struct HostConfig: Codable, Equatable, Sendable {
    /// `source:target[:options]`, source a host path or a volume's name.
    @Zero public var binds: [String]?
    @Zero public var containerIDFile: String
    public var logConfig: LogConfig?
    /// `default`, `bridge`, `host`, `none`, `container:<id>` or a network's name.
    @Zero public var networkMode: String
    @Zero public var portBindings: PortMap
    public var restartPolicy: RestartPolicy?
    @Zero public var autoRemove: Bool
    @Zero public var volumeDriver: String
    @Zero public var volumesFrom: [String]?
    /// Height, width.
    @Zero public var consoleSize: [Int]?
    public var annotations: [String: String]?
    @WordList public var capAdd: [String]?
    @WordList public var capDrop: [String]?
    /// `host`, `private` or empty for the daemon's default.
    @Zero public var cgroupnsMode: String
    @Zero public var dns: [String]?
    @Zero public var dnsOptions: [String]?
    @Zero public var dnsSearch: [String]?
    /// `name:address`; the address may be `host-gateway`.
    @Zero public var extraHosts: [String]?
    @Zero public var groupAdd: [String]?
    /// `none`, `private`, `shareable`, `host`, `container:<id>` or empty.
    @Zero public var ipcMode: String
    @Zero public var cgroup: String
    @Zero public var links: [String]?
    @Zero public var oomScoreAdj: Int
    @Zero public var pidMode: String
    @Zero public var privileged: Bool
    @Zero public var publishAllPorts: Bool
    @Zero public var readonlyRootfs: Bool
    @Zero public var securityOpt: [String]?
    public var storageOpt: [String: String]?
    /// Path in the container to mount options.
    public var tmpfs: [String: String]?
    @Zero public var utsMode: String
    @Zero public var usernsMode: String
    /// Bytes of `/dev/shm`; zero is the daemon's default.
    @Zero public var shmSize: Int64
    public var sysctls: [String: String]?
    @OmitZero public var runtime: String
    @Zero public var isolation: String
    @Zero public var cpuShares: Int64
    /// Limit in bytes.
    @Zero public var memory: Int64
    /// Billionths of one CPU.
    @Zero public var nanoCpus: Int64
    @Zero public var cgroupParent: String
    @Zero public var blkioWeight: UInt16
    @Zero public var blkioWeightDevice: [WeightDevice]?
    @Zero public var blkioDeviceReadBps: [ThrottleDevice]?
    @Zero public var blkioDeviceWriteBps: [ThrottleDevice]?
    @Zero public var blkioDeviceReadIOps: [ThrottleDevice]?
    @Zero public var blkioDeviceWriteIOps: [ThrottleDevice]?
    /// Microseconds.
    @Zero public var cpuPeriod: Int64
    /// Microseconds.
    @Zero public var cpuQuota: Int64
    @Zero public var cpuRealtimePeriod: Int64
    @Zero public var cpuRealtimeRuntime: Int64
    @Zero public var cpusetCpus: String
    @Zero public var cpusetMems: String
    @Zero public var devices: [DeviceMapping]?
    @Zero public var deviceCgroupRules: [String]?
    @Zero public var deviceRequests: [DeviceRequest]?
    @OmitZero public var kernelMemoryTCP: Int64
    @Zero public var memoryReservation: Int64
    /// Memory plus swap in bytes; -1 is no limit of swap.
    @Zero public var memorySwap: Int64
    @Zero public var memorySwappiness: Int?
    @Zero public var oomKillDisable: Bool?
    /// `nil`, 0 and -1 are no limit.
    @Zero public var pidsLimit: Int64?
    @Zero public var ulimits: [Ulimit]?
    @Zero public var cpuCount: Int64
    @Zero public var cpuPercent: Int64
    @Zero public var ioMaximumIOps: UInt64
    @Zero public var ioMaximumBandwidth: UInt64
    @OmitZero public var mounts: [Mount]
    /// `nil` is the default list; `[]` masks nothing.
    @Zero public var maskedPaths: [String]?
    /// `nil` is the default list; `[]` protects nothing.
    @Zero public var readonlyPaths: [String]?
    /// Run an init as process 1; `nil` is the daemon's default.
    public var initProcess: Bool?

    public init(
        binds: [String]? = nil, containerIDFile: String = "", logConfig: LogConfig? = nil,
        networkMode: String = "", portBindings: PortMap = [:], restartPolicy: RestartPolicy? = nil,
        autoRemove: Bool = false, volumeDriver: String = "", volumesFrom: [String]? = nil,
        consoleSize: [Int]? = nil, annotations: [String: String]? = nil, capAdd: [String]? = nil,
        capDrop: [String]? = nil, cgroupnsMode: String = "", dns: [String]? = nil,
        dnsOptions: [String]? = nil, dnsSearch: [String]? = nil, extraHosts: [String]? = nil,
        groupAdd: [String]? = nil, ipcMode: String = "", cgroup: String = "", links: [String]? = nil,
        oomScoreAdj: Int = 0, pidMode: String = "", privileged: Bool = false, publishAllPorts: Bool = false,
        readonlyRootfs: Bool = false, securityOpt: [String]? = nil, storageOpt: [String: String]? = nil,
        tmpfs: [String: String]? = nil, utsMode: String = "", usernsMode: String = "", shmSize: Int64 = 0,
        sysctls: [String: String]? = nil, runtime: String = "", isolation: String = "", cpuShares: Int64 = 0,
        memory: Int64 = 0, nanoCpus: Int64 = 0, cgroupParent: String = "", blkioWeight: UInt16 = 0,
        blkioWeightDevice: [WeightDevice]? = nil, blkioDeviceReadBps: [ThrottleDevice]? = nil,
        blkioDeviceWriteBps: [ThrottleDevice]? = nil, blkioDeviceReadIOps: [ThrottleDevice]? = nil,
        blkioDeviceWriteIOps: [ThrottleDevice]? = nil, cpuPeriod: Int64 = 0, cpuQuota: Int64 = 0,
        cpuRealtimePeriod: Int64 = 0, cpuRealtimeRuntime: Int64 = 0, cpusetCpus: String = "",
        cpusetMems: String = "", devices: [DeviceMapping]? = nil, deviceCgroupRules: [String]? = nil,
        deviceRequests: [DeviceRequest]? = nil, kernelMemoryTCP: Int64 = 0, memoryReservation: Int64 = 0,
        memorySwap: Int64 = 0, memorySwappiness: Int? = nil, oomKillDisable: Bool? = nil,
        pidsLimit: Int64? = nil, ulimits: [Ulimit]? = nil, cpuCount: Int64 = 0, cpuPercent: Int64 = 0,
        ioMaximumIOps: UInt64 = 0, ioMaximumBandwidth: UInt64 = 0, mounts: [Mount] = [],
        maskedPaths: [String]? = nil, readonlyPaths: [String]? = nil, initProcess: Bool? = nil
    ) {
        self.binds = binds
        self.containerIDFile = containerIDFile
        self.logConfig = logConfig
        self.networkMode = networkMode
        self.portBindings = portBindings
        self.restartPolicy = restartPolicy
        self.autoRemove = autoRemove
        self.volumeDriver = volumeDriver
        self.volumesFrom = volumesFrom
        self.consoleSize = consoleSize
        self.annotations = annotations
        self.capAdd = capAdd
        self.capDrop = capDrop
        self.cgroupnsMode = cgroupnsMode
        self.dns = dns
        self.dnsOptions = dnsOptions
        self.dnsSearch = dnsSearch
        self.extraHosts = extraHosts
        self.groupAdd = groupAdd
        self.ipcMode = ipcMode
        self.cgroup = cgroup
        self.links = links
        self.oomScoreAdj = oomScoreAdj
        self.pidMode = pidMode
        self.privileged = privileged
        self.publishAllPorts = publishAllPorts
        self.readonlyRootfs = readonlyRootfs
        self.securityOpt = securityOpt
        self.storageOpt = storageOpt
        self.tmpfs = tmpfs
        self.utsMode = utsMode
        self.usernsMode = usernsMode
        self.shmSize = shmSize
        self.sysctls = sysctls
        self.runtime = runtime
        self.isolation = isolation
        self.cpuShares = cpuShares
        self.memory = memory
        self.nanoCpus = nanoCpus
        self.cgroupParent = cgroupParent
        self.blkioWeight = blkioWeight
        self.blkioWeightDevice = blkioWeightDevice
        self.blkioDeviceReadBps = blkioDeviceReadBps
        self.blkioDeviceWriteBps = blkioDeviceWriteBps
        self.blkioDeviceReadIOps = blkioDeviceReadIOps
        self.blkioDeviceWriteIOps = blkioDeviceWriteIOps
        self.cpuPeriod = cpuPeriod
        self.cpuQuota = cpuQuota
        self.cpuRealtimePeriod = cpuRealtimePeriod
        self.cpuRealtimeRuntime = cpuRealtimeRuntime
        self.cpusetCpus = cpusetCpus
        self.cpusetMems = cpusetMems
        self.devices = devices
        self.deviceCgroupRules = deviceCgroupRules
        self.deviceRequests = deviceRequests
        self.kernelMemoryTCP = kernelMemoryTCP
        self.memoryReservation = memoryReservation
        self.memorySwap = memorySwap
        self.memorySwappiness = memorySwappiness
        self.oomKillDisable = oomKillDisable
        self.pidsLimit = pidsLimit
        self.ulimits = ulimits
        self.cpuCount = cpuCount
        self.cpuPercent = cpuPercent
        self.ioMaximumIOps = ioMaximumIOps
        self.ioMaximumBandwidth = ioMaximumBandwidth
        self.mounts = mounts
        self.maskedPaths = maskedPaths
        self.readonlyPaths = readonlyPaths
        self.initProcess = initProcess
    }

    enum CodingKeys: String, CodingKey {
        case binds = "Binds"
        case containerIDFile = "ContainerIDFile"
        case logConfig = "LogConfig"
        case networkMode = "NetworkMode"
        case portBindings = "PortBindings"
        case restartPolicy = "RestartPolicy"
        case autoRemove = "AutoRemove"
        case volumeDriver = "VolumeDriver"
        case volumesFrom = "VolumesFrom"
        case consoleSize = "ConsoleSize"
        case annotations = "Annotations"
        case capAdd = "CapAdd"
        case capDrop = "CapDrop"
        case cgroupnsMode = "CgroupnsMode"
        case dns = "Dns"
        case dnsOptions = "DnsOptions"
        case dnsSearch = "DnsSearch"
        case extraHosts = "ExtraHosts"
        case groupAdd = "GroupAdd"
        case ipcMode = "IpcMode"
        case cgroup = "Cgroup"
        case links = "Links"
        case oomScoreAdj = "OomScoreAdj"
        case pidMode = "PidMode"
        case privileged = "Privileged"
        case publishAllPorts = "PublishAllPorts"
        case readonlyRootfs = "ReadonlyRootfs"
        case securityOpt = "SecurityOpt"
        case storageOpt = "StorageOpt"
        case tmpfs = "Tmpfs"
        case utsMode = "UTSMode"
        case usernsMode = "UsernsMode"
        case shmSize = "ShmSize"
        case sysctls = "Sysctls"
        case runtime = "Runtime"
        case isolation = "Isolation"
        case cpuShares = "CpuShares"
        case memory = "Memory"
        case nanoCpus = "NanoCpus"
        case cgroupParent = "CgroupParent"
        case blkioWeight = "BlkioWeight"
        case blkioWeightDevice = "BlkioWeightDevice"
        case blkioDeviceReadBps = "BlkioDeviceReadBps"
        case blkioDeviceWriteBps = "BlkioDeviceWriteBps"
        case blkioDeviceReadIOps = "BlkioDeviceReadIOps"
        case blkioDeviceWriteIOps = "BlkioDeviceWriteIOps"
        case cpuPeriod = "CpuPeriod"
        case cpuQuota = "CpuQuota"
        case cpuRealtimePeriod = "CpuRealtimePeriod"
        case cpuRealtimeRuntime = "CpuRealtimeRuntime"
        case cpusetCpus = "CpusetCpus"
        case cpusetMems = "CpusetMems"
        case devices = "Devices"
        case deviceCgroupRules = "DeviceCgroupRules"
        case deviceRequests = "DeviceRequests"
        case kernelMemoryTCP = "KernelMemoryTCP"
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case memorySwappiness = "MemorySwappiness"
        case oomKillDisable = "OomKillDisable"
        case pidsLimit = "PidsLimit"
        case ulimits = "Ulimits"
        case cpuCount = "CpuCount"
        case cpuPercent = "CpuPercent"
        case ioMaximumIOps = "IOMaximumIOps"
        case ioMaximumBandwidth = "IOMaximumBandwidth"
        case mounts = "Mounts"
        case maskedPaths = "MaskedPaths"
        case readonlyPaths = "ReadonlyPaths"
        case initProcess = "Init"
    }
}
