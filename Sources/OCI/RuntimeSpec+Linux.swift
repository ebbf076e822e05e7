// `linux` of `config.json` (`config-linux.md`), but for its resources.

extension RuntimeSpec {
    public struct Linux: Sendable, Codable {
        public var namespaces: [Namespace]?
        public var uidMappings: [IDMapping]?
        public var gidMappings: [IDMapping]?
        public var timeOffsets: [String: TimeOffset]?
        public var devices: [Device]?
        public var cgroupsPath: String?
        public var rootfsPropagation: String?
        public var resources: Resources?
        public var seccomp: Seccomp?
        public var sysctl: [String: String]?
        public var maskedPaths: [String]?
        public var readonlyPaths: [String]?
        public var mountLabel: String?
        public var personality: Personality?
        public var intelRdt: IntelRDT?

        public init() {}
    }

    /// Cache and memory bandwidth allocation, which this engine refuses rather than ignores.
    public struct IntelRDT: Sendable, Codable {
        public var closID: String?
        public var l3CacheSchema: String?
        public var memBwSchema: String?
        public var enableCMT: Bool?
        public var enableMBM: Bool?

        public init() {}
    }

    public struct Namespace: Sendable, Codable {
        public enum Kind: String, Sendable, Codable {
            case pid, network, mount, ipc, uts, user, cgroup, time
        }
        public var type: Kind
        /// An existing namespace to join; absent: a new one is made.
        public var path: String?

        public init(_ type: Kind, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    public struct TimeOffset: Sendable, Codable {
        public var secs: Int64?
        public var nanosecs: UInt32?

        public init() {}
    }

    public struct Device: Sendable, Codable {
        /// `c`, `u`, `b` or `p`.
        public var type: String
        public var path: String
        public var major: Int64?
        public var minor: Int64?
        public var fileMode: UInt32?
        public var uid: UInt32?
        public var gid: UInt32?

        public init(
            type: String, path: String, major: Int64? = nil, minor: Int64? = nil, fileMode: UInt32? = nil,
            uid: UInt32? = nil, gid: UInt32? = nil
        ) {
            self.type = type
            self.path = path
            self.major = major
            self.minor = minor
            self.fileMode = fileMode
            self.uid = uid
            self.gid = gid
        }
    }

    public struct Personality: Sendable, Codable {
        public var domain: String
        public var flags: [String]?
    }

    public struct Seccomp: Sendable, Codable {
        public var defaultAction: String
        public var defaultErrnoRet: UInt32?
        public var architectures: [String]?
        public var flags: [String]?
        public var listenerPath: String?
        public var listenerMetadata: String?
        public var syscalls: [Rule]?

        public init(defaultAction: String) { self.defaultAction = defaultAction }

        public struct Rule: Sendable, Codable {
            public var names: [String]
            public var action: String
            public var errnoRet: UInt32?
            public var args: [Argument]?

            public init(names: [String], action: String, errnoRet: UInt32? = nil, args: [Argument]? = nil) {
                self.names = names
                self.action = action
                self.errnoRet = errnoRet
                self.args = args
            }
        }

        public struct Argument: Sendable, Codable {
            public var index: UInt32
            public var value: UInt64
            public var valueTwo: UInt64?
            public var op: String

            public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: String) {
                self.index = index
                self.value = value
                self.valueTwo = valueTwo
                self.op = op
            }
        }
    }
}
