import CLinux
import Glibc

/// Namespaces, `CLONE_NEW*`.
public struct Namespaces: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let mount = Namespaces(rawValue: 0x0002_0000)
    public static let cgroup = Namespaces(rawValue: 0x0200_0000)
    public static let uts = Namespaces(rawValue: 0x0400_0000)
    public static let ipc = Namespaces(rawValue: 0x0800_0000)
    public static let user = Namespaces(rawValue: 0x1000_0000)
    public static let pid = Namespaces(rawValue: 0x2000_0000)
    public static let network = Namespaces(rawValue: 0x4000_0000)
    public static let time = Namespaces(rawValue: 0x80)
}

/// How a process ended.
public enum ExitStatus: Sendable, Equatable {
    case exited(Int32)
    case signaled(Int32)

    /// What a shell and Docker report: 128 + signal for a killed process.
    public var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}

/// Processes by system call. Only single-threaded programs may call `clone`: in the child there is
/// one thread, and a lock that another thread held at that moment stays locked for ever.
public enum Process {
    /// The result of `clone`, once in each process.
    public enum CloneResult {
        case child
        case parent(pid: pid_t, pidfd: FileDescriptor)
    }

    /// `clone3(2)` without shared memory, into new namespaces and, on cgroup v2, straight into a
    /// cgroup. The child goes on as a copy of this process. With `asSibling` it is the child of this
    /// process's parent, which then is the one to reap it.
    public static func clone(
        namespaces: Namespaces = [], cgroup: FileDescriptor? = nil, asSibling: Bool = false
    ) throws(SystemError) -> CloneResult {
        var pidfd: Int32 = -1
        let result = try withUnsafeMutablePointer(to: &pidfd) { (pidfd) throws(SystemError) -> Int in
            var arguments = clone_args()
            arguments.flags = UInt64(UInt32(bitPattern: namespaces.rawValue)) | 0x1000  // CLONE_PIDFD
            if let cgroup {
                arguments.flags |= 0x2_0000_0000  // CLONE_INTO_CGROUP
                arguments.cgroup = UInt64(cgroup.rawValue)
            }
            arguments.pidfd = UInt64(UInt(bitPattern: pidfd))
            if asSibling {
                arguments.flags |= 0x8000  // CLONE_PARENT: takes over the exit signal of this process
            } else {
                arguments.exit_signal = UInt64(SIGCHLD)
            }
            return try systemCall("clone3") {
                withUnsafeMutablePointer(to: &arguments) {
                    linux_syscall(LINUX_SYS_clone3, Int(bitPattern: $0), MemoryLayout<clone_args>.size, 0, 0, 0, 0)
                }
            }
        }
        if result == 0 { return .child }
        return .parent(pid: pid_t(result), pidfd: FileDescriptor(owning: pidfd))
    }

    /// A descriptor that names a process whatever becomes of its number.
    public static func openPidfd(_ pid: pid_t) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: Int32(try rawSystemCall("pidfd_open", "\(pid)", LINUX_SYS_pidfd_open, Int(pid))))
    }

    /// Sends a signal. A process that is gone is fine.
    public static func signal(_ signal: Int32, to pidfd: FileDescriptor) throws(SystemError) {
        do throws(SystemError) {
            try rawSystemCall("pidfd_send_signal", "", LINUX_SYS_pidfd_send_signal, Int(pidfd.rawValue), Int(signal))
        } catch {
            if error.errno != ESRCH { throw error }
        }
    }

    /// A duplicate of descriptor `number` of another process (`pidfd_getfd`), which must be one that
    /// this process might trace.
    public static func takeDescriptor(_ number: Int32, of pidfd: FileDescriptor) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: Int32(
                try rawSystemCall(
                    "pidfd_getfd", "\(number)", LINUX_SYS_pidfd_getfd, Int(pidfd.rawValue), Int(number))))
    }

    /// Waits for one child to end and reaps it.
    public static func wait(_ pid: pid_t) throws(SystemError) -> ExitStatus {
        var status: Int32 = 0
        try systemCall("waitpid", "\(pid)") { waitpid(pid, &status, 0) }
        return ExitStatus(waitStatus: status)
    }

    /// Reaps one child that has ended, if there is any.
    public static func reapAny() -> (pid: pid_t, status: ExitStatus)? {
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            if pid > 0 { return (pid, ExitStatus(waitStatus: status)) }
            if pid == -1, errno == EINTR { continue }
            return nil
        }
    }

    public static func unshare(_ namespaces: Namespaces) throws(SystemError) {
        try systemCall("unshare") { linux_unshare(namespaces.rawValue) }
    }

    /// Joins the namespaces of `target`: a namespace descriptor, or a pidfd for several at once.
    public static func join(_ target: FileDescriptor, _ namespaces: Namespaces) throws(SystemError) {
        try systemCall("setns") { linux_setns(target.rawValue, namespaces.rawValue) }
    }

    /// Makes orphans below this process its children.
    public static func becomeSubreaper() throws(SystemError) {
        try systemCall("prctl PR_SET_CHILD_SUBREAPER") { linux_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
    }

    /// The signal this process gets when its parent's thread ends; 0 for none.
    public static func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
        try systemCall("prctl PR_SET_PDEATHSIG") { linux_prctl(PR_SET_PDEATHSIG, UInt(signal), 0, 0, 0) }
    }

    /// No core dumps, no ptrace and no `/proc/self` for others while this process still knows
    /// things of the host.
    public static func setDumpable(_ on: Bool) throws(SystemError) {
        try systemCall("prctl PR_SET_DUMPABLE") { linux_prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0) }
    }

    public static func setNoNewPrivileges() throws(SystemError) {
        try systemCall("prctl PR_SET_NO_NEW_PRIVS") { linux_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
    }

    /// `execve(2)`. Returns only by throwing.
    public static func execute(
        _ path: String, _ arguments: [String], environment: [String]
    ) throws(SystemError) -> Never {
        let argv = CStringArray(arguments)
        let envp = CStringArray(environment)
        _ = execve(path, argv.pointer, envp.pointer)
        throw SystemError("exec", errno: errno, subject: path)
    }

    /// Marks every descriptor from `first` on close-on-exec, so that none survives into the
    /// container whoever opened it.
    public static func closeOnExec(from first: Int32) throws(SystemError) {
        let closeOnExec = 4  // CLOSE_RANGE_CLOEXEC
        try rawSystemCall(
            "close_range", "", LINUX_SYS_close_range, Int(first), Int(UInt32.max), closeOnExec)
    }

    /// Puts every signal back to its default and empties the mask, which `execve` would hand on.
    public static func resetSignals() {
        for number in 1...64 where number != SIGKILL && number != SIGSTOP { _ = linux_signal_default(Int32(number)) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }
}

extension ExitStatus {
    init(waitStatus: Int32) {
        self =
            linux_wifexited(waitStatus) != 0
            ? .exited(linux_wexitstatus(waitStatus)) : .signaled(linux_wtermsig(waitStatus))
    }
}

/// A `char *const []`, ended by a null pointer, as long as this object lives.
final class CStringArray {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointer = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointer[index] = strdup(string) }
        pointer[count] = nil
    }

    deinit {
        for index in 0..<count { free(pointer[index]) }
        pointer.deallocate()
    }
}

