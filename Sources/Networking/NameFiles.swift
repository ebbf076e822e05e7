import DNS
import Errors
import Linux
import Synchronization

public typealias NameTable = DNS.NameTable

/// The files from which shims resolve names: `<exec-root>/networks/<network id>.names`.
public final class NameFiles: Sendable {
    public let directory: String

    /// How far the writing of one network's file has come.
    private enum Progress { case writing, writingOutdated }

    private let progress = Mutex<[String: Progress]>([:])
    private let writes = Atomic<UInt64>(0)

    public init(executionRoot: String) { directory = executionRoot + "/networks" }

    public func path(ofNetwork id: String) -> String { "\(directory)/\(id).names" }

    /// Brings a network's file up to date with the table that `current` gives. Callers on several
    /// threads never undo each other's news: one of them writes, as often as it takes until nothing
    /// has changed meanwhile, and the others return at once, their changes being in its hands.
    public func update(ofNetwork id: String, _ current: () throws(BerthError) -> NameTable) throws(BerthError) {
        let isOurs = progress.withLock { progress in
            let isIdle = progress[id] == nil
            progress[id] = isIdle ? .writing : .writingOutdated
            return isIdle
        }
        guard isOurs else { return }
        while true {
            do {
                try write(try current(), ofNetwork: id)
            } catch {
                progress.withLock { $0[id] = nil }
                throw error
            }
            let isDone = progress.withLock { progress in
                if progress[id] == .writingOutdated {
                    progress[id] = .writing
                    return false
                }
                progress[id] = nil
                return true
            }
            if isDone { return }
        }
    }

    /// Replaces a network's file at once: a reader sees the old or the new table whole. Of two that
    /// write at the same time either may win; see `update`.
    public func write(_ table: NameTable, ofNetwork id: String) throws(BerthError) {
        let path = path(ofNetwork: id)
        let number = writes.wrappingAdd(1, ordering: .relaxed).newValue
        let temporary = "\(path).tmp.\(number)"
        do throws(SystemError) {
            try Files.makeDirectories(directory)
            // Not synced: it is written anew after the host starts.
            try Files.write(temporary, table.render())
            try Files.rename(temporary, to: path)
        } catch {
            try? Files.unlink(temporary)
            throw BerthError("writing the names of network \(id)", error)
        }
    }

    /// Absent is fine.
    public func remove(ofNetwork id: String) throws(BerthError) {
        do throws(SystemError) {
            try Files.unlink(path(ofNetwork: id))
        } catch {
            throw BerthError("removing the names of network \(id)", error)
        }
    }
}
