import EngineAPI
import Errors
import Glibc
import Linux

/// Samples what a container uses, in the form of `GET /containers/{id}/stats`.
///
/// A sample holds the one before it (`precpu_stats`), from which clients work out percentages; so a
/// reader is kept for as long as one client watches.
struct StatsReader: Sendable {
    let id: String
    /// Without a slash.
    let name: String
    let cgroup: Cgroup
    /// The process whose network interfaces are the container's; nil leaves them out, as for a
    /// container in the host's network.
    let networkProcess: pid_t?
    private var previous: (time: String, cpu: CPUStats)?

    init(id: String, name: String, cgroup: Cgroup, networkProcess: pid_t?) {
        self.id = id
        self.name = name
        self.cgroup = cgroup
        self.networkProcess = networkProcess
    }

    /// Go's zero time, for a sample that has none before it.
    private static let never = "0001-01-01T00:00:00Z"

    /// The next sample. A cgroup that is gone gives zeros.
    mutating func next() -> ContainerStats {
        var stats = Self.empty(id: id, name: name)
        stats.read = Clock.rfc3339(Clock.now())
        stats.preread = previous?.time ?? Self.never
        stats.precpuStats = previous?.cpu ?? CPUStats()
        stats.cpuStats = cpu()
        stats.memoryStats = memory()
        stats.pidsStats = processes()
        stats.blkioStats = blockIO()
        stats.networks = networkProcess.flatMap { NetworkCounters.read(of: $0) }
        previous = (stats.read, stats.cpuStats)
        return stats
    }

    /// What a container that does not run has.
    static func empty(id: String, name: String) -> ContainerStats {
        ContainerStats(name: "/" + name, id: id, read: never, preread: never)
    }

    // MARK: CPU

    private func cpu() -> CPUStats {
        var stats = CPUStats()
        let host = HostCPU.read()
        stats.systemCpuUsage = host.nanoseconds
        stats.onlineCpus = host.processors
        if cgroup.isVersion2("cpu") || cgroup.hierarchies.mode == .v2 {
            let table = cgroup.table("cpu.stat", of: "cpu")
            stats.cpuUsage.totalUsage = (table["usage_usec"] ?? 0) * 1000
            stats.cpuUsage.usageInUsermode = (table["user_usec"] ?? 0) * 1000
            stats.cpuUsage.usageInKernelmode = (table["system_usec"] ?? 0) * 1000
            stats.throttlingData = ThrottlingData(
                periods: table["nr_periods"] ?? 0, throttledPeriods: table["nr_throttled"] ?? 0,
                throttledTime: (table["throttled_usec"] ?? 0) * 1000)
            return stats
        }
        let used = cgroup.table("cpuacct.stat", of: "cpuacct")
        stats.cpuUsage.totalUsage = cgroup.number("cpuacct.usage", of: "cpuacct") ?? 0
        stats.cpuUsage.usageInUsermode = (used["user"] ?? 0) * HostCPU.tick
        stats.cpuUsage.usageInKernelmode = (used["system"] ?? 0) * HostCPU.tick
        stats.cpuUsage.percpuUsage = cgroup.text("cpuacct.usage_percpu", of: "cpuacct").map { text in
            text.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        }
        let throttled = cgroup.table("cpu.stat", of: "cpu")
        stats.throttlingData = ThrottlingData(
            periods: throttled["nr_periods"] ?? 0, throttledPeriods: throttled["nr_throttled"] ?? 0,
            throttledTime: throttled["throttled_time"] ?? 0)
        return stats
    }

    // MARK: Memory and processes

    private func memory() -> MemoryStats {
        var stats = MemoryStats()
        stats.stats = cgroup.table("memory.stat", of: "memory")
        let limit: UInt64?
        if cgroup.isVersion2("memory") {
            stats.usage = cgroup.number("memory.current", of: "memory") ?? 0
            limit = cgroup.number("memory.max", of: "memory")
            stats.failcnt = cgroup.table("memory.events", of: "memory")["oom"] ?? 0
        } else {
            stats.usage = cgroup.number("memory.usage_in_bytes", of: "memory") ?? 0
            stats.maxUsage = cgroup.number("memory.max_usage_in_bytes", of: "memory") ?? 0
            stats.failcnt = cgroup.number("memory.failcnt", of: "memory") ?? 0
            limit = cgroup.number("memory.limit_in_bytes", of: "memory")
        }
        // Without a limit, what there is.
        let total = HostMemory.total
        stats.limit = min(limit ?? total, total)
        return stats
    }

    private func processes() -> PidsStats {
        let limit = cgroup.number("pids.max", of: "pids")
        return PidsStats(
            current: cgroup.number("pids.current", of: "pids") ?? 0,
            // "max" is the largest number on version 2 and absent on version 1, as Docker has it.
            limit: limit ?? (cgroup.isVersion2("pids") ? .max : 0))
    }

    // MARK: Block I/O

