/// The answer to `POST /containers/create`.
public struct ContainerCreateResponse: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var warnings: [String]

    public init(id: String = "", warnings: [String] = []) {
        self.id = id
        self.warnings = warnings
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warnings = "Warnings"
    }
}

/// One row of `GET /containers/json`.
public struct ContainerSummary: Codable, Equatable, Sendable {
    @Zero public var id: String
    /// With leading slashes.
    @Zero public var names: [String]
    @Zero public var image: String
    @Zero public var imageID: String
    public var imageManifestDescriptor: OCIDescriptor?
    @Zero public var command: String
    /// Seconds since 1970.
    @Zero public var created: Int64
    @Zero public var ports: [Port]
    public var sizeRw: Int64?
    public var sizeRootFs: Int64?
    @Zero public var labels: [String: String]
    @Zero public var state: String
    /// For people: `Up 2 hours (healthy)`.
    @Zero public var status: String
    public var hostConfig: ContainerSummaryHostConfig?
    public var networkSettings: ContainerSummaryNetworks?
    @Zero public var mounts: [MountPoint]

    public init(
        id: String = "", names: [String] = [], image: String = "", imageID: String = "",
        imageManifestDescriptor: OCIDescriptor? = nil, command: String = "", created: Int64 = 0,
        ports: [Port] = [], sizeRw: Int64? = nil, sizeRootFs: Int64? = nil, labels: [String: String] = [:],
        state: String = "", status: String = "", hostConfig: ContainerSummaryHostConfig? = nil,
        networkSettings: ContainerSummaryNetworks? = nil, mounts: [MountPoint] = []
    ) {
        self.id = id
        self.names = names
        self.image = image
        self.imageID = imageID
        self.imageManifestDescriptor = imageManifestDescriptor
        self.command = command
        self.created = created
        self.ports = ports
        self.sizeRw = sizeRw
        self.sizeRootFs = sizeRootFs
        self.labels = labels
        self.state = state
        self.status = status
        self.hostConfig = hostConfig
        self.networkSettings = networkSettings
        self.mounts = mounts
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case names = "Names"
        case image = "Image"
        case imageID = "ImageID"
        case imageManifestDescriptor = "ImageManifestDescriptor"
        case command = "Command"
        case created = "Created"
        case ports = "Ports"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case labels = "Labels"
        case state = "State"
        case status = "Status"
        case hostConfig = "HostConfig"
        case networkSettings = "NetworkSettings"
        case mounts = "Mounts"
    }
}

/// The host's part of a list row.
public struct ContainerSummaryHostConfig: Codable, Equatable, Sendable {
    @OmitZero public var networkMode: String
    public var annotations: [String: String]?

    public init(networkMode: String = "", annotations: [String: String]? = nil) {
        self.networkMode = networkMode
        self.annotations = annotations
    }

    enum CodingKeys: String, CodingKey {
        case networkMode = "NetworkMode"
        case annotations = "Annotations"
    }
}

/// The networks of a list row.
public struct ContainerSummaryNetworks: Codable, Equatable, Sendable {
    @Zero public var networks: [String: EndpointSettings]

    public init(networks: [String: EndpointSettings] = [:]) {
        self.networks = networks
    }

    enum CodingKeys: String, CodingKey {
        case networks = "Networks"
    }
}

/// An exposed or published port of a list row. `type` is `tcp`, `udp` or `sctp`.
public struct Port: Codable, Equatable, Sendable {
    /// The host's address, empty if the port is not published.
    @OmitZero public var ip: String
    @Zero public var privatePort: UInt16
    public var publicPort: UInt16?
    @Zero public var type: String

    public init(ip: String = "", privatePort: UInt16 = 0, publicPort: UInt16? = nil, type: String = "") {
        self.ip = ip
        self.privatePort = privatePort
        self.publicPort = publicPort
        self.type = type
    }

    enum CodingKeys: String, CodingKey {
        case ip = "IP"
        case privatePort = "PrivatePort"
        case publicPort = "PublicPort"
        case type = "Type"
    }
}

/// New limits of a container: `POST /containers/{id}/update`. What is absent or zero stays as it
/// is.
public struct ContainerUpdateRequest: Codable, Equatable, Sendable {
    public var cpuShares: Int64?
    public var memory: Int64?
    public var nanoCpus: Int64?
    public var cgroupParent: String?
    public var blkioWeight: UInt16?
    public var blkioWeightDevice: [WeightDevice]?
    public var blkioDeviceReadBps: [ThrottleDevice]?
    public var blkioDeviceWriteBps: [ThrottleDevice]?
    public var blkioDeviceReadIOps: [ThrottleDevice]?
    public var blkioDeviceWriteIOps: [ThrottleDevice]?
    public var cpuPeriod: Int64?
    public var cpuQuota: Int64?
    public var cpuRealtimePeriod: Int64?
    public var cpuRealtimeRuntime: Int64?
    public var cpusetCpus: String?
    public var cpusetMems: String?
    public var memoryReservation: Int64?
    public var memorySwap: Int64?
    public var memorySwappiness: Int?
    public var oomKillDisable: Bool?
    public var pidsLimit: Int64?
    public var restartPolicy: RestartPolicy?

