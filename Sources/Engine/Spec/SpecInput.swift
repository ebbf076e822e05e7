import EngineAPI
import OCI

/// A mount with everything decided: its source on the host exists.
struct ResolvedMount: Codable, Sendable, Equatable {
    enum Kind: String, Codable, Sendable { case bind, volume, tmpfs, image }

    var kind: Kind
    /// A volume's name.
    var name: String?
    /// Path on the host; empty for a tmpfs.
    var source: String
    /// Absolute path in the container.
    var destination: String
    var isReadOnly: Bool
    /// `rprivate`, `rshared` and so on; empty is `rprivate`.
    var propagation: String
    /// Of a tmpfs: what `--tmpfs path:…` takes, such as `size=64m` or `exec`.
    var options: [String]
    /// Mounts below the source come along.
    var isRecursive = true
    /// A volume's driver.
    var driver: String?
    /// The options as the user typed them, for inspect.
    var mode: String
    /// Of a volume: what of it is mounted, resolved inside the volume at each start.
    var subpath: String?
    /// Of a read-only bind: whether the mounts below the source are read-only too; nil: where that can be.
    var readsOnlyBelow: Bool?
    var image: MountedImage?

    /// An image that is mounted into a container of another.
    struct MountedImage: Codable, Sendable, Equatable {
        var id: Digest
        /// Directories, lowest first.
        var layers: [String]
    }
}

/// Which namespace of a kind a container lives in.
enum NamespaceChoice: Sendable, Equatable {
    /// One of its own.
    case new
    case host
    /// An existing one, such as `/proc/42/ns/net`.
    case path(String)
}

/// What a container has at `/dev/shm`.
enum SharedMemory: Sendable, Equatable {
    /// A tmpfs of its own.
    case own
    /// A directory of the host, such as its own `/dev/shm` or another container's.
    case shared(path: String)
    /// Nothing (`--ipc none`).
    case none
}

/// Everything `config.json` is made from.
struct SpecInput: Sendable {
    var id: String
    /// The user's configuration over the image's.
    var config: ContainerConfig
    var hostConfig: HostConfig
    var mounts: [ResolvedMount]
    var hostname: String
    var domainname: String
    /// Files of the host for `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
    var hostsFile: String?
    var hostnameFile: String?
    var resolvFile: String?
    var network: NamespaceChoice
    var pid: NamespaceChoice
    var ipc: NamespaceChoice
    var uts: NamespaceChoice
    var cgroup: NamespaceChoice
    /// Certificate authorities of the host that programs in the container are to trust too.
    var caBundle: String?
    /// A static init on the host that becomes process 1 and starts the program.
    var initPath: String?
    var cgroupPath: String
    /// Bytes of `/dev/shm` unless the container says otherwise.
    var defaultShmSize: Int64
    /// `nil` follows `ipc`.
    var sharedMemory: SharedMemory?
    /// `NAME=value`, below what image and user set.
    var extraEnvironment: [String] = []
}
