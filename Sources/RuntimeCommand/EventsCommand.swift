import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `events`: what a container uses, as one line of JSON, once or every so often.
struct EventsCommand {
    static let flags = FlagTable(valued: ["interval"], switches: ["stats"])

    let context: RuntimeContext

    func run(_ flags: ParsedFlags) throws {
        let id = try flags.onlyID()
        let record = try context.store.load(id)
        guard try context.store.status(of: record) != .stopped else {
            throw BerthError.conflict("container with id \(id) is not running")
        }
        guard let cgroup = try record.cgroupOnHost() else {
            throw BerthError.conflict("container \(id) has no cgroup, which this needs")
        }
        if flags.isOn("stats") { return print("stats", id, Statistics(cgroup).json) }
        let seconds = try Self.seconds(flags["interval"] ?? "5s")
        var kills = cgroup.outOfMemoryKills()
        // Out of memory is looked for more often than what is used is told.
        while let pidfd = try record.openProcess() {
            print("stats", id, Statistics(cgroup).json)
            for _ in 0..<max(1, seconds * 10) {
                if try Linux.Process.awaitEnd(of: pidfd, milliseconds: 100) { return }
                let now = cgroup.outOfMemoryKills()
                if now > kills { print("oom", id, nil) }
                kills = now
            }
        }
    }

    private func print(_ type: String, _ id: String, _ data: JSONValue?) {
        var members: [(String, JSONValue)] = [("type", .string(type)), ("id", .string(id))]
        if let data { members.append(("data", data)) }
        Log.print(JSONValue.object(members).text())
    }

    /// `5s`, `1m30s`, `500ms` (rounded up), or a number of seconds.
    static func seconds(_ text: String) throws(BerthError) -> Int {
        var milliseconds = 0
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Int(digits), number < 1 << 32,
                let factor = ["ms": 1, "": 1000, "s": 1000, "m": 60_000, "h": 3_600_000][unit]
            else { throw .invalidArgument("--interval: \"\(text)\" is not a time such as 5s") }
            milliseconds += number * factor
        }
        guard milliseconds > 0 else { throw .invalidArgument("--interval must be greater than zero") }
        return (milliseconds + 999) / 1000
    }
}

/// The numbers of a cgroup in the form of runc's `events --stats`.
struct Statistics {
    let cgroup: Cgroup

    init(_ cgroup: Cgroup) { self.cgroup = cgroup }

    var json: JSONValue {
        .object([("cpu", cpu), ("memory", memory), ("pids", pids), ("blkio", io), ("hugetlb", [:]), ("intel_rdt", [:])])
    }

    private func number(_ value: UInt64?) -> JSONValue { .number(value ?? 0) }

    private var cpu: JSONValue {
        if cgroup.isVersion2("cpu") || cgroup.hierarchies.mode == .v2 {
            let stat = cgroup.table("cpu.stat", of: "cpu")
            func nanoseconds(_ name: String) -> JSONValue { .number((stat[name] ?? 0) * 1000) }
            return [
                "usage": [
                    "total": nanoseconds("usage_usec"), "kernel": nanoseconds("system_usec"),
                    "user": nanoseconds("user_usec"),
                ],
                "throttling": [
                    "periods": number(stat["nr_periods"]), "throttledPeriods": number(stat["nr_throttled"]),
                    "throttledTime": nanoseconds("throttled_usec"),
                ],
            ]
        }
        let perCPU = (cgroup.text("cpuacct.usage_percpu", of: "cpuacct") ?? "").split(whereSeparator: \.isWhitespace)
        let split = cgroup.table("cpuacct.stat", of: "cpuacct")
        let stat = cgroup.table("cpu.stat", of: "cpu")
        // The split is in clock ticks, a hundredth of a second each.
        return [
            "usage": [
                "total": number(cgroup.number("cpuacct.usage", of: "cpuacct")),
                "percpu": .array(perCPU.compactMap { UInt64($0) }.map { .number($0) }),
                "kernel": .number((split["system"] ?? 0) * 10_000_000),
                "user": .number((split["user"] ?? 0) * 10_000_000),
            ],
            "throttling": [
                "periods": number(stat["nr_periods"]), "throttledPeriods": number(stat["nr_throttled"]),
                "throttledTime": number(stat["throttled_time"]),
            ],
        ]
    }

    private var memory: JSONValue {
        let raw = cgroup.table("memory.stat", of: "memory")
        let cache: UInt64
        let usage: JSONValue
        let swap: JSONValue
        if cgroup.isVersion2("memory") {
            cache = raw["file"] ?? 0
            usage = counter("memory.current", "memory.max", "memory.peak")
            swap = counter("memory.swap.current", "memory.swap.max", "")
        } else {
            cache = raw["cache"] ?? 0
            usage = counter("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
            swap = counter(
                "memory.memsw.usage_in_bytes", "memory.memsw.limit_in_bytes", "memory.memsw.max_usage_in_bytes")
        }
        return [
            "cache": .number(cache), "usage": usage, "swap": swap,
            "raw": .object(raw.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }),
        ]
    }

    private func counter(_ usage: String, _ limit: String, _ most: String) -> JSONValue {
        [
            "limit": .number(cgroup.number(limit, of: "memory") ?? UInt64.max),
            "usage": number(cgroup.number(usage, of: "memory")),
            "max": number(most.isEmpty ? nil : cgroup.number(most, of: "memory")),
            "failcnt": 0,
        ]
    }

    private var pids: JSONValue {
        [
            "current": number(cgroup.number("pids.current", of: "pids")),
            "limit": number(cgroup.number("pids.max", of: "pids")),
        ]
    }

    /// Bytes and operations by device.
    private var io: JSONValue {
        var bytes: [JSONValue] = []
        var operations: [JSONValue] = []
        func entry(_ device: Substring, _ kind: String, _ value: Substring) -> JSONValue? {
            let numbers = device.split(separator: ":").compactMap { UInt64($0) }
            guard numbers.count == 2, let value = UInt64(value) else { return nil }
            return [
                "major": .number(numbers[0]), "minor": .number(numbers[1]), "op": .string(kind),
                "value": .number(value),
            ]
        }
        if cgroup.isVersion2("io") {
            let kinds = [
                "rbytes": ("Read", true), "wbytes": ("Write", true), "rios": ("Read", false), "wios": ("Write", false),
            ]
            for line in (cgroup.text("io.stat", of: "io") ?? "").split(separator: "\n") {
                let fields = line.split(separator: " ")
                for field in fields.dropFirst() {
                    let pair = field.split(separator: "=")
                    guard pair.count == 2, let (kind, isBytes) = kinds[String(pair[0])],
                        let entry = entry(fields[0], kind, pair[1])
                    else { continue }
                    if isBytes { bytes.append(entry) } else { operations.append(entry) }
                }
            }
        } else {
            for (file, isBytes) in [("blkio.throttle.io_service_bytes", true), ("blkio.throttle.io_serviced", false)] {
                for line in (cgroup.text(file, of: "blkio") ?? "").split(separator: "\n") {
                    let fields = line.split(separator: " ")
                    guard fields.count == 3, let entry = entry(fields[0], String(fields[1]), fields[2]) else {
                        continue
                    }
                    if isBytes { bytes.append(entry) } else { operations.append(entry) }
                }
            }
        }
        return ["ioServiceBytesRecursive": .array(bytes), "ioServicedRecursive": .array(operations)]
    }
}
