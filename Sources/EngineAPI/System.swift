/// Versions of the engine: `GET /version`.
public struct SystemVersion: Codable, Equatable, Sendable {
    public var platform: VersionPlatform?
    @Zero public var components: [VersionComponent]
    @Zero public var version: String
    @Zero public var apiVersion: String
    @Zero public var minAPIVersion: String
    @Zero public var gitCommit: String
    @Zero public var goVersion: String
    @Zero public var os: String
    @Zero public var arch: String
    @Zero public var kernelVersion: String
    @OmitZero public var experimental: Bool
    @Zero public var buildTime: String

    public init(
        platform: VersionPlatform? = nil, components: [VersionComponent] = [], version: String = "",
        apiVersion: String = "", minAPIVersion: String = "", gitCommit: String = "", goVersion: String = "",
        os: String = "", arch: String = "", kernelVersion: String = "", experimental: Bool = false,
        buildTime: String = ""
    ) {
        self.platform = platform
        self.components = components
        self.version = version
        self.apiVersion = apiVersion
        self.minAPIVersion = minAPIVersion
        self.gitCommit = gitCommit
        self.goVersion = goVersion
        self.os = os
        self.arch = arch
        self.kernelVersion = kernelVersion
        self.experimental = experimental
        self.buildTime = buildTime
    }

    enum CodingKeys: String, CodingKey {
        case platform = "Platform"
        case components = "Components"
        case version = "Version"
        case apiVersion = "ApiVersion"
        case minAPIVersion = "MinAPIVersion"
        case gitCommit = "GitCommit"
        case goVersion = "GoVersion"
        case os = "Os"
        case arch = "Arch"
        case kernelVersion = "KernelVersion"
        case experimental = "Experimental"
        case buildTime = "BuildTime"
    }
}

/// The product's name.
public struct VersionPlatform: Codable, Equatable, Sendable {
    @Zero public var name: String

    public init(name: String = "") {
        self.name = name
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
    }
}

/// A part of the engine and its version.
public struct VersionComponent: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var version: String
    public var details: [String: String]?

    public init(name: String = "", version: String = "", details: [String: String]? = nil) {
        self.name = name
        self.version = version
        self.details = details
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case version = "Version"
        case details = "Details"
    }
}

/// What takes space: `GET /system/df`. Sizes are bytes.
public struct DiskUsage: Codable, Equatable, Sendable {
    @Zero public var layersSize: Int64
    @Zero public var images: [ImageSummary]
    @Zero public var containers: [ContainerSummary]
    @Zero public var volumes: [Volume]
    @Zero public var buildCache: [BuildCacheRecord]
    @OmitZero public var builderSize: Int64

    public init(
        layersSize: Int64 = 0, images: [ImageSummary] = [], containers: [ContainerSummary] = [],
        volumes: [Volume] = [], buildCache: [BuildCacheRecord] = [], builderSize: Int64 = 0
    ) {
        self.layersSize = layersSize
        self.images = images
        self.containers = containers
        self.volumes = volumes
        self.buildCache = buildCache
        self.builderSize = builderSize
    }

    enum CodingKeys: String, CodingKey {
        case layersSize = "LayersSize"
        case images = "Images"
        case containers = "Containers"
        case volumes = "Volumes"
        case buildCache = "BuildCache"
        case builderSize = "BuilderSize"
    }
}

/// One entry of the build cache. Times are RFC 3339.
public struct BuildCacheRecord: Codable, Equatable, Sendable {
    @Zero public var id: String
    @OmitZero public var parent: String
    public var parents: [String]?
    @Zero public var type: String
    @Zero public var description: String
    @Zero public var inUse: Bool
    @Zero public var shared: Bool
    @Zero public var size: Int64
    @Zero public var createdAt: String
    @Zero public var lastUsedAt: String?
    @Zero public var usageCount: Int

    public init(
        id: String = "", parent: String = "", parents: [String]? = nil, type: String = "",
        description: String = "", inUse: Bool = false, shared: Bool = false, size: Int64 = 0,
        createdAt: String = zeroTime, lastUsedAt: String? = nil, usageCount: Int = 0
    ) {
        self.id = id
        self.parent = parent
        self.parents = parents
        self.type = type
        self.description = description
        self.inUse = inUse
        self.shared = shared
        self.size = size
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.usageCount = usageCount
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case parent = "Parent"
        case parents = "Parents"
        case type = "Type"
        case description = "Description"
        case inUse = "InUse"
        case shared = "Shared"
        case size = "Size"
        case createdAt = "CreatedAt"
        case lastUsedAt = "LastUsedAt"
        case usageCount = "UsageCount"
    }
}

/// What `POST /build/prune` removed.
public struct BuildPruneReport: Codable, Equatable, Sendable {
    @Zero public var cachesDeleted: [String]
    /// Bytes.
    @Zero public var spaceReclaimed: UInt64

    public init(cachesDeleted: [String] = [], spaceReclaimed: UInt64 = 0) {
        self.cachesDeleted = cachesDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    enum CodingKeys: String, CodingKey {
        case cachesDeleted = "CachesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}

/// Credentials of a registry, as in `X-Registry-Auth` and `POST /auth`.
public struct AuthConfig: Codable, Equatable, Sendable {
    @OmitZero public var username: String
    @OmitZero public var password: String
    /// Base64 of `username:password`.
    @OmitZero public var auth: String
    @OmitZero public var email: String
    @OmitZero public var serverAddress: String
    /// An OAuth2 refresh token.
    @OmitZero public var identityToken: String
    /// A bearer token to send as it is.
    @OmitZero public var registryToken: String

    public init(
        username: String = "", password: String = "", auth: String = "", email: String = "",
        serverAddress: String = "", identityToken: String = "", registryToken: String = ""
    ) {
        self.username = username
        self.password = password
        self.auth = auth
        self.email = email
        self.serverAddress = serverAddress
        self.identityToken = identityToken
        self.registryToken = registryToken
    }

    enum CodingKeys: String, CodingKey {
        case username, password, auth, email
        case serverAddress = "serveraddress"
        case identityToken = "identitytoken"
        case registryToken = "registrytoken"
    }
}

/// The answer to `POST /auth`.
public struct AuthResponse: Codable, Equatable, Sendable {
    @Zero public var status: String
    @OmitZero public var identityToken: String

    public init(status: String = "", identityToken: String = "") {
        self.status = status
        self.identityToken = identityToken
    }

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case identityToken = "IdentityToken"
    }
}

/// The body of every failed request.
public struct ErrorResponse: Codable, Equatable, Sendable {
    @Zero public var message: String

    public init(message: String = "") {
        self.message = message
    }
}
