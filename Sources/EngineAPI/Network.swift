/// One network: `GET /networks/{id}`, and a row of `GET /networks`.
public struct NetworkInspect: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var id: String
    /// RFC 3339.
    @Zero public var created: String
    @Zero public var scope: String
    @Zero public var driver: String
    @Zero public var enableIPv4: Bool
    @Zero public var enableIPv6: Bool
    public var ipam: IPAM
    @Zero public var `internal`: Bool
    @Zero public var attachable: Bool
    @Zero public var ingress: Bool
    public var configFrom: ConfigReference
    @Zero public var configOnly: Bool
    /// By the container's ID.
    @Zero public var containers: [String: NetworkEndpoint]
    @Zero public var options: [String: String]
    @Zero public var labels: [String: String]

    public init(
        name: String = "", id: String = "", created: String = zeroTime, scope: String = "",
        driver: String = "", enableIPv4: Bool = false, enableIPv6: Bool = false, ipam: IPAM = IPAM(),
        internal: Bool = false, attachable: Bool = false, ingress: Bool = false,
        configFrom: ConfigReference = ConfigReference(), configOnly: Bool = false,
        containers: [String: NetworkEndpoint] = [:], options: [String: String] = [:],
        labels: [String: String] = [:]
    ) {
        self.name = name
        self.id = id
        self.created = created
        self.scope = scope
        self.driver = driver
        self.enableIPv4 = enableIPv4
        self.enableIPv6 = enableIPv6
        self.ipam = ipam
        self.internal = `internal`
        self.attachable = attachable
        self.ingress = ingress
        self.configFrom = configFrom
        self.configOnly = configOnly
        self.containers = containers
        self.options = options
        self.labels = labels
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case id = "Id"
        case created = "Created"
        case scope = "Scope"
        case driver = "Driver"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case `internal` = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configFrom = "ConfigFrom"
        case configOnly = "ConfigOnly"
        case containers = "Containers"
        case options = "Options"
        case labels = "Labels"
    }
}

/// The network that another takes its configuration from.
public struct ConfigReference: Codable, Equatable, Sendable {
    @Zero public var network: String

    public init(network: String = "") {
        self.network = network
    }

    enum CodingKeys: String, CodingKey {
        case network = "Network"
    }
}

/// A container's end of a network. Addresses carry their prefix length.
public struct NetworkEndpoint: Codable, Equatable, Sendable {
    @Zero public var name: String
    @Zero public var endpointID: String
    @Zero public var macAddress: String
    @Zero public var ipv4Address: String
    @Zero public var ipv6Address: String

    public init(
        name: String = "", endpointID: String = "", macAddress: String = "", ipv4Address: String = "",
        ipv6Address: String = ""
    ) {
        self.name = name
        self.endpointID = endpointID
        self.macAddress = macAddress
        self.ipv4Address = ipv4Address
        self.ipv6Address = ipv6Address
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case endpointID = "EndpointID"
        case macAddress = "MacAddress"
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
    }
}

/// Address management of a network.
public struct IPAM: Codable, Equatable, Sendable {
    @Zero public var driver: String
    @Zero public var options: [String: String]?
    @Zero public var config: [IPAMPool]?

    public init(driver: String = "", options: [String: String]? = nil, config: [IPAMPool]? = nil) {
        self.driver = driver
        self.options = options
        self.config = config
    }

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case options = "Options"
        case config = "Config"
    }
}

/// A subnet of a network.
public struct IPAMPool: Codable, Equatable, Sendable {
    @OmitZero public var subnet: String
    @OmitZero public var ipRange: String
    @OmitZero public var gateway: String
    public var auxiliaryAddresses: [String: String]?

    public init(
        subnet: String = "", ipRange: String = "", gateway: String = "",
        auxiliaryAddresses: [String: String]? = nil
    ) {
        self.subnet = subnet
        self.ipRange = ipRange
        self.gateway = gateway
        self.auxiliaryAddresses = auxiliaryAddresses
    }

    enum CodingKeys: String, CodingKey {
        case subnet = "Subnet"
        case ipRange = "IPRange"
        case gateway = "Gateway"
        case auxiliaryAddresses = "AuxiliaryAddresses"
    }
}

/// `POST /networks/create`.
public struct NetworkCreateRequest: Codable, Equatable, Sendable {
    @Zero public var name: String
    public var checkDuplicate: Bool?
    @Zero public var driver: String
    @OmitZero public var scope: String
    public var enableIPv4: Bool?
    public var enableIPv6: Bool?
    public var ipam: IPAM?
    @Zero public var `internal`: Bool
    @Zero public var attachable: Bool
    @Zero public var ingress: Bool
    @Zero public var configOnly: Bool
    public var configFrom: ConfigReference?
    @Zero public var options: [String: String]
    @Zero public var labels: [String: String]

