import Errors
import Glibc
import Linux
import OCI

/// The container's first process, from `clone` to `execve`. It runs in the new namespaces, reports
/// to its parent by the handshake, and never returns.
struct ContainerInit {
    let plan: ContainerPlan
    let handshake: Handshake

    private var spec: RuntimeSpec { plan.spec }

    func run() -> Never {
        do {
            try prepareAndExecute()
        } catch let failure as StartFailure {
            handshake.send(failure)
        } catch {
            handshake.send(StartFailure(reason: .setup, message: "\(error)"))
        }
        _exit(1)
    }

    private func prepareAndExecute() throws -> Never {
        // What is open of the host's could be reached by paths that the image chooses (/proc/self/fd in a
        // working directory), or by those who may trace.
        try Linux.Process.closeAll(
            from: 3 + plan.process.preservedDescriptors, except: plan.descriptors + [handshake.socket])
        // Nothing in the container may look into this process while it is still ours. Not yet where an
        // ordinary user has to write the mappings of its user namespace.
        if !spec.entersByDetour { try Linux.Process.setDumpable(false) }
        guard try handshake.awaitProceed() else { _exit(1) }
        if spec.entersByDetour {
            try NamespaceEntry(spec: spec, cgroup: plan.cgroup, handshake: handshake).enter()
            try Linux.Process.setDumpable(false)
            try enterOwnNamespaces()
        } else {
            // Before the cgroup namespace, which is rooted where its maker is.
            try plan.cgroup?.joinVersion1()
            try joinNamespaces()
            try enterOwnNamespaces()
        }
        if plan.makesSessionKeyring { try joinNewSessionKeyring() }
        try nameHost()

        let terminal = try buildTree()
        // Before anybody is told that the container stands, so that what can go wrong has gone wrong.
        try takeStandardIO(terminal)
        let launch = try ProcessLaunch.prepare(
            plan.process, mayDropGroups: !spec.usesUserNamespace || namespaceLetsGroupsBeDropped(),
            limitsAreSet: spec.usesUserNamespace)
        try handshake.sendReady(terminal: terminal?.master)
        try awaitStart().execute(launch, startHooks: runStartHooks)
    }

    /// What comes after the word to start.
    private struct Started {
        let handshake: Handshake

        func execute(_ launch: ProcessLaunch, startHooks: () throws -> Void) throws -> Never {
            do {
                try startHooks()
                try launch.execute { number throws(SystemError) in
                    try handshake.sendListener(number)
                    guard try handshake.awaitProceed() else { _exit(1) }
                }
            } catch let failure as StartFailure {
                handshake.send(failure)
            } catch {
                handshake.send(StartFailure(reason: .setup, message: "\(error)"))
            }
            _exit(1)
        }
    }

    /// Waits for the parent, or for whoever connects to the start socket.
    private func awaitStart() throws(SystemError) -> Started {
        guard let listener = plan.startSocket else {
            guard try handshake.awaitProceed() else { _exit(1) }
            return Started(handshake: handshake)
        }
        while true {
            let connection = Handshake(socket: try UnixSocket.accept(listener))
            if try connection.awaitProceed() { return Started(handshake: connection) }
        }
    }

    // MARK: Namespaces

    private func joinNamespaces() throws(SystemError) {
        for (namespace, path) in spec.namespacesToJoin where namespace != .pid {
            do throws(SystemError) {
                try Linux.Process.join(try FileDescriptor.open(path, O_RDONLY), namespace)
            } catch {
                throw SystemError("joining the namespace", errno: error.errno, subject: path)
            }
        }
    }

    private func enterOwnNamespaces() throws(SystemError) {
        let made = spec.namespacesToMake
        if made.contains(.cgroup) { try Linux.Process.unshare(.cgroup) }
        if made.contains(.network) { try bringUpLoopback() }
    }

    private func nameHost() throws(SystemError) {
        guard spec.namespacesToMake.contains(.uts) else { return }
        if let name = spec.hostname, !name.isEmpty { try setHostName(name) }
        if let name = spec.domainname, !name.isEmpty { try setDomainName(name) }
    }

    // MARK: The file system

    private func buildTree() throws -> PseudoTerminal? {
        let builder = TreeBuilder(plan)
        let root = try builder.build()
        try root.makeDevices(spec.linux?.devices ?? [], inOwnDirectory: !builder.showsDevicesOfHost)
        let terminal = try makeTerminal(in: root)
        try root.writeSysctls(spec.linux?.sysctl ?? [:])
        try root.makeReadOnly(spec.linux?.readonlyPaths ?? [])
        try root.mask(spec.linux?.maskedPaths ?? [])
        try builder.makeLateReadOnly()
        try runCreateHooks()
        try root.becomeRoot(builder.rootSwitch, readOnly: spec.root?.readonly == true)
        return terminal
    }

