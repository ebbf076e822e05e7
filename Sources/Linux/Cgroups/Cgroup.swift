import Glibc

/// One cgroup: the same path in every hierarchy of the host.
public struct Cgroup: Sendable {
    public let hierarchies: CgroupHierarchies
    /// Absolute within each hierarchy, such as `/berth/4f1c…`.
    public let path: String

    public init(_ path: String, in hierarchies: CgroupHierarchies) {
        self.path = path.hasPrefix("/") ? path : "/" + path
        self.hierarchies = hierarchies
    }

    /// The directory that holds a controller's files, whichever version has it.
    public func directory(of controller: String) -> String? {
        if let mount = hierarchies.mountPoint(of: controller) { return mount + path }
        if hierarchies.version2Controllers.contains(controller) { return version2Directory }
        return nil
    }

    public var version2Directory: String? { hierarchies.version2.map { $0 + path } }

    /// Whether a controller is on version 2 here.
    public func isVersion2(_ controller: String) -> Bool {
        hierarchies.mountPoint(of: controller) == nil && hierarchies.version2Controllers.contains(controller)
    }

    private var directories: [String] {
        hierarchies.version1.map { $0.mountPoint + path } + (version2Directory.map { [$0] } ?? [])
    }

    public var exists: Bool { directories.contains { Files.exists($0) } }

    // MARK: Making and removing

    public func create() throws(SystemError) {
        for hierarchy in hierarchies.version1 {
            try Files.makeDirectories(hierarchy.mountPoint + path)
            if hierarchy.controllers.contains("cpuset") { try inheritCpuset(below: hierarchy.mountPoint) }
        }
        guard let root = hierarchies.version2, let directory = version2Directory else { return }
        try Files.makeDirectories(directory)
        if !hierarchies.version2Controllers.isEmpty { try enableControllers(below: root) }
    }

