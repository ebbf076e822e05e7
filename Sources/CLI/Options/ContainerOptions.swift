import EngineAPI

/// The flags that `run` and `create` share, as written; `ContainerOptions+Request.swift` makes a
/// request of them.
struct ContainerOptions: Sendable {
    // Identity and image
    var name: String?
    var platform: String?
    var pull: PullPolicy?
    var quiet = false
    var cidFile: String?
    var caBundle = false

    // Process
    var interactive = false
    var tty = false
    var attach: [String] = []
    var entrypoint: String?
    var user: String?
    var workingDirectory: String?
    var environment: [String] = []
    var environmentFiles: [String] = []
    var labels: [String] = []
    var labelFiles: [String] = []
    var annotations: [String] = []
    var hostname: String?
    var domainName: String?
    var stopSignal: String?
    var stopTimeout: Int?
    var usesInit: Bool?

    // Storage
    var volumes: [String] = []
    var mounts: [String] = []
    var tmpfs: [String] = []
    var volumesFrom: [String] = []
    var volumeDriver: String?
    var storageOptions: [String] = []
    var readOnly = false
    var shmSize: Int64?

    // Network
    var networks: [String] = []
    var networkAliases: [String] = []
    var publish: [String] = []
    var publishAll = false
    var expose: [String] = []
    var links: [String] = []
    var extraHosts: [String] = []
    var dns: [String] = []
    var dnsOptions: [String] = []
    var dnsSearch: [String] = []
    var ip: String?
    var ip6: String?
    var linkLocalAddresses: [String] = []
    var macAddress: String?

    // Resources
    var memory: Int64?
    var memorySwap: Int64?
    var memoryReservation: Int64?
    var memorySwappiness: Int?
    var cpus: Int64?
    var cpuShares: Int?
    var cpuPeriod: Int?
    var cpuQuota: Int?
    var cpusetCPUs: String?
    var cpusetMemory: String?
    var pidsLimit: Int?
    var ulimits: [String] = []
    var blkioWeight: Int?
    var devices: [String] = []
    var deviceRules: [String] = []
    var deviceReadBps: [String] = []
    var deviceWriteBps: [String] = []
    var deviceReadIOps: [String] = []
    var deviceWriteIOps: [String] = []
    var gpus: String?
    var oomKillDisable: Bool?
    var oomScoreAdjustment: Int?
    var cgroupParent: String?

    // Isolation
    var privileged = false
    var capAdd: [String] = []
    var capDrop: [String] = []
    var securityOptions: [String] = []
    var sysctls: [String] = []
    var groups: [String] = []
    var pidMode: String?
    var ipcMode: String?
    var utsMode: String?
    var userMode: String?
    var cgroupMode: String?
    var runtime: String?

    // Life
    var autoRemove = false
    var restart: String?
    var logDriver: String?
    var logOptions: [String] = []
    var healthCommand: String?
    var healthInterval: Int64?
    var healthTimeout: Int64?
    var healthStartPeriod: Int64?
    var healthStartInterval: Int64?
    var healthRetries: Int?
    var noHealthcheck = false
}

/// Whether an image is asked of its registry.
enum PullPolicy: String, Sendable, CaseIterable {
    case always, missing, never
}
