// `linux.resources` of `config.json` (`config-linux.md`, "Control groups").

extension RuntimeSpec {
    public struct Resources: Sendable, Codable {
        public var devices: [DeviceRule]?
        public var memory: Memory?
        public var cpu: CPU?
        public var pids: PIDs?
        public var blockIO: BlockIO?
        public var hugepageLimits: [HugepageLimit]?
        public var network: Network?
        /// Device name → limits.
        public var rdma: [String: RDMA]?
        /// cgroup v2 file name → value.
        public var unified: [String: String]?

        public init() {}
    }

    public struct DeviceRule: Sendable, Codable {
        public var allow: Bool
        /// `a`, `c` or `b`; absent: all.
        public var type: String?
        public var major: Int64?
        public var minor: Int64?
        /// Any of `rwm`.
        public var access: String?

        public init(
            allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil
        ) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }
    }

    /// Limits in bytes; -1 is no limit.
    public struct Memory: Sendable, Codable {
        public var limit: Int64?
        public var reservation: Int64?
        public var swap: Int64?
        public var kernel: Int64?
        public var kernelTCP: Int64?
        public var swappiness: UInt64?
        public var disableOOMKiller: Bool?
        public var useHierarchy: Bool?
        public var checkBeforeUpdate: Bool?

        public init() {}
    }

    /// `quota` and `period` in microseconds.
    public struct CPU: Sendable, Codable {
        public var shares: UInt64?
        public var quota: Int64?
        public var burst: UInt64?
        public var period: UInt64?
        public var realtimeRuntime: Int64?
        public var realtimePeriod: UInt64?
        public var cpus: String?
        public var mems: String?
        public var idle: Int64?

        public init() {}
    }

    public struct PIDs: Sendable, Codable {
        public var limit: Int64

        public init(limit: Int64) { self.limit = limit }
    }

    public struct BlockIO: Sendable, Codable {
        public var weight: UInt16?
        public var leafWeight: UInt16?
        public var weightDevice: [WeightDevice]?
        public var throttleReadBpsDevice: [ThrottleDevice]?
        public var throttleWriteBpsDevice: [ThrottleDevice]?
        public var throttleReadIOPSDevice: [ThrottleDevice]?
        public var throttleWriteIOPSDevice: [ThrottleDevice]?

        public init() {}
    }

    public struct WeightDevice: Sendable, Codable {
        public var major: Int64
        public var minor: Int64
        public var weight: UInt16?
        public var leafWeight: UInt16?
    }

    public struct ThrottleDevice: Sendable, Codable {
        public var major: Int64
        public var minor: Int64
        public var rate: UInt64
    }

    public struct HugepageLimit: Sendable, Codable {
        public var pageSize: String
        public var limit: UInt64
    }

    /// cgroup v1 alone: the class of packets (`net_cls`) and their priority per interface (`net_prio`).
    public struct Network: Sendable, Codable {
        public var classID: UInt32?
        public var priorities: [InterfacePriority]?

        public init() {}
    }

    public struct InterfacePriority: Sendable, Codable {
        public var name: String
        public var priority: UInt32
    }

    public struct RDMA: Sendable, Codable {
        public var hcaHandles: UInt32?
        public var hcaObjects: UInt32?
    }
}
