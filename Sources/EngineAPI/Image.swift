/// One row of `GET /images/json`.
public struct ImageSummary: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var parentId: String
    @Zero public var repoTags: [String]
    @Zero public var repoDigests: [String]
    /// Seconds since 1970.
    @Zero public var created: Int64
    /// Bytes.
    @Zero public var size: Int64
    /// -1 if not computed.
    @Zero public var sharedSize: Int64
    @OmitZero public var virtualSize: Int64
    @Zero public var labels: [String: String]
    /// -1 if not counted.
    @Zero public var containers: Int64
    public var manifests: [ImageManifestSummary]?
    public var descriptor: OCIDescriptor?

    public init(
        id: String = "", parentId: String = "", repoTags: [String] = [], repoDigests: [String] = [],
        created: Int64 = 0, size: Int64 = 0, sharedSize: Int64 = 0, virtualSize: Int64 = 0,
        labels: [String: String] = [:], containers: Int64 = 0, manifests: [ImageManifestSummary]? = nil,
        descriptor: OCIDescriptor? = nil
    ) {
        self.id = id
        self.parentId = parentId
        self.repoTags = repoTags
        self.repoDigests = repoDigests
        self.created = created
        self.size = size
        self.sharedSize = sharedSize
        self.virtualSize = virtualSize
        self.labels = labels
        self.containers = containers
        self.manifests = manifests
        self.descriptor = descriptor
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case parentId = "ParentId"
        case repoTags = "RepoTags"
        case repoDigests = "RepoDigests"
        case created = "Created"
        case size = "Size"
        case sharedSize = "SharedSize"
        case virtualSize = "VirtualSize"
        case labels = "Labels"
        case containers = "Containers"
        case manifests = "Manifests"
        case descriptor = "Descriptor"
    }
}

/// One manifest of an image for several platforms.
public struct ImageManifestSummary: Codable, Equatable, Sendable {
    @Zero public var id: String
    public var descriptor: OCIDescriptor
    @Zero public var available: Bool
    public var size: ImageManifestSize
    /// `image`, `attestation` or `unknown`.
    @Zero public var kind: String
    public var imageData: ImageManifestData?

    public init(
        id: String = "", descriptor: OCIDescriptor = OCIDescriptor(), available: Bool = false,
        size: ImageManifestSize = ImageManifestSize(), kind: String = "", imageData: ImageManifestData? = nil
    ) {
        self.id = id
        self.descriptor = descriptor
        self.available = available
        self.size = size
        self.kind = kind
        self.imageData = imageData
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case descriptor = "Descriptor"
        case available = "Available"
        case size = "Size"
        case kind = "Kind"
        case imageData = "ImageData"
    }
}

/// Bytes of a manifest's content and of all it takes on disk.
public struct ImageManifestSize: Codable, Equatable, Sendable {
    @Zero public var content: Int64
    @Zero public var total: Int64

    public init(content: Int64 = 0, total: Int64 = 0) {
        self.content = content
        self.total = total
    }

    enum CodingKeys: String, CodingKey {
        case content = "Content"
        case total = "Total"
    }
}

/// An image manifest's platform and users.
public struct ImageManifestData: Codable, Equatable, Sendable {
    public var platform: OCIPlatform
    @Zero public var containers: [String]
    public var size: ImageUnpackedSize

    public init(
        platform: OCIPlatform = OCIPlatform(), containers: [String] = [],
        size: ImageUnpackedSize = ImageUnpackedSize()
    ) {
        self.platform = platform
        self.containers = containers
        self.size = size
    }

    enum CodingKeys: String, CodingKey {
        case platform = "Platform"
        case containers = "Containers"
        case size = "Size"
    }
}

/// Bytes of the unpacked layers.
public struct ImageUnpackedSize: Codable, Equatable, Sendable {
    @Zero public var unpacked: Int64

    public init(unpacked: Int64 = 0) {
        self.unpacked = unpacked
    }

    enum CodingKeys: String, CodingKey {
        case unpacked = "Unpacked"
    }
}

