import CLinux
import Glibc

/// A pseudo-terminal made in a given devpts instance, so that its slave has a name there.
public struct PseudoTerminal: Sendable {
    public let master: FileDescriptor
    public let slave: FileDescriptor
    /// `pts/N`: the slave's name below `/dev`.
    public let slaveName: String

    /// Opens `pts/ptmx` below `dev`, a directory that holds a devpts mount of its own.
    public init(in dev: FileDescriptor) throws(SystemError) {
        let master = try dev.open("pts/ptmx", O_RDWR | O_NOCTTY)
        var zero: Int32 = 0
        try systemCall("ioctl TIOCSPTLCK") { linux_ioctl(master.rawValue, 0x4004_5431, &zero) }
        var number: UInt32 = 0
        try systemCall("ioctl TIOCGPTN") { linux_ioctl(master.rawValue, 0x8004_5430, &number) }
        self.master = master
        slaveName = "pts/\(number)"
        // By the master, not by name: no path of the container is trusted.
        slave = FileDescriptor(
            owning: Int32(
                try systemCall("ioctl TIOCGPTPEER") {
                    linux_ioctl_value(master.rawValue, 0x5441, Int(O_RDWR | O_NOCTTY | O_CLOEXEC))
                }))
    }
}

public enum Terminal {
    public static func setSize(_ terminal: FileDescriptor, rows: UInt16, columns: UInt16) throws(SystemError) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try systemCall("ioctl TIOCSWINSZ") { linux_ioctl(terminal.rawValue, UInt(TIOCSWINSZ), &size) }
    }

    public static func size(_ terminal: FileDescriptor) -> (rows: UInt16, columns: UInt16)? {
        var size = winsize()
        guard linux_ioctl(terminal.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (size.ws_row, size.ws_col)
    }

    /// Makes descriptor 0 the controlling terminal of a new session of this process.
    public static func becomeControlling() throws(SystemError) {
        try systemCall("setsid") { setsid() }
        try systemCall("ioctl TIOCSCTTY") { linux_ioctl_value(0, UInt(TIOCSCTTY), 0) }
    }

    /// Bytes as they are typed; returns how to restore the present state.
    public static func makeRaw(_ terminal: FileDescriptor) throws(SystemError) -> TerminalState {
        var state = termios()
        try systemCall("tcgetattr") { tcgetattr(terminal.rawValue, &state) }
        var raw = state
        cfmakeraw(&raw)
        try systemCall("tcsetattr") { tcsetattr(terminal.rawValue, TCSANOW, &raw) }
        return TerminalState(state)
    }

    public static func restore(_ terminal: FileDescriptor, _ state: TerminalState) {
        var raw = state.raw
        tcsetattr(terminal.rawValue, TCSANOW, &raw)
    }
}

/// The settings of a terminal at some moment.
public struct TerminalState: Sendable {
    let raw: termios

    init(_ raw: termios) { self.raw = raw }
}
