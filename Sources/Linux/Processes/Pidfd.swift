import Glibc

extension Process {
    /// Whether the process that a pidfd names has ended. As long as it has not, its number is no other's.
    public static func hasEnded(_ pidfd: FileDescriptor) -> Bool {
        var request = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, 0) != 0
    }
}
