/// What to run and how: `Config` of an inspected container, and the top level of a create request.
public struct ContainerConfig: Codable, Equatable, Sendable {
    @Zero public var hostname: String
    @Zero public var domainname: String
    @Zero public var user: String
    @Zero public var attachStdin: Bool
    @Zero public var attachStdout: Bool
    @Zero public var attachStderr: Bool
    /// `port/protocol`.
    @OmitNilKeySet public var exposedPorts: Set<String>?
    @Zero public var tty: Bool
    /// Keep standard input open although nobody is attached.
    @Zero public var openStdin: Bool
    /// Close standard input when the first attached client goes away.
    @Zero public var stdinOnce: Bool
    /// `NAME=value`, or `NAME` alone to remove the image's variable.
    @Zero public var env: [String]
    /// `nil` takes the image's.
    @WordList public var cmd: [String]?
    public var healthcheck: HealthConfig?
    @OmitZero public var argsEscaped: Bool
    /// The reference as the user wrote it.
    @Zero public var image: String
    /// Paths in the container that get an anonymous volume.
    @KeySet public var volumes: Set<String>?
    @Zero public var workingDir: String
    /// `nil` takes the image's; `[]` or `[""]` clears it.
    @WordList public var entrypoint: [String]?
    @OmitZero public var networkDisabled: Bool
    /// Deprecated in 1.44 in favour of `EndpointSettings.macAddress`, still sent by old clients.
    @OmitZero public var macAddress: String
    @Zero public var onBuild: [String]?
    @Zero public var labels: [String: String]
    @OmitZero public var stopSignal: String
    /// Seconds between the stop signal and SIGKILL.
    public var stopTimeout: Int?
    public var shell: [String]?

    public init(
        hostname: String = "", domainname: String = "", user: String = "", attachStdin: Bool = false,
        attachStdout: Bool = false, attachStderr: Bool = false, exposedPorts: Set<String>? = nil,
        tty: Bool = false, openStdin: Bool = false, stdinOnce: Bool = false, env: [String] = [],
        cmd: [String]? = nil, healthcheck: HealthConfig? = nil, argsEscaped: Bool = false, image: String = "",
        volumes: Set<String>? = nil, workingDir: String = "", entrypoint: [String]? = nil,
        networkDisabled: Bool = false, macAddress: String = "", onBuild: [String]? = nil,
        labels: [String: String] = [:], stopSignal: String = "", stopTimeout: Int? = nil,
        shell: [String]? = nil
    ) {
        self.hostname = hostname
        self.domainname = domainname
        self.user = user
        self.attachStdin = attachStdin
        self.attachStdout = attachStdout
        self.attachStderr = attachStderr
        self.exposedPorts = exposedPorts
        self.tty = tty
        self.openStdin = openStdin
        self.stdinOnce = stdinOnce
        self.env = env
        self.cmd = cmd
        self.healthcheck = healthcheck
        self.argsEscaped = argsEscaped
        self.image = image
        self.volumes = volumes
        self.workingDir = workingDir
        self.entrypoint = entrypoint
        self.networkDisabled = networkDisabled
        self.macAddress = macAddress
        self.onBuild = onBuild
        self.labels = labels
        self.stopSignal = stopSignal
        self.stopTimeout = stopTimeout
        self.shell = shell
    }

    enum CodingKeys: String, CodingKey {
        case hostname = "Hostname"
        case domainname = "Domainname"
        case user = "User"
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case exposedPorts = "ExposedPorts"
        case tty = "Tty"
        case openStdin = "OpenStdin"
        case stdinOnce = "StdinOnce"
        case env = "Env"
        case cmd = "Cmd"
        case healthcheck = "Healthcheck"
        case argsEscaped = "ArgsEscaped"
        case image = "Image"
        case volumes = "Volumes"
        case workingDir = "WorkingDir"
        case entrypoint = "Entrypoint"
        case networkDisabled = "NetworkDisabled"
        case macAddress = "MacAddress"
        case onBuild = "OnBuild"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case stopTimeout = "StopTimeout"
        case shell = "Shell"
    }
}

/// How to tell whether a container is healthy. Times are in nanoseconds; zero inherits.
public struct HealthConfig: Codable, Equatable, Sendable {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`; `nil` or `[]` inherits the image's.
    public var test: [String]?
    @OmitZero public var interval: Int64
    @OmitZero public var timeout: Int64
    @OmitZero public var startPeriod: Int64
    @OmitZero public var startInterval: Int64
    @OmitZero public var retries: Int

    public init(
        test: [String]? = nil, interval: Int64 = 0, timeout: Int64 = 0, startPeriod: Int64 = 0,
        startInterval: Int64 = 0, retries: Int = 0
    ) {
        self.test = test
        self.interval = interval
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.startInterval = startInterval
        self.retries = retries
    }

    enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }
}