/// Everything about one image: `GET /images/{name}/json`.
public struct ImageInspect: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var repoTags: [String]
    @Zero public var repoDigests: [String]
    @Zero public var parent: String
    @Zero public var comment: String
    /// RFC 3339.
    @OmitZero public var created: String
    @Zero public var dockerVersion: String
    @Zero public var author: String
    public var config: ImageExecutionConfig?
    @Zero public var architecture: String
    @OmitZero public var variant: String
    @Zero public var os: String
    @OmitZero public var osVersion: String
    @Zero public var size: Int64
    @OmitZero public var virtualSize: Int64
    public var graphDriver: GraphDriver?
    public var rootFS: RootFS
    public var metadata: ImageMetadata
    public var descriptor: OCIDescriptor?
    public var manifests: [ImageManifestSummary]?

    public init(
        id: String = "", repoTags: [String] = [], repoDigests: [String] = [], parent: String = "",
        comment: String = "", created: String = "", dockerVersion: String = "", author: String = "",
        config: ImageExecutionConfig? = nil, architecture: String = "", variant: String = "", os: String = "",
        osVersion: String = "", size: Int64 = 0, virtualSize: Int64 = 0, graphDriver: GraphDriver? = nil,
        rootFS: RootFS = RootFS(), metadata: ImageMetadata = ImageMetadata(),
        descriptor: OCIDescriptor? = nil, manifests: [ImageManifestSummary]? = nil
    ) {
        self.id = id
        self.repoTags = repoTags
        self.repoDigests = repoDigests
        self.parent = parent
        self.comment = comment
        self.created = created
        self.dockerVersion = dockerVersion
        self.author = author
        self.config = config
        self.architecture = architecture
        self.variant = variant
        self.os = os
        self.osVersion = osVersion
        self.size = size
        self.virtualSize = virtualSize
        self.graphDriver = graphDriver
        self.rootFS = rootFS
        self.metadata = metadata
        self.descriptor = descriptor
        self.manifests = manifests
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repoTags = "RepoTags"
        case repoDigests = "RepoDigests"
        case parent = "Parent"
        case comment = "Comment"
        case created = "Created"
        case dockerVersion = "DockerVersion"
        case author = "Author"
        case config = "Config"
        case architecture = "Architecture"
        case variant = "Variant"
        case os = "Os"
        case osVersion = "OsVersion"
        case size = "Size"
        case virtualSize = "VirtualSize"
        case graphDriver = "GraphDriver"
        case rootFS = "RootFS"
        case metadata = "Metadata"
        case descriptor = "Descriptor"
        case manifests = "Manifests"
    }
}

/// How to run an image's containers: `Config` of an inspected image.
public struct ImageExecutionConfig: Codable, Equatable, Sendable {
    @OmitZero public var user: String
    @OmitNilKeySet public var exposedPorts: Set<String>?
    public var env: [String]?
    @OmitZero public var entrypoint: [String]?
    @OmitZero public var cmd: [String]?
    @OmitNilKeySet public var volumes: Set<String>?
    @OmitZero public var workingDir: String
    public var labels: [String: String]?
    @OmitZero public var stopSignal: String
    @OmitZero public var argsEscaped: Bool
    public var healthcheck: HealthConfig?
    public var onBuild: [String]?
    public var shell: [String]?

    public init(
        user: String = "", exposedPorts: Set<String>? = nil, env: [String]? = nil,
        entrypoint: [String]? = nil, cmd: [String]? = nil, volumes: Set<String>? = nil,
        workingDir: String = "", labels: [String: String]? = nil, stopSignal: String = "",
        argsEscaped: Bool = false, healthcheck: HealthConfig? = nil, onBuild: [String]? = nil,
        shell: [String]? = nil
    ) {
        self.user = user
        self.exposedPorts = exposedPorts
        self.env = env
        self.entrypoint = entrypoint
        self.cmd = cmd
        self.volumes = volumes
        self.workingDir = workingDir
        self.labels = labels
        self.stopSignal = stopSignal
        self.argsEscaped = argsEscaped
        self.healthcheck = healthcheck
        self.onBuild = onBuild
        self.shell = shell
    }

    enum CodingKeys: String, CodingKey {
        case user = "User"
        case exposedPorts = "ExposedPorts"
        case env = "Env"
        case entrypoint = "Entrypoint"
        case cmd = "Cmd"
        case volumes = "Volumes"
        case workingDir = "WorkingDir"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case argsEscaped = "ArgsEscaped"
        case healthcheck = "Healthcheck"
        case onBuild = "OnBuild"
        case shell = "Shell"
    }
}

/// The layers of an image by the digests of their uncompressed tars, lowest first.
public struct RootFS: Codable, Equatable, Sendable {
    @Zero public var type: String
    public var layers: [String]?

    public init(type: String = "", layers: [String]? = nil) {
        self.type = type
        self.layers = layers
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case layers = "Layers"
    }
}

/// What the engine, not the image, knows. `lastTagTime` is RFC 3339.
public struct ImageMetadata: Codable, Equatable, Sendable {
    @OmitZero public var lastTagTime: String

    public init(lastTagTime: String = "") {
        self.lastTagTime = lastTagTime
    }

