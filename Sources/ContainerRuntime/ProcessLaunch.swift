import Errors
import Glibc
import Linux
import OCI

/// A program to run in a container, first process or exec.
public struct ProcessPlan: Sendable {
    public var process: RuntimeSpec.Process
    /// Docker's `user[:group]`, looked up in the container; wins over `process.user`.
    public var user: String?
    /// Supplementary groups by name or number, looked up in the container.
    public var additionalGroups: [String] = []
    /// Make the working directory where it is missing, as Docker does for the first process.
    public var createsWorkingDirectory = false
    public var seccomp: SeccompFilter?

    public init(process: RuntimeSpec.Process) { self.process = process }
}

/// The last steps before `execve`, in an order that matters; the same for a container's first
/// process and for an exec.
struct ProcessLaunch {
    let plan: ProcessPlan
    private var process: RuntimeSpec.Process { plan.process }

    /// Turns this process into the program. Returns only by throwing.
    func execute() throws(StartFailure) -> Never {
        let (user, environment) = try resolveUser()
        if plan.createsWorkingDirectory { try makeWorkingDirectory() }
        try setup("limits") { () throws(SystemError) in try applyLimits() }
        let capabilities = self.capabilities(for: user)
        let withoutPrivilege = process.noNewPrivileges == true
        try setup("privileges") { () throws(SystemError) in
            if withoutPrivilege { try Linux.Process.setNoNewPrivileges() }
            // Without no_new_privs the filter needs CAP_SYS_ADMIN, so it comes before that is given up.
            if !withoutPrivilege { try plan.seccomp?.load() }
            // The bounding set needs CAP_SETPCAP: before the change of user.
            try capabilities?.applyBounding()
            try ProcessCapabilities.keepOverUserChange()
            try become(user)
            try capabilities?.apply()
            if let mask = process.user.umask { umask(mode_t(mask)) }
        }
        // As the user: a directory that only root may enter is no working directory for others.
        guard chdir(process.cwd.isEmpty ? "/" : process.cwd) == 0 else {
            throw StartFailure(
                reason: .environment,
                message: "chdir to cwd (\"\(process.cwd)\") set in config.json failed: \(errnoText(errno))")
        }
        let arguments = process.args ?? []
        let program = try findProgram(arguments.first ?? "", environment)
        try setup("seccomp") { () throws(SystemError) in
            Linux.Process.resetSignals()
            // A program that outlives its shim would run unwatched.
            try Linux.Process.setParentDeathSignal(SIGKILL)
            try Linux.Process.closeOnExec(from: 3)
            // With no_new_privs, as late as can be: nothing of ours need be allowed by the filter.
            if withoutPrivilege { try plan.seccomp?.load() }
        }
        do throws(SystemError) {
            try Linux.Process.execute(program, arguments, environment: environment)
        } catch {
            throw StartFailure(
                reason: error.errno == ENOENT ? .notFound : .notExecutable,
                message: "exec: \"\(arguments.first ?? "")\": \(execReason(error.errno, program))")
        }
    }

    private func execReason(_ code: Int32, _ program: String) -> String {
        switch code {
        case ENOENT: "stat \(program): no such file or directory (or its interpreter is missing)"
        case ENOEXEC: "exec format error (the program is for another architecture, or a script without #!)"
        default: errnoText(code).lowercased()
        }
    }

    private func setup(_ what: String, _ body: () throws(SystemError) -> Void) throws(StartFailure) {
        do throws(SystemError) {
            try body()
        } catch {
            throw StartFailure(reason: .setup, message: "setting \(what): \(error)")
        }
    }

    // MARK: Who

    private func resolveUser() throws(StartFailure) -> (RuntimeSpec.User, [String]) {
        let lookup = UserLookup()
        var environment = process.env ?? []
        var user = process.user
        var home: String
        if let text = plan.user {
            let found = try lookup.resolve(text, additionalGroups: plan.additionalGroups)
            user.uid = found.user.uid
            user.gid = found.user.gid
            user.additionalGids = found.user.additionalGids
            home = found.home
        } else {
            home = lookup.home(of: user.uid)
        }
        if !environment.contains(where: { $0.hasPrefix("HOME=") }) { environment.append("HOME=\(home)") }
        return (user, environment)
    }

