import Glibc

/// The cgroup hierarchies of the host: version 1 (one mount per controller), version 2 (one tree),
/// or both ("hybrid": the controllers are on version 1, a version 2 tree stands beside them).
public struct CgroupHierarchies: Sendable {
    public enum Mode: String, Sendable { case v1, hybrid, v2 }

    /// A version 1 mount: its controllers and where it is mounted.
    public struct Version1: Sendable {
        public let controllers: [String]
        public let mountPoint: String
        /// The directory of the hierarchy that is mounted, `/` outside containers.
        public let root: String
    }

    public let version1: [Version1]
    /// Mount point of the version 2 tree.
    public let version2: String?
    /// Controllers that the version 2 tree has at its root.
    public let version2Controllers: Set<String>

    public var mode: Mode {
        let controlled = version1.contains { !$0.controllers.contains { $0.hasPrefix("name=") } }
        switch (controlled, version2) {
        case (true, nil): return .v1
        case (true, _?): return .hybrid
        case (false, _): return .v2
        }
    }

    /// Reads the mounts of this process.
    public static func detect() throws(SystemError) -> CgroupHierarchies {
        let mounts = MountInfo.parse(try Files.readText("/proc/self/mountinfo"))
        var version1: [Version1] = []
        var version2: String?
        for mount in mounts {
            switch mount.type {
            case "cgroup":
                let controllers = mount.superOptions.split(separator: ",").map(String.init)
                    .filter { Self.known.contains($0) || $0.hasPrefix("name=") }
                let already = version1.contains { $0.controllers == controllers }
                if !controllers.isEmpty, !already {
                    version1.append(
                        Version1(controllers: controllers, mountPoint: mount.mountPoint, root: mount.root))
                }
            case "cgroup2":
                version2 = version2 ?? mount.mountPoint
            default: continue
            }
        }
        var controllers: Set<String> = []
        if let version2, let text = try? Files.readText(version2 + "/cgroup.controllers") {
            controllers = Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
        }
        return CgroupHierarchies(version1: version1, version2: version2, version2Controllers: controllers)
    }

    /// The version 1 mount of a controller.
    public func mountPoint(of controller: String) -> String? {
        version1.first { $0.controllers.contains(controller) }?.mountPoint
    }

    private static let known: Set<String> = [
        "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "misc", "net_cls",
        "net_prio", "perf_event", "pids", "rdma",
    ]
}

/// A line of `/proc/PID/mountinfo`.
public struct MountInfo: Sendable {
    public let root: String
    public let mountPoint: String
    public let options: String
    public let type: String
    public let source: String
    public let superOptions: String

    /// Lines that do not have the documented form are passed over.
    public static func parse(_ text: String) -> [MountInfo] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count >= 10, let dash = fields[6...].firstIndex(of: "-"), dash + 3 < fields.count else {
                return nil
            }
            return MountInfo(
                root: unescape(fields[3]), mountPoint: unescape(fields[4]), options: String(fields[5]),
                type: String(fields[dash + 1]), source: unescape(fields[dash + 2]),
                superOptions: String(fields[dash + 3]))
        }
    }

    /// The kernel writes blanks and backslashes as `\ooo`.
    private static func unescape(_ field: Substring) -> String {
        guard field.contains("\\") else { return String(field) }
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(Substring(rest.prefix(3)), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
