import Errors
import Glibc
import Linux
import OCI

/// A further program in a running container.
public struct ExecPlan: Sendable {
    public var process: ProcessPlan
    public var standardIO: StandardIO
    /// The container's first process, whose namespaces are joined.
    public var target: FileDescriptor
    public var cgroup: Cgroup?
    /// Namespaces that the container has of its own.
    public var namespaces: Namespaces
    public var makesSessionKeyring = true
    /// Gets the listener of the seccomp filter, where the filter has one, with the program's number.
    public var deliverListener: (@Sendable (FileDescriptor, pid_t) throws -> Void)?

    public init(
        process: ProcessPlan, standardIO: StandardIO, target: FileDescriptor, cgroup: Cgroup?, namespaces: Namespaces
    ) {
        self.process = process
        self.standardIO = standardIO
        self.target = target
        self.cgroup = cgroup
        self.namespaces = namespaces
    }
}

/// The parent's side of an exec.
public struct NewExec: Sendable {
    public let pid: pid_t
    /// The terminal's master where one was asked for.
    public let terminal: FileDescriptor?

    /// Starts the program; returns when `execve` succeeded. The caller has one thread.
    public static func start(_ plan: ExecPlan) throws(StartFailure) -> NewExec {
        do {
            return try startThrowing(plan)
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure(reason: .setup, message: "exec: \(error)")
        }
    }

    private static func startThrowing(_ plan: ExecPlan) throws -> NewExec {
        let (pid, pidfd, handshake) = try clone(plan)
        do {
            try handshake.proceed()
            guard case .ready(let terminal)? = try expect(handshake) else {
                throw StartFailure(reason: .setup, message: "the exec's process ended while it was set up")
            }
            if plan.namespaces.contains(.user) { try plan.process.process.applyLimits(to: pid) }
            try handshake.proceed()
            if case .listener(let number)? = try expect(handshake) {
                try plan.deliverListener?(try Linux.Process.takeDescriptor(number, of: pidfd), pid)
                try handshake.proceed()
                _ = try expect(handshake)
            }
            // The end of the stream: `execve` closed it.
            return NewExec(pid: pid, terminal: terminal)
        } catch {
            try? Linux.Process.signal(SIGKILL, to: pidfd)
            _ = try? Linux.Process.wait(pid)
            throw error
        }
    }

    /// Makes the exec's process by way of a gate: a child that lets go of all that is the host's, joins
    /// the container, and only then makes the process that its PID namespace shows. Born there first, it
    /// would for a moment show the host's root, working directory and our descriptors to whoever in the
    /// container may trace (CAP_SYS_PTRACE).
    ///
    /// The child's end of the handshake is closed here when this returns: an end that the parent held
    /// too would never tell it that the child is gone.
    private static func clone(_ plan: ExecPlan) throws -> (pid_t, FileDescriptor, Handshake) {
        let (parentEnd, childEnd) = try UnixSocket.pair()
        switch try cloneIntoCgroup(plan) {
        case .child: ExecGate(plan: plan, handshake: Handshake(socket: childEnd)).run()
        case .parent(let gate, _):
            _ = try Linux.Process.wait(gate)
            // All that the gate had to say is there. If it was killed, perhaps nothing is, and a process
            // that it made ends when it finds our end closed.
            try parentEnd.setNonBlocking()
            let message = try expect(Handshake(socket: parentEnd))
            try parentEnd.setNonBlocking(false)
            guard case .entered(let pid, let pidfd)? = message else {
                throw StartFailure(reason: .setup, message: "the exec's process was killed while it was set up")
            }
            return (pid, pidfd, Handshake(socket: parentEnd))
        }
    }

    /// On version 2 a cgroup that hands controllers down takes no processes itself. A container that did so
    /// with its own (systemd, a container engine) has moved its first process further down: there, then.
    private static func cloneIntoCgroup(_ plan: ExecPlan) throws(SystemError) -> Linux.Process.CloneResult {
        let directory = try plan.cgroup?.descriptorForClone()
        do throws(SystemError) {
            return try Linux.Process.clone(cgroup: directory)
        } catch {
            guard error.errno == EBUSY, let root = plan.cgroup?.hierarchies.version2,
                let pid = Linux.Process.number(of: plan.target),
                let path = try? Files.readText("/proc/\(pid)/cgroup").split(separator: "\n")
                    .first(where: { $0.hasPrefix("0::/") })?.dropFirst(3)
            else { throw error }
            return try Linux.Process.clone(cgroup: try FileDescriptor.openDirectory(root + path))
        }
    }

    private static func expect(_ handshake: Handshake) throws -> Handshake.Message? {
        let message: Handshake.Message?
        do throws(SystemError) {
            message = try handshake.receive()
        } catch {
            if error.errno == ECONNRESET || error.errno == EAGAIN { return nil }
            throw error
        }
        if case .failed(let failure)? = message { throw failure }
        return message
    }
}

