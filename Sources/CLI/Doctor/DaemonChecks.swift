import Client
import EngineAPI
import Glibc
import Linux

/// How a daemon is started here.
enum DaemonStart {
    static var usesSystemd: Bool { Files.exists("/run/systemd/system") && unit }
    private static var unit: Bool {
        ["/etc", "/lib", "/usr/lib", "/run"].contains { Files.exists("\($0)/systemd/system/berthd.socket") }
    }

    static func command(_ host: EngineHost) -> String {
        guard case .standard = host.origin else { return "berthd -H \(host) &" }
        return usesSystemd ? "systemctl enable --now berthd.socket" : geteuid() == 0 ? "berthd &" : "sudo berth version"
    }
}

/// Whether commands reach the daemon, and whether it is of their version.
struct DaemonCheck: BlockingCheck {
    let facts: DaemonFacts

    func examine() -> [Finding] {
        var findings: [Finding] = []
        if let complaint = facts.settings.complaint {
            findings.append(
                .problem("settings", complaint, repair: "python3 -m json.tool \(facts.settings.file)"))
        }
        return findings + socket() + [answer()]
    }

    private func socket() -> [Finding] {
        guard let path = facts.socket else { return [] }
        let status: FileStatus
        do throws(SystemError) {
            status = try Files.status(path)
        } catch {
            guard error.errno == ENOENT || error.errno == ENOTDIR else {
                return [
                    .problem(
                        "socket", "\(path): \(error.reason)", repair: "usermod -aG berth \(HostUsers.current().name)")
                ]
            }
            let repair = DaemonStart.command(facts.host)
            if facts.startsByItself, geteuid() == 0 {
                return [
                    .warning("socket", "\(path) does not exist; the next command starts the daemon", repair: repair)
                ]
            }
            return [.problem("socket", "\(path) does not exist", repair: repair)]
        }
        guard status.kind == .socket else {
            return [
                .problem("socket", "\(path) is no socket", repair: "rm \(path) && \(DaemonStart.command(facts.host))")
            ]
        }
        return [SocketAccess(path: path, status: status, users: .ofHost()).finding(for: HostUsers.current())]
    }

    private func answer() -> Finding {
        let place = "\(facts.host)"
        switch facts.answer {
        case .late:
            return .problem(
                "daemon", "nobody answers at \(place) within \(Int(Deadline.seconds)) seconds",
                repair: facts.restart)
        case .refused(let message):
            if facts.startsByItself, geteuid() == 0 {
                return .warning("daemon", "it does not run; the next command starts it", repair: "berth version")
            }
            if let path = facts.socket, access(path, W_OK) != 0, errno == EACCES {
                let access = (try? Files.status(path)).map { SocketAccess(path: path, status: $0, users: .ofHost()) }
                return .problem(
                    "daemon", "this user may not ask it at \(place)",
                    repair: access?.repair(for: HostUsers.current()) ?? "sudo berth version")
            }
            return .problem("daemon", message, repair: DaemonStart.command(facts.host))
        case .version(let version): return Self.finding(version, at: place, restart: facts.restart)
        }
    }

    static func finding(_ version: SystemVersion, at place: String, restart: String) -> Finding {
        let name = version.platform?.name ?? ""
        guard name.contains("Berth") else {
            return .warning(
                "daemon", "who answers at \(place) is \(name.isEmpty ? "not Berth" : name)",
                repair: "unset DOCKER_HOST BERTH_HOST")
        }
        guard version.version == BerthVersion.version else {
            return .warning(
                "daemon", "its version is \(version.version), this command's is \(BerthVersion.version)",
                repair: restart)
        }
        return .ok("daemon", "version \(version.version) answers at \(place)")
    }
}

/// Users and groups of the host.
struct HostUsers: Sendable {
    struct User: Equatable {
        var name: String
        var id: UInt32
        /// Its groups in force, which are not those of `/etc/group` before the next login.
        var groups: [UInt32]
    }

    struct Group: Equatable {
        var name: String
        var id: UInt32
        var members: [String]
    }

    let groups: [Group]

    /// - Parameter text: `/etc/group`.
    init(groups text: String) {
        groups = text.split(separator: "\n").compactMap { Self.group(String($0)) }
    }

    private static func group(_ line: String) -> Group? {
        let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 4, let id = UInt32(fields[2]) else { return nil }
        return Group(name: fields[0], id: id, members: fields[3].split(separator: ",").map(String.init))
    }

    static func ofHost() -> HostUsers { HostUsers(groups: (try? Files.readText("/etc/group")) ?? "") }

    func group(_ id: UInt32) -> Group? { groups.first { $0.id == id } }
    func group(named name: String) -> Group? { groups.first { $0.name == name } }

    static func current() -> User {
        let id = geteuid()
        var groups = [gid_t](repeating: 0, count: 1024)
        let count = getgroups(Int32(groups.count), &groups)
        let name = (try? Files.readText("/etc/passwd")).flatMap { Self.name(of: id, passwd: $0) }
        return User(name: name ?? "\(id)", id: id, groups: Array(groups.prefix(max(0, Int(count)))) + [getegid()])
    }

