public import Distribution
import EngineAPI
import Networking

/// Settings of one engine. Paths are absolute.
public struct EngineConfiguration: Sendable {
    /// What outlives a reboot: images, containers, volumes, the database.
    public var dataRoot: String
    /// What does not: shims' sockets and bundles, names files.
    public var executionRoot: String
    /// The program that is a container's parent.
    public var shimPath: String
    /// Name of the default network's bridge.
    public var bridge: String
    /// Address and size of the default network; nil takes the first free pool.
    public var bridgeAddress: InterfacePrefix?
    public var addressPools: AddressPools
    /// Certificate authorities of the host, for containers and builds that ask for them.
    public var caBundle: String?
    /// Whether containers and builds get them without asking.
    public var handsCABundleByDefault = false
    /// How registries are reached.
    public var registries = RegistrySettings()
    /// Servers for names that are not the engine's own; empty: the host's.
    public var dns: [String] = []
    /// Below which the containers' cgroups are made.
    public var cgroupParent: String
    /// Bytes of `/dev/shm`.
    public var defaultShmSize: Int64 = 64 << 20
    /// Whether containers that do not say get an init as process 1.
    public var usesInitByDefault = false
    public var logDriver = "json-file"
    public var logOptions: [String: String] = [:]
    /// How many files a container's processes may open if nothing is said: what the daemon might, before it raised
    /// its own limit. Nil leaves them the daemon's.
    public var openFiles: (soft: UInt64, hard: UInt64)?
    /// Whether the log tells where the time of each run went.
    public var tracesRuns = false
    public var version: String
    /// What `info` warns of.
    public var warnings: [String] = []

    public init(
        dataRoot: String, executionRoot: String, shimPath: String, bridge: String, bridgeAddress: InterfacePrefix?,
        addressPools: AddressPools, cgroupParent: String, version: String
    ) {
        self.dataRoot = dataRoot
        self.executionRoot = executionRoot
        self.shimPath = shimPath
        self.bridge = bridge
        self.bridgeAddress = bridgeAddress
        self.addressPools = addressPools
        self.cgroupParent = cgroupParent
        self.version = version
    }

    /// Where a container keeps what a user may read: its log and the files mounted on `/etc`.
    func directory(of container: String) -> String { "\(dataRoot)/containers/\(container)" }

    /// Where a running container's shim keeps its socket and `config.json`.
    func bundle(of container: String) -> String { "\(executionRoot)/containers/\(container)" }
}