    enum CodingKeys: String, CodingKey {
        case lastTagTime = "LastTagTime"
    }
}

/// One step of how an image came to be: `GET /images/{name}/history`.
public struct ImageHistoryItem: Codable, Equatable, Sendable {
    /// `<missing>` for steps of other hosts.
    @Zero public var id: String
    /// Seconds since 1970.
    @Zero public var created: Int64
    @Zero public var createdBy: String
    @Zero public var tags: [String]?
    @Zero public var size: Int64
    @Zero public var comment: String

    public init(
        id: String = "", created: Int64 = 0, createdBy: String = "", tags: [String]? = nil, size: Int64 = 0,
        comment: String = ""
    ) {
        self.id = id
        self.created = created
        self.createdBy = createdBy
        self.tags = tags
        self.size = size
        self.comment = comment
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case createdBy = "CreatedBy"
        case tags = "Tags"
        case size = "Size"
        case comment = "Comment"
    }
}

/// One tag or image that `DELETE /images/{name}` removed.
public struct ImageDeleteResponse: Codable, Equatable, Sendable {
    @OmitZero public var untagged: String
    @OmitZero public var deleted: String

    public init(untagged: String = "", deleted: String = "") {
        self.untagged = untagged
        self.deleted = deleted
    }

    enum CodingKeys: String, CodingKey {
        case untagged = "Untagged"
        case deleted = "Deleted"
    }
}

/// What `POST /images/prune` removed.
public struct ImagePruneReport: Codable, Equatable, Sendable {
    @Zero public var imagesDeleted: [ImageDeleteResponse]
    /// Bytes.
    @Zero public var spaceReclaimed: UInt64

    public init(imagesDeleted: [ImageDeleteResponse] = [], spaceReclaimed: UInt64 = 0) {
        self.imagesDeleted = imagesDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    enum CodingKeys: String, CodingKey {
        case imagesDeleted = "ImagesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}

/// One row of `GET /images/search`.
public struct ImageSearchResult: Codable, Equatable, Sendable {
    @Zero public var starCount: Int
    @Zero public var isOfficial: Bool
    @Zero public var name: String
    @Zero public var isAutomated: Bool
    @Zero public var description: String

    public init(
        starCount: Int = 0, isOfficial: Bool = false, name: String = "", isAutomated: Bool = false,
        description: String = ""
    ) {
        self.starCount = starCount
        self.isOfficial = isOfficial
        self.name = name
        self.isAutomated = isAutomated
        self.description = description
    }

    enum CodingKeys: String, CodingKey {
        case name, description
        case starCount = "star_count"
        case isOfficial = "is_official"
        case isAutomated = "is_automated"
    }
}

/// A content descriptor as the Engine API shows it.
public struct OCIDescriptor: Codable, Equatable, Sendable {
    @Zero public var mediaType: String
    @Zero public var digest: String
    @Zero public var size: Int64
    public var urls: [String]?
    public var annotations: [String: String]?
    public var platform: OCIPlatform?
    @OmitZero public var artifactType: String

    public init(
        mediaType: String = "", digest: String = "", size: Int64 = 0, urls: [String]? = nil,
        annotations: [String: String]? = nil, platform: OCIPlatform? = nil, artifactType: String = ""
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.urls = urls
        self.annotations = annotations
        self.platform = platform
        self.artifactType = artifactType
    }
}

/// A platform as the Engine API shows it; also the JSON of `platform` query parameters.
public struct OCIPlatform: Codable, Equatable, Sendable {
    @Zero public var architecture: String
    @Zero public var os: String
    @OmitZero public var osVersion: String
    public var osFeatures: [String]?
    @OmitZero public var variant: String

    public init(
        architecture: String = "", os: String = "", osVersion: String = "", osFeatures: [String]? = nil,
        variant: String = ""
    ) {
        self.architecture = architecture
        self.os = os
        self.osVersion = osVersion
        self.osFeatures = osFeatures
        self.variant = variant
    }

    enum CodingKeys: String, CodingKey {
        case architecture, os, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }
}

/// An image in its registry: `GET /distribution/{name}/json`.
public struct DistributionInspect: Codable, Equatable, Sendable {
    public var descriptor: OCIDescriptor
    @Zero public var platforms: [OCIPlatform]

    public init(descriptor: OCIDescriptor = OCIDescriptor(), platforms: [OCIPlatform] = []) {
        self.descriptor = descriptor
        self.platforms = platforms
    }

    enum CodingKeys: String, CodingKey {
        case descriptor = "Descriptor"
        case platforms = "Platforms"
    }
}
