import Errors
import OrderedCollections

/// What a service's containers may use, by the service's own keys (not `deploy`). Sizes in bytes.
public struct Resources: Sendable {
    /// Processors, such as 1.5.
    public var cpus: Double?
    public var cpuset: String?
    public var cpuShares: Int?
    /// Microseconds per `cpuPeriod`.
    public var cpuQuota: Int?
    public var cpuPeriod: Int?
    public var cpuRealtimeRuntime: Int?
    public var cpuRealtimePeriod: Int?
    public var cpuCount: Int?
    public var cpuPercent: Double?
    public var memory: Int64?
    public var memoryReservation: Int64?
    public var memorySwap: Int64?
    public var memorySwappiness: Int?
    public var pidsLimit: Int?
    public var oomKillDisable: Bool?
    public var oomScoreAdjust: Int?
    public var shmSize: Int64?
    public var ulimits: OrderedDictionary<String, ServiceUlimit> = [:]
    public var blkio: BlockIO?
    public var storageOptions: OrderedDictionary<String, String> = [:]
    public var gpus: [DeviceReservation] = []

    static func decode(_ fields: inout Fields) throws(BerthError) -> Resources {
        var r = Resources()
        r.cpus = try fields.double("cpus")
        r.cpuset = try fields.string("cpuset")
        r.cpuShares = try fields.int("cpu_shares")
        r.cpuQuota = try fields.read("cpu_quota", microseconds)
        r.cpuPeriod = try fields.read("cpu_period", microseconds)
        r.cpuRealtimeRuntime = try fields.read("cpu_rt_runtime", microseconds)
        r.cpuRealtimePeriod = try fields.read("cpu_rt_period", microseconds)
        r.cpuCount = try fields.int("cpu_count")
        r.cpuPercent = try fields.double("cpu_percent")
        r.memory = try fields.bytes("mem_limit")
        r.memoryReservation = try fields.bytes("mem_reservation")
        r.memorySwap = try fields.bytes("memswap_limit")
        r.memorySwappiness = try fields.int("mem_swappiness")
        r.pidsLimit = try fields.int("pids_limit")
        r.oomKillDisable = try fields.bool("oom_kill_disable")
        r.oomScoreAdjust = try fields.int("oom_score_adj")
        r.shmSize = try fields.bytes("shm_size")
        r.ulimits =
            try fields.entries("ulimits") { _, tree, path throws(BerthError) in try ServiceUlimit.decode(tree, path) }
            ?? [:]
        r.blkio = try fields.read("blkio_config", BlockIO.decode)
        r.storageOptions = try fields.labels("storage_opt") ?? [:]
        r.gpus = try fields.read("gpus", DeviceReservation.decodeGPUs) ?? []
        return r
    }

    /// A number of microseconds, or a duration.
    private static func microseconds(_ tree: Tree, _ path: String) throws(BerthError) -> Int {
        if let text = tree.text, let number = Int(text) { return number }
        return try tree.asDuration(path).wholeNanoseconds / 1000
    }

    func render(into result: inout OrderedTree) {
        result.set("cpus", cpus)
        result.set("cpuset", cpuset)
        result.set("cpu_shares", cpuShares)
        result.set("cpu_quota", cpuQuota)
        result.set("cpu_period", cpuPeriod)
        result.set("cpu_rt_runtime", cpuRealtimeRuntime)
        result.set("cpu_rt_period", cpuRealtimePeriod)
        result.set("cpu_count", cpuCount)
        result.set("cpu_percent", cpuPercent)
        result.set(bytes: "mem_limit", memory)
        result.set(bytes: "mem_reservation", memoryReservation)
        result.set(bytes: "memswap_limit", memorySwap)
        result.set("mem_swappiness", memorySwappiness)
        result.set("pids_limit", pidsLimit)
        result.set("oom_kill_disable", oomKillDisable)
        result.set("oom_score_adj", oomScoreAdjust)
        result.set(bytes: "shm_size", shmSize)
        result.set("ulimits", nonEmpty: .map(ulimits.mapValues { $0.render() }))
        if let blkio { result["blkio_config"] = blkio.render() }
        result.set("storage_opt", storageOptions)
        result.set("gpus", nonEmpty: .list(gpus.map { $0.render() }))
    }
}