    private func blockIO() -> BlkioStats {
        var stats = BlkioStats()
        if cgroup.isVersion2("io") {
            var bytes: [BlkioStatEntry] = []
            var operations: [BlkioStatEntry] = []
            for (device, fields) in BlockTable.version2(cgroup.text("io.stat", of: "io") ?? "") {
                func entry(_ op: String, _ key: String) -> BlkioStatEntry {
                    BlkioStatEntry(major: device.major, minor: device.minor, op: op, value: fields[key] ?? 0)
                }
                bytes += [entry("read", "rbytes"), entry("write", "wbytes")]
                operations += [entry("read", "rios"), entry("write", "wios")]
            }
            stats.ioServiceBytesRecursive = bytes
            stats.ioServicedRecursive = operations
            return stats
        }
        func entries(_ files: String...) -> [BlkioStatEntry] {
            for file in files {
                if let text = cgroup.text(file, of: "blkio") { return BlockTable.version1(text) }
            }
            return []
        }
        stats.ioServiceBytesRecursive = entries(
            "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes",
            "blkio.bfq.io_service_bytes_recursive")
        stats.ioServicedRecursive = entries(
            "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced", "blkio.bfq.io_serviced_recursive")
        stats.ioQueueRecursive = entries("blkio.io_queued_recursive")
        stats.ioServiceTimeRecursive = entries("blkio.io_service_time_recursive")
        stats.ioWaitTimeRecursive = entries("blkio.io_wait_time_recursive")
        stats.ioMergedRecursive = entries("blkio.io_merged_recursive")
        stats.ioTimeRecursive = entries("blkio.time_recursive")
        stats.sectorsRecursive = entries("blkio.sectors_recursive")
        return stats
    }
}

/// Tables of the two block controllers.
enum BlockTable {
    typealias Device = (major: UInt64, minor: UInt64)

    /// `8:0 Read 4096`; the last line, `Total 4096`, is of no device.
    static func version1(_ text: String) -> [BlkioStatEntry] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 2, let device = device(words[0]), let value = words.last.flatMap({ UInt64($0) }) else {
                return nil
            }
            return BlkioStatEntry(
                major: device.major, minor: device.minor, op: words.count == 3 ? String(words[1]) : "", value: value)
        }
    }

    /// `8:0 rbytes=4096 wbytes=0 …`.
    static func version2(_ text: String) -> [(device: Device, fields: [String: UInt64])] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let first = words.first, let device = device(first) else { return nil }
            var fields: [String: UInt64] = [:]
            for word in words.dropFirst() {
                let parts = word.split(separator: "=")
                if parts.count == 2, let value = UInt64(parts[1]) { fields[String(parts[0])] = value }
            }
            return fields.isEmpty ? nil : (device, fields)
        }
    }

    private static func device(_ text: Substring) -> Device? {
        let parts = text.split(separator: ":").compactMap { UInt64($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
}

/// CPU time of the whole host.
struct HostCPU {
    /// Of all processors, idle time included.
    var nanoseconds: UInt64 = 0
    var processors: UInt32 = 0

    /// Nanoseconds of one unit of `/proc/stat` and `cpuacct.stat` (USER_HZ).
    static let tick: UInt64 = {
        let perSecond = sysconf(Int32(_SC_CLK_TCK))
        return 1_000_000_000 / UInt64(perSecond > 0 ? perSecond : 100)
    }()

    static func read() -> HostCPU { parse((try? Files.readText("/proc/stat")) ?? "") }

    static func parse(_ text: String) -> HostCPU {
        var host = HostCPU()
        for line in text.split(separator: "\n") where line.hasPrefix("cpu") {
            let fields = line.split(separator: " ")
            if fields.first == "cpu" {
                // user, nice, system, idle, iowait, irq, softirq: guests are within user already.
                host.nanoseconds = fields.dropFirst().prefix(7).compactMap { UInt64($0) }.reduce(0, +) * tick
            } else {
                host.processors += 1
            }
        }
        return host
    }
}

/// Memory of the host.
enum HostMemory {
    /// Bytes.
    static let total: UInt64 = UInt64(sysconf(Int32(_SC_PHYS_PAGES))) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
}

/// Counters of network interfaces.
enum NetworkCounters {
    /// Those of the namespace that a process is in, but for loopback; nil when there is no such process.
    static func read(of process: pid_t) -> [String: InterfaceStats]? {
        (try? Files.readText("/proc/\(process)/net/dev")).map(parse)
    }

    static func parse(_ text: String) -> [String: InterfaceStats] {
        var interfaces: [String: InterfaceStats] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.lastIndex(of: ":") else { continue }
            let name = String(line[..<colon].drop { $0 == " " })
            let values = line[line.index(after: colon)...].split(separator: " ").compactMap { UInt64($0) }
            guard name != "lo", values.count >= 12 else { continue }
            interfaces[name] = InterfaceStats(
                rxBytes: values[0], rxPackets: values[1], rxErrors: values[2], rxDropped: values[3],
                txBytes: values[8], txPackets: values[9], txErrors: values[10], txDropped: values[11])
        }
        return interfaces
    }
}
