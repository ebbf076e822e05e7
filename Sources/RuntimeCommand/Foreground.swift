import ContainerRuntime
import Errors
import Glibc
import Linux

/// Stays with a program that runs in the foreground: hands on signals, relays the terminal, and reaps.
final class Foreground {
    private let signals: SignalQueue
    private let poller: Poller
    private var terminal: FileDescriptor?
    private var restore: TerminalState?
    private let ownInput = FileDescriptor(owning: duplicateDescriptor(0))
    private let ownOutput = FileDescriptor(owning: duplicateDescriptor(1))

    private enum Tag: UInt64 { case signal = 1, input, terminal }

    /// To be made before the program is: from now on signals wait until they are looked at.
    init() throws {
        signals = try SignalQueue(
            (1...31).filter { ![SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT].contains($0) })
        poller = try Poller()
        try poller.add(signals.descriptor, .read, tag: Tag.signal.rawValue)
    }

    /// Returns how the program ended.
    func stay(with pid: pid_t, _ pidfd: FileDescriptor, terminal: FileDescriptor?) throws -> ExitStatus {
        self.terminal = terminal
        defer { if let restore { Terminal.restore(ownInput, restore) } }
        if let terminal { try takeOver(terminal) }
        while true {
            for event in try poller.wait() {
                switch Tag(rawValue: event.tag) {
                case .signal:
                    if let status = try handleSignals(pid, pidfd) {
                        drain()
                        return status
                    }
                case .input: relayInput()
                case .terminal: relayOutput()
                case nil: break
                }
            }
        }
    }

    private func takeOver(_ terminal: FileDescriptor) throws {
        resize()
        if ownInput.isTerminal { restore = try Terminal.makeRaw(ownInput) }
        try poller.add(terminal, .read, tag: Tag.terminal.rawValue)
        do throws(SystemError) {
            try poller.add(ownInput, .read, tag: Tag.input.rawValue)
        } catch {
            // A file is always readable, which epoll does not deal with.
            guard error.errno == EPERM else { throw error }
            while case let bytes = try ownInput.read(upTo: 4096), !bytes.isEmpty { try terminal.writeAll(bytes) }
        }
    }

    private func resize() {
        guard let terminal, let size = Terminal.size(ownInput) ?? Terminal.size(ownOutput) else { return }
        try? Terminal.setSize(terminal, rows: size.rows, columns: size.columns)
    }

    private func handleSignals(_ pid: pid_t, _ pidfd: FileDescriptor) throws(SystemError) -> ExitStatus? {
        var ended: ExitStatus?
        while let signal = signals.next() {
            switch signal {
            case SIGCHLD:
                while let (child, status) = Linux.Process.reapAny() { if child == pid { ended = status } }
            case SIGWINCH where terminal != nil: resize()
            // Not ours to hand on: the terminal's, and the one for sockets of our own.
            case SIGURG, SIGPIPE, SIGTTIN, SIGTTOU: break
            default: try Linux.Process.signal(signal, to: pidfd)
            }
        }
        return ended
    }

    private func relayInput() {
        guard let terminal else { return }
        let bytes = (try? ownInput.read(upTo: 4096)) ?? []
        if bytes.isEmpty {
            poller.remove(ownInput)
        } else {
            try? terminal.writeAll(bytes)
        }
    }

    private func relayOutput() {
        guard let terminal else { return }
        // EIO: nobody has the terminal open any more.
        let bytes = (try? terminal.read(upTo: 16 * 1024)) ?? []
        if bytes.isEmpty {
            poller.remove(terminal)
            self.terminal = nil
        } else {
            try? ownOutput.writeAll(bytes)
        }
    }

    /// What was written before the end but not read yet.
    private func drain() {
        guard let terminal else { return }
        try? terminal.setNonBlocking()
        while self.terminal != nil {
            guard let bytes = try? terminal.read(upTo: 16 * 1024), !bytes.isEmpty else { return }
            try? ownOutput.writeAll(bytes)
        }
    }
}
