// `process` of `config.json` (`config.md`, "Process").

extension RuntimeSpec {
    public struct Process: Sendable, Codable {
        public var terminal: Bool?
        public var consoleSize: ConsoleSize?
        public var user = User()
        public var args: [String]?
        public var commandLine: String?
        public var env: [String]?
        public var cwd = "/"
        public var capabilities: Capabilities?
        public var rlimits: [ResourceLimit]?
        public var noNewPrivileges: Bool?
        public var apparmorProfile: String?
        public var oomScoreAdj: Int?
        public var scheduler: Scheduler?
        public var selinuxLabel: String?
        public var ioPriority: IOPriority?
        public var execCPUAffinity: CPUAffinity?

        public init() {}
    }

    public struct ConsoleSize: Sendable, Codable {
        public var height: UInt
        public var width: UInt

        public init(height: UInt, width: UInt) {
            self.height = height
            self.width = width
        }
    }

    public struct User: Sendable, Codable {
        public var uid: UInt32 = 0
        public var gid: UInt32 = 0
        public var umask: UInt32?
        public var additionalGids: [UInt32]?

        public init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32]? = nil) {
            self.uid = uid
            self.gid = gid
            self.umask = umask
            self.additionalGids = additionalGids
        }
    }

    /// The five capability sets, names as `CAP_CHOWN`.
    public struct Capabilities: Sendable, Codable {
        public var bounding: [String]?
        public var effective: [String]?
        public var inheritable: [String]?
        public var permitted: [String]?
        public var ambient: [String]?

        public init() {}
    }

    public struct ResourceLimit: Sendable, Codable {
        /// `RLIMIT_NOFILE` and so on.
        public var type: String
        public var soft: UInt64
        public var hard: UInt64

        public init(type: String, soft: UInt64, hard: UInt64) {
            self.type = type
            self.soft = soft
            self.hard = hard
        }
    }

    public struct Scheduler: Sendable, Codable {
        public var policy: String
        public var nice: Int32?
        public var priority: Int32?
        public var flags: [String]?
        public var runtime: UInt64?
        public var deadline: UInt64?
        public var period: UInt64?

        public init(policy: String) { self.policy = policy }
    }

    public struct IOPriority: Sendable, Codable {
        public var `class`: String
        public var priority: Int
    }

    public struct CPUAffinity: Sendable, Codable {
        public var initial: String?
        public var final: String?
    }
}

extension KeyedDecodingContainer {
    /// A process without `user` runs as root, as other runtimes have it.
    func decode(_ type: RuntimeSpec.User.Type, forKey key: Key) throws -> RuntimeSpec.User {
        try decodeIfPresent(type, forKey: key) ?? RuntimeSpec.User()
    }
}