    public init(
        name: String = "", checkDuplicate: Bool? = nil, driver: String = "", scope: String = "",
        enableIPv4: Bool? = nil, enableIPv6: Bool? = nil, ipam: IPAM? = nil, internal: Bool = false,
        attachable: Bool = false, ingress: Bool = false, configOnly: Bool = false,
        configFrom: ConfigReference? = nil, options: [String: String] = [:], labels: [String: String] = [:]
    ) {
        self.name = name
        self.checkDuplicate = checkDuplicate
        self.driver = driver
        self.scope = scope
        self.enableIPv4 = enableIPv4
        self.enableIPv6 = enableIPv6
        self.ipam = ipam
        self.internal = `internal`
        self.attachable = attachable
        self.ingress = ingress
        self.configOnly = configOnly
        self.configFrom = configFrom
        self.options = options
        self.labels = labels
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case checkDuplicate = "CheckDuplicate"
        case driver = "Driver"
        case scope = "Scope"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case `internal` = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configOnly = "ConfigOnly"
        case configFrom = "ConfigFrom"
        case options = "Options"
        case labels = "Labels"
    }
}

/// The answer to `POST /networks/create`.
public struct NetworkCreateResponse: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var warning: String

    public init(id: String = "", warning: String = "") {
        self.id = id
        self.warning = warning
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warning = "Warning"
    }
}

/// `POST /networks/{id}/connect`.
public struct NetworkConnectRequest: Codable, Equatable, Sendable {
    @Zero public var container: String
    public var endpointConfig: EndpointSettings?

    public init(container: String = "", endpointConfig: EndpointSettings? = nil) {
        self.container = container
        self.endpointConfig = endpointConfig
    }

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case endpointConfig = "EndpointConfig"
    }
}

/// `POST /networks/{id}/disconnect`.
public struct NetworkDisconnectRequest: Codable, Equatable, Sendable {
    @Zero public var container: String
    @Zero public var force: Bool

    public init(container: String = "", force: Bool = false) {
        self.container = container
        self.force = force
    }

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case force = "Force"
    }
}

/// What `POST /networks/prune` removed.
public struct NetworkPruneReport: Codable, Equatable, Sendable {
    @Zero public var networksDeleted: [String]

    public init(networksDeleted: [String] = []) {
        self.networksDeleted = networksDeleted
    }

    enum CodingKeys: String, CodingKey {
        case networksDeleted = "NetworksDeleted"
    }
}

/// The networks that a container is created on, by name.
public struct NetworkingConfig: Codable, Equatable, Sendable {
    @Zero public var endpointsConfig: [String: EndpointSettings]

    public init(endpointsConfig: [String: EndpointSettings] = [:]) {
        self.endpointsConfig = endpointsConfig
    }

    enum CodingKeys: String, CodingKey {
        case endpointsConfig = "EndpointsConfig"
    }
}

/// A container's end of a network, as asked for and as it came out.
public struct EndpointSettings: Codable, Equatable, Sendable {
    @Zero public var ipamConfig: EndpointIPAMConfig?
    @Zero public var links: [String]?
    @Zero public var aliases: [String]?
    @Zero public var macAddress: String
    @Zero public var driverOpts: [String: String]?
    /// The endpoint with the highest priority gives the default route.
    @Zero public var gwPriority: Int
    @Zero public var networkID: String
    @Zero public var endpointID: String
    @Zero public var gateway: String
    @Zero public var ipAddress: String
    @Zero public var ipPrefixLen: Int
    @Zero public var ipv6Gateway: String
    @Zero public var globalIPv6Address: String
    @Zero public var globalIPv6PrefixLen: Int
    @Zero public var dnsNames: [String]?

    public init(
        ipamConfig: EndpointIPAMConfig? = nil, links: [String]? = nil, aliases: [String]? = nil,
        macAddress: String = "", driverOpts: [String: String]? = nil, gwPriority: Int = 0,
        networkID: String = "", endpointID: String = "", gateway: String = "", ipAddress: String = "",
        ipPrefixLen: Int = 0, ipv6Gateway: String = "", globalIPv6Address: String = "",
        globalIPv6PrefixLen: Int = 0, dnsNames: [String]? = nil
    ) {
        self.ipamConfig = ipamConfig
        self.links = links
        self.aliases = aliases
        self.macAddress = macAddress
        self.driverOpts = driverOpts
        self.gwPriority = gwPriority
        self.networkID = networkID
        self.endpointID = endpointID
        self.gateway = gateway
        self.ipAddress = ipAddress
        self.ipPrefixLen = ipPrefixLen
        self.ipv6Gateway = ipv6Gateway
        self.globalIPv6Address = globalIPv6Address
        self.globalIPv6PrefixLen = globalIPv6PrefixLen
        self.dnsNames = dnsNames
    }

    enum CodingKeys: String, CodingKey {
        case ipamConfig = "IPAMConfig"
        case links = "Links"
        case aliases = "Aliases"
        case macAddress = "MacAddress"
        case driverOpts = "DriverOpts"
        case gwPriority = "GwPriority"
        case networkID = "NetworkID"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case ipAddress = "IPAddress"
        case ipPrefixLen = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLen = "GlobalIPv6PrefixLen"
        case dnsNames = "DNSNames"
    }
}

/// Addresses that a user chose.
public struct EndpointIPAMConfig: Codable, Equatable, Sendable {
    @OmitZero public var ipv4Address: String
    @OmitZero public var ipv6Address: String
    public var linkLocalIPs: [String]?

    public init(ipv4Address: String = "", ipv6Address: String = "", linkLocalIPs: [String]? = nil) {
        self.ipv4Address = ipv4Address
        self.ipv6Address = ipv6Address
        self.linkLocalIPs = linkLocalIPs
    }

    enum CodingKeys: String, CodingKey {
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
        case linkLocalIPs = "LinkLocalIPs"
    }
}
