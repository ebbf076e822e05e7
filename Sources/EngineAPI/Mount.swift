/// One `--mount`. `type` is `bind`, `volume`, `tmpfs`, `image`, `npipe` or `cluster`.
public struct Mount: Codable, Equatable, Sendable {
    @OmitZero public var type: String
    @OmitZero public var source: String
    @OmitZero public var target: String
    @OmitZero public var readOnly: Bool
    @OmitZero public var consistency: String
    public var bindOptions: BindOptions?
    public var volumeOptions: VolumeOptions?
    public var imageOptions: ImageOptions?
    public var tmpfsOptions: TmpfsOptions?

    public init(
        type: String = "", source: String = "", target: String = "", readOnly: Bool = false,
        consistency: String = "", bindOptions: BindOptions? = nil, volumeOptions: VolumeOptions? = nil,
        imageOptions: ImageOptions? = nil, tmpfsOptions: TmpfsOptions? = nil
    ) {
        self.type = type
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.consistency = consistency
        self.bindOptions = bindOptions
        self.volumeOptions = volumeOptions
        self.imageOptions = imageOptions
        self.tmpfsOptions = tmpfsOptions
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case source = "Source"
        case target = "Target"
        case readOnly = "ReadOnly"
        case consistency = "Consistency"
        case bindOptions = "BindOptions"
        case volumeOptions = "VolumeOptions"
        case imageOptions = "ImageOptions"
        case tmpfsOptions = "TmpfsOptions"
    }
}

/// Options of a bind mount.
public struct BindOptions: Codable, Equatable, Sendable {
    @OmitZero public var propagation: String
    @OmitZero public var nonRecursive: Bool
    /// Create the source on the host when it is missing.
    @OmitZero public var createMountpoint: Bool
    @OmitZero public var readOnlyNonRecursive: Bool
    @OmitZero public var readOnlyForceRecursive: Bool

    public init(
        propagation: String = "", nonRecursive: Bool = false, createMountpoint: Bool = false,
        readOnlyNonRecursive: Bool = false, readOnlyForceRecursive: Bool = false
    ) {
        self.propagation = propagation
        self.nonRecursive = nonRecursive
        self.createMountpoint = createMountpoint
        self.readOnlyNonRecursive = readOnlyNonRecursive
        self.readOnlyForceRecursive = readOnlyForceRecursive
    }

    enum CodingKeys: String, CodingKey {
        case propagation = "Propagation"
        case nonRecursive = "NonRecursive"
        case createMountpoint = "CreateMountpoint"
        case readOnlyNonRecursive = "ReadOnlyNonRecursive"
        case readOnlyForceRecursive = "ReadOnlyForceRecursive"
    }
}

/// Options of a volume mount.
public struct VolumeOptions: Codable, Equatable, Sendable {
    /// Do not fill an empty volume from the image.
    @OmitZero public var noCopy: Bool
    public var labels: [String: String]?
    @OmitZero public var subpath: String
    public var driverConfig: VolumeDriverConfig?

    public init(
        noCopy: Bool = false, labels: [String: String]? = nil, subpath: String = "",
        driverConfig: VolumeDriverConfig? = nil
    ) {
        self.noCopy = noCopy
        self.labels = labels
        self.subpath = subpath
        self.driverConfig = driverConfig
    }

    enum CodingKeys: String, CodingKey {
        case noCopy = "NoCopy"
        case labels = "Labels"
        case subpath = "Subpath"
        case driverConfig = "DriverConfig"
    }
}

/// The driver that makes a volume on first use.
public struct VolumeDriverConfig: Codable, Equatable, Sendable {
    @OmitZero public var name: String
    public var options: [String: String]?

    public init(name: String = "", options: [String: String]? = nil) {
        self.name = name
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case options = "Options"
    }
}

/// Options of an image mount.
public struct ImageOptions: Codable, Equatable, Sendable {
    @OmitZero public var subpath: String

    public init(subpath: String = "") {
        self.subpath = subpath
    }

    enum CodingKeys: String, CodingKey {
        case subpath = "Subpath"
    }
}

/// Options of a tmpfs mount.
public struct TmpfsOptions: Codable, Equatable, Sendable {
    @OmitZero public var sizeBytes: Int64
    @OmitZero public var mode: UInt32
    @OmitZero public var options: [[String]]

    public init(sizeBytes: Int64 = 0, mode: UInt32 = 0, options: [[String]] = []) {
        self.sizeBytes = sizeBytes
        self.mode = mode
        self.options = options
    }

    enum CodingKeys: String, CodingKey {
        case sizeBytes = "SizeBytes"
        case mode = "Mode"
        case options = "Options"
    }
}

/// A mount of an existing container, as inspect and list show it.
public struct MountPoint: Codable, Equatable, Sendable {
    @OmitZero public var type: String
    /// A volume's name.
    @OmitZero public var name: String
    @Zero public var source: String
    @Zero public var destination: String
    @OmitZero public var driver: String
    @Zero public var mode: String
    @Zero public var rw: Bool
    @Zero public var propagation: String

    public init(
        type: String = "", name: String = "", source: String = "", destination: String = "",
        driver: String = "", mode: String = "", rw: Bool = false, propagation: String = ""
    ) {
        self.type = type
        self.name = name
        self.source = source
        self.destination = destination
        self.driver = driver
        self.mode = mode
        self.rw = rw
        self.propagation = propagation
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case name = "Name"
        case source = "Source"
        case destination = "Destination"
        case driver = "Driver"
        case mode = "Mode"
        case rw = "RW"
        case propagation = "Propagation"
    }
}
