import EngineAPI
import Errors
import Linux
import Synchronization

/// Execs of all containers, by ID: while they run and some minutes after, as in Docker, or until their
/// container is removed.
final class ExecRegistry: Sendable {
    enum State: Sendable, Equatable {
        case created
        case running(pid: Int32)
        case ended(code: Int32)
    }

    struct Record: Sendable {
        let id: String
        let containerID: String
        let request: ExecCreateRequest
        var state: State = .created
    }

    private struct Contents {
        var records: [String: Record] = [:]
        /// Of those that have ended: when, by the monotonic clock.
        var ends: [String: Int64] = [:]
        var lastSweep: Int64 = 0
    }

    private let contents = Mutex(Contents())
    /// Nanoseconds that an exec can be asked about after its end.
    private let kept: Int64

    init(keeping kept: Int64 = 300_000_000_000) { self.kept = kept }

    func add(_ record: Record) {
        contents.withLock { contents in
            sweep(&contents)
            contents.records[record.id] = record
        }
    }

    private func sweep(_ contents: inout Contents) {
        let now = Clock.monotonic()
        guard now - contents.lastSweep >= kept / 10 else { return }
        contents.lastSweep = now
        for (id, end) in contents.ends where now - end >= kept {
            contents.ends[id] = nil
            contents.records[id] = nil
        }
    }

    func find(_ id: String) throws(BerthError) -> Record {
        let record = contents.withLock { contents in
            contents.records[id]
                ?? (id.count >= 12 ? contents.records.values.first { $0.id.hasPrefix(id) } : nil)
        }
        guard let record else { throw .notFound("No such exec instance: \(id)") }
        return record
    }

    /// Claims an exec for its one start.
    func begin(_ id: String) throws(BerthError) {
        let claimed = contents.withLock { contents in
            guard case .created? = contents.records[id]?.state else { return false }
            contents.records[id]?.state = .running(pid: 0)
            return true
        }
        if !claimed { throw .conflict("Error: Exec command \(id) is already running or has already run") }
    }

    func started(_ id: String, pid: Int32) {
        contents.withLock { if case .running = $0.records[id]?.state { $0.records[id]?.state = .running(pid: pid) } }
    }

    func ended(_ id: String, code: Int32) {
        contents.withLock { contents in
            guard contents.records[id] != nil else { return }
            contents.records[id]?.state = .ended(code: code)
            contents.ends[id] = Clock.monotonic()
        }
    }

    /// Of a container that is gone.
    func removeAll(of container: String) {
        contents.withLock { contents in
            for (id, record) in contents.records where record.containerID == container {
                contents.records[id] = nil
                contents.ends[id] = nil
            }
        }
    }
}
