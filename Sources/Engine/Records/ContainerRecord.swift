import EngineAPI
import FoundationEssentials
import OCI

/// A container as it is kept: everything that must survive the daemon, in one row.
struct ContainerRecord: Codable, Sendable {
    let id: String
    /// Without a slash.
    var name: String
    /// Nanoseconds since 1970.
    let created: Int64
    let imageID: Digest
    /// As the user wrote it.
    let imageName: String
    /// Layer directories, lowest first.
    let layers: [String]
    /// Directory with the writable layer.
    let workspace: WorkspacePaths
    /// The user's configuration over the image's.
    var config: ContainerConfig
    var hostConfig: HostConfig
    var mounts: [ResolvedMount]
    /// Anonymous volumes made for this container.
    var anonymousVolumes: [String]
    var endpoints: [EndpointRecord]
    /// Host ports of the present run, with numbers chosen where the user left that open.
    var publishedPorts: [PortRecord] = []
    var platform: Platform
    var handsCABundle: Bool
    var lastRun = LastRun()
    var restartCount = 0
    /// A user stopped it: `unless-stopped` leaves it alone when the daemon starts.
    var wasStoppedByUser = false
    /// It ran when this was written; the daemon that reads it looks for its shim.
    var isSupposedToRun = false

    struct WorkspacePaths: Codable, Sendable {
        var root: String
        var upper: String
        var work: String
    }

    /// How the last run went. Times in nanoseconds since 1970, 0 for never.
    struct LastRun: Codable, Sendable {
        var startedAt: Int64 = 0
        var finishedAt: Int64 = 0
        var exitCode: Int32 = 0
        var outOfMemory = false
        var error = ""
    }

    /// Its own image and those that are mounted into it.
    var images: [Digest] { [imageID] + mounts.compactMap { $0.image?.id } }

    /// First 12 digits, as lists show it.
    var shortID: String { String(id.prefix(12)) }
}

/// A container's place in a network. Addresses are kept while the container is stopped only when
/// the user asked for them.
struct EndpointRecord: Codable, Sendable {
    var networkID: String
    var networkName: String
    var endpointID: String
    /// Inside the container; kept, so that it does not change when another endpoint leaves.
    var interface = "eth0"
    var aliases: [String]
    var links: [String] = []
    var requestedIPv4: String?
    var requestedIPv6: String?
    var requestedMAC: String?
    var gatewayPriority = 0
    var driverOptions: [String: String] = [:]
    /// Addresses of the present run.
    var address: String?
    var addressIPv6: String?
}

/// A host port and the container's port behind it.
struct PortRecord: Codable, Sendable, Hashable {
    /// `tcp`, `udp` or `sctp`.
    var transport: String
    var hostAddress: String
    var hostPort: UInt16
    var containerPort: UInt16
}

struct NetworkRecord: Codable, Sendable {
    let id: String
    let name: String
    let created: Int64
    let driver: String
    var isInternal: Bool
    var isAttachable: Bool
    var enablesIPv6: Bool
    /// CIDR and gateway of each subnet.
    var pools: [Pool]
    var bridge: String
    var options: [String: String]
    var labels: [String: String]
    var ipamDriver = "default"
    var ipamOptions: [String: String] = [:]

    struct Pool: Codable, Sendable {
        var subnet: String
        var gateway: String
        var range: String?
        var auxiliary: [String: String] = [:]
    }
}

struct VolumeRecord: Codable, Sendable {
    let name: String
    let driver: String
    let created: Int64
    var options: [String: String]
    var labels: [String: String]
    /// Made for a container without a name of its own.
    var isAnonymous: Bool
}
