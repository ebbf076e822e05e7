import Glibc
import Linux
import Synchronization

/// The process's own three streams. Writes go straight to the kernel, so that what was written stays
/// in order with what others write there and nothing is left behind at exit.
enum Console {
    static let input = FileDescriptor(owning: 0)
    static let output = FileDescriptor(owning: 1)
    static let error = FileDescriptor(owning: 2)

    static func write(_ text: String) { write(Array(text.utf8), to: output) }
    static func print(_ line: String) { write(line + "\n") }
    static func note(_ line: String) { write(Array((line + "\n").utf8), to: error) }

    static func write(_ bytes: [UInt8], to descriptor: FileDescriptor) {
        do throws(SystemError) {
            try descriptor.writeAll(bytes)
        } catch {
            // Whoever read our output has gone (`berth ps | head -1`): there is nobody left to tell.
            if error.errno == EPIPE { Exit.now(141) }
        }
    }

    /// Lines of the terminal behind stdout or stderr; nil when there is none.
    static var height: Int? { (Terminal.size(output) ?? Terminal.size(error)).map { Int($0.rows) } }

    /// Columns of the terminal behind stdout or stderr; nil when there is none.
    static var width: Int? { (Terminal.size(output) ?? Terminal.size(error)).map { Int($0.columns) } }
}

/// Leaves the process, with the terminal as it was found.
enum Exit {
    private static let rawTerminal = Mutex<TerminalState?>(nil)

    /// Sets the terminal behind stdin to bytes as typed, until `restoreTerminal` or the exit.
    static func makeTerminalRaw() throws(SystemError) {
        let former = try Terminal.makeRaw(Console.input)
        rawTerminal.withLock { $0 = $0 ?? former }
    }

    static func restoreTerminal() {
        rawTerminal.withLock { state in
            if let former = state { Terminal.restore(Console.input, former) }
            state = nil
        }
    }

    static func now(_ code: Int32) -> Never {
        restoreTerminal()
        exit(code)
    }
}
