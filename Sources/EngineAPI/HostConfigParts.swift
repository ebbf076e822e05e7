/// A log driver and its options.
public struct LogConfig: Codable, Equatable, Sendable {
    @Zero public var type: String
    @Zero public var config: [String: String]

    public init(type: String = "", config: [String: String] = [:]) {
        self.type = type
        self.config = config
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case config = "Config"
    }
}

/// When a container that exited is started again. `name` is empty, `no`, `always`, `unless-stopped`
/// or `on-failure`.
public struct RestartPolicy: Codable, Equatable, Sendable {
    @Zero public var name: String
    /// For `on-failure` only; zero is no limit.
    @Zero public var maximumRetryCount: Int

    public init(name: String = "", maximumRetryCount: Int = 0) {
        self.name = name
        self.maximumRetryCount = maximumRetryCount
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case maximumRetryCount = "MaximumRetryCount"
    }
}

/// One end of a published port on the host.
public struct PortBinding: Codable, Equatable, Sendable {
    /// Empty is every address.
    @Zero public var hostIp: String
    /// Empty is a port that the engine picks; may be a range `from-to`.
    @Zero public var hostPort: String

    public init(hostIp: String = "", hostPort: String = "") {
        self.hostIp = hostIp
        self.hostPort = hostPort
    }

    enum CodingKeys: String, CodingKey {
        case hostIp = "HostIp"
        case hostPort = "HostPort"
    }
}

/// A block device and its share of I/O.
public struct WeightDevice: Codable, Equatable, Sendable {
    @Zero public var path: String
    @Zero public var weight: UInt16

    public init(path: String = "", weight: UInt16 = 0) {
        self.path = path
        self.weight = weight
    }

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case weight = "Weight"
    }
}

/// A block device and its limit, in bytes or operations per second.
public struct ThrottleDevice: Codable, Equatable, Sendable {
    @Zero public var path: String
    @Zero public var rate: UInt64

    public init(path: String = "", rate: UInt64 = 0) {
        self.path = path
        self.rate = rate
    }

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case rate = "Rate"
    }
}

/// A device node of the host made available in the container.
public struct DeviceMapping: Codable, Equatable, Sendable {
    @Zero public var pathOnHost: String
    @Zero public var pathInContainer: String
    /// Any of `r`, `w` and `m`.
    @Zero public var cgroupPermissions: String

    public init(pathOnHost: String = "", pathInContainer: String = "", cgroupPermissions: String = "") {
        self.pathOnHost = pathOnHost
        self.pathInContainer = pathInContainer
        self.cgroupPermissions = cgroupPermissions
    }

    enum CodingKeys: String, CodingKey {
        case pathOnHost = "PathOnHost"
        case pathInContainer = "PathInContainer"
        case cgroupPermissions = "CgroupPermissions"
    }
}

/// Devices asked of a driver, such as GPUs.
public struct DeviceRequest: Codable, Equatable, Sendable {
    @Zero public var driver: String
    /// -1 is all.
    @Zero public var count: Int
    @Zero public var deviceIDs: [String]?
    /// An OR of ANDs.
    @Zero public var capabilities: [[String]]?
    @Zero public var options: [String: String]

    public init(
        driver: String = "", count: Int = 0, deviceIDs: [String]? = nil, capabilities: [[String]]? = nil,
        options: [String: String] = [:]
    ) {
        self.driver = driver
        self.count = count
        self.deviceIDs = deviceIDs
        self.capabilities = capabilities
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case count = "Count"
        case deviceIDs = "DeviceIDs"
        case capabilities = "Capabilities"
        case options = "Options"
    }
}

/// A resource limit of `setrlimit(2)`.
public struct Ulimit: Codable, Equatable, Sendable {
    @Zero public var name: String
    /// -1 is unlimited.
    @Zero public var hard: Int64
    /// -1 is unlimited.
    @Zero public var soft: Int64

    public init(name: String = "", hard: Int64 = 0, soft: Int64 = 0) {
        self.name = name
        self.hard = hard
        self.soft = soft
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case hard = "Hard"
        case soft = "Soft"
    }
}