    public init(
        cpuShares: Int64? = nil, memory: Int64? = nil, nanoCpus: Int64? = nil, cgroupParent: String? = nil,
        blkioWeight: UInt16? = nil, blkioWeightDevice: [WeightDevice]? = nil,
        blkioDeviceReadBps: [ThrottleDevice]? = nil, blkioDeviceWriteBps: [ThrottleDevice]? = nil,
        blkioDeviceReadIOps: [ThrottleDevice]? = nil, blkioDeviceWriteIOps: [ThrottleDevice]? = nil,
        cpuPeriod: Int64? = nil, cpuQuota: Int64? = nil, cpuRealtimePeriod: Int64? = nil,
        cpuRealtimeRuntime: Int64? = nil, cpusetCpus: String? = nil, cpusetMems: String? = nil,
        memoryReservation: Int64? = nil, memorySwap: Int64? = nil, memorySwappiness: Int? = nil,
        oomKillDisable: Bool? = nil, pidsLimit: Int64? = nil, restartPolicy: RestartPolicy? = nil
    ) {
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
        self.memoryReservation = memoryReservation
        self.memorySwap = memorySwap
        self.memorySwappiness = memorySwappiness
        self.oomKillDisable = oomKillDisable
        self.pidsLimit = pidsLimit
        self.restartPolicy = restartPolicy
    }

    enum CodingKeys: String, CodingKey {
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
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case memorySwappiness = "MemorySwappiness"
        case oomKillDisable = "OomKillDisable"
        case pidsLimit = "PidsLimit"
        case restartPolicy = "RestartPolicy"
    }
}

/// The answer to `POST /containers/{id}/update`.
public struct ContainerUpdateResponse: Codable, Equatable, Sendable {
    @Zero public var warnings: [String]?

    public init(warnings: [String]? = nil) {
        self.warnings = warnings
    }

    enum CodingKeys: String, CodingKey {
        case warnings = "Warnings"
    }
}

/// The processes of a container, one row each: `GET /containers/{id}/top`.
public struct TopResponse: Codable, Equatable, Sendable {
    @Zero public var titles: [String]
    @Zero public var processes: [[String]]

    public init(titles: [String] = [], processes: [[String]] = []) {
        self.titles = titles
        self.processes = processes
    }

    enum CodingKeys: String, CodingKey {
        case titles = "Titles"
        case processes = "Processes"
    }
}

/// A path that differs from the image: `GET /containers/{id}/changes`. `kind` is 0 for modified, 1
/// for added, 2 for deleted.
public struct FilesystemChange: Codable, Equatable, Sendable {
    @Zero public var path: String
    @Zero public var kind: Int

    public init(path: String = "", kind: Int = 0) {
        self.path = path
        self.kind = kind
    }

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case kind = "Kind"
    }
}

/// How a container exited: `POST /containers/{id}/wait`.
public struct WaitResponse: Codable, Equatable, Sendable {
    @Zero public var statusCode: Int
    public var error: WaitError?

    public init(statusCode: Int = 0, error: WaitError? = nil) {
        self.statusCode = statusCode
        self.error = error
    }

    enum CodingKeys: String, CodingKey {
        case statusCode = "StatusCode"
        case error = "Error"
    }
}

/// Why waiting failed.
public struct WaitError: Codable, Equatable, Sendable {
    @Zero public var message: String

    public init(message: String = "") {
        self.message = message
    }

    enum CodingKeys: String, CodingKey {
        case message = "Message"
    }
}

/// A file in a container, sent base64 coded as `X-Docker-Container-Path-Stat`.
public struct PathStat: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var size: Int64
    /// Go's `os.FileMode`: the permission bits, and the type in Go's own high bits.
    @Zero public var mode: UInt32
    /// RFC 3339.
    @Zero public var mtime: String
    @Zero public var linkTarget: String

    public init(
        name: String = "", size: Int64 = 0, mode: UInt32 = 0, mtime: String = zeroTime,
        linkTarget: String = ""
    ) {
        self.name = name
        self.size = size
        self.mode = mode
        self.mtime = mtime
        self.linkTarget = linkTarget
    }
}

/// What `POST /containers/prune` removed.
public struct ContainerPruneReport: Codable, Equatable, Sendable {
    @Zero public var containersDeleted: [String]
    /// Bytes.
    @Zero public var spaceReclaimed: UInt64

    public init(containersDeleted: [String] = [], spaceReclaimed: UInt64 = 0) {
        self.containersDeleted = containersDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    enum CodingKeys: String, CodingKey {
        case containersDeleted = "ContainersDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}

/// The image that `POST /commit` made.
public struct CommitResponse: Codable, Equatable, Sendable {
    @Zero public var id: String

    public init(id: String = "") {
        self.id = id
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
    }
}
