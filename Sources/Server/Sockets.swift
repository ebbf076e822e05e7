import Errors
import Glibc

/// A further descriptor of the same open file, closed on exec.
func duplicate(_ descriptor: Int32) throws -> Int32 {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else {
        throw BerthError.internal("duplicating a socket failed: \(String(cString: strerror(errno)))")
    }
    return copy
}

/// Whether the peer of a Unix socket has read all that was written to it.
func isDrained(_ socket: Int32) -> Bool {
    var unread: Int32 = 0
    return ioctl(socket, UInt(TIOCOUTQ), &unread) != 0 || unread == 0
}
