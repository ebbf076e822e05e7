import Errors
import Linux
import OCI

/// A configuration is checked as a whole before anything is made of it, and completed by what the
/// specification has the runtime supply.
struct SpecPreparation {
    private(set) var spec: RuntimeSpec
    private(set) var warnings: [String] = []

    init(_ spec: RuntimeSpec) throws(BerthError) {
        self.spec = spec
        try checkVersion()
        try checkProcess()
        try checkNamespaces()
        try checkSysctls()
        try checkSeccomp()
        if spec.linux?.intelRdt != nil {
            throw .invalidArgument("linux.intelRdt is not supported: remove it from config.json")
        }
        supplyDevices()
        completeMounts()
        if var process = self.spec.process {
            warnings += try Self.settle(&process)
            self.spec.process = process
        }
    }

    // MARK: Checks

    private func checkVersion() throws(BerthError) {
        guard spec.ociVersion.hasPrefix("1.") else {
            throw .invalidArgument("config.json is of version \"\(spec.ociVersion)\"; this runtime reads versions 1.x")
        }
        guard let path = spec.root?.path, !path.isEmpty else {
            throw .invalidArgument("config.json has no root.path")
        }
    }

    private func checkProcess() throws(BerthError) {
        guard let process = spec.process else { throw .invalidArgument("config.json has no process") }
        try Self.check(process)
    }

    static func check(_ process: RuntimeSpec.Process) throws(BerthError) {
        guard process.args?.first?.isEmpty == false else { throw .invalidArgument("process.args must not be empty") }
        guard process.cwd.hasPrefix("/") else {
            throw .invalidArgument("process.cwd must be an absolute path, not \"\(process.cwd)\"")
        }
        for limit in process.rlimits ?? [] where ResourceLimits.number(of: limit.type) == nil {
            throw .invalidArgument("process.rlimits: \"\(limit.type)\" is not known")
        }
        var kinds: Set<String> = []
        for limit in process.rlimits ?? [] where !kinds.insert(limit.type).inserted {
            throw .invalidArgument("process.rlimits: \(limit.type) is there twice")
        }
    }

    private func checkNamespaces() throws(BerthError) {
        var kinds: Set<RuntimeSpec.Namespace.Kind> = []
        for namespace in spec.linux?.namespaces ?? [] {
            guard kinds.insert(namespace.type).inserted else {
                throw .invalidArgument("linux.namespaces: \(namespace.type.rawValue) is there twice")
            }
        }
        let hasNames = spec.hostname?.isEmpty == false || spec.domainname?.isEmpty == false
        if hasNames, !kinds.contains(.uts) {
            throw .invalidArgument("hostname and domainname need a uts namespace in linux.namespaces")
        }
        if spec.linux?.timeOffsets?.isEmpty == false, !kinds.contains(.time) {
            throw .invalidArgument("linux.timeOffsets need a time namespace in linux.namespaces")
        }
        let maps = (spec.linux?.uidMappings ?? []) + (spec.linux?.gidMappings ?? [])
        if !maps.isEmpty, !kinds.contains(.user) {
            throw .invalidArgument("linux.uidMappings and gidMappings need a user namespace in linux.namespaces")
        }
    }

    /// Settings of the host are not a container's to change.
    private func checkSysctls() throws(BerthError) {
        let kinds = Set((spec.linux?.namespaces ?? []).map(\.type))
        for name in (spec.linux?.sysctl ?? [:]).keys.sorted() {
            let dotted = String(name.map { $0 == "/" ? "." : $0 })
            let needed: RuntimeSpec.Namespace.Kind?
            if dotted.hasPrefix("net.") {
                needed = .network
            } else if Self.ipcSettings.contains(dotted) || dotted.hasPrefix("fs.mqueue.") {
                needed = .ipc
            } else if dotted == "kernel.domainname" || dotted == "kernel.hostname" {
                needed = .uts
            } else if dotted.hasPrefix("user.") {
                needed = .user
            } else {
                needed = nil
            }
            guard let needed else {
                throw .invalidArgument("sysctl \"\(name)\" is not of a namespace: it would change the host")
            }
            guard kinds.contains(needed) else {
                throw .invalidArgument(
                    "sysctl \"\(name)\" needs a \(needed.rawValue) namespace in linux.namespaces: it would change the host"
                )
            }
        }
    }

