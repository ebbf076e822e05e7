import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// `state`, `list` and `ps`.
struct Queries {
    let context: RuntimeContext
    private var store: StateStore { context.store }

    func state(_ flags: ParsedFlags) throws {
        let record = try store.load(try flags.onlyID())
        Log.print(try describe(record).text(indent: 2))
    }

    private func describe(_ record: ContainerRecord) throws -> JSONValue {
        let status = try store.status(of: record)
        return .object([
            ("ociVersion", .string(record.ociVersion)), ("id", .string(record.id)),
            ("pid", .number(status == .stopped ? 0 : record.pid)), ("status", .string(status.rawValue)),
            ("bundle", .string(record.bundle)), ("rootfs", .string(record.rootfs)),
            ("created", .string(record.created)), ("owner", .string(Self.userName(record.owner))),
            ("annotations", .map(record.annotations)),
        ])
    }

    /// By `/etc/passwd` alone: a static program has no other source of names.
    private static func userName(_ uid: UInt32) -> String {
        guard let text = try? Files.readText("/etc/passwd") else { return "" }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, UInt32(fields[2]) == uid { return String(fields[0]) }
        }
        return "#\(uid)"
    }

    // MARK: list

    static let listFlags = FlagTable(
        valued: ["format"], switches: ["quiet"], letters: ["f": "format", "q": "quiet"])

    func list(_ flags: ParsedFlags) throws {
        let records = try store.list()
        if flags.isOn("quiet") { return records.forEach { Log.print($0.id) } }
        switch flags["format"] ?? "table" {
        case "json":
            Log.print(JSONValue.array(try records.map { try describe($0) }).text())
        case "table":
            var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            for record in records {
                let status = try store.status(of: record)
                rows.append([
                    record.id, "\(status == .stopped ? 0 : record.pid)", status.rawValue, record.bundle,
                    record.created, Self.userName(record.owner),
                ])
            }
            Self.printTable(rows)
        case let other: throw BerthError.invalidArgument("--format: \"\(other)\" is neither table nor json")
        }
    }

    private static func printTable(_ rows: [[String]]) {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 3)
            }
            Log.print(cells.joined())
        }
    }

    // MARK: ps

    static let psFlags = FlagTable(valued: ["format"], letters: ["f": "format"], stopsAtFirstWord: true)

    func ps(_ flags: ParsedFlags) throws {
        guard let id = flags.words.first else { throw BerthError.invalidArgument("ps takes a container's ID") }
        let record = try store.load(id)
        let pids = try processes(of: record)
        switch flags["format"] ?? "table" {
        case "json": Log.print(JSONValue.array(pids.map { .number($0) }).text())
        case "table": try printProcesses(Set(pids), Array(flags.words.dropFirst()))
        case let other: throw BerthError.invalidArgument("--format: \"\(other)\" is neither table nor json")
        }
    }

    func processes(of record: ContainerRecord) throws -> [pid_t] {
        if let cgroup = try record.cgroupOnHost() { return cgroup.exists ? try cgroup.processes().sorted() : [] }
        // Without a cgroup: who is in the same PID namespace.
        guard record.isAlive, let proc = try? FileDescriptor.openDirectory("/proc") else { return [] }
        let wanted = try proc.readLink("\(record.pid)/ns/pid")
        return try proc.entries().compactMap { pid_t($0) }
            .filter { (try? proc.readLink("\($0)/ns/pid")) == wanted }.sorted()
    }

    /// The lines of the host's `ps` that are about the container.
    private func printProcesses(_ pids: Set<pid_t>, _ arguments: [String]) throws {
        let output = try FileDescriptor.memory("ps")
        let options = arguments.isEmpty ? ["-ef"] : arguments
        let child = try Linux.Process.spawn(
            "/bin/ps", ["ps"] + options, environment: Linux.Process.environment, inheriting: [.init(output, as: 1)])
        guard try Linux.Process.wait(child) == .exited(0) else {
            throw BerthError.internal("ps \(options.joined(separator: " ")) failed")
        }
        try output.seek(0)
        let lines = String(decoding: try output.readToEnd(), as: UTF8.self).split(separator: "\n")
        guard let head = lines.first,
            let column = head.split(separator: " ").firstIndex(of: "PID")
        else { throw BerthError.invalidArgument("ps \(options.joined(separator: " ")) shows no PID column") }
        Log.print(String(head))
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ")
            if fields.count > column, let pid = pid_t(fields[column]), pids.contains(pid) { Log.print(String(line)) }
        }
    }
}
