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
        // Nothing in the container may look into this process while it is still ours.
        try Linux.Process.setDumpable(false)
        guard try handshake.awaitProceed() else { _exit(1) }
        // Before the cgroup namespace, which is rooted where its maker is.
        try plan.cgroup?.joinVersion1()
        try enterNamespaces()
        try joinNewSessionKeyring()
        try nameHost()

        let root = try TreeBuilder(spec: spec, source: plan.root, bundle: plan.bundle).build()
        try root.makeDevices(spec.linux?.devices ?? [])
        let terminal = try makeTerminal(in: root)
        try root.writeSysctls(spec.linux?.sysctl ?? [:])
        try root.makeReadOnly(spec.linux?.readonlyPaths ?? [])
        try root.mask(spec.linux?.maskedPaths ?? [])
        try root.becomeRoot(readOnly: spec.root?.readonly == true)

        try handshake.sendReady(terminal: terminal?.master)
        guard try handshake.awaitProceed() else { _exit(1) }
        try takeStandardIO(terminal)
        try ProcessLaunch(plan: plan.process).execute()
    }

    private func enterNamespaces() throws {
        for (namespace, path) in spec.namespacesToJoin {
            try Linux.Process.join(try FileDescriptor.open(path, O_RDONLY), namespace)
        }
        let made = spec.namespacesToMake
        if made.contains(.cgroup) { try Linux.Process.unshare(.cgroup) }
        if made.contains(.network) { try bringUpLoopback() }
    }

    private func nameHost() throws {
        guard spec.namespacesToMake.contains(.uts) else { return }
        if let name = spec.hostname, !name.isEmpty { try setHostName(name) }
        if let name = spec.domainname, !name.isEmpty { try setDomainName(name) }
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
}

extension StandardIO {
    /// Puts descriptors 0, 1 and 2 in place, in a session of its own.
    func take(_ terminal: PseudoTerminal?) throws(SystemError) {
        switch self {
        case .descriptors(let input, let output, let error):
            // A session of its own even without a terminal: signals of ours stay away from it.
            _ = setsid()
            try Linux.Process.assign(input, output, error)
        case .terminal:
            guard let terminal else { throw SystemError("terminal", errno: EINVAL) }
            try Linux.Process.assign(terminal.slave, terminal.slave, terminal.slave)
            try Terminal.becomeControlling()
        }
    }
}
