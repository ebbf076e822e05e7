import Errors
import Glibc
import Linux
import ShimProtocol
import Synchronization

/// Hands the log of a container that is removed on to the one that takes its place in a project.
///
/// The files keep their numbers and the successor's shim appends to the newest, so that a project that
/// is brought up often does not fill the list with files of a few lines each. A note in the old
/// container's directory says where they go: a daemon that is killed after the container's record went
/// finds the note with what is left, and the next one finishes (`resume`).
struct LogHandover {
    /// The files that are (or were, or will be) written, of both containers.
    private let source: String
    private let target: String
    private let bounds: Log
    private let note: String
    private let successor: String

    /// Nil when the log is not handed on: to another project or service, to another driver or one
    /// without files, or to a container that has a log of its own already.
    init?(of record: ContainerRecord, to successor: ContainerRecord, _ configuration: EngineConfiguration) {
        let (labels, others) = (record.config.labels, successor.config.labels)
        for name in ["com.docker.compose.project", "com.docker.compose.service"] {
            guard let value = labels[name], others[name] == value else { return nil }
        }
        guard record.id != successor.id,
            let driver = try? LogDriver(record.hostConfig.logConfig, defaults: configuration)
        else { return nil }
        self.init(of: record.id, by: driver.kind, to: successor, configuration)
    }

    private init?(
        of id: String, by kind: LogDriver.Kind?, to successor: ContainerRecord, _ configuration: EngineConfiguration
    ) {
        guard let driver = try? LogDriver(successor.hostConfig.logConfig, defaults: configuration),
            kind == nil || kind == driver.kind, driver.kind == .jsonFile || driver.kind == .local
        else { return nil }
        let (old, new) = (configuration.directory(of: id), configuration.directory(of: successor.id))
        guard let bounds = try? driver.file(inDirectory: new, id: successor.id), !Files.exists(bounds.path) else {
            return nil
        }
        source = driver.path(inDirectory: old, id: id)
        target = bounds.path
        self.bounds = bounds
        note = Self.note(in: old)
        self.successor = successor.id
    }

    private static func note(in directory: String) -> String { directory + "/logs-to" }

    /// Goes on with a handover that was cut short after the container's record had gone. Blocking.
    static func resume(of id: String, among records: [ContainerRecord], _ configuration: EngineConfiguration) throws {
        guard let successor = try? Files.readText(note(in: configuration.directory(of: id))),
            let record = records.first(where: { $0.id == successor })
        else { return }
        try LogHandover(of: id, by: nil, to: record, configuration)?.carryOut()
    }

    /// Before the record goes. Blocking.
    func announce() throws(SystemError) { try Files.write(note, successor, mode: 0o600) }

    /// Moves the files, once the record is gone and before the directory is. Blocking.
    ///
    /// The oldest goes first: whoever follows the newest finds no older one in its place, and once the
    /// newest has come all have.
    func carryOut() throws(SystemError) {
        try Files.makeDirectories(Files.parent(of: target), mode: 0o710)
        for suffix in try kept().reversed() {
            guard suffix.isEmpty else {
                try Files.rename(source + suffix, to: target + suffix)
                continue
            }
            // Unlike a rename, this takes nothing away from a container that somebody started meanwhile.
            do throws(SystemError) {
                try systemCall("link", target) { link(source, target) }
            } catch {
                if error.errno != EEXIST { throw error }
            }
        }
    }

    /// What the files that fit the successor's bounds end with, newest first.
    private func kept() throws(SystemError) -> [String] {
        var found: [String] = []
        var size = 0.0
        for index in 0..<Int(max(1, bounds.maximumFiles)) {
            let names = index == 0 ? [""] : [".\(index)", ".\(index).gz"]
            guard let name = names.first(where: { Files.exists(source + $0) }) else {
                // A shim that was killed while it rotated leaves no newest one.
                if index == 0 { continue }
                break
            }
            size += Double(try Files.status(source + name).size)
            let isTooMuch = bounds.maximumSize > 0 && size > Double(bounds.maximumSize) * Double(bounds.maximumFiles)
            if index > 0, isTooMuch { break }
            found.append(name)
        }
        return found
    }
}

/// Until when the records of a log file are those of its container; what its successor appends is not.
final class LogEnd: Sendable {
    private let nanoseconds = Atomic(Int64.max)

    /// Since 1970; nil as long as the log is nobody else's.
    var time: Int64? {
        let value = nanoseconds.load(ordering: .acquiring)
        return value == .max ? nil : value
    }

    func set(_ time: Int64) { nanoseconds.store(time, ordering: .releasing) }
}
