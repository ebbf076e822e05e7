import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `start`, `kill` and `delete`.
struct Lifecycle {
    let context: RuntimeContext
    private var store: StateStore { context.store }

    // MARK: start

    func start(_ id: String) throws {
        let lock = try store.lock(id)
        defer { lock.release() }
        try start(try store.load(id), try store.configuration(of: id))
    }

    /// With the container's lock held, or before anybody else knows of it.
    func start(_ record: ContainerRecord, _ spec: RuntimeSpec) throws {
        let id = record.id
        switch try store.status(of: record) {
        case .created: break
        case .stopped: throw BerthError.conflict("cannot start a container that has stopped: \(id)")
        case .creating: throw BerthError.conflict("cannot start a container that is still being created: \(id)")
        case .running, .paused: throw BerthError.conflict("cannot start an already running container: \(id)")
        }
        guard let pidfd = try record.openProcess() else {
            throw BerthError.conflict("cannot start a container that has stopped: \(id)")
        }
        let listener = SeccompListener(spec: spec, identity: record.identity)
        let path = store.startSocket(of: id)
        try ContainerStart(socketPath: path, pidfd: pidfd) { descriptor in
            try listener.deliver(descriptor, pid: record.pid, status: "created")
        }.run()
        try Files.unlink(path)
        try runPoststart(spec, record)
    }

    private func runPoststart(_ spec: RuntimeSpec, _ record: ContainerRecord) throws(BerthError) {
        guard let hooks = spec.hooks?.poststart, !hooks.isEmpty else { return }
        let state = record.identity.state("running", pid: record.pid)
        do throws(BerthError) {
            try HookRunner(stage: "poststart", state: state, directory: record.bundle).run(hooks)
        } catch {
            // A container that was not started as it should be does not go on.
            try? endAll(record)
            throw error
        }
    }

    // MARK: kill

    static let killFlags = FlagTable(switches: ["all"], letters: ["a": "all"])

    func kill(_ flags: ParsedFlags) throws {
        guard (1...2).contains(flags.words.count) else {
            throw BerthError.invalidArgument("kill takes the container's ID and a signal (TERM without one)")
        }
        let id = flags.words[0]
        let name = flags.words.count > 1 ? flags.words[1] : "SIGTERM"
        guard let signal = Signals.number(of: name) else {
            throw BerthError.invalidArgument("unknown signal \"\(name)\"")
        }
        let record = try store.load(id)
        let cgroup = try record.cgroupOnHost()
        let pidfd = try record.openProcess()
        if flags.isOn("all"), let cgroup {
            if signal == SIGKILL { return try cgroup.killAll() }
            for pid in (try? cgroup.processes()) ?? [] { _ = Glibc.kill(pid, signal) }
            return
        }
        guard let pidfd, try store.status(of: record) != .stopped else {
            throw BerthError.conflict("container not running")
        }
        try Linux.Process.signal(signal, to: pidfd)
        guard signal == SIGKILL, let cgroup else { return }
        if try !store.configuration(of: id).ownNamespaces.contains(.pid) {
            // Nobody else ends what the first process leaves behind.
            return try cgroup.killAll()
        }
        // On version 1 a frozen process dies when it is thawed.
        if cgroup.isFrozen { try cgroup.thaw() }
    }

    // MARK: delete

    static let deleteFlags = FlagTable(switches: ["force"], letters: ["f": "force"])

    func delete(_ flags: ParsedFlags) throws {
        guard !flags.words.isEmpty else { throw BerthError.invalidArgument("delete takes a container's ID") }
        let isForced = flags.isOn("force")
        for id in flags.words {
            do throws(BerthError) {
                try StateStore.check(id)
                try delete(id, isForced: isForced)
            } catch {
                if isForced, error.code == .notFound { continue }
                throw error
            }
        }
    }

    func delete(_ id: String, isForced: Bool) throws(BerthError) {
        // A creation that goes on holds the lock; with force it is ended.
        if isForced, let record = try? store.load(id) { try endAll(record) }
        let lock = try store.lock(id)
        defer { lock.release() }
        // Read again: by now somebody else may have deleted it, or given up making it.
        guard let record = try? store.load(id) else {
            guard isForced else { throw .notFound("container \"\(id)\" does not exist") }
            return try store.remove(id)
        }
        let status = try store.status(of: record)
        let isOver = status == .stopped || !record.isCreated
        guard isOver || isForced else {
            throw .conflict("cannot delete container \(id) that is not stopped: \(status.rawValue)")
        }
        try delete(record, try? store.configuration(of: id))
    }

    /// Ends a container and removes what is left of it, with its lock held.
    func delete(_ record: ContainerRecord, _ spec: RuntimeSpec?) throws(BerthError) {
        let id = record.id
        try endAll(record)
        do throws(SystemError) {
            try record.cgroupOnHost()?.remove()
        } catch {
            throw BerthError("removing the cgroup", error)
        }
        try store.remove(id)
        runPoststop(spec, record)
    }

    /// Kills what there still is of a container and waits for it.
    private func endAll(_ record: ContainerRecord) throws(BerthError) {
        do throws(SystemError) {
            let cgroup = try record.cgroupOnHost()
            if let pidfd = try record.openProcess() {
                try Linux.Process.signal(SIGKILL, to: pidfd)
                try? cgroup?.killAll()
                guard try Linux.Process.awaitEnd(of: pidfd, milliseconds: 10_000) else {
                    throw SystemError("kill", errno: ETIMEDOUT, subject: "\(record.pid)")
                }
            } else if let cgroup, cgroup.exists {
                // Without a PID namespace the first process leaves its children behind.
                try? cgroup.killAll()
            }
        } catch {
            throw BerthError("ending the container", error)
        }
    }

    /// A hook that fails is told of and no more: the container is gone already.
    private func runPoststop(_ spec: RuntimeSpec?, _ record: ContainerRecord) {
        let state = record.identity.state("stopped", pid: 0)
        for hook in spec?.hooks?.poststop ?? [] {
            do throws(BerthError) {
                try HookRunner(stage: "poststop", state: state, directory: record.bundle).run([hook])
            } catch {
                context.log.warning(error.message)
            }
        }
    }
}

/// The far end of a filter with a listener.
struct SeccompListener: Sendable {
    let spec: RuntimeSpec
    let identity: ContainerIdentity

    /// "The Container Process State" of `config-linux.md`, with the listener's descriptor.
    func deliver(_ descriptor: FileDescriptor, pid: Int32, status: String) throws {
        guard let seccomp = spec.linux?.seccomp, let path = seccomp.listenerPath else { return }
        let socket = try UnixSocket.connect(path)
        var members: [(String, JSONValue)] = [
            ("ociVersion", .string(identity.ociVersion)), ("fds", ["seccompFd"]), ("pid", .number(pid)),
        ]
        if let metadata = seccomp.listenerMetadata { members.append(("metadata", .string(metadata))) }
        members.append(("state", identity.state(status, pid: pid)))
        try UnixSocket.send(Array(JSONValue.object(members).text().utf8), descriptors: [descriptor], over: socket)
    }
}
