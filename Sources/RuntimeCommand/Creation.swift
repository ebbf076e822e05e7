import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `create`: everything of a container but the start of its program.
struct Creation {
    static let flags = FlagTable(
        valued: ["bundle", "console-socket", "pid-file", "preserve-fds", "pidfd-socket"],
        switches: ["no-pivot", "no-new-keyring", "detach", "keep", "no-subreaper"],
        letters: ["b": "bundle", "d": "detach"])

    let context: RuntimeContext
    let id: String
    private let bundle: String
    private let consoleSocket: String?
    private let pidFile: String?
    private let pidfdSocket: String?
    private let preservedDescriptors: Int32
    private let pivotsRoot: Bool
    private let makesSessionKeyring: Bool

    init(_ flags: ParsedFlags, _ context: RuntimeContext) throws(BerthError) {
        self.context = context
        id = try flags.onlyID()
        try StateStore.check(id)
        do throws(SystemError) {
            bundle = try absolutePath(flags["bundle"] ?? ".")
        } catch {
            throw BerthError("finding the bundle", error)
        }
        consoleSocket = flags["console-socket"]
        pidFile = flags["pid-file"]
        pidfdSocket = flags["pidfd-socket"]
        preservedDescriptors = try Descriptors.preserved(flags)
        pivotsRoot = !flags.isOn("no-pivot")
        makesSessionKeyring = !flags.isOn("no-new-keyring")
    }

    /// Who runs the terminal, where there is one.
    enum TerminalOwner {
        /// Whoever listens on the console socket.
        case consoleSocket
        /// The caller of this, who gets the master.
        case caller
    }

    /// Makes the container. The first process goes on as a child of this process, or of whoever takes
    /// over its orphans. When this throws, nothing is left of it.
    func run(_ owner: TerminalOwner = .consoleSocket) throws -> CreatedContainer {
        let text = try configurationText()
        let preparation = try SpecPreparation(try JSON.decode(RuntimeSpec.self, from: text))
        for warning in preparation.warnings { context.log.warning(warning) }
        let spec = preparation.spec
        let console = try connectConsole(spec, owner)
        let lock = try context.store.create(id)
        defer { lock.release() }
        do {
            try context.store.saveConfiguration(text, of: id)
            return try make(spec, console)
        } catch {
            try? context.store.remove(id)
            throw error
        }
    }

    private func configurationText() throws(BerthError) -> [UInt8] {
        do throws(SystemError) {
            return try Files.read(bundle + "/config.json")
        } catch {
            throw BerthError("reading the bundle's configuration", error)
        }
    }

    private func connectConsole(_ spec: RuntimeSpec, _ owner: TerminalOwner) throws -> FileDescriptor? {
        guard spec.process?.terminal == true else {
            guard consoleSocket == nil else {
                throw BerthError.invalidArgument(
                    "a console socket was given, but process.terminal is off in config.json")
            }
            return nil
        }
        guard let consoleSocket else {
            if case .caller = owner { return nil }
            throw BerthError.invalidArgument(
                "process.terminal is on in config.json: say with --console-socket who takes the terminal")
        }
        do throws(SystemError) {
            return try UnixSocket.connect(consoleSocket)
        } catch {
            throw BerthError("connecting to the console socket", error)
        }
    }

    private func make(_ spec: RuntimeSpec, _ console: FileDescriptor?) throws -> CreatedContainer {
        let rootfs = try rootDirectory(spec)
        let cgroup = try self.cgroup(spec)
        var record = ContainerRecord(
            id: id, ociVersion: spec.ociVersion, bundle: bundle, rootfs: rootfs, created: Clock.rfc3339(Clock.now()),
            owner: geteuid(), cgroup: cgroup?.path, annotations: spec.annotations ?? [:])
        try context.store.save(record)
        let container = try NewContainer.clone(try plan(spec, rootfs, cgroup, record))
        do {
            if spec.hooks != nil {
                // Hooks may ask for the state.
                record.take(container)
                try context.store.save(record)
            }
            let terminal = try container.awaitReady()
            if let console {
                guard let terminal else { throw BerthError.internal("the container's terminal is missing") }
                try UnixSocket.send(Array("/dev/ptmx".utf8), descriptors: [terminal], over: console)
            }
            record.take(container)
            record.isCreated = true
            if let pidFile {
                try Files.writeAtomically(pidFile, "\(container.pid)".utf8, durable: false)
            }
            if let pidfdSocket { try Descriptors.hand(container.pidfd, to: pidfdSocket) }
            try context.store.save(record)
            return CreatedContainer(
                record: record, spec: spec, process: container, terminal: console == nil ? terminal : nil)
        } catch {
            container.abandon()
            try? cgroup?.killAll()
            try? cgroup?.remove()
            throw error
        }
    }

    private func plan(
        _ spec: RuntimeSpec, _ rootfs: String, _ cgroup: Cgroup?, _ record: ContainerRecord
    ) throws -> ContainerPlan {
        var spec = spec
        var process = ProcessPlan(process: spec.process ?? RuntimeSpec.Process())
        process.process.env = Descriptors.environment(process.process.env, preservedDescriptors)
        process.diesWithParent = false
        process.preservedDescriptors = preservedDescriptors
        process.personality = spec.linux?.personality
        if let seccomp = spec.linux?.seccomp { try process.setSeccomp(seccomp) }
        spec.process = process.process
        var plan = ContainerPlan(
            spec: spec, root: .directory(rootfs), bundle: bundle, cgroup: cgroup, process: process,
            standardIO: Descriptors.standardIO(process.process, isOurs: consoleSocket == nil))
        plan.identity = record.identity
        plan.startSocket = try UnixSocket.listen(context.store.startSocket(of: id))
        plan.pivotsRoot = pivotsRoot
        plan.makesSessionKeyring = makesSessionKeyring
        return plan
    }

