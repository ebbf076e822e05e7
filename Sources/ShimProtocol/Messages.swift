/// Raised when a message changes shape.
public let shimProtocolVersion: UInt32 = 3

/// The first frame of a connection to a shim.
public enum ShimRequest: Sendable {
    /// On the socket that a shim is born with: what to run.
    case launch(Launch)
    /// On `shim.sock`: take over. A snapshot and all later events come back.
    case control
}

/// What the daemon says afterwards.
public enum ShimCommand: Sendable {
    /// Let the container's program run.
    case start
    /// The container's own streams. One end of a socket pair comes with the message as a
    /// descriptor: output is written to it as Docker frames it (raw with a terminal), input is
    /// read from it until half-closed, and it is closed when the container has ended.
    case attach(Attach)
    /// Another program in the container, its streams on a descriptor as with `attach`.
    case exec(Exec)
    /// Size of the terminal of an exec, or of the container when `exec` is empty.
    case resize(exec: String, rows: UInt16, columns: UInt16)
    /// Replaces what the name server of the container answers from.
    case resolve(NameService?)
    /// Replaces the host ports that the shim holds.
    case publish([PublishedPort])
}

/// What a shim says.
public enum ShimEvent: Sendable {
    /// The first process exists: its network can be set up.
    case created(pid: Int32)
    /// The file system stands; `start` will be obeyed at once.
    case ready
    case started(at: Int64)
    /// The container did not start. Nothing of it is left, and the shim ends.
    case failed(Failure)
    case exited(Exit)
    case execStarted(id: String, pid: Int32)
    case execFailed(id: String, Failure)
    case execExited(id: String, code: Int32)
    /// The log was rotated, and its older files are to be compressed.
    case logRotated
    /// The kernel killed a process of the container for want of memory. The container may live on.
    case outOfMemory
    /// After `control`: where things stand.
    case snapshot(Snapshot)
}

// MARK: - Parts

/// A container's first program and all around it that is not in `config.json`.
public struct Launch: Sendable {
    public var version = shimProtocolVersion
    public var id: String
    /// Directory with `config.json`; the shim keeps its socket, `shim.sock`, and its last words,
    /// `exit`, there.
    public var bundle: String
    /// Image layers, lowest first; empty: `root.path` of `config.json` is used as it is.
    public var lowerDirectories: [String] = []
    public var upperDirectory = ""
    public var workDirectory = ""
    public var cgroupPath: String
    /// Docker's `user[:group]`, looked up in the container; absent: `process.user`.
    public var user: String?
    public var additionalGroups: [String] = []
    /// A compiled filter (see `SeccompFilter`); empty: none.
    public var seccompFile = ""
    public var log: Log?
    public var keepsInputOpen = false
    /// The first attached client that closes its input closes the container's.
    public var closesInputWithClient = false
    public var ports: [PublishedPort] = []
    public var names: NameService?
    /// A build's step: worth nothing to any other daemon, so it ends with the one that asked for it.
    public var endsWithDaemon = false
    /// Destinations of binds in `config.json`: where one is a file, and another takes its name on the host, the
    /// container gets that one.
    public var followedMounts: [String] = []

    public init(id: String, bundle: String, cgroupPath: String) {
        self.id = id
        self.bundle = bundle
        self.cgroupPath = cgroupPath
    }
}

/// What becomes of the container's output: a file in Docker's json-file format, rotated by size, and
/// perhaps a service of the host that gets each line as well.
public struct Log: Sendable, Equatable {
    /// Empty: no file.
    public var path: String
    /// Bytes; 0: never rotated.
    public var maximumSize: Int64
    /// The current file and older ones, together.
    public var maximumFiles: Int32
    /// Older files are compressed by the daemon, which is told of each rotation.
    public var isCompressed = false
    /// The value of `attrs` in each record, as JSON; empty: none.
    public var attributes = ""
    public var forward: LogForward?

    public init(path: String, maximumSize: Int64, maximumFiles: Int32) {
        self.path = path
        self.maximumSize = maximumSize
        self.maximumFiles = maximumFiles
    }
}

/// A log service. Lines that it does not take in time are lost to it, not to the file.
public struct LogForward: Sendable, Equatable {
    public enum Kind: String, Sendable { case journald, syslog }
    public enum Transport: String, Sendable { case unix, udp, tcp }
    /// How a line is dressed for syslog: the way of local daemons, RFC 3164, or RFC 5424 with times to
    /// the second or the microsecond.
    public enum Format: String, Sendable { case plain, rfc3164, rfc5424, rfc5424micro }