    private func become(_ user: RuntimeSpec.User) throws(SystemError) {
        let groups = (user.additionalGids ?? []).map { gid_t($0) }
        try systemCall("setgroups") { setgroups(groups.count, groups) }
        try giveStandardIO(to: user.uid)
        try setGroup(user.gid)
        try setUser(user.uid)
    }

    /// `/dev/stdout` and its like open the stream again by name, which its owner alone may do.
    private func giveStandardIO(to uid: UInt32) throws(SystemError) {
        guard uid != 0 else { return }
        for number: Int32 in 0...2 {
            var status = stat()
            guard fstat(number, &status) == 0 else { continue }
            let kind = status.st_mode & S_IFMT
            // Not the host's /dev/null, nor any file that was handed in.
            let isOurs = kind == S_IFIFO || (kind == S_IFCHR && isatty(number) == 1)
            if isOurs { try systemCall("fchown") { fchown(number, uid, status.st_gid) } }
        }
    }

    /// The sets asked for. A user other than root starts without effective capabilities unless
    /// they are ambient, as `execve` would have it anyway.
    private func capabilities(for user: RuntimeSpec.User) -> ProcessCapabilities? {
        guard let wanted = process.capabilities else { return nil }
        var sets = ProcessCapabilities(
            bounding: CapabilitySet(names: wanted.bounding ?? []),
            effective: CapabilitySet(names: wanted.effective ?? []),
            permitted: CapabilitySet(names: wanted.permitted ?? []),
            inheritable: CapabilitySet(names: wanted.inheritable ?? []),
            ambient: CapabilitySet(names: wanted.ambient ?? []))
        if user.uid != 0 {
            sets.effective = sets.ambient
            sets.permitted = sets.ambient
        }
        return sets
    }

    // MARK: Limits

    private func applyLimits() throws(SystemError) {
        for limit in process.rlimits ?? [] {
            guard let resource = ResourceLimits.number(of: limit.type) else {
                throw SystemError("setrlimit", errno: EINVAL, subject: limit.type)
            }
            try ResourceLimits.set(resource, soft: limit.soft, hard: limit.hard, name: limit.type)
        }
        guard let score = process.oomScoreAdj else { return }
        do throws(SystemError) {
            try Files.writeKernel("/proc/self/oom_score_adj", "\(score)")
        } catch {
            // Lowering takes CAP_SYS_RESOURCE, which a host may withhold from us: then it stays.
            if error.errno != EACCES && error.errno != EPERM { throw error }
        }
    }

    private func makeWorkingDirectory() throws(StartFailure) {
        guard !process.cwd.isEmpty, !Files.exists(process.cwd) else { return }
        do throws(SystemError) {
            try Files.makeDirectories(process.cwd)
        } catch {
            throw StartFailure(
                reason: .environment, message: "making the working directory \(process.cwd): \(error.reason)")
        }
    }

    // MARK: What

    /// Finds the program as a shell would, with the container's own `PATH`.
    private func findProgram(_ name: String, _ environment: [String]) throws(StartFailure) -> String {
        guard !name.isEmpty else {
            throw StartFailure(reason: .notFound, message: "no command specified")
        }
        if name.contains("/") {
            guard Files.exists(name) else {
                throw StartFailure(
                    reason: .notFound, message: "exec: \"\(name)\": stat \(name): no such file or directory")
            }
            return try executable(name, as: name)
        }
        let path =
            environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5)
            ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        var denied: String?
        for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = (directory.isEmpty ? "." : directory) + "/" + name
            guard Files.exists(candidate) else { continue }
            if access(candidate, X_OK) == 0, let status = try? Files.status(candidate), !status.isDirectory {
                return candidate
            }
            denied = candidate
        }
        if let denied { return try executable(denied, as: name) }
        throw StartFailure(reason: .notFound, message: "exec: \"\(name)\": executable file not found in $PATH")
    }

    private func executable(_ path: String, as name: String) throws(StartFailure) -> String {
        if let status = try? Files.status(path), status.isDirectory {
            throw StartFailure(reason: .notExecutable, message: "exec: \"\(name)\": is a directory")
        }
        guard access(path, X_OK) == 0 else {
            throw StartFailure(reason: .notExecutable, message: "exec: \"\(name)\": permission denied")
        }
        return path
    }
}
