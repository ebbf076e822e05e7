import Errors
import Glibc
import Linux
import OCI

/// Finds users and groups in the container's own `/etc/passwd` and `/etc/group`.
struct UserLookup {
    private let passwd: [[Substring]]
    private let group: [[Substring]]

    /// Reads both files of the present root; an absent one is empty.
    init() {
        passwd = Self.table("/etc/passwd")
        group = Self.table("/etc/group")
    }

    private static func table(_ path: String) -> [[Substring]] {
        guard let text = try? readTable(path) else { return [] }
        return text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    /// The container decides what has this name: a pipe must not keep us waiting, nor a device feed us for ever.
    private static func readTable(_ path: String) throws(SystemError) -> String {
        let file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let status = try file.status()
        guard status.kind == .file, status.size <= 16 << 20 else {
            throw SystemError("open", errno: EFBIG, subject: path)
        }
        return String(decoding: try file.read(upTo: Int(status.size), at: 0), as: UTF8.self)
    }

    struct Found {
        var user: RuntimeSpec.User
        var home: String
    }

    /// Resolves Docker's `user[:group]`, names or numbers, with supplementary groups as Docker gives
    /// them: those that list the user, unless a group was named.
    func resolve(_ text: String, additionalGroups: [String]) throws(StartFailure) -> Found {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        // No user is root.
        let name = parts.first.flatMap { $0.isEmpty ? nil : String($0) } ?? "0"
        let entry = passwd.first { $0.count >= 4 && ($0[0] == name || $0[2] == name) }
        var user = RuntimeSpec.User()
        if let entry, let uid = UInt32(entry[2]), let gid = UInt32(entry[3]) {
            user.uid = uid
            user.gid = gid
        } else if let uid = UInt32(name) {
            user.uid = uid
        } else {
            throw StartFailure(
                reason: .environment, message: "unable to find user \(name): no matching entries in passwd file")
        }
        var groups: [UInt32] = []
        if parts.count == 2, !parts[1].isEmpty {
            user.gid = try groupID(String(parts[1]))
        } else if let login = entry?.first {
            groups = group.filter { $0.count >= 4 && $0[3].split(separator: ",").contains(login) }
                .compactMap { UInt32($0[2]) }
        }
        for extra in additionalGroups { groups.append(try groupID(extra)) }
        // The first group too: it would be lost by a change of group, and with it what is forbidden to it
        // by the permissions of a file (CVE-2022-36109).
        user.additionalGids = groups.contains(user.gid) ? groups : [user.gid] + groups
        let home =
            entry.flatMap { $0.count >= 6 && !$0[5].isEmpty ? String($0[5]) : nil }
            ?? (user.uid == 0 ? "/root" : "/")
        return Found(user: user, home: home)
    }

    /// The home directory of a numeric user.
    func home(of uid: UInt32) -> String {
        let entry = passwd.first { $0.count >= 6 && UInt32($0[2]) == uid }
        return entry.map { String($0[5]) } ?? (uid == 0 ? "/root" : "/")
    }

    private func groupID(_ name: String) throws(StartFailure) -> UInt32 {
        if let entry = group.first(where: { $0.count >= 3 && $0[0] == name }), let gid = UInt32(entry[2]) { return gid }
        if let gid = UInt32(name) { return gid }
        throw StartFailure(
            reason: .environment, message: "unable to find group \(name): no matching entries in group file")
    }
}