extension Process {
    /// What a spawned program gets as descriptor `target`.
    public struct Inheritance {
        let descriptor: FileDescriptor
        let target: Int32

        public init(_ descriptor: FileDescriptor, as target: Int32) {
            self.descriptor = descriptor
            self.target = target
        }
    }

    /// `posix_spawn`: safe in a program of many threads, and quick, since nothing is copied. The
    /// child gets exactly the descriptors given, a session of its own when asked, default signals.
    public static func spawn(
        _ path: String, _ arguments: [String], environment: [String], inheriting: [Inheritance],
        newSession: Bool = false, directory: String? = nil
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // First out of the way of the targets and of each other, then into place.
        let highest = (inheriting.map(\.target).max() ?? 2) + 1
        let free = max(highest, (inheriting.map(\.descriptor.rawValue).max() ?? 2) + 1)
        for (index, item) in inheriting.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, item.descriptor.rawValue, free + Int32(index))
        }
        for (index, item) in inheriting.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, free + Int32(index), item.target)
        }
        _ = linux_spawn_close_from(&actions, highest)
        if let directory { _ = linux_spawn_change_directory(&actions, directory) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var flags = Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
        if newSession { flags |= 0x80 }  // POSIX_SPAWN_SETSID
        posix_spawnattr_setflags(&attributes, flags)

        let argv = CStringArray(arguments)
        let envp = CStringArray(environment)
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, argv.pointer, envp.pointer)
        if code != 0 { throw SystemError("spawn", errno: code, subject: path) }
        return pid
    }
}

extension Process {
    /// Makes these descriptors 0, 1 and 2. Each is first moved out of that range, so that no target
    /// is overwritten before it was read.
    public static func assign(
        _ input: FileDescriptor, _ output: FileDescriptor, _ error: FileDescriptor
    ) throws(SystemError) {
        var safe: [FileDescriptor] = []
        for descriptor in [input, output, error] {
            safe.append(
                FileDescriptor(
                    owning: try systemCall("fcntl") { linux_fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 10) }))
        }
        for (target, descriptor) in safe.enumerated() {
            try systemCall("dup2") { dup2(descriptor.rawValue, Int32(target)) }
        }
    }
}

extension Process {
    /// The number of this process.
    public static var ownID: Int32 { getpid() }

    /// The environment of this process, as `NAME=value`.
    public static var environment: [String] {
        var all: [String] = []
        var next = linux_environment()
        while let entry = next?.pointee {
            all.append(String(cString: entry))
            next = next?.advanced(by: 1)
        }
        return all
    }

    /// A variable of this process's environment.
    public static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Waits until a process has ended; false when it had not after that time (0: for ever).
    public static func awaitEnd(of pidfd: FileDescriptor, milliseconds: Int64) throws(SystemError) -> Bool {
        let deadline = milliseconds > 0 ? Clock.monotonic() + milliseconds * 1_000_000 : nil
        while true {
            var request = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
            var left: Int32 = -1
            if let deadline {
                left = Int32(clamping: max(0, (deadline - Clock.monotonic() + 999_999) / 1_000_000))
            }
            let ready = try systemCall("poll") { poll(&request, 1, left) }
            if ready > 0 { return true }
            if let deadline, Clock.monotonic() >= deadline { return false }
        }
    }
}
