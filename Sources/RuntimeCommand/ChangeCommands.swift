import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `pause`, `resume` and `update`.
struct ChangeCommands {
    let context: RuntimeContext
    private var store: StateStore { context.store }

    func pause(_ id: String) throws {
        let lock = try store.lock(id)
        defer { lock.release() }
        let record = try store.load(id)
        let status = try store.status(of: record)
        guard status == .running || status == .created else {
            throw BerthError.conflict("container not running or created: \(status.rawValue)")
        }
        try cgroup(of: record).freezeAndWait()
    }

    func resume(_ id: String) throws {
        let lock = try store.lock(id)
        defer { lock.release() }
        let record = try store.load(id)
        guard try store.status(of: record) == .paused else { throw BerthError.conflict("container not paused") }
        try cgroup(of: record).thaw()
    }

    private func cgroup(of record: ContainerRecord) throws -> Cgroup {
        guard let cgroup = try record.cgroupOnHost() else {
            throw BerthError.conflict("container \(record.id) has no cgroup, which this needs")
        }
        return cgroup
    }

    // MARK: update

    static let updateFlags = FlagTable(
        valued: [
            "resources", "blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period",
            "cpu-rt-runtime", "cpuset-cpus", "cpuset-mems", "cpu-idle", "kernel-memory", "kernel-memory-tcp", "memory",
            "memory-reservation", "memory-swap", "pids-limit", "l3-cache-schema", "mem-bw-schema",
        ],
        letters: ["r": "resources"])

    func update(_ flags: ParsedFlags) throws {
        let id = try flags.onlyID()
        let lock = try store.lock(id)
        defer { lock.release() }
        let record = try store.load(id)
        guard try store.status(of: record) != .stopped else { throw BerthError.conflict("container not running") }
        for name in ["l3-cache-schema", "mem-bw-schema"] where flags[name] != nil {
            throw BerthError.invalidArgument("--\(name) is not supported (Intel RDT)")
        }
        var resources: RuntimeSpec.Resources
        if let path = flags["resources"] {
            let text = try path == "-" ? FileDescriptor(owning: duplicateDescriptor(0)).readToEnd() : Files.read(path)
            resources = try JSON.decode(RuntimeSpec.Resources.self, from: text)
        } else {
            resources = try Self.resources(flags)
        }
        // The rules for devices were settled when the container was created; applied anew, version 1 would
        // forbid all of them for a moment.
        resources.devices = nil
        try cgroup(of: record).apply(resources)
    }

    static func resources(_ flags: ParsedFlags) throws(BerthError) -> RuntimeSpec.Resources {
        var memory = RuntimeSpec.Memory()
        memory.limit = try flags.bytes("memory")
        memory.reservation = try flags.bytes("memory-reservation")
        memory.swap = try flags.bytes("memory-swap")
        var cpu = RuntimeSpec.CPU()
        cpu.period = try flags.number("cpu-period", UInt64.self)
        cpu.quota = try flags.number("cpu-quota", Int64.self)
        cpu.burst = try flags.number("cpu-burst", UInt64.self)
        cpu.shares = try flags.number("cpu-share", UInt64.self)
        cpu.realtimePeriod = try flags.number("cpu-rt-period", UInt64.self)
        cpu.realtimeRuntime = try flags.number("cpu-rt-runtime", Int64.self)
        cpu.idle = try flags.number("cpu-idle", Int64.self)
        cpu.cpus = flags["cpuset-cpus"]
        cpu.mems = flags["cpuset-mems"]
        var resources = RuntimeSpec.Resources()
        resources.memory = memory
        resources.cpu = cpu
        if let limit = try flags.number("pids-limit", Int64.self) { resources.pids = RuntimeSpec.PIDs(limit: limit) }
        if let weight = try flags.number("blkio-weight", UInt16.self) {
            var io = RuntimeSpec.BlockIO()
            io.weight = weight
            resources.blockIO = io
        }
        return resources
    }
}