    /// A new version 1 cpuset is empty and takes no process until it names CPUs and memory nodes.
    private func inheritCpuset(below mountPoint: String) throws(SystemError) {
        var parent = mountPoint
        for component in path.split(separator: "/") {
            let directory = parent + "/" + component
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let own = try Files.readText("\(directory)/\(file)")
                if own.allSatisfy(\.isWhitespace) {
                    try Files.writeKernel("\(directory)/\(file)", try Files.readText("\(parent)/\(file)"))
                }
            }
            parent = directory
        }
    }

    /// Version 2 hands controllers down one level at a time. What a level cannot hand down (it has
    /// processes of its own, or lacks the controller) is then missing below, as the kernel has it.
    private func enableControllers(below root: String) throws(SystemError) {
        var directory = root
        for component in path.split(separator: "/") {
            let available = try Files.readText(directory + "/cgroup.controllers")
            for controller in available.split(whereSeparator: \.isWhitespace) {
                do throws(SystemError) {
                    try Files.writeKernel(directory + "/cgroup.subtree_control", "+\(controller)")
                } catch {
                    guard error.errno == EBUSY || error.errno == ENOENT || error.errno == EINVAL else { throw error }
                }
            }
            directory += "/" + component
        }
    }

    /// The version 2 directory to clone a process into; nil where there is only version 1.
    public func descriptorForClone() throws(SystemError) -> FileDescriptor? {
        guard let directory = version2Directory else { return nil }
        return try FileDescriptor.openDirectory(directory)
    }

    /// Moves this process, which has one thread, into the version 1 hierarchies. A process that moves
    /// itself by way of `tasks` needs no lock on all the others: writing somebody's number to
    /// `cgroup.procs` waits for an RCU grace period, which is longer than all else that a start takes.
    public func joinVersion1() throws(SystemError) {
        for hierarchy in hierarchies.version1 { try Files.writeKernel(hierarchy.mountPoint + path + "/tasks", "0") }
    }

    /// The files by which a process moves itself into the version 1 hierarchies (`enter`), for one that
    /// will not see them any more when it does.
    public func version1Entrances() throws(SystemError) -> [FileDescriptor] {
        var files: [FileDescriptor] = []
        for hierarchy in hierarchies.version1 {
            files.append(try FileDescriptor.open(hierarchy.mountPoint + path + "/tasks", O_WRONLY))
        }
        return files
    }

    /// Moves this process, which has one thread, through `version1Entrances`.
    public static func enter(_ entrances: [FileDescriptor]) throws(SystemError) {
        for file in entrances { try file.writeAll("0") }
    }

    /// Removes the cgroup, which must have no processes. Absent is fine; cgroups that the container
    /// made below it are removed too.
    public func remove() throws(SystemError) {
        for directory in directories { try Self.remove(directory) }
    }

    private static func remove(_ directory: String) throws(SystemError) {
        // A cgroup stays busy for a moment after its last process was reaped.
        for attempt in 0..<50 {
            if rmdir(directory) == 0 || errno == ENOENT { return }
            guard errno == EBUSY else { throw SystemError("rmdir", errno: errno, subject: directory) }
            if attempt == 0, let open = try? FileDescriptor.openDirectory(directory), let names = try? open.entries() {
                for name in names {
                    if let status = try? open.status(of: name), status.isDirectory {
                        try remove(directory + "/" + name)
                    }
                }
                continue
            }
            usleep(2000)
        }
        throw SystemError("rmdir", errno: EBUSY, subject: directory)
    }

    // MARK: Processes

    /// Processes of the cgroup and of those below it.
    public func processes() throws(SystemError) -> [pid_t] {
        let directory =
            version2Directory ?? hierarchies.mountPoint(of: "pids").map { $0 + path }
            ?? directories.first
        guard let directory else { return [] }
        return try Self.processes(below: directory)
    }

    private static func processes(below directory: String) throws(SystemError) -> [pid_t] {
        var pids = try Files.readText(directory + "/cgroup.procs").split(separator: "\n").compactMap { pid_t($0) }
        let open = try FileDescriptor.openDirectory(directory)
        for name in try open.entries() {
            if let status = try? open.status(of: name), status.isDirectory {
                pids += try processes(below: directory + "/" + name)
            }
        }
        return pids
    }

    /// Kills all processes, also ones that are frozen or forking.
    public func killAll() throws(SystemError) {
        if let directory = version2Directory, access(directory + "/cgroup.kill", W_OK) == 0 {
            try Files.writeKernel(directory + "/cgroup.kill", "1")
            return try thaw()
        }
        try? freeze()
        for pid in (try? processes()) ?? [] { _ = kill(pid, SIGKILL) }
        try thaw()
    }

    public func freeze() throws(SystemError) { try setFrozen(true) }
    public func thaw() throws(SystemError) { try setFrozen(false) }

    private func setFrozen(_ frozen: Bool) throws(SystemError) {
        if let directory = hierarchies.mountPoint(of: "freezer").map({ $0 + path }) {
            guard Files.exists(directory) else { return }
            try Files.writeKernel(directory + "/freezer.state", frozen ? "FROZEN" : "THAWED")
        } else if let directory = version2Directory, Files.exists(directory) {
            try Files.writeKernel(directory + "/cgroup.freeze", frozen ? "1" : "0")
        }
    }

    /// Whether all processes stand still.
    public var isFrozen: Bool {
        if let directory = hierarchies.mountPoint(of: "freezer").map({ $0 + path }) {
            return (try? Files.readText(directory + "/freezer.state"))?.hasPrefix("FROZEN") == true
        }
        guard let directory = version2Directory, let text = try? Files.readText(directory + "/cgroup.events") else {
            return false
        }
        return text.split(separator: "\n").contains("frozen 1")
    }

    /// Freezes and waits until all processes stand still; `ETIMEDOUT` after ten seconds.
    public func freezeAndWait() throws(SystemError) {
        for attempt in 0..<1000 {
            // Version 1 forgets what could not be frozen at once, and wants to be asked again.
            if attempt % 50 == 0 { try freeze() }
            if isFrozen { return }
            usleep(10_000)
        }
        try? thaw()
        throw SystemError("freeze", errno: ETIMEDOUT, subject: path)
    }

    /// How often the kernel killed a process of this cgroup for want of memory.
    public func outOfMemoryKills() -> Int {
        guard let directory = directory(of: "memory") else { return 0 }
        let file = isVersion2("memory") ? "memory.events" : "memory.oom_control"
        guard let text = try? Files.readText("\(directory)/\(file)") else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix("oom_kill ") {
            return Int(line.dropFirst("oom_kill ".count)) ?? 0
        }
        return 0
    }

    /// A number file of a controller; nil when absent or not a number (`max`).
    public func number(_ file: String, of controller: String) -> UInt64? {
        guard let directory = directory(of: controller), let text = try? Files.readText("\(directory)/\(file)") else {
            return nil
        }
        return UInt64(text.prefix { !$0.isWhitespace })
    }

    /// A `key value` file of a controller.
    public func table(_ file: String, of controller: String) -> [String: UInt64] {
        guard let directory = directory(of: controller), let text = try? Files.readText("\(directory)/\(file)") else {
            return [:]
        }
        var table: [String: UInt64] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = UInt64(parts[1]) { table[String(parts[0])] = value }
        }
        return table
    }

    /// The text of a controller's file.
    public func text(_ file: String, of controller: String) -> String? {
        directory(of: controller).flatMap { try? Files.readText("\($0)/\(file)") }
    }
}
