import OrderedCollections

/// A service of a project: what its containers are made from (Compose specification, "services").
///
/// Nil means "not said", which leaves the matter to the image or the engine.
public struct Service: Sendable {
    public var name: String
    var location: Location = .none

    // Image
    public var image: String?
    public var build: Build?
    public var platform: String?
    public var pullPolicy: PullPolicy?

    // Process
    /// Nil keeps the image's; empty clears it.
    public var command: [String]?
    public var entrypoint: [String]?
    /// A nil value is a variable that is removed: it was named without a value and is not set.
    public var environment: OrderedDictionary<String, String?> = [:]
    public var envFiles: [EnvFile] = []
    public var workingDirectory: String?
    public var user: String?
    public var groupAdd: [String] = []
    public var tty: Bool = false
    public var stdinOpen: Bool = false
    public var initProcess: Bool?
    public var stopSignal: String?
    public var stopGracePeriod: Duration?
    public var healthcheck: Healthcheck?
    /// `no`, `always`, `on-failure[:n]` or `unless-stopped`.
    public var restart: String?
    public var postStart: [Hook] = []
    public var preStop: [Hook] = []
    public var preStart: [Hook] = []

    // Identity
    public var containerName: String?
    public var hostname: String?
    public var domainname: String?
    public var labels: OrderedDictionary<String, String> = [:]
    public var labelFiles: [String] = []
    public var annotations: OrderedDictionary<String, String> = [:]
    public var profiles: [String] = []
    public var scale: Int?
    /// Whether `up` in front shows its logs.
    public var attach: Bool = true

    // Other services
    public var dependsOn: OrderedDictionary<String, Dependency> = [:]
    /// `service` or `service:alias`.
    public var links: [String] = []
    public var externalLinks: [String] = []
    public var volumesFrom: [String] = []

    // Network
    public var networks: OrderedDictionary<String, NetworkAttachment> = [:]
    public var networkMode: String?
    public var ports: [PublishedPort] = []
    public var expose: [String] = []
    public var dns: [String] = []
    public var dnsOptions: [String] = []
    public var dnsSearch: [String] = []
    public var extraHosts: [ExtraHost] = []
    public var macAddress: String?

    // Storage
    public var volumes: [ServiceMount] = []
    /// `path` or `path:options`.
    public var tmpfs: [String] = []
    public var devices: [ServiceDevice] = []
    public var deviceCgroupRules: [String] = []
    public var secrets: [FileReference] = []
    public var configs: [FileReference] = []
    public var readOnly: Bool = false

    // Isolation
    public var privileged: Bool = false
    public var capAdd: [String] = []
    public var capDrop: [String] = []
    public var securityOpt: [String] = []
    public var usernsMode: String?
    public var uts: String?
    public var ipc: String?
    public var pid: String?
    public var cgroup: String?
    public var cgroupParent: String?
    public var runtime: String?
    public var sysctls: OrderedDictionary<String, String> = [:]
    public var isolation: String?

    public var resources = Resources()
    public var deploy: Deploy?
    public var logging: ServiceLogging?
    /// `develop`, as written.
    var develop: Tree?

    public init(name: String) { self.name = name }
}

/// When a service's image is pulled.
public enum PullPolicy: Sendable, Hashable {
    case always, never, missing, build
    /// Pulled again when the local image is older than this.
    case every(Duration)
}

extension Service {
    /// How many containers the service has unless the command line says otherwise.
    public var replicas: Int { scale ?? deploy?.replicas ?? 1 }

    /// The image's name: as written, or `project-service` for one that is built.
    public func imageName(project: String) -> String { image ?? "\(project)-\(name)" }

    /// Services whose namespaces this one shares, by `network_mode`, `ipc`, `pid` and `uts`.
    var namespaceServices: [String] {
        [networkMode, ipc, pid, uts].compactMap { mode in
            mode.flatMap { $0.hasPrefix("service:") ? String($0.dropFirst("service:".count)) : nil }
        }
    }
}
