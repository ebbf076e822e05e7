import DNS
import Errors
import Linux

public typealias NameTable = DNS.NameTable

/// The files from which shims resolve names: `<exec-root>/networks/<network id>.names`.
public struct NameFiles: Sendable {
    public let directory: String

    public init(executionRoot: String) { directory = executionRoot + "/networks" }

    public func path(ofNetwork id: String) -> String { "\(directory)/\(id).names" }

    /// Replaces a network's file at once: a reader sees the old or the new table whole. For one
    /// writer per network at a time.
    public func write(_ table: NameTable, ofNetwork id: String) throws(BerthError) {
        do throws(SystemError) {
            try Files.makeDirectories(directory)
            // Not synced: it is written anew after the host starts.
            try Files.writeAtomically(path(ofNetwork: id), table.render().utf8, durable: false)
        } catch {
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
