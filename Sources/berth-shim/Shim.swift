import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI
import ShimProtocol

/// One container's parent: it makes the container, owns its streams, log, ports and names, runs
/// execs in it, and tells daemons what happened. It needs none to go on.
final class Shim {
    private let launch: Launch
    private let spec: RuntimeSpec
    private let loop: EventLoop
    private let signals: SignalQueue
    private let cgroup: Cgroup
    private var controls: [ControlConnection] = []
    private var listener: EventLoop.Watch?
    private var signalWatch: EventLoop.Watch?
    private let streams: Streams
    private let ports: Ports
    private var names: NameServer?
    private var container: NewContainer?
    private var terminal: FileDescriptor?
    private var execs: [String: ExecSession] = [:]
    private var phase = Snapshot.Phase.created
    private var startedAt: Int64 = 0
    private var exit: Exit?
    private var memoryWatch: MemoryWatch?
    private var follower: FileFollower?

    init(_ launch: Launch) throws {
        self.launch = launch
        spec = try JSON.decode(RuntimeSpec.self, from: try Files.read(launch.bundle + "/config.json"))
        // SIGCHLD is how an end is noticed; the others must not end the parent of a container.
        signals = try SignalQueue([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        _ = signal(SIGPIPE, SIG_IGN)
        loop = try EventLoop()
        cgroup = Cgroup(launch.cgroupPath, in: try CgroupHierarchies.detect())
        streams = Streams(
            loop: loop, isTerminal: spec.process?.terminal == true,
            log: try launch.log.map { [loop] in try LogFile($0, loop: loop) },
            closesInputWithClient: launch.closesInputWithClient)
        ports = Ports(loop: loop)
    }

    /// Runs the container to its end. `socket` leads to the daemon that asked for it.
    func run(_ socket: FileDescriptor, received: [UInt8], descriptors: [FileDescriptor]) throws {
        let listening = try UnixSocket.listen(launch.bundle + "/shim.sock")
        try listening.setNonBlocking()
        listener = try loop.watch(listening, .read, self)
        signalWatch = try loop.watch(signals.descriptor, .read, self)
        let first = try ControlConnection(
            socket, received: received, descriptors: descriptors, expectsRequest: false, loop: loop)
        adopt(first)
        do {
            try create()
        } catch {
            return fail(error)
        }
        first.processReceived()
        try loop.run()
    }

    // MARK: Creating and starting

    private func create() throws {
        try Linux.Process.becomeSubreaper()
        try ports.hold(launch.ports)
        let (standardIO, connect) = try makeStandardIO()
        let container = try NewContainer.clone(plan(standardIO))
        self.container = container
        tell(.created(pid: container.pid))
        let terminal = try container.awaitReady()
        // Not before: the child brings up the loopback interface, and an address that is bound while
        // that is down is not used as the source of answers.
        if let service = launch.names {
            let server = try NameServer(loop: loop, networkOf: container.pidfd)
            server.serve(service)
            names = server
        }
        self.terminal = terminal
        try connect(terminal)
        streams.onDrained = { [weak self] in self?.finishIfDone() }
        streams.onIdle = { [weak self] in self?.finishIfDone() }
        if launch.log?.isCompressed == true { streams.onLogRotation = { [weak self] in self?.tell(.logRotated) } }
        tell(.ready)
        // While the daemon makes up its mind: before the program runs, and in nobody's way.
        if !launch.followedMounts.isEmpty {
            let mounts = (spec.mounts ?? []).filter { launch.followedMounts.contains($0.destination) }
            follower = FileFollower(mounts, in: container, loop: loop)
        }
    }

    private func plan(_ standardIO: StandardIO) throws -> ContainerPlan {
        var process = ProcessPlan(process: spec.process ?? RuntimeSpec.Process())
        process.user = launch.user
        process.additionalGroups = launch.additionalGroups
        process.createsWorkingDirectory = true
        process.seccomp = try filter(launch.seccompFile)
        return ContainerPlan(
            spec: spec, root: rootFileSystem, bundle: launch.bundle, cgroup: cgroup, process: process,
            standardIO: standardIO)
    }

    private var rootFileSystem: RootFileSystem {
        guard !launch.upperDirectory.isEmpty else { return .directory(spec.root?.path ?? launch.bundle + "/rootfs") }
        let writable = OverlayLayers.Writable(upper: launch.upperDirectory, work: launch.workDirectory)
        return .overlay(
            OverlayLayers(lower: launch.lowerDirectories, writable: writable), mountPoint: launch.bundle + "/rootfs")
    }

    private func filter(_ file: String) throws -> SeccompFilter? {
        file.isEmpty ? nil : SeccompFilter(program: try Files.read(file))
    }

    /// The container's ends of its streams, and how to connect ours once it stands.
    private func makeStandardIO() throws -> (StandardIO, connect: (FileDescriptor?) throws -> Void) {
        guard spec.process?.terminal != true else {
            let size = spec.process?.consoleSize
            return (
                .terminal(rows: UInt16(clamping: size?.height ?? 0), columns: UInt16(clamping: size?.width ?? 0)),
                { [streams] master in
                    guard let master else { throw BerthError.internal("the container's terminal is missing") }
                    try streams.read(master, as: .output)
                    try streams.feed(try master.duplicate())
                }
            )
        }
        let output = try FileDescriptor.pipe()
        let error = try FileDescriptor.pipe()
        let input = launch.keepsInputOpen ? try FileDescriptor.pipe() : nil
        let container = StandardIO.descriptors(
            input: try input?.read ?? FileDescriptor.open("/dev/null", O_RDONLY), output: output.write,
            error: error.write)
        return (
            container,
            { [streams] _ in
                try streams.read(output.read, as: .output)
                try streams.read(error.read, as: .error)
                if let input { try streams.feed(input.write) }
            }
        )
    }

    private func start() {
        guard phase == .created, let container else { return }
        do throws(StartFailure) {
            try container.start()
        } catch {
            return fail(error)
        }
        phase = .running
        startedAt = Clock.now()
        if spec.linux?.resources?.memory?.limit ?? 0 > 0 {
            memoryWatch = MemoryWatch(cgroup, loop: loop) { [weak self] in self?.tell(.outOfMemory) }
        }
        tell(.started(at: startedAt))
    }

    /// Nothing of the container is left behind, and the daemon is told why.
    private func fail(_ error: any Error) {
        let failure: Failure =
            switch error {
            case let failure as Failure: failure
            case let failure as StartFailure: Failure(failure)
            default: Failure(.setup, "\(error)")
            }
        try? cgroup.killAll()
        if let container {
            // Also when the daemon has removed the cgroup under it.
            try? Linux.Process.signal(SIGKILL, to: container.pidfd)
            _ = try? Linux.Process.wait(container.pid)
        }
        try? cgroup.remove()
        tell(.failed(failure))
        loop.stop()
    }

    // MARK: Talking to daemons

    private func adopt(_ control: ControlConnection) {
        controls.append(control)
        control.onCommand = { [weak self] command, descriptor in self?.obey(command, descriptor) }
        control.onRequest = { [weak self, weak control] in
            guard let self, let control else { return }
            control.send(.snapshot(snapshot))
        }
        control.onEnd = { [weak self, weak control] in
            guard let self else { return }
            controls.removeAll { $0 === control }
            if controls.isEmpty { daemonIsGone() }
            finishIfDone()
        }
    }

    private func daemonIsGone() {
        switch phase {
        case .created where launch.endsWithDaemon: fail(BerthError.unavailable("the build is over"))
        case .running where launch.endsWithDaemon: try? cgroup.killAll()
        case .created: abandonUnlessAdopted()
        case .running, .exited: break
        }
    }

    /// A container that was made but never started belongs to a daemon that is gone; the next one
    /// has a minute to claim it.
    private func abandonUnlessAdopted() {
        loop.after(milliseconds: 60_000) { [weak self] in
            guard let self, phase == .created, controls.isEmpty else { return }
            fail(BerthError.unavailable("the daemon that made this container is gone"))
        }
    }

    private func tell(_ event: ShimEvent) { for control in controls { control.send(event) } }

    private var snapshot: Snapshot {
        Snapshot(
            phase: phase, pid: container?.pid ?? 0, startedAt: startedAt, exit: exit,
            execs: execs.values.compactMap { exec in
                exec.exitCode == nil ? Snapshot.RunningExec(id: exec.id, pid: exec.pid) : nil
            })
    }

    private func obey(_ command: ShimCommand, _ descriptor: () -> FileDescriptor?) {
        switch command {
        case .start: start()
        case .attach(let attach):
            guard let socket = descriptor() else { return }
            try? streams.add(socket, attach)
        case .exec(let exec):
            guard let socket = descriptor() else { return }
            run(exec, over: socket)
        case .resize(let exec, let rows, let columns):
            let terminal = exec.isEmpty ? terminal : execs[exec]?.terminal
            if let terminal { try? Terminal.setSize(terminal, rows: rows, columns: columns) }
        case .resolve(let service):
            resolve(service)
        case .publish(let ports):
            do throws(Failure) {
                try self.ports.hold(ports)
            } catch {
                tell(.failed(error))
            }
        }
    }

    private func resolve(_ service: NameService?) {
        guard let service, let container else { return }
        if names == nil { names = try? NameServer(loop: loop, networkOf: container.pidfd) }
        names?.serve(service)
    }

    // MARK: Execs

    private func run(_ request: Exec, over socket: FileDescriptor) {
        do {
            guard phase == .running, let container else { throw Failure(.setup, "the container is not running") }
            let session = try ExecSession(request, loop: loop)
            let namespaces = (spec.linux?.namespaces ?? []).reduce(into: Namespaces()) { $0.insert($1.type.kernelFlag) }
            try session.start(
                in: container.pidfd, cgroup: cgroup, namespaces: namespaces, seccomp: try filter(request.seccompFile))
            execs[request.id] = session
            session.onExit = { [weak self] code in self?.tell(.execExited(id: request.id, code: code)) }
            session.onEnd = { [weak self] in
                self?.execs[request.id] = nil
                self?.finishIfDone()
            }
            tell(.execStarted(id: request.id, pid: session.pid))
            try session.streams.add(socket, Attach(input: request.input, output: request.output, error: request.error))
        } catch let failure as StartFailure {
            tell(.execFailed(id: request.id, Failure(failure)))
        } catch {
            tell(.execFailed(id: request.id, Failure(.setup, "\(error)")))
        }
    }

    // MARK: Ends

    private func reap() {
        while let (pid, status) = Linux.Process.reapAny() {
            if pid == container?.pid {
                ended(status)
            } else {
                execs.values.first { $0.pid == pid }?.ended(status)
            }
        }
    }

    private func ended(_ status: ExitStatus) {
        guard phase == .running else {
            // Killed between its making and its start: a cancelled build, most likely.
            if phase == .created { fail(Failure(.setup, "the container was killed before it started")) }
            return
        }
        phase = .exited
        // Without a PID namespace of its own the first process leaves its children behind.
        try? cgroup.killAll()
        memoryWatch?.stop()
        follower?.stop()
        exit = Exit(code: status.code, outOfMemory: cgroup.outOfMemoryKills() > 0, time: Clock.now())
        loop.after(milliseconds: 300) { [weak self] in self?.streams.finishReading() }
        finishIfDone()
    }

    private var wasTold = false

    /// The end is told once everything that the container wrote has been read; the shim itself ends
    /// when every client has it.
    private func finishIfDone() {
        guard let exit, phase == .exited, streams.isDrained else { return }
        if !wasTold {
            wasTold = true
            try? cgroup.remove()
            let line = "\(exit.code) \(exit.outOfMemory ? 1 : 0) \(exit.time)\n"
            try? Files.writeAtomically(launch.bundle + "/exit", line.utf8, durable: false)
            // Free before anyone hears of the end: a restart binds them again.
            try? ports.hold([])
            tell(.exited(exit))
        }
        if streams.isIdle, execs.isEmpty { loop.stop() }
    }
}

extension Shim: EventHandler {
    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        if watch === signalWatch {
            while let number = signals.next() { if number == SIGCHLD { reap() } }
        } else if watch === listener {
            guard let socket = try? UnixSocket.accept(watch.descriptor),
                let control = try? ControlConnection(socket, expectsRequest: true, loop: loop)
            else { return }
            adopt(control)
        }
    }
}

extension Failure {
    init(_ failure: StartFailure) {
        let kind: Kind =
            switch failure.reason {
            case .setup: .setup
            case .notFound: .notFound
            case .notExecutable, .environment: .notExecutable
            }
        self.init(kind, failure.message)
    }
}
