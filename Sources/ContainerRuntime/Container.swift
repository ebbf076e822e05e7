import Errors
import Glibc
import Linux
import OCI

/// What a container is made from.
public struct ContainerPlan: Sendable {
    public var spec: RuntimeSpec
    public var root: RootFileSystem
    /// Relative mount sources are relative to this directory.
    public var bundle: String
    public var cgroup: Cgroup?
    public var process: ProcessPlan
    public var standardIO: StandardIO

    public init(
        spec: RuntimeSpec, root: RootFileSystem, bundle: String, cgroup: Cgroup?, process: ProcessPlan,
        standardIO: StandardIO
    ) {
        self.spec = spec
        self.root = root
        self.bundle = bundle
        self.cgroup = cgroup
        self.process = process
        self.standardIO = standardIO
    }
}

/// What a program gets as descriptors 0, 1 and 2.
public enum StandardIO: Sendable {
    case descriptors(input: FileDescriptor, output: FileDescriptor, error: FileDescriptor)
    /// A pseudo-terminal of the container's own devpts; its master comes back to the parent.
    case terminal(rows: UInt16, columns: UInt16)
}

/// The parent's side of a container's first process, from its birth to the start of its program.
///
/// The steps are separate so that the caller can work while the child does: `clone` returns as soon
/// as the namespaces exist (their network can be set up then), `awaitReady` when the tree stands,
/// `start` when the program runs.
public final class NewContainer {
    public let pid: pid_t
    public let pidfd: FileDescriptor
    private let handshake: Handshake

    private init(pid: pid_t, pidfd: FileDescriptor, handshake: Handshake) {
        self.pid = pid
        self.pidfd = pidfd
        self.handshake = handshake
    }

    /// Makes the cgroup and the process. The caller has one thread. When this throws, nothing is left.
    public static func clone(_ plan: ContainerPlan) throws(BerthError) -> NewContainer {
        let cgroup = plan.cgroup
        do throws(BerthError) {
            do throws(SystemError) {
                try cgroup?.create()
            } catch {
                throw BerthError("making the cgroup", error)
            }
            if let resources = plan.spec.linux?.resources { try cgroup?.apply(resources) }
            return try cloneIntoCgroup(plan)
        } catch {
            try? cgroup?.remove()
            throw error
        }
    }

    private static func cloneIntoCgroup(_ plan: ContainerPlan) throws(BerthError) -> NewContainer {
        do throws(SystemError) {
            let (parentEnd, childEnd) = try UnixSocket.pair()
            let namespaces = plan.spec.namespacesToMake.subtracting(.cgroup)
            let inCgroup = try plan.cgroup?.descriptorForClone()
            let restore = try joinPIDNamespace(of: plan.spec)
            let result: Linux.Process.CloneResult
            do throws(SystemError) {
                result = try Linux.Process.clone(namespaces: namespaces, cgroup: inCgroup)
            } catch {
                try? restore?()
                throw error
            }
            switch result {
            case .child:
                ContainerInit(plan: plan, handshake: Handshake(socket: childEnd)).run()
            case .parent(let pid, let pidfd):
                try restore?()
                let container = NewContainer(pid: pid, pidfd: pidfd, handshake: Handshake(socket: parentEnd))
                do throws(SystemError) {
                    try container.handshake.proceed()
                } catch {
                    container.abandon()
                    throw error
                }
                return container
            }
        } catch {
            throw BerthError("making the container's process", error)
        }
    }

    /// Makes children of this process be born in the PID namespace that the spec names; the
    /// closure undoes it.
    private static func joinPIDNamespace(of spec: RuntimeSpec) throws(SystemError) -> (() throws(SystemError) -> Void)?
    {
        guard let path = spec.linux?.namespaces?.first(where: { $0.type == .pid })?.path else { return nil }
        let own = try FileDescriptor.open("/proc/self/ns/pid", O_RDONLY)
        try Linux.Process.join(try FileDescriptor.open(path, O_RDONLY), .pid)
        return { () throws(SystemError) in try Linux.Process.join(own, .pid) }
    }

    /// Waits until the tree stands. Returns the terminal's master where one was asked for.
    public func awaitReady() throws(StartFailure) -> FileDescriptor? {
        switch try receive() {
        case .ready(let terminal)?: return terminal
        case .failed(let failure)?:
            abandon()
            throw failure
        case nil:
            abandon()
            throw StartFailure(reason: .setup, message: "the container's first process ended while it was set up")
        }
    }

    /// Lets the program run; returns when `execve` succeeded.
    public func start() throws(StartFailure) {
        do throws(SystemError) {
            try handshake.proceed()
        } catch {
            throw StartFailure(reason: .setup, message: "the container's first process is gone: \(error.reason)")
        }
        // The end of the stream means that `execve` closed the child's end.
        if case .failed(let failure)? = try receive() {
            abandon()
            throw failure
        }
    }

    private func receive() throws(StartFailure) -> Handshake.Message? {
        do throws(SystemError) {
            return try handshake.receive()
        } catch {
            // A child that was killed in the middle of the handshake resets the socket.
            if error.errno == ECONNRESET { return nil }
            throw StartFailure(reason: .setup, message: "waiting for the container's first process: \(error)")
        }
    }

    /// Kills and reaps the child, which has not executed its program.
    private func abandon() {
        try? Linux.Process.signal(SIGKILL, to: pidfd)
        _ = try? Linux.Process.wait(pid)
    }
}

extension RuntimeSpec {
    /// New namespaces: those listed without a path.
    var namespacesToMake: Namespaces {
        (linux?.namespaces ?? []).reduce(into: []) { set, namespace in
            if namespace.path == nil { set.insert(namespace.type.kernelFlag) }
        }
    }

    /// Existing namespaces to join, but for PID and user, which are joined before the clone.
    var namespacesToJoin: [(Namespaces, path: String)] {
        (linux?.namespaces ?? []).compactMap { namespace in
            guard let path = namespace.path, namespace.type != .pid, namespace.type != .user else { return nil }
            return (namespace.type.kernelFlag, path)
        }
    }

}

extension RuntimeSpec.Namespace.Kind {
    /// `CLONE_NEW…` of this kind.
    public var kernelFlag: Namespaces {
        switch self {
        case .pid: .pid
        case .network: .network
        case .mount: .mount
        case .ipc: .ipc
        case .uts: .uts
        case .user: .user
        case .cgroup: .cgroup
        case .time: .time
        }
    }
}
