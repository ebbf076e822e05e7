import Glibc

/// Signals of this process that a command takes care of itself.
enum SignalProxy {
    /// What is handed on to a container: everything that ends or informs a program by convention.
    static let forwarded: [Int32] = [
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH,
    ]

    static let windowChange = SIGWINCH

    /// Whether the signal ends a program that does not listen for it.
    static func ends(_ signal: Int32) -> Bool { signal != SIGCONT && signal != SIGWINCH }

    /// The name that the API takes; nil for signals that stay here.
    static func name(_ signal: Int32) -> String? {
        switch signal {
        case SIGHUP: "HUP"
        case SIGINT: "INT"
        case SIGQUIT: "QUIT"
        case SIGTERM: "TERM"
        case SIGUSR1: "USR1"
        case SIGUSR2: "USR2"
        case SIGCONT: "CONT"
        default: nil
        }
    }
}
