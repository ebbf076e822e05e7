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
    /// For the state that hooks read; without it no hooks run.
    public var identity: ContainerIdentity?
    /// A listening socket: the process waits there for the word to start, not for its parent, which
    /// may be gone by then.
    public var startSocket: FileDescriptor?
    /// Off: the root is moved over the old one instead of exchanged with it, which works on an
    /// initial RAM file system and hides the host less well.
    public var pivotsRoot = true
    public var makesSessionKeyring = true
    /// Mounts that only the parent may make.
    var prepared = PreparedMounts()

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
    public private(set) var pid: pid_t
    public private(set) var pidfd: FileDescriptor
    // Not the plan: it holds the container's ends of its streams, and as long as anybody has those open,
    // the container's output has no end.
    private let spec: RuntimeSpec
    private let identity: ContainerIdentity?
    private let handshake: Handshake

    private init(pid: pid_t, pidfd: FileDescriptor, plan: ContainerPlan, handshake: Handshake) {
        self.pid = pid
        self.pidfd = pidfd
        spec = plan.spec
        identity = plan.identity
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
            var plan = plan
            plan.prepared = try PreparedMounts(plan)
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
            let takesDetour = plan.spec.entersByDetour
            let inCgroup = try plan.cgroup?.descriptorForClone()
            let restore = takesDetour ? nil : try joinPIDNamespace(of: plan.spec)
            let result: Linux.Process.CloneResult
            do throws(SystemError) {
                result = try Linux.Process.clone(namespaces: takesDetour ? [] : namespaces, cgroup: inCgroup)
            } catch {
                try? restore?()
                throw error
            }
            switch result {
            case .child:
                // Else the child would never see that the parent is gone.
                parentEnd.closeInChild()
                ContainerInit(plan: plan, handshake: Handshake(socket: childEnd)).run()
            case .parent(let pid, let pidfd):
                try restore?()
                let container = NewContainer(
                    pid: pid, pidfd: pidfd, plan: plan, handshake: Handshake(socket: parentEnd))
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

    /// Waits until the tree stands and the program could be executed. Writes the mappings of a user
    /// namespace and runs the hooks of the host on the way. Returns the terminal's master where one was
    /// asked for. When this throws, the child is gone; the cgroup is the caller's to remove.
    public func awaitReady() throws(StartFailure) -> FileDescriptor? {
        do {
            while true {
                switch try receive() {
                case .mapIDs?:
                    try IdentityMaps(spec).write(to: pid)
                    try handshake.proceed()
                case .entered(let number, let descriptor)?: try replaceChild(by: number, descriptor)
                case .runHooks?:
                    try runRuntimeHooks()
                    try handshake.proceed()
                case .ready(let terminal)?:
                    // A process in a user namespace may not raise its own.
                    if spec.usesUserNamespace { try spec.process?.applyLimits(to: pid) }
                    return terminal
                case .failed(let failure)?: throw failure
                case .listener?, nil:
                    throw StartFailure(
                        reason: .setup, message: "the container's first process ended while it was set up")
                }
            }
        } catch {
            abandon()
            throw error as? StartFailure ?? StartFailure(reason: .setup, message: "\(error)")
        }
    }

    /// The process that went ahead into the namespaces hands over to one that was born in them.
    private func replaceChild(by number: pid_t, _ descriptor: FileDescriptor) throws(SystemError) {
        _ = try Linux.Process.wait(pid)
        pid = number
        pidfd = descriptor
        try handshake.proceed()
    }

    private func runRuntimeHooks() throws(BerthError) {
        guard let identity, let hooks = spec.hooks else { return }
        let state = identity.state("creating", pid: pid)
        try HookRunner(stage: "prestart", state: state, directory: identity.bundle).run(hooks.prestart)
        try HookRunner(stage: "createRuntime", state: state, directory: identity.bundle).run(hooks.createRuntime)
    }

    /// Lets the program run; returns when `execve` succeeded. Not for a container with a start socket.
    public func start() throws(StartFailure) {
        do throws(StartFailure) {
            try ContainerStart(handshake: handshake, pidfd: pidfd).run()
        } catch {
            abandon()
            throw error
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
    public func abandon() {
        try? Linux.Process.signal(SIGKILL, to: pidfd)
        _ = try? Linux.Process.wait(pid)
    }
}

/// The word to start, and what follows until the program runs.
public struct ContainerStart {
    private let handshake: Handshake
    private let pidfd: FileDescriptor
    /// Gets the listener of the seccomp filter, where the filter has one.
    private var deliver: (FileDescriptor) throws -> Void = { _ in }

    init(handshake: Handshake, pidfd: FileDescriptor) {
        self.handshake = handshake
        self.pidfd = pidfd
    }

    /// Connects to the start socket of the container whose first process is `pidfd`.
    public init(
        socketPath: String, pidfd: FileDescriptor, deliverListener: @escaping (FileDescriptor) throws -> Void
    ) throws(SystemError) {
        self.init(handshake: Handshake(socket: try UnixSocket.connect(socketPath)), pidfd: pidfd)
        deliver = deliverListener
    }

    /// Returns when the program runs.
    public func run() throws(StartFailure) {
        do {
            try handshake.proceed()
            while let message = try handshake.receive() {
                switch message {
                case .failed(let failure): throw failure
                case .listener(let number):
                    try deliver(try Linux.Process.takeDescriptor(number, of: pidfd))
                    try handshake.proceed()
                default: throw StartFailure(reason: .setup, message: "the container's first process talks nonsense")
                }
            }
            // The end of the stream means that `execve` closed the child's end.
        } catch let failure as StartFailure {
            throw failure
        } catch let error as SystemError {
            if error.errno == ECONNRESET || error.errno == EPIPE {
                throw StartFailure(reason: .setup, message: "the container's first process is gone")
            }
            throw StartFailure(reason: .setup, message: "starting the container's first process: \(error)")
        } catch {
            throw StartFailure(reason: .setup, message: "\(error)")
        }
    }
}