/// The way of an exec into the container. It makes the exec's process as a child of its own parent.
private struct ExecGate {
    let plan: ExecPlan
    let handshake: Handshake

    func run() -> Never {
        do {
            try enter()
        } catch {
            handshake.send(StartFailure(reason: .setup, message: "exec: \(error)"))
        }
        _exit(1)
    }

    private func enter() throws {
        if plan.namespaces.contains(.user) { try plan.process.process.applyOutOfMemoryScore() }
        // The container's processes could otherwise trace the next one the moment they see it.
        try Linux.Process.setDumpable(false)
        let entrances = try plan.cgroup?.version1Entrances() ?? []
        try Linux.Process.closeAll(
            from: 3 + plan.process.preservedDescriptors,
            except: [handshake.socket, plan.target] + plan.standardIO.descriptors + entrances)
        let nulls = try plan.standardIO.hideNull()
        try setAffinity(plan.process.process.execCPUAffinity?.initial)
        try join()
        switch try Linux.Process.clone(asSibling: true) {
        case .child: ExecInit(plan: plan, handshake: handshake, entrances: entrances, nulls: nulls).run()
        case .parent(let pid, let pidfd): try handshake.sendEntered(pid: pid, pidfd: pidfd)
        }
        _exit(0)
    }

    private func join() throws(SystemError) {
        do throws(SystemError) {
            // All at once: there is no moment in which some namespaces are the container's and some ours.
            try Linux.Process.join(plan.target, plan.namespaces)
        } catch {
            guard error.errno == EPERM, plan.namespaces.contains(.user) else { throw error }
            try joinOneByOne()
        }
        guard plan.namespaces.contains(.user) else { return }
        try becomeNamespaceRoot()
        try Linux.Process.setDumpable(false)
    }

    /// Some are not the user namespace's own, and are joined with the host's rights first.
    private func joinOneByOne() throws(SystemError) {
        let all: [Namespaces] = [.cgroup, .ipc, .uts, .network, .pid, .time, .mount]
        var left: [Namespaces] = []
        for namespace in all where plan.namespaces.contains(namespace) {
            do throws(SystemError) {
                try Linux.Process.join(plan.target, namespace)
            } catch {
                guard error.errno == EPERM else { throw error }
                left.append(namespace)
            }
        }
        try Linux.Process.join(plan.target, .user)
        for namespace in left { try Linux.Process.join(plan.target, namespace) }
    }
}

/// The exec's process, from its birth in the container to `execve`.
private struct ExecInit {
    let plan: ExecPlan
    let handshake: Handshake
    let entrances: [FileDescriptor]
    let nulls: Set<Int32>

    func run() -> Never {
        do {
            try prepareAndExecute()
        } catch let failure as StartFailure {
            handshake.send(failure)
        } catch {
            handshake.send(StartFailure(reason: .setup, message: "exec: \(error)"))
        }
        _exit(1)
    }

    private func prepareAndExecute() throws -> Never {
        guard try handshake.awaitProceed() else { _exit(1) }
        try Cgroup.enter(entrances)
        try setAffinity(plan.process.process.execCPUAffinity?.final)
        if plan.makesSessionKeyring { try joinNewSessionKeyring() }
        var terminal: PseudoTerminal?
        if case .terminal(let rows, let columns) = plan.standardIO {
            let made = try PseudoTerminal(in: try FileDescriptor.openDirectory("/dev"))
            if rows > 0, columns > 0 { try Terminal.setSize(made.master, rows: rows, columns: columns) }
            terminal = made
        }
        try plan.standardIO.take(terminal, nulls: nulls)
        let launch = try ProcessLaunch.prepare(
            plan.process, mayDropGroups: !plan.namespaces.contains(.user) || namespaceLetsGroupsBeDropped(),
            limitsAreSet: plan.namespaces.contains(.user))
        try handshake.sendReady(terminal: terminal?.master)
        guard try handshake.awaitProceed() else { _exit(1) }
        try launch.execute { number throws(SystemError) in
            try handshake.sendListener(number)
            guard try handshake.awaitProceed() else { _exit(1) }
        }
    }
}

/// `execCPUAffinity` of the specification.
private func setAffinity(_ list: String?) throws(StartFailure) {
    guard let list, !list.isEmpty else { return }
    guard let cpus = Scheduling.parseCPUs(list) else {
        throw StartFailure(reason: .setup, message: "execCPUAffinity: \"\(list)\" is not a list of CPUs")
    }
    do throws(SystemError) {
        try Scheduling.setAffinity(cpus)
    } catch {
        throw StartFailure(reason: .setup, message: "execCPUAffinity \(list): \(error)")
    }
}