    private func rootDirectory(_ spec: RuntimeSpec) throws(BerthError) -> String {
        let path = spec.root?.path ?? "rootfs"
        do throws(SystemError) {
            return try absolutePath(path.hasPrefix("/") ? path : bundle + "/" + path)
        } catch {
            throw BerthError("finding the root file system", error)
        }
    }

    // MARK: Cgroup

    /// Where cgroups are root's alone, an ordinary user's container goes without, unless it is to have limits.
    private func cgroup(_ spec: RuntimeSpec) throws(BerthError) -> Cgroup? {
        do throws(SystemError) {
            let path = spec.linux?.cgroupsPath.flatMap { $0.isEmpty ? nil : $0 }
            let hierarchies = try CgroupHierarchies.detect()
            guard context.isRootless else {
                let cgroup = Cgroup(path ?? Self.defaultCgroups + "/" + id, in: hierarchies)
                try checkUnused(cgroup)
                return hierarchies.isEmpty ? nil : cgroup
            }
            guard let path else { return nil }
            let cgroup = Cgroup(path, in: hierarchies)
            do throws(SystemError) {
                try cgroup.create()
                return cgroup
            } catch {
                try? cgroup.remove()
                guard spec.linux?.resources?.hasLimits != true else { throw error }
                context.log.warning("no cgroup, since this user may not make any: \(error)")
                return nil
            }
        } catch {
            throw BerthError("making the cgroup", error)
        }
    }

    /// Whoever is in it already would be limited, and killed, together with the container.
    private func checkUnused(_ cgroup: Cgroup) throws(SystemError) {
        guard cgroup.exists, let count = try? cgroup.processes().count, count > 0 else { return }
        throw SystemError("mkdir", errno: EBUSY, subject: "\(cgroup.path) (it has \(count) processes already)")
    }

    static let defaultCgroups = "/berth-runtime"
}

/// A container that waits for the word to start.
struct CreatedContainer {
    let record: ContainerRecord
    let spec: RuntimeSpec
    let process: NewContainer
    /// The master, unless the console socket has it.
    let terminal: FileDescriptor?
}

extension ContainerRecord {
    fileprivate mutating func take(_ container: NewContainer) {
        pid = container.pid
        startTime = ProcessStatus(of: container.pid)?.startTime ?? 0
    }
}

extension RuntimeSpec.Resources {
    /// Anything but rules for devices, which a user without rights to them needs none of.
    var hasLimits: Bool {
        memory?.limit != nil || cpu?.quota != nil || cpu?.shares != nil || cpu?.cpus != nil || (pids?.limit ?? 0) > 0
            || blockIO?.weight != nil || hugepageLimits?.isEmpty == false || unified?.isEmpty == false
    }
}

extension CgroupHierarchies {
    var isEmpty: Bool { version1.isEmpty && version2 == nil }
}

extension ProcessPlan {
    /// Compiles the filter of `config.json`.
    mutating func setSeccomp(_ spec: RuntimeSpec.Seccomp) throws(BerthError) {
        seccomp = try SeccompFilter(spec)
        seccompFlags = try spec.filterFlags()
        seccompHasListener = spec.asksListener
    }
}

/// The descriptors that the caller gave us.
enum Descriptors {
    /// `--preserve-fds`, from 3 on. They must be there: else descriptors of ours would take their numbers.
    static func preserved(_ flags: ParsedFlags) throws(BerthError) -> Int32 {
        var count = try flags.number("preserve-fds", Int32.self) ?? 0
        guard (0...4096).contains(count) else {
            throw .invalidArgument("flag --preserve-fds: \(count) is not a number of descriptors")
        }
        count += listened
        for number in 3..<3 + count where fcntl(number, F_GETFD) < 0 {
            throw .invalidArgument("--preserve-fds: descriptor \(number) is not open")
        }
        return count
    }

    /// Sockets of socket activation, which are handed on to the program.
    private static var listened: Int32 {
        Linux.Process.environment("LISTEN_FDS").flatMap { Int32($0) }.map { max(0, min($0, 4096)) } ?? 0
    }

    static func environment(_ environment: [String]?, _ preserved: Int32) -> [String]? {
        guard listened > 0 else { return environment }
        return (environment ?? []) + ["LISTEN_FDS=\(listened)", "LISTEN_PID=1"]
    }

    /// Sends a descriptor to whoever listens on this socket.
    static func hand(_ descriptor: FileDescriptor, to path: String) throws(SystemError) {
        try UnixSocket.send([0], descriptors: [descriptor], over: try UnixSocket.connect(path))
    }

    /// A terminal, from the start as large as ours when it is shown on ours; or duplicates of our own standard
    /// streams, which stay open for us.
    static func standardIO(_ process: RuntimeSpec.Process, isOurs: Bool) -> StandardIO {
        func standard(_ number: Int32) -> FileDescriptor { FileDescriptor(owning: duplicateDescriptor(number)) }
        if process.terminal == true {
            var size = process.consoleSize.map { (UInt16(clamping: $0.height), UInt16(clamping: $0.width)) }
            if size == nil, isOurs { size = Terminal.size(standard(0)) ?? Terminal.size(standard(1)) }
            return .terminal(rows: size?.0 ?? 0, columns: size?.1 ?? 0)
        }
        return .descriptors(input: standard(0), output: standard(1), error: standard(2))
    }
}