    private static let ipcSettings: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id",
    ]

    private func checkSeccomp() throws(BerthError) {
        guard let seccomp = spec.linux?.seccomp else { return }
        let notify = "SCMP_ACT_NOTIFY"
        guard seccomp.defaultAction != notify else {
            throw .invalidArgument(
                "seccomp: SCMP_ACT_NOTIFY cannot be the default action: nobody could hand over the listener")
        }
        let asks = (seccomp.syscalls ?? []).filter { $0.action == notify }
        // By these two the listener is handed over.
        for name in ["write", "read"] where asks.contains(where: { $0.names.contains(name) }) {
            throw .invalidArgument("seccomp: SCMP_ACT_NOTIFY cannot be used for the \(name) system call")
        }
        guard asks.isEmpty || seccomp.listenerPath?.isEmpty == false else {
            throw .invalidArgument("seccomp: SCMP_ACT_NOTIFY needs listenerPath")
        }
    }

    // MARK: What the runtime supplies

    private static let devices: [RuntimeSpec.Device] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ].map { RuntimeSpec.Device(type: "c", path: "/dev/" + $0, major: $1, minor: $2, fileMode: 0o666) }

    /// "Default Devices" of `config-linux.md`: they are there and may be used whatever the rules say.
    private mutating func supplyDevices() {
        var linux = spec.linux ?? RuntimeSpec.Linux()
        let present = Set((linux.devices ?? []).map(\.path))
        linux.devices = (linux.devices ?? []) + Self.devices.filter { !present.contains($0.path) }
        if var rules = linux.resources?.devices {
            for kind in ["c", "b"] { rules.append(RuntimeSpec.DeviceRule(allow: true, type: kind, access: "m")) }
            for device in Self.devices {
                rules.append(
                    RuntimeSpec.DeviceRule(
                        allow: true, type: "c", major: device.major, minor: device.minor, access: "rwm"))
            }
            // Pseudo-terminals and their multiplexer.
            rules.append(RuntimeSpec.DeviceRule(allow: true, type: "c", major: 136, access: "rwm"))
            rules.append(RuntimeSpec.DeviceRule(allow: true, type: "c", major: 5, minor: 2, access: "rwm"))
            linux.resources?.devices = rules
        }
        spec.linux = linux
        // No sets are empty sets.
        if spec.process?.capabilities == nil { spec.process?.capabilities = RuntimeSpec.Capabilities() }
    }

    private mutating func completeMounts() {
        for index in spec.mounts?.indices ?? 0..<0 {
            guard let destination = spec.mounts?[index].destination, !destination.hasPrefix("/") else { continue }
            warnings.append("mount destination \"\(destination)\" is not absolute; taken from the root")
            spec.mounts?[index].destination = "/" + destination
        }
    }

    /// What this host has not. A capability that it withholds from us cannot be given, and the program may do
    /// without; a label of SELinux means nothing without it. A profile of AppArmor is a promise, though.
    static func settle(_ process: inout RuntimeSpec.Process) throws(BerthError) -> [String] {
        var warnings: [String] = []
        if process.apparmorProfile?.isEmpty == false, process.apparmorProfile != "unconfined" {
            let isEnabled = (try? Files.readText("/sys/module/apparmor/parameters/enabled"))?.hasPrefix("Y") == true
            guard isEnabled else {
                throw .invalidArgument("process.apparmorProfile is set, but AppArmor is not enabled on this host")
            }
        }
        if process.selinuxLabel?.isEmpty == false, !Files.exists("/sys/fs/selinux/enforce") {
            process.selinuxLabel = nil
            warnings.append("process.selinuxLabel is left out: SELinux is not enabled on this host")
        }
        let missing = missingCapabilities(process.capabilities)
        if !missing.isEmpty {
            warnings.append("left out, since this host does not have them: \(missing.joined(separator: ", "))")
        }
        return warnings
    }

    private static func missingCapabilities(_ capabilities: RuntimeSpec.Capabilities?) -> [String] {
        let owned = CapabilitySet.bounding()
        let sets = [
            capabilities?.bounding, capabilities?.effective, capabilities?.permitted, capabilities?.inheritable,
            capabilities?.ambient,
        ]
        let names = Set(sets.flatMap { $0 ?? [] })
        return names.filter { CapabilitySet(name: $0).map { !owned.contains($0) } ?? true }.sorted()
    }
}
