import CLinux
import Glibc

/// Signals of the whole process.
public enum Signals {
    public enum Kind: Sendable {
        /// SIGPIPE: writing to a closed pipe or socket then fails with `EPIPE` instead.
        case brokenPipe
        /// SIGCHLD: children that end are reaped by the kernel at once.
        case childEnded

        fileprivate var number: Int32 {
            switch self {
            case .brokenPipe: SIGPIPE
            case .childEnded: SIGCHLD
            }
        }
    }

    public static func ignore(_ kinds: [Kind]) {
        for kind in kinds { _ = linux_signal_ignore(kind.number) }
    }
}
