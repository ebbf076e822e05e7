/// A volume: `GET /volumes/{name}`.
public struct Volume: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var driver: String
    @Zero public var mountpoint: String
    /// RFC 3339.
    @OmitZero public var createdAt: String
    public var status: [String: String]?
    @Zero public var labels: [String: String]
    @Zero public var scope: String
    @Zero public var options: [String: String]
    public var usageData: VolumeUsage?

    public init(
        name: String = "", driver: String = "", mountpoint: String = "", createdAt: String = "",
        status: [String: String]? = nil, labels: [String: String] = [:], scope: String = "",
        options: [String: String] = [:], usageData: VolumeUsage? = nil
    ) {
        self.name = name
        self.driver = driver
        self.mountpoint = mountpoint
        self.createdAt = createdAt
        self.status = status
        self.labels = labels
        self.scope = scope
        self.options = options
        self.usageData = usageData
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case mountpoint = "Mountpoint"
        case createdAt = "CreatedAt"
        case status = "Status"
        case labels = "Labels"
        case scope = "Scope"
        case options = "Options"
        case usageData = "UsageData"
    }
}

/// Users and bytes of a volume; -1 is not known.
public struct VolumeUsage: Codable, Equatable, Sendable {
    @Zero public var size: Int64
    @Zero public var refCount: Int64

    public init(size: Int64 = 0, refCount: Int64 = 0) {
        self.size = size
        self.refCount = refCount
    }

    enum CodingKeys: String, CodingKey {
        case size = "Size"
        case refCount = "RefCount"
    }
}

/// The answer to `GET /volumes`.
public struct VolumeList: Codable, Equatable, Sendable {
    @Zero public var volumes: [Volume]
    @Zero public var warnings: [String]?

    public init(volumes: [Volume] = [], warnings: [String]? = nil) {
        self.volumes = volumes
        self.warnings = warnings
    }

    enum CodingKeys: String, CodingKey {
        case volumes = "Volumes"
        case warnings = "Warnings"
    }
}

/// `POST /volumes/create`. An empty name asks for a generated one.
public struct VolumeCreateRequest: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var driver: String
    @Zero public var driverOpts: [String: String]
    @Zero public var labels: [String: String]

    public init(
        name: String = "", driver: String = "", driverOpts: [String: String] = [:],
        labels: [String: String] = [:]
    ) {
        self.name = name
        self.driver = driver
        self.driverOpts = driverOpts
        self.labels = labels
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case driverOpts = "DriverOpts"
        case labels = "Labels"
    }
}

/// What `POST /volumes/prune` removed.
public struct VolumePruneReport: Codable, Equatable, Sendable {
    @Zero public var volumesDeleted: [String]
    /// Bytes.
    @Zero public var spaceReclaimed: UInt64

    public init(volumesDeleted: [String] = [], spaceReclaimed: UInt64 = 0) {
        self.volumesDeleted = volumesDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    enum CodingKeys: String, CodingKey {
        case volumesDeleted = "VolumesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
