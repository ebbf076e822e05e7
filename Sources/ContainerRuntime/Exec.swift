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
            try handshake.proceed()
            // The end of the stream: `execve` closed it.
            _ = try expect(handshake)
            return NewExec(pid: pid, terminal: terminal)
        } catch {
            try? Linux.Process.signal(SIGKILL, to: pidfd)
            _ = try? Linux.Process.wait(pid)
            throw error
        }
    }

    /// The child's end of the handshake is closed here when this returns: an end that the parent held
    /// too would never tell it that the child is gone.
    private static func clone(_ plan: ExecPlan) throws -> (pid_t, FileDescriptor, Handshake) {
        let (parentEnd, childEnd) = try UnixSocket.pair()
        let inCgroup = try plan.cgroup?.descriptorForClone()
        // A PID namespace is entered by being born in it: the parent points there for one clone.
        let ownPIDs = try FileDescriptor.open("/proc/self/ns/pid", O_RDONLY)
        let joinsPIDs = plan.namespaces.contains(.pid)
        if joinsPIDs { try Linux.Process.join(plan.target, .pid) }
        let result = Result { try Linux.Process.clone(cgroup: inCgroup) }
        switch result {
        case .success(.child):
            ExecInit(plan: plan, handshake: Handshake(socket: childEnd)).run()
        case .success(.parent(let pid, let pidfd)):
            if joinsPIDs { try Linux.Process.join(ownPIDs, .pid) }
            return (pid, pidfd, Handshake(socket: parentEnd))
        case .failure(let error):
            if joinsPIDs { try Linux.Process.join(ownPIDs, .pid) }
            throw error
        }
    }

    private static func expect(_ handshake: Handshake) throws -> Handshake.Message? {
        let message: Handshake.Message?
        do throws(SystemError) {
            message = try handshake.receive()
        } catch {
            if error.errno == ECONNRESET { return nil }
            throw error
        }
        if case .failed(let failure)? = message { throw failure }
        return message
    }
}

/// The exec's process, from `clone` to `execve`.
private struct ExecInit {
    let plan: ExecPlan
    let handshake: Handshake

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
        // The container's processes could otherwise trace this one the moment it joins them.
        try Linux.Process.setDumpable(false)
        guard try handshake.awaitProceed() else { _exit(1) }
        try plan.cgroup?.joinVersion1()
        // All at once: there is no moment in which some namespaces are the container's and some ours.
        try Linux.Process.join(plan.target, plan.namespaces.subtracting(.pid))
        try joinNewSessionKeyring()
        var terminal: PseudoTerminal?
        if case .terminal(let rows, let columns) = plan.standardIO {
            let made = try PseudoTerminal(in: try FileDescriptor.openDirectory("/dev"))
            if rows > 0, columns > 0 { try Terminal.setSize(made.master, rows: rows, columns: columns) }
            terminal = made
        }
        try handshake.sendReady(terminal: terminal?.master)
        guard try handshake.awaitProceed() else { _exit(1) }
        try plan.standardIO.take(terminal)
        try ProcessLaunch(plan: plan.process).execute()
    }
}
