import Client
import EngineAPI
import Errors
import Synchronization

/// `berth stats`.
struct StatsCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] [CONTAINER...]", "Show what containers use, live", .any)
    static let flags: [Flag<StatsCommand>] = [
        .bool(\.all, "all", "a", "Include containers that do not run"),
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.noStream, "no-stream", nil, "Print one sample and end"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
    ]

    var all = false
    var format: String?
    var noStream = false
    var noTruncation = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let format = try ListFormat(format ?? session.listFormat("statsFormat"), standard: StatsRow.table)
        if noStream {
            let ids = try await chosen(session)
            let samples = try await Self.samples(of: ids, session)
            Console.write(try format.render(rows(samples, asked: ids), headings: StatsRow.headings))
            return
        }
        try await stream(format, session)
    }

    private func chosen(_ session: Session) async throws -> [String] {
        guard arguments.isEmpty else { return arguments }
        return try await session.client.containers(all: all).map(\.id)
    }

    /// - Parameter asked: the containers as the user named them.
    private func rows(_ samples: [ContainerStats], asked: [String]) -> [TemplateValue] {
        samples.map { sample in
            let named = asked.first { $0 == sample.name || "/\($0)" == sample.name || sample.id.hasPrefix($0) }
            return StatsRow.row(sample, asked: arguments.isEmpty ? nil : named, truncated: !noTruncation)
        }
    }

    /// One sample of each, taken at the same time.
    static func samples(of ids: [String], _ session: Session) async throws -> [ContainerStats] {
        try await withThrowingTaskGroup(of: (Int, ContainerStats?).self) { group in
            for (index, id) in ids.enumerated() {
                group.addTask {
                    for try await sample in try await session.client.stats(id, stream: false) { return (index, sample) }
                    return (index, nil)
                }
            }
            var samples: [Int: ContainerStats] = [:]
            for try await (index, sample) in group { samples[index] = sample }
            return ids.indices.compactMap { samples[$0] }
        }
    }

    /// Redraws twice a second with the newest sample of each container; containers come and go.
    private func stream(_ format: ListFormat, _ session: Session) async throws {
        let board = StatsBoard(session.client)
        for id in arguments { _ = try await session.client.inspectContainer(id) }
        let clears = Console.output.isTerminal
        while true {
            await board.follow(try await chosen(session))
            try await Task.sleep(for: .milliseconds(500))
            let text = try format.render(rows(board.samples, asked: arguments), headings: StatsRow.headings)
            // Home, the text with each line cleared to its end, and the rest of the screen cleared.
            Console.write(
                clears ? "\u{1B}[H" + text.replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J" : text)
        }
    }
}

/// The newest sample of each container that is followed.
final class StatsBoard: Sendable {
    private struct State {
        var order: [String] = []
        var newest: [String: ContainerStats] = [:]
        var tasks: [String: Task<Void, Never>] = [:]
    }

    private let client: EngineClient
    private let state = Mutex(State())

    init(_ client: EngineClient) { self.client = client }

    var samples: [ContainerStats] { state.withLock { state in state.order.compactMap { state.newest[$0] } } }

    /// Follows exactly these containers from now on.
    func follow(_ ids: [String]) async {
        state.withLock { state in
            for id in state.order where !ids.contains(id) {
                state.tasks.removeValue(forKey: id)?.cancel()
                state.newest[id] = nil
            }
            for id in ids where state.tasks[id] == nil { state.tasks[id] = Task { await self.listen(id) } }
            state.order = ids
        }
    }

    private func listen(_ id: String) async {
        do {
            for try await sample in try await client.stats(id, stream: true) {
                state.withLock { $0.newest[id] = sample }
            }
        } catch {
            // It has gone; the next look at the list of containers leaves it out.
        }
    }
}

/// A sample as a row, with the ratios that Docker shows.
enum StatsRow {
    static let table =
        "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

    static let headings = TemplateValue.row([
        "ID": "CONTAINER ID", "Container": "CONTAINER", "Name": "NAME", "CPUPerc": "CPU %",
        "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O",
        "PIDs": "PIDS",
    ])

    /// - Parameter asked: the container as the user named it.
    static func row(_ stats: ContainerStats, asked: String? = nil, truncated: Bool) -> TemplateValue {
        let memory = usedMemory(stats.memoryStats)
        let limit = stats.memoryStats.limit
        let (received, sent) = network(stats)
        let (read, written) = blocks(stats.blkioStats)
        let id = truncated ? Human.shortID(stats.id) : stats.id
        return .row([
            "BlockIO": .string("\(Human.size(read, digits: 3)) / \(Human.size(written, digits: 3))"),
            "CPUPerc": .string(Decimal.fixed(cpuPercent(stats), places: 2) + "%"),
            "Container": .string(asked ?? id),
            "ID": .string(id),
            "MemPerc": .string(Decimal.fixed(limit == 0 ? 0 : Double(memory) / Double(limit) * 100, places: 2) + "%"),
            "MemUsage": .string(
                "\(Human.binarySize(Int64(clamping: memory))) / \(Human.binarySize(Int64(clamping: limit)))"),
            "Name": .string(stats.name.hasPrefix("/") ? String(stats.name.dropFirst()) : stats.name),
            "NetIO": .string("\(Human.size(received, digits: 3)) / \(Human.size(sent, digits: 3))"),
            "PIDs": .string(String(stats.pidsStats.current)),
        ])
    }

    /// The container's share of what all CPUs spent since the sample before, times the number of
    /// CPUs: 100 % is one CPU.
    static func cpuPercent(_ stats: ContainerStats) -> Double {
        let (now, before) = (stats.cpuStats, stats.precpuStats)
        let used = Double(now.cpuUsage.totalUsage) - Double(before.cpuUsage.totalUsage)
        let passed = Double(now.systemCpuUsage) - Double(before.systemCpuUsage)
        guard used > 0, passed > 0 else { return 0 }
        let count = now.onlineCpus > 0 ? Double(now.onlineCpus) : Double(now.cpuUsage.percpuUsage?.count ?? 1)
        return used / passed * count * 100
    }

    /// Without file cache that the kernel can drop at once (cgroup v1 and v2 name it differently).
    static func usedMemory(_ memory: MemoryStats) -> UInt64 {
        let cache = memory.stats?["total_inactive_file"] ?? memory.stats?["inactive_file"] ?? 0
        return cache < memory.usage ? memory.usage - cache : memory.usage
    }

    private static func network(_ stats: ContainerStats) -> (received: UInt64, sent: UInt64) {
        (stats.networks ?? [:]).values.reduce((0, 0)) { ($0.0 &+ $1.rxBytes, $0.1 &+ $1.txBytes) }
    }

    private static func blocks(_ stats: BlkioStats) -> (read: UInt64, written: UInt64) {
        (stats.ioServiceBytesRecursive ?? []).reduce((0, 0)) { sum, entry in
            switch entry.op.lowercased().first {
            case "r": (sum.0 &+ entry.value, sum.1)
            case "w": (sum.0, sum.1 &+ entry.value)
            default: sum
            }
        }
    }
}
