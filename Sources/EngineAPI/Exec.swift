/// A process to run in a container: `POST /containers/{id}/exec`.
public struct ExecCreateRequest: Codable, Equatable, Sendable {
    @Zero public var user: String
    @Zero public var privileged: Bool
    @Zero public var tty: Bool
    /// Height, width.
    public var consoleSize: [Int]?
    @Zero public var attachStdin: Bool
    @Zero public var attachStderr: Bool
    @Zero public var attachStdout: Bool
    @Zero public var detachKeys: String
    @Zero public var env: [String]
    @Zero public var workingDir: String
    @WordList public var cmd: [String]?

    public init(
        user: String = "", privileged: Bool = false, tty: Bool = false, consoleSize: [Int]? = nil,
        attachStdin: Bool = false, attachStderr: Bool = false, attachStdout: Bool = false,
        detachKeys: String = "", env: [String] = [], workingDir: String = "", cmd: [String]? = nil
    ) {
        self.user = user
        self.privileged = privileged
        self.tty = tty
        self.consoleSize = consoleSize
        self.attachStdin = attachStdin
        self.attachStderr = attachStderr
        self.attachStdout = attachStdout
        self.detachKeys = detachKeys
        self.env = env
        self.workingDir = workingDir
        self.cmd = cmd
    }

    enum CodingKeys: String, CodingKey {
        case user = "User"
        case privileged = "Privileged"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
        case attachStdin = "AttachStdin"
        case attachStderr = "AttachStderr"
        case attachStdout = "AttachStdout"
        case detachKeys = "DetachKeys"
        case env = "Env"
        case workingDir = "WorkingDir"
        case cmd = "Cmd"
    }
}

/// The answer to `POST /containers/{id}/exec`.
public struct ExecCreateResponse: Codable, Equatable, Sendable {
    @Zero public var id: String

    public init(id: String = "") {
        self.id = id
    }

    enum CodingKeys: String, CodingKey {
        case id = "Id"
    }
}

/// How to start an exec: `POST /exec/{id}/start`.
public struct ExecStartRequest: Codable, Equatable, Sendable {
    @Zero public var detach: Bool
    @Zero public var tty: Bool
    /// Height, width.
    public var consoleSize: [Int]?

    public init(detach: Bool = false, tty: Bool = false, consoleSize: [Int]? = nil) {
        self.detach = detach
        self.tty = tty
        self.consoleSize = consoleSize
    }

    enum CodingKeys: String, CodingKey {
        case detach = "Detach"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
    }
}

/// The state of an exec: `GET /exec/{id}/json`.
public struct ExecInspect: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var running: Bool
    /// `nil` until it has exited.
    @Zero public var exitCode: Int?
    public var processConfig: ExecProcessConfig?
    @Zero public var openStdin: Bool
    @Zero public var openStderr: Bool
    @Zero public var openStdout: Bool
    @Zero public var canRemove: Bool
    @Zero public var containerID: String
    @Zero public var detachKeys: String
    @Zero public var pid: Int

    public init(
        id: String = "", running: Bool = false, exitCode: Int? = nil, processConfig: ExecProcessConfig? = nil,
        openStdin: Bool = false, openStderr: Bool = false, openStdout: Bool = false, canRemove: Bool = false,
        containerID: String = "", detachKeys: String = "", pid: Int = 0
    ) {
        self.id = id
        self.running = running
        self.exitCode = exitCode
        self.processConfig = processConfig
        self.openStdin = openStdin
        self.openStderr = openStderr
        self.openStdout = openStdout
        self.canRemove = canRemove
        self.containerID = containerID
        self.detachKeys = detachKeys
        self.pid = pid
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case running = "Running"
        case exitCode = "ExitCode"
        case processConfig = "ProcessConfig"
        case openStdin = "OpenStdin"
        case openStderr = "OpenStderr"
        case openStdout = "OpenStdout"
        case canRemove = "CanRemove"
        case containerID = "ContainerID"
        case detachKeys = "DetachKeys"
        case pid = "Pid"
    }
}

/// The process of an exec.
public struct ExecProcessConfig: Codable, Equatable, Sendable {
    @Zero public var tty: Bool
    @Zero public var entrypoint: String
    @Zero public var arguments: [String]
    public var privileged: Bool?
    @OmitZero public var user: String

    public init(
        tty: Bool = false, entrypoint: String = "", arguments: [String] = [], privileged: Bool? = nil,
        user: String = ""
    ) {
        self.tty = tty
        self.entrypoint = entrypoint
        self.arguments = arguments
        self.privileged = privileged
        self.user = user
    }
}
