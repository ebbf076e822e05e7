/// One sample of a container's use of resources: `GET /containers/{id}/stats`. Times are RFC 3339,
/// CPU times are nanoseconds, sizes are bytes.
public struct ContainerStats: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var id: String
    @Zero public var read: String
    @Zero public var preread: String
    public var pidsStats: PidsStats
    public var blkioStats: BlkioStats
    @Zero public var numProcs: UInt32
    public var storageStats: StorageStats
    public var cpuStats: CPUStats
    public var precpuStats: CPUStats
    public var memoryStats: MemoryStats
    public var networks: [String: InterfaceStats]?

    public init(
        name: String = "", id: String = "", read: String = zeroTime, preread: String = zeroTime,
        pidsStats: PidsStats = PidsStats(), blkioStats: BlkioStats = BlkioStats(), numProcs: UInt32 = 0,
        storageStats: StorageStats = StorageStats(), cpuStats: CPUStats = CPUStats(),
        precpuStats: CPUStats = CPUStats(), memoryStats: MemoryStats = MemoryStats(),
        networks: [String: InterfaceStats]? = nil
    ) {
        self.name = name
        self.id = id
        self.read = read
        self.preread = preread
        self.pidsStats = pidsStats
        self.blkioStats = blkioStats
        self.numProcs = numProcs
        self.storageStats = storageStats
        self.cpuStats = cpuStats
        self.precpuStats = precpuStats
        self.memoryStats = memoryStats
        self.networks = networks
    }

    enum CodingKeys: String, CodingKey {
        case name, id, read, preread, networks
        case pidsStats = "pids_stats"
        case blkioStats = "blkio_stats"
        case numProcs = "num_procs"
        case storageStats = "storage_stats"
        case cpuStats = "cpu_stats"
        case precpuStats = "precpu_stats"
        case memoryStats = "memory_stats"
    }
}

/// Processes of a container.
public struct PidsStats: Codable, Equatable, Sendable {
    @OmitZero public var current: UInt64
    @OmitZero public var limit: UInt64

    public init(current: UInt64 = 0, limit: UInt64 = 0) {
        self.current = current
        self.limit = limit
    }
}

/// Windows only; empty on Linux.
public struct StorageStats: Codable, Equatable, Sendable {
    @OmitZero public var readCountNormalized: UInt64

    public init(readCountNormalized: UInt64 = 0) {
        self.readCountNormalized = readCountNormalized
    }

    enum CodingKeys: String, CodingKey {
        case readCountNormalized = "read_count_normalized"
    }
}

/// A counter of one block device.
public struct BlkioStatEntry: Codable, Equatable, Sendable {
    @Zero public var major: UInt64
    @Zero public var minor: UInt64
    @Zero public var op: String
    @Zero public var value: UInt64

    public init(major: UInt64 = 0, minor: UInt64 = 0, op: String = "", value: UInt64 = 0) {
        self.major = major
        self.minor = minor
        self.op = op
        self.value = value
    }
}

/// Block I/O of a container.
public struct BlkioStats: Codable, Equatable, Sendable {
    @Zero public var ioServiceBytesRecursive: [BlkioStatEntry]?
    @Zero public var ioServicedRecursive: [BlkioStatEntry]?
    @Zero public var ioQueueRecursive: [BlkioStatEntry]?
    @Zero public var ioServiceTimeRecursive: [BlkioStatEntry]?
    @Zero public var ioWaitTimeRecursive: [BlkioStatEntry]?
    @Zero public var ioMergedRecursive: [BlkioStatEntry]?
    @Zero public var ioTimeRecursive: [BlkioStatEntry]?
    @Zero public var sectorsRecursive: [BlkioStatEntry]?

    public init(
        ioServiceBytesRecursive: [BlkioStatEntry]? = nil, ioServicedRecursive: [BlkioStatEntry]? = nil,
        ioQueueRecursive: [BlkioStatEntry]? = nil, ioServiceTimeRecursive: [BlkioStatEntry]? = nil,
        ioWaitTimeRecursive: [BlkioStatEntry]? = nil, ioMergedRecursive: [BlkioStatEntry]? = nil,
        ioTimeRecursive: [BlkioStatEntry]? = nil, sectorsRecursive: [BlkioStatEntry]? = nil
    ) {
        self.ioServiceBytesRecursive = ioServiceBytesRecursive
        self.ioServicedRecursive = ioServicedRecursive
        self.ioQueueRecursive = ioQueueRecursive
        self.ioServiceTimeRecursive = ioServiceTimeRecursive
        self.ioWaitTimeRecursive = ioWaitTimeRecursive
        self.ioMergedRecursive = ioMergedRecursive
        self.ioTimeRecursive = ioTimeRecursive
        self.sectorsRecursive = sectorsRecursive
    }

    enum CodingKeys: String, CodingKey {
        case ioServiceBytesRecursive = "io_service_bytes_recursive"
        case ioServicedRecursive = "io_serviced_recursive"
        case ioQueueRecursive = "io_queue_recursive"
        case ioServiceTimeRecursive = "io_service_time_recursive"
        case ioWaitTimeRecursive = "io_wait_time_recursive"
        case ioMergedRecursive = "io_merged_recursive"
        case ioTimeRecursive = "io_time_recursive"
        case sectorsRecursive = "sectors_recursive"
    }
}