    static func name(of id: UInt32, passwd: String) -> String? {
        let line = passwd.split(separator: "\n").first {
            let fields = $0.split(separator: ":", omittingEmptySubsequences: false)
            return fields.count > 2 && UInt32(fields[2]) == id
        }
        return line?.split(separator: ":").first.map(String.init)
    }
}

/// Who may use the daemon's socket.
struct SocketAccess {
    let path: String
    let owner: UInt32
    let group: UInt32
    let permissions: mode_t
    let users: HostUsers

    init(path: String, owner: UInt32, group: UInt32, permissions: mode_t, users: HostUsers) {
        self.path = path
        self.owner = owner
        self.group = group
        self.permissions = permissions
        self.users = users
    }

    init(path: String, status: FileStatus, users: HostUsers) {
        self.init(
            path: path, owner: status.userID, group: status.groupID, permissions: status.permissions, users: users)
    }

    private func allows(_ user: HostUsers.User) -> Bool {
        if user.id == 0 { return true }
        if user.id == owner { return permissions & 0o200 != 0 }
        if user.groups.contains(group) { return permissions & 0o020 != 0 }
        return permissions & 0o002 != 0
    }

    func finding(for user: HostUsers.User) -> Finding {
        let name = users.group(group)?.name ?? "\(group)"
        let mode = String(permissions, radix: 8)
        if permissions & 0o002 != 0 {
            return .warning(
                "socket", "\(path) has mode \(mode): everybody on this host may use it, and so be root",
                repair: "chmod 660 \(path)")
        }
        guard allows(user) else {
            if users.group(group)?.members.contains(user.name) == true, permissions & 0o020 != 0 {
                return .problem(
                    "socket", "\(user.name) is a member of \(name), but not yet in this session",
                    repair: "newgrp \(name)")
            }
            return .problem(
                "socket", "\(user.name) may not use \(path) (mode \(mode), group \(name))", repair: repair(for: user))
        }
        return .ok("socket", "\(path), mode \(mode), group \(name)")
    }

    /// Never into the group root, and not into one that has no right here.
    func repair(for user: HostUsers.User) -> String {
        let name = users.group(group)?.name ?? "\(group)"
        guard group != 0, permissions & 0o020 != 0 else {
            let make = users.group(named: "berth") == nil ? "groupadd --system berth && " : ""
            return "\(make)usermod -aG berth \(user.name) && chgrp berth \(path) && chmod 660 \(path)"
        }
        return "usermod -aG \(name) \(user.name)"
    }
}

/// The group whose members use Berth without sudo.
struct GroupCheck: BlockingCheck {
    /// nil when no daemon runs that has to learn of it.
    let restart: String?

    func examine() -> [Finding] { [Self.finding(.ofHost(), restart: restart)] }

    static func finding(_ users: HostUsers, restart: String?) -> Finding {
        guard let own = users.group(named: "berth") else {
            return .warning(
                "group berth", "there is none: only root may use Berth",
                repair: "groupadd --system berth" + (restart.map { " && \($0)" } ?? ""))
        }
        let members = own.members.joined(separator: ", ")
        let docker = users.group(named: "docker")?.members ?? []
        let outside = docker.filter { !own.members.contains($0) }
        guard outside.isEmpty else {
            return .warning(
                "group berth", "\(outside.joined(separator: ", ")) may use Docker (group docker), but not Berth",
                repair: outside.map { "usermod -aG berth \($0)" }.joined(separator: " && "))
        }
        return .ok("group berth", members.isEmpty ? "no members: root alone uses Berth" : "members: \(members)")
    }
}

/// How many files the daemon may have open, and how many folders programs in containers may watch.
struct LimitCheck: BlockingCheck {
    let daemon: Int32?
    let restart: String

    func examine() -> [Finding] {
        var findings: [Finding] = []
        if let daemon, let text = try? Files.readText("/proc/\(daemon)/limits"), let limit = Self.openFiles(text) {
            findings.append(Self.finding(openFiles: limit, restart: restart))
        }
        let instances = kernelValue("/proc/sys/fs/inotify/max_user_instances").flatMap { Int($0) }
        let watches = kernelValue("/proc/sys/fs/inotify/max_user_watches").flatMap { Int($0) }
        if let instances, let watches { findings.append(Self.finding(instances: instances, watches: watches)) }
        return findings
    }

    /// The soft limit in `/proc/PID/limits`.
    static func openFiles(_ text: String) -> UInt64? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") }
        let words = line?.dropFirst("Max open files".count).split(separator: " ")
        return words?.first.flatMap { $0 == "unlimited" ? .max : UInt64($0) }
    }

    static func finding(openFiles limit: UInt64, restart: String) -> Finding {
        guard limit >= 8192 else {
            return .warning(
                "open files", "the daemon may open \(limit): enough for a few hundred containers at most",
                repair: "ulimit -n 1048576 && \(restart)")
        }
        return .ok("open files", "the daemon may open \(limit)")
    }

    static func finding(instances: Int, watches: Int) -> Finding {
        let fact = "\(instances) watchers and \(watches) watched folders for each user"
        guard instances >= 128, watches >= 8192 else {
            return .warning(
                "inotify", fact,
                repair: "sysctl -w fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288")
        }
        return .ok("inotify", fact)
    }
}
