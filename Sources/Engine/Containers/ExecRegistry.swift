import EngineAPI
import Errors
import Synchronization

/// Execs of all containers, by ID, until their container is removed.
final class ExecRegistry: Sendable {
    enum State: Sendable {
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

    private let execs = Mutex<[String: Record]>([:])

    func add(_ record: Record) { execs.withLock { $0[record.id] = record } }

    func find(_ id: String) throws(BerthError) -> Record {
        guard
            let record = execs.withLock({ execs in
                execs[id] ?? (id.count >= 12 ? execs.values.first { $0.id.hasPrefix(id) } : nil)
            })
        else { throw .notFound("No such exec instance: \(id)") }
        return record
    }

    /// Claims an exec for its one start.
    func begin(_ id: String) throws(BerthError) {
        let claimed = execs.withLock { execs in
            guard case .created? = execs[id]?.state else { return false }
            execs[id]?.state = .running(pid: 0)
            return true
        }
        if !claimed { throw .conflict("Error: Exec command \(id) is already running or has already run") }
    }

    func started(_ id: String, pid: Int32) {
        execs.withLock { if case .running = $0[id]?.state { $0[id]?.state = .running(pid: pid) } }
    }

    func ended(_ id: String, code: Int32) { execs.withLock { $0[id]?.state = .ended(code: code) } }

    /// Of a container that is gone, or whose run is over.
    func removeAll(of container: String) {
        execs.withLock { execs in execs = execs.filter { $0.value.containerID != container } }
    }
}
