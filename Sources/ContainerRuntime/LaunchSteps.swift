import Errors
import Glibc
import Linux
import OCI

/// The parts of `ProcessLaunch.prepare`.
struct LaunchSteps {
    let plan: ProcessPlan
    let mayDropGroups: Bool
    private var process: RuntimeSpec.Process { plan.process }

    // MARK: Who

    func resolveUser() throws(StartFailure) -> (RuntimeSpec.User, [String]) {
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

    func become(_ user: RuntimeSpec.User) throws(SystemError) {
        let groups = user.additionalGids ?? []
        if mayDropGroups || !groups.isEmpty { try setSupplementaryGroups(groups) }
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
            guard isOurs else { continue }
            do throws(SystemError) {
                try systemCall("fchown") { fchown(number, uid, status.st_gid) }
            } catch {
                // An owner whom the container's user namespace does not know.
                if error.errno != EPERM && error.errno != EINVAL { throw error }
            }
        }
    }

    /// The sets asked for. A user other than root starts without effective capabilities unless
    /// they are ambient, as `execve` would have it anyway.
    func capabilities(for user: RuntimeSpec.User) -> ProcessCapabilities? {
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

    func applyScheduling() throws(SystemError) {
        try plan.personality?.apply()
        if let scheduler = process.scheduler { try Scheduling.set(try scheduler.attributes()) }
        if let priority = process.ioPriority { try priority.apply() }
    }

    // MARK: Labels

    /// What AppArmor and SELinux are to hold the program to. A kernel without them has nobody to ask.
    func applyLabels() throws(SystemError) {
        if let profile = process.apparmorProfile, !profile.isEmpty, profile != "unconfined" {
            let attributes = "/proc/self/attr/"
            let file = Files.exists(attributes + "apparmor/exec") ? "apparmor/exec" : "exec"
            try writeToKernel(attributes + file, "exec \(profile)")
        }
        if let label = process.selinuxLabel, !label.isEmpty {
            try writeToKernel("/proc/self/attr/exec", label)
        }
    }

    /// A file of this name in the image would take the label as well, and the program would run without
    /// (CVE-2019-16884).
    private func writeToKernel(_ path: String, _ text: String) throws(SystemError) {
        let file = try FileDescriptor.open(path, O_WRONLY)
        guard try file.fileSystemMagic() == 0x9fa0 else { throw SystemError("open", errno: EXDEV, subject: path) }
        try file.writeAll(text)
    }

    // MARK: Where

    func makeWorkingDirectory() throws(StartFailure) {
        guard !process.cwd.isEmpty, !Files.exists(process.cwd) else { return }
        do throws(SystemError) {
            // Step by step, not by way of links in /proc, which lead to directories and not to names.
            let root = RootDirectory(descriptor: try FileDescriptor.open("/", FileDescriptor.pathOnly | O_DIRECTORY))
            _ = try root.makeDirectories(process.cwd)
        } catch {
            throw StartFailure(
                reason: .environment, message: "making the working directory \(process.cwd): \(error.reason)")
        }
    }

    /// As the user: a directory that only root may enter is no working directory for others.
    func enterWorkingDirectory() throws(StartFailure) {
        guard chdir(process.cwd.isEmpty ? "/" : process.cwd) == 0 else {
            throw StartFailure(
                reason: .environment,
                message: "chdir to cwd (\"\(process.cwd)\") set in config.json failed: \(errnoText(errno))")
        }
        // By way of a link in /proc, a directory could be entered that is not the container's.
        guard isWorkingDirectoryInside() else {
            throw StartFailure(
                reason: .environment,
                message: "cwd (\"\(process.cwd)\") set in config.json is outside of the container's root")
        }
    }

    // MARK: What

    /// Finds the program as a shell would, with the container's own `PATH`.
    func findProgram(_ name: String, _ environment: [String]) throws(StartFailure) -> String {
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