    private func makeTerminal(in root: RootDirectory) throws -> PseudoTerminal? {
        guard case .terminal(let rows, let columns) = plan.standardIO else { return nil }
        let terminal = try PseudoTerminal(in: try root.makeDirectories("/dev").openReadable())
        if rows > 0, columns > 0 { try Terminal.setSize(terminal.master, rows: rows, columns: columns) }
        try root.bindConsole(terminal)
        return terminal
    }

    private func takeStandardIO(_ terminal: PseudoTerminal?) throws {
        try plan.standardIO.take(terminal)
    }

    // MARK: Hooks

    /// Those of the host are the parent's to run; those of the container run here, before the switch
    /// of roots, where their programs are still the host's.
    private func runCreateHooks() throws {
        guard let identity = plan.identity, let hooks = spec.hooks else { return }
        let ofHost = (hooks.prestart ?? []) + (hooks.createRuntime ?? [])
        let ofContainer = hooks.createContainer ?? []
        if !ofHost.isEmpty {
            try handshake.sendRunHooks()
            guard try handshake.awaitProceed() else { _exit(1) }
        }
        let state = identity.state("creating", pid: Linux.Process.ownID)
        try HookRunner(stage: "createContainer", state: state, directory: identity.bundle).run(ofContainer)
    }

    private func runStartHooks() throws {
        guard let identity = plan.identity, let hooks = spec.hooks?.startContainer, !hooks.isEmpty else { return }
        let state = identity.state("created", pid: Linux.Process.ownID)
        try HookRunner(stage: "startContainer", state: state, directory: "/").run(hooks)
    }
}

extension ContainerPlan {
    /// All that the first process needs.
    fileprivate var descriptors: [FileDescriptor] {
        standardIO.descriptors + [startSocket, prepared.root].compactMap { $0 } + prepared.binds.values
    }
}

extension StandardIO {
    var descriptors: [FileDescriptor] {
        guard case .descriptors(let input, let output, let error) = self else { return [] }
        return [input, output, error]
    }

    /// Puts descriptors 0, 1 and 2 in place, in a session of its own.
    /// - Parameter nulls: those that `hideNull` took away.
    func take(_ terminal: PseudoTerminal?, nulls: Set<Int32> = []) throws(SystemError) {
        switch self {
        case .descriptors(let input, let output, let error):
            // A session of its own even without a terminal: signals of ours stay away from it.
            _ = setsid()
            try Linux.Process.assign(input, output, error)
            for number: Int32 in 0...2 where nulls.contains(number) || Self.isNull(number) {
                try Self.openOwnNull(as: number)
            }
        case .terminal:
            guard let terminal else { throw SystemError("terminal", errno: EINVAL) }
            try Linux.Process.assign(terminal.slave, terminal.slave, terminal.slave)
            try Terminal.becomeControlling()
        }
    }

    /// Replaces the host's null device by an empty pipe wherever it is, before the container sees it;
    /// `take` then puts the container's own there. By a descriptor, too, root in the container could
    /// change its permissions and its owner, and the host has only one.
    /// - Returns: which of 0, 1 and 2 it was.
    func hideNull() throws(SystemError) -> Set<Int32> {
        guard case .descriptors(let input, let output, let error) = self else { return [] }
        var nulls: Set<Int32> = []
        for (number, stream) in [input, output, error].enumerated() where Self.isNull(stream.rawValue) {
            let pipe = try FileDescriptor.pipe()
            let end = number == 0 ? pipe.read : pipe.write
            try systemCall("dup2") { dup2(end.rawValue, stream.rawValue) }
            nulls.insert(Int32(number))
        }
        return nulls
    }

    private static func isNull(_ number: Int32) -> Bool {
        var status = stat()
        let null = dev_t(deviceNumber(major: 1, minor: 3))
        return fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == null
    }

    /// In the container's cgroup, whose device filter decides what may be opened, should something else
    /// have the name.
    private static func openOwnNull(as number: Int32) throws(SystemError) {
        let flags = (number == 0 ? O_RDONLY : O_WRONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        if let own = try? FileDescriptor.open("/dev/null", flags), isNull(own.rawValue) {
            try systemCall("dup2") { dup2(own.rawValue, number) }
            return
        }
        // Something else it is, or nothing. An empty pipe ends like the null device.
        guard number == 0 else { throw SystemError("open", errno: ENODEV, subject: "/dev/null of the container") }
        let pipe = try FileDescriptor.pipe()
        try systemCall("dup2") { dup2(pipe.read.rawValue, number) }
    }
}