/// `blkio_config`.
public struct BlockIO: Sendable {
    /// A limit or weight of one device.
    public struct Device: Sendable {
        public var path: String
        /// Bytes or operations per second, or a weight.
        public var value: Int64
    }

    public var weight: Int?
    public var weightDevice: [Device] = []
    public var readBps: [Device] = []
    public var writeBps: [Device] = []
    public var readIOps: [Device] = []
    public var writeIOps: [Device] = []

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> BlockIO {
        func devices(_ key: String, _ value: String) -> (Tree, String) throws(BerthError) -> Device {
            { tree, path throws(BerthError) in
                var fields = try Fields(tree, path)
                guard let device = try fields.string("path"), let number = try fields.bytes(value) else {
                    throw tree.invalid("\(path) needs path and \(value)")
                }
                try fields.finish()
                return Device(path: device, value: number)
            }
        }
        var fields = try Fields(tree, path)
        var io = BlockIO()
        io.weight = try fields.int("weight")
        io.weightDevice = try fields.each("weight_device", devices("weight_device", "weight")) ?? []
        io.readBps = try fields.each("device_read_bps", devices("device_read_bps", "rate")) ?? []
        io.writeBps = try fields.each("device_write_bps", devices("device_write_bps", "rate")) ?? []
        io.readIOps = try fields.each("device_read_iops", devices("device_read_iops", "rate")) ?? []
        io.writeIOps = try fields.each("device_write_iops", devices("device_write_iops", "rate")) ?? []
        try fields.finish()
        return io
    }

    func render() -> Tree {
        func list(_ devices: [Device], _ key: String) -> Tree {
            .list(devices.map { .map(["path": .string($0.path), key: .int($0.value)]) })
        }
        var result: OrderedTree = [:]
        result.set("weight", weight)
        result.set("weight_device", nonEmpty: list(weightDevice, "weight"))
        result.set("device_read_bps", nonEmpty: list(readBps, "rate"))
        result.set("device_write_bps", nonEmpty: list(writeBps, "rate"))
        result.set("device_read_iops", nonEmpty: list(readIOps, "rate"))
        result.set("device_write_iops", nonEmpty: list(writeIOps, "rate"))
        return .map(result)
    }
}

/// Devices asked for by what they can do, such as graphics processors.
public struct DeviceReservation: Sendable, Hashable {
    public var driver: String?
    /// -1 is all.
    public var count: Int?
    public var deviceIDs: [String] = []
    public var capabilities: [String] = []
    public var options: OrderedDictionary<String, String> = [:]

    static func decodeGPUs(_ tree: Tree, _ path: String) throws(BerthError) -> [DeviceReservation] {
        if tree.text == "all" { return [DeviceReservation(count: -1, capabilities: ["gpu"])] }
        return try tree.items(path) { tree, path throws(BerthError) in
            var device = try decode(tree, path)
            if device.capabilities.isEmpty { device.capabilities = ["gpu"] }
            if device.count == nil, device.deviceIDs.isEmpty { device.count = -1 }
            return device
        }
    }

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> DeviceReservation {
        var fields = try Fields(tree, path)
        let device = DeviceReservation(
            driver: try fields.string("driver"),
            count: try fields.read("count") { tree, path throws(BerthError) in
                tree.text == "all" ? -1 : try tree.asInt(path)
            },
            deviceIDs: try fields.strings("device_ids") ?? [],
            capabilities: try fields.strings("capabilities") ?? [],
            options: try fields.labels("options") ?? [:])
        try fields.finish()
        return device
    }

    func render() -> Tree {
        var result: OrderedTree = [:]
        result.set("capabilities", capabilities)
        result.set("driver", driver)
        result.set("count", count)
        result.set("device_ids", deviceIDs)
        result.set("options", options)
        return .map(result)
    }
}