    public var kind: Kind
    public var transport: Transport
    /// Path of a Unix socket, or an address literal.
    public var address: String
    public var port: UInt16
    public var format = Format.plain
    /// Of syslog, 0 to 23.
    public var facility: UInt8 = 3
    public var tag = ""
    public var host = ""
    /// `NAME=value`, sent with each line to the journal.
    public var fields: [String] = []

    public init(kind: Kind, transport: Transport, address: String, port: UInt16 = 0) {
        self.kind = kind
        self.transport = transport
        self.address = address
        self.port = port
    }
}

/// A host port that the shim binds for the container and, where packets cannot be forwarded,
/// relays.
public struct PublishedPort: Sendable, Hashable {
    public enum Transport: String, Sendable { case tcp, udp, sctp }

    public var transport: Transport
    /// Address literal, version 4 or 6.
    public var hostAddress: String
    public var hostPort: UInt16
    public var containerAddress: String
    public var containerPort: UInt16

    public init(
        transport: Transport, hostAddress: String, hostPort: UInt16, containerAddress: String, containerPort: UInt16
    ) {
        self.transport = transport
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.containerAddress = containerAddress
        self.containerPort = containerPort
    }
}

/// The name server at 127.0.0.11 of a container.
public struct NameService: Sendable, Equatable {
    /// Names files of the container's networks.
    public var files: [String]
    /// Servers asked for everything else.
    public var upstream: [String]

    public init(files: [String], upstream: [String]) {
        self.files = files
        self.upstream = upstream
    }
}

public struct Attach: Sendable {
    public var input: Bool
    public var output: Bool
    public var error: Bool
    /// Bytes as they are, without frames, also where there is no terminal.
    public var isRaw = false
    /// The first eight bytes on the socket are a time (nanoseconds since 1970, little-endian): all that
    /// was written before it is in the log, all after it comes on the socket.
    public var announcesTime = false
    /// The program was started for this client: it waits long for it before it goes on without.
    public var isForeground = false

    public init(input: Bool, output: Bool, error: Bool) {
        self.input = input
        self.output = output
        self.error = error
    }
}

public struct Exec: Sendable {
    public var id: String
    /// `process` of `config.json`, as JSON.
    public var process: String
    public var user: String?
    public var additionalGroups: [String]
    public var seccompFile: String
    public var input: Bool
    public var output: Bool
    public var error: Bool

    public init(
        id: String, process: String, user: String?, additionalGroups: [String], seccompFile: String, input: Bool,
        output: Bool, error: Bool
    ) {
        self.id = id
        self.process = process
        self.user = user
        self.additionalGroups = additionalGroups
        self.seccompFile = seccompFile
        self.input = input
        self.output = output
        self.error = error
    }
}

/// Why something did not start.
public struct Failure: Error, Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Work of the runtime failed.
        case setup
        /// No such program (exit code 127).
        case notFound
        /// A program, directory or user that cannot be used (126).
        case notExecutable
        /// A host port is taken; the message is the port's, as in `PublishedPort`.
        case portTaken
    }

    public var kind: Kind
    public var message: String
    /// Which port, for `portTaken`.
    public var port: PublishedPort?

    public init(_ kind: Kind, _ message: String, port: PublishedPort? = nil) {
        self.kind = kind
        self.message = message
        self.port = port
    }
}

public struct Exit: Sendable, Equatable {
    /// 128 + signal for a killed process.
    public var code: Int32
    public var outOfMemory: Bool
    /// Nanoseconds since 1970.
    public var time: Int64

    public init(code: Int32, outOfMemory: Bool, time: Int64) {
        self.code = code
        self.outOfMemory = outOfMemory
        self.time = time
    }
}

public struct Snapshot: Sendable {
    public enum Phase: String, Sendable { case created, running, exited }

    public var version = shimProtocolVersion
    public var phase: Phase
    public var pid: Int32
    /// Nanoseconds since 1970; 0 before the start.
    public var startedAt: Int64
    public var exit: Exit?
    /// Running execs: id and process.
    public var execs: [RunningExec]

    public struct RunningExec: Sendable {
        public var id: String
        public var pid: Int32

        public init(id: String, pid: Int32) {
            self.id = id
            self.pid = pid
        }
    }

    public init(phase: Phase, pid: Int32, startedAt: Int64, exit: Exit?, execs: [RunningExec]) {
        self.phase = phase
        self.pid = pid
        self.startedAt = startedAt
        self.exit = exit
        self.execs = execs
    }
}
