import CLinux
import Glibc

/// `setrlimit(2)` by the names of `config.json` (`RLIMIT_NOFILE`).
public enum ResourceLimits {
    private static let names = [
        "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
        "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
    ]

    public static func number(of name: String) -> Int32? {
        let upper = name.uppercased()
        let bare = upper.hasPrefix("RLIMIT_") ? String(upper.dropFirst(7)) : upper
        return names.firstIndex(of: bare).map(Int32.init)
    }

    /// Limits this process, or the one that is named.
    public static func set(
        _ resource: Int32, soft: UInt64, hard: UInt64, name: String, of pid: pid_t = 0
    ) throws(SystemError) {
        var limit = rlimit64Pair(soft: soft, hard: hard)
        try systemCall("setrlimit", name) {
            withUnsafeMutablePointer(to: &limit) {
                linux_syscall(LINUX_SYS_prlimit64, Int(pid), Int(resource), Int(bitPattern: $0), 0, 0, 0)
            }
        }
    }

    /// Lets this process open as many files as it may at all.
    /// - Returns: the limits from before, for those of its children that shall not notice.
    public static func raiseOpenFiles() throws(SystemError) -> (soft: UInt64, hard: UInt64) {
        var former = rlimit64Pair(soft: 0, hard: 0)
        let resource = Int(RLIMIT_NOFILE.rawValue)
        try systemCall("getrlimit", "NOFILE") {
            withUnsafeMutablePointer(to: &former) {
                linux_syscall(LINUX_SYS_prlimit64, 0, resource, 0, Int(bitPattern: $0), 0, 0)
            }
        }
        try set(Int32(resource), soft: former.hard, hard: former.hard, name: "NOFILE")
        return (former.soft, former.hard)
    }

    /// `struct rlimit64`.
    private struct rlimit64Pair {
        var soft: UInt64
        var hard: UInt64
    }
}

/// `setgroups(2)`.
public func setSupplementaryGroups(_ groups: [UInt32]) throws(SystemError) {
    try systemCall("setgroups") { setgroups(groups.count, groups) }
}

/// Real, effective and saved group at once.
public func setGroup(_ gid: UInt32) throws(SystemError) {
    try systemCall("setresgid") { linux_setresgid(gid, gid, gid) }
}

/// Real, effective and saved user at once.
public func setUser(_ uid: UInt32) throws(SystemError) {
    try systemCall("setresuid") { linux_setresuid(uid, uid, uid) }
}

/// `sethostname(2)` in the present UTS namespace.
public func setHostName(_ name: String) throws(SystemError) {
    try systemCall("sethostname", name) { sethostname(name, name.utf8.count) }
}

/// `setdomainname(2)` in the present UTS namespace.
public func setDomainName(_ name: String) throws(SystemError) {
    try name.withPointer { (pointer) throws(SystemError) in
        try rawSystemCall("setdomainname", name, LINUX_SYS_setdomainname, Int(bitPattern: pointer), name.utf8.count)
    }
}

/// A session keyring of its own, so that keys of the host's session do not show in the container.
public func joinNewSessionKeyring() throws(SystemError) {
    do throws(SystemError) {
        let join = 1  // KEYCTL_JOIN_SESSION_KEYRING
        try rawSystemCall("keyctl", "", LINUX_SYS_keyctl, join)
    } catch {
        // A kernel without keys has none to share.
        if error.errno != ENOSYS && error.errno != EDQUOT { throw error }
    }
}

/// Brings up `lo` in the present network namespace.
public func bringUpLoopback() throws(SystemError) {
    try systemCall("bringing up lo") { linux_loopback_up() }
}
