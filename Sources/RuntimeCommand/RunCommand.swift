import ContainerRuntime
import Errors
import Glibc
import Linux

/// `create`, and `run`, which is create, start and, in the foreground, wait and delete.
extension Lifecycle {
    func create(_ flags: ParsedFlags) throws {
        _ = try Creation(flags, context).run()
    }

    /// Returns the exit code of the program, or 0 when it was detached.
    func run(_ flags: ParsedFlags) throws -> Int32 {
        let creation = try Creation(flags, context)
        guard !flags.isOn("detach") else {
            try startOrDelete(try creation.run())
            return 0
        }
        let foreground = try Foreground()
        // Processes that the container leaves behind come to us, not to somebody who does not know them.
        if !flags.isOn("no-subreaper") { try Linux.Process.becomeSubreaper() }
        let created = try creation.run(flags["console-socket"] == nil ? .caller : .consoleSocket)
        try startOrDelete(created)
        let status = try foreground.stay(
            with: created.process.pid, created.process.pidfd, terminal: created.terminal)
        if !flags.isOn("keep") {
            let lock = try context.store.lock(created.record.id)
            defer { lock.release() }
            try delete(created.record, created.spec)
        }
        return status.code
    }

    private func startOrDelete(_ created: CreatedContainer) throws {
        do {
            try start(created.record, created.spec)
        } catch {
            try? delete(created.record.id, isForced: true)
            throw error
        }
    }
}
