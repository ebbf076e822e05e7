import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `exec`: a further program in a running container.
struct ExecCommand {
    static let flags = FlagTable(
        valued: [
            "process", "pid-file", "console-socket", "preserve-fds", "env", "user", "additional-gids", "cwd", "cap",
            "apparmor", "process-label", "cgroup", "pidfd-socket",
        ],
        switches: ["detach", "tty", "no-new-privs", "ignore-paused"],
        letters: [
            "p": "process", "d": "detach", "t": "tty", "e": "env", "u": "user", "g": "additional-gids", "c": "cap",
        ],
        stopsAtFirstWord: true)

    let context: RuntimeContext
    let flags: ParsedFlags

    /// Returns the program's exit code, or 0 when it was detached.
    func run() throws -> Int32 {
        guard let id = flags.words.first else {
            throw BerthError.invalidArgument("exec takes the container's ID and a command, or --process")
        }
        let record = try context.store.load(id)
        switch try context.store.status(of: record) {
        case .stopped, .creating: throw BerthError.conflict("cannot exec in a stopped container")
        case .paused where !flags.isOn("ignore-paused"):
            throw BerthError.conflict("cannot exec in a paused container (use --ignore-paused to override)")
        default: break
        }
        guard let target = try record.openProcess() else {
            throw BerthError.conflict("cannot exec in a stopped container")
        }
        let spec = try context.store.configuration(of: id)
        var process = try self.process(spec)
        try SpecPreparation.check(process)
        for warning in try SpecPreparation.settle(&process) { context.log.warning(warning) }
        let console = try flags["console-socket"].map { try UnixSocket.connect($0) }
        let isDetached = flags.isOn("detach")
        guard process.terminal != true || console != nil || !isDetached else {
            throw BerthError.invalidArgument("a detached program with a terminal needs --console-socket")
        }
        let foreground = isDetached ? nil : try Foreground()
        let new = try NewExec.start(try plan(process, spec, record, target))
        if let console, let terminal = new.terminal {
            try UnixSocket.send(Array("/dev/ptmx".utf8), descriptors: [terminal], over: console)
        }
        if let file = flags["pid-file"] { try Files.writeAtomically(file, "\(new.pid)".utf8, durable: false) }
        if let socket = flags["pidfd-socket"] {
            try Descriptors.hand(try Linux.Process.openPidfd(new.pid), to: socket)
        }
        guard let foreground else { return 0 }
        return try foreground.stay(
            with: new.pid, try Linux.Process.openPidfd(new.pid), terminal: console == nil ? new.terminal : nil
        ).code
    }

    private func plan(
        _ process: RuntimeSpec.Process, _ spec: RuntimeSpec, _ record: ContainerRecord, _ target: FileDescriptor
    ) throws -> ExecPlan {
        var plan = ProcessPlan(process: process)
        plan.diesWithParent = false
        plan.preservedDescriptors = try Descriptors.preserved(flags)
        plan.process.env = Descriptors.environment(process.env, plan.preservedDescriptors)
        plan.personality = spec.linux?.personality
        if let seccomp = spec.linux?.seccomp { try plan.setSeccomp(seccomp) }
        let standardIO = Descriptors.standardIO(process, isOurs: flags["console-socket"] == nil)
        var cgroup = try record.cgroupOnHost()
        if let below = flags["cgroup"], let own = cgroup {
            // `controller:path` names hierarchies of version 1 one by one; one path goes for all.
            let path = below.split(separator: ":").last.map(String.init) ?? ""
            guard !path.split(separator: "/").contains("..") else {
                throw BerthError.invalidArgument("--cgroup: \"\(below)\" leaves the container's cgroup")
            }
            cgroup = Cgroup(path == "/" ? own.path : "\(own.path)/\(path)", in: own.hierarchies)
        }
        var exec = ExecPlan(
            process: plan, standardIO: standardIO, target: target, cgroup: cgroup, namespaces: spec.ownNamespaces)
        let listener = SeccompListener(spec: spec, identity: record.identity)
        exec.deliverListener = { descriptor, pid in try listener.deliver(descriptor, pid: pid, status: "running") }
        return exec
    }

    // MARK: The process

    /// What `--process` says, or the container's own with a command in place of its own. What a file leaves
    /// out is as for the container's first process.
    private func process(_ spec: RuntimeSpec) throws -> RuntimeSpec.Process {
        var own = spec.process ?? RuntimeSpec.Process()
        own.capabilities = own.capabilities ?? RuntimeSpec.Capabilities()
        if let path = flags["process"] {
            var process = try JSON.decode(RuntimeSpec.Process.self, from: try Files.read(path))
            process.capabilities = process.capabilities ?? own.capabilities
            process.rlimits = process.rlimits ?? own.rlimits
            process.noNewPrivileges = process.noNewPrivileges ?? own.noNewPrivileges
            process.oomScoreAdj = process.oomScoreAdj ?? own.oomScoreAdj
            process.apparmorProfile = process.apparmorProfile ?? own.apparmorProfile
            process.selinuxLabel = process.selinuxLabel ?? own.selinuxLabel
            return process
        }
        var process = own
        process.args = Array(flags.words.dropFirst())
        process.terminal = flags.isOn("tty")
        process.env = (process.env ?? []) + flags.all("env")
        if let cwd = flags["cwd"] { process.cwd = cwd }
        if flags.isOn("no-new-privs") { process.noNewPrivileges = true }
        if let profile = flags["apparmor"] { process.apparmorProfile = profile }
        if let label = flags["process-label"] { process.selinuxLabel = label }
        if let user = flags["user"] { process.user = try Self.user(user, process.user) }
        for group in flags.all("additional-gids") {
            guard let gid = UInt32(group) else {
                throw BerthError.invalidArgument("--additional-gids: \"\(group)\" is not a number")
            }
            process.user.additionalGids = (process.user.additionalGids ?? []) + [gid]
        }
        let added = flags.all("cap")
        if !added.isEmpty {
            var sets = process.capabilities ?? RuntimeSpec.Capabilities()
            sets.bounding = (sets.bounding ?? []) + added
            sets.effective = (sets.effective ?? []) + added
            sets.permitted = (sets.permitted ?? []) + added
            sets.inheritable = (sets.inheritable ?? []) + added
            sets.ambient = (sets.ambient ?? []) + added
            process.capabilities = sets
        }
        return process
    }

    /// `uid[:gid]`, numbers alone.
    private static func user(_ text: String, _ own: RuntimeSpec.User) throws(BerthError) -> RuntimeSpec.User {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let uid = UInt32(parts[0]),
            let gid = parts.count == 2 ? UInt32(parts[1]) : own.gid
        else { throw .invalidArgument("--user: \"\(text)\" is not uid[:gid] in numbers") }
        var user = own
        user.uid = uid
        user.gid = gid
        return user
    }
}