/// CPU time of a container, and of the host (`systemCpuUsage`).
public struct CPUStats: Codable, Equatable, Sendable {
    public var cpuUsage: CPUUsage
    @OmitZero public var systemCpuUsage: UInt64
    @OmitZero public var onlineCpus: UInt32
    public var throttlingData: ThrottlingData

    public init(
        cpuUsage: CPUUsage = CPUUsage(), systemCpuUsage: UInt64 = 0, onlineCpus: UInt32 = 0,
        throttlingData: ThrottlingData = ThrottlingData()
    ) {
        self.cpuUsage = cpuUsage
        self.systemCpuUsage = systemCpuUsage
        self.onlineCpus = onlineCpus
        self.throttlingData = throttlingData
    }

    enum CodingKeys: String, CodingKey {
        case cpuUsage = "cpu_usage"
        case systemCpuUsage = "system_cpu_usage"
        case onlineCpus = "online_cpus"
        case throttlingData = "throttling_data"
    }
}

/// Nanoseconds of CPU time.
public struct CPUUsage: Codable, Equatable, Sendable {
    @Zero public var totalUsage: UInt64
    public var percpuUsage: [UInt64]?
    @Zero public var usageInKernelmode: UInt64
    @Zero public var usageInUsermode: UInt64

    public init(
        totalUsage: UInt64 = 0, percpuUsage: [UInt64]? = nil, usageInKernelmode: UInt64 = 0,
        usageInUsermode: UInt64 = 0
    ) {
        self.totalUsage = totalUsage
        self.percpuUsage = percpuUsage
        self.usageInKernelmode = usageInKernelmode
        self.usageInUsermode = usageInUsermode
    }

    enum CodingKeys: String, CodingKey {
        case totalUsage = "total_usage"
        case percpuUsage = "percpu_usage"
        case usageInKernelmode = "usage_in_kernelmode"
        case usageInUsermode = "usage_in_usermode"
    }
}

/// How often a CPU quota stopped the container; `throttledTime` in nanoseconds.
public struct ThrottlingData: Codable, Equatable, Sendable {
    @Zero public var periods: UInt64
    @Zero public var throttledPeriods: UInt64
    @Zero public var throttledTime: UInt64

    public init(periods: UInt64 = 0, throttledPeriods: UInt64 = 0, throttledTime: UInt64 = 0) {
        self.periods = periods
        self.throttledPeriods = throttledPeriods
        self.throttledTime = throttledTime
    }

    enum CodingKeys: String, CodingKey {
        case periods
        case throttledPeriods = "throttled_periods"
        case throttledTime = "throttled_time"
    }
}

/// Memory of a container. `stats` are the lines of the cgroup's `memory.stat`.
public struct MemoryStats: Codable, Equatable, Sendable {
    @OmitZero public var usage: UInt64
    @OmitZero public var maxUsage: UInt64
    public var stats: [String: UInt64]?
    @OmitZero public var failcnt: UInt64
    @OmitZero public var limit: UInt64

    public init(
        usage: UInt64 = 0, maxUsage: UInt64 = 0, stats: [String: UInt64]? = nil, failcnt: UInt64 = 0,
        limit: UInt64 = 0
    ) {
        self.usage = usage
        self.maxUsage = maxUsage
        self.stats = stats
        self.failcnt = failcnt
        self.limit = limit
    }

    enum CodingKeys: String, CodingKey {
        case usage, stats, failcnt, limit
        case maxUsage = "max_usage"
    }
}

/// Traffic of one interface.
public struct InterfaceStats: Codable, Equatable, Sendable {
    @Zero public var rxBytes: UInt64
    @Zero public var rxPackets: UInt64
    @Zero public var rxErrors: UInt64
    @Zero public var rxDropped: UInt64
    @Zero public var txBytes: UInt64
    @Zero public var txPackets: UInt64
    @Zero public var txErrors: UInt64
    @Zero public var txDropped: UInt64

    public init(
        rxBytes: UInt64 = 0, rxPackets: UInt64 = 0, rxErrors: UInt64 = 0, rxDropped: UInt64 = 0,
        txBytes: UInt64 = 0, txPackets: UInt64 = 0, txErrors: UInt64 = 0, txDropped: UInt64 = 0
    ) {
        self.rxBytes = rxBytes
        self.rxPackets = rxPackets
        self.rxErrors = rxErrors
        self.rxDropped = rxDropped
        self.txBytes = txBytes
        self.txPackets = txPackets
        self.txErrors = txErrors
        self.txDropped = txDropped
    }

    enum CodingKeys: String, CodingKey {
        case rxBytes = "rx_bytes"
        case rxPackets = "rx_packets"
        case rxErrors = "rx_errors"
        case rxDropped = "rx_dropped"
        case txBytes = "tx_bytes"
        case txPackets = "tx_packets"
        case txErrors = "tx_errors"
        case txDropped = "tx_dropped"
    }
}
