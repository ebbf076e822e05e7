import Glibc
import Linux

enum DataRoot {
    static let elsewhere = "berthd --data-root /PATH/ON/A/LOCAL/DISK"

    /// The path, or the nearest folder above it that there is.
    static func existing(_ path: String) -> String {
        var path = path
        while !Files.exists(path), path != "/", path.hasPrefix("/") { path = Files.parent(of: path) }
        return path
    }
}

/// The place of images and containers.
struct StorageCheck: BlockingCheck {
    /// What the file system says of itself.
    struct Room: Equatable {
        var type: String
        var free: Int64
        var isReadOnly = false
        /// Of file system objects; 0 when it has no such limit.
        var inodes: UInt64 = 0
        var freeInodes: UInt64 = 0
        /// Directories tell what their entries are; nil: not seen.
        var tellsTypes: Bool?
    }

    let dataRoot: String

    func examine() -> [Finding] {
        let folder = DataRoot.existing(dataRoot)
        var raw = statvfs()
        guard statvfs(folder, &raw) == 0 else {
            return [.problem("disk", "\(folder): \(errnoText(errno))", repair: "mkdir -p \(dataRoot)")]
        }
        let mounts = MountInfo.parse((try? Files.readText("/proc/self/mountinfo")) ?? "")
        let mount = Self.mount(of: (try? absolutePath(folder)) ?? folder, among: mounts)
        let room = Room(
            type: mount?.type ?? "unknown", free: Int64(clamping: UInt64(raw.f_bavail) * UInt64(raw.f_frsize)),
            isReadOnly: raw.f_flag & 1 != 0, inodes: UInt64(raw.f_files), freeInodes: UInt64(raw.f_favail),
            tellsTypes: Self.tellsTypes(folder))
        return Self.findings(dataRoot, room)
    }

    /// The last mount that has the path, as the kernel resolves it.
    static func mount(of path: String, among mounts: [MountInfo]) -> MountInfo? {
        let holding = mounts.filter {
            path == $0.mountPoint || $0.mountPoint == "/" || path.hasPrefix($0.mountPoint + "/")
        }
        let longest = holding.map(\.mountPoint.utf8.count).max()
        return holding.last { $0.mountPoint.utf8.count == longest }
    }

    static func findings(_ root: String, _ room: Room) -> [Finding] {
        let elsewhere = DataRoot.elsewhere
        var findings: [Finding] = []
        let network = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"].contains(room.type)
        if network {
            findings.append(
                .problem("disk", "\(root) is on \(room.type), which cannot hold containers' layers", repair: elsewhere))
        }
        if room.tellsTypes == false {
            findings.append(
                .problem(
                    "disk", "\(root) is on \(room.type) whose directories do not tell the types of entries (d_type)",
                    repair: "mkfs.xfs -n ftype=1 /dev/DISK, or \(elsewhere)"))
        }
        if room.isReadOnly {
            findings.append(
                .problem("disk", "the file system of \(root) is read-only", repair: "mount -o remount,rw MOUNT"))
        }
        let free = "\(Human.size(room.free)) free at \(root) (\(room.type))"
        switch room.free {
        case ..<500_000_000: findings.append(.problem("disk", free, repair: "berth system prune"))
        case ..<5_000_000_000: findings.append(.warning("disk", free, repair: "berth system prune"))
        default: if findings.isEmpty { findings.append(.ok("disk", free)) }
        }
        guard room.inodes > 0 else { return findings }
        let inodes = "\(room.freeInodes) of \(room.inodes) free at \(root)"
        switch room.freeInodes {
        case ..<1000: findings.append(.problem("inodes", inodes, repair: "berth system prune"))
        case ..<(room.inodes / 20): findings.append(.warning("inodes", inodes, repair: "berth system prune"))
        default: findings.append(.ok("inodes", inodes))
        }
        return findings
    }

    /// `.` alone will do: what an xfs without ftype says of it is "unknown", too.
    private static func tellsTypes(_ folder: String) -> Bool? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        let unknown: UInt8 = 0  // DT_UNKNOWN
        guard let entry = readdir(stream) else { return nil }
        return entry.pointee.d_type != unknown
    }
}

/// The clock. Certificates of registries are not valid in another year.
struct ClockCheck: BlockingCheck {
    /// No clock that is right shows less.
    static let buildYear = 2026

    func examine() -> [Finding] { [Self.finding(Clock.now())] }

    /// - Parameter now: nanoseconds since 1970.
    static func finding(_ now: Int64) -> Finding {
        let text = Clock.rfc3339(now)
        guard let year = Int(text.prefix(4)), year >= buildYear else {
            return .problem(
                "clock", "\(text) is before this program was built",
                repair: "timedatectl set-ntp true, or date -s 'YYYY-MM-DD hh:mm:ss'")
        }
        return .ok("clock", String(text.prefix(19)) + "Z")
    }
}
