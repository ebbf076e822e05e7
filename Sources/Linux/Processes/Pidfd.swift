import Glibc

extension Process {
    /// Whether the process that a pidfd names has ended. As long as it has not, its number is no other's.
    public static func hasEnded(_ pidfd: FileDescriptor) -> Bool {
        var request = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, 0) != 0
    }

    /// The number of the process that a pidfd names; nil when it has been reaped.
    public static func number(of pidfd: FileDescriptor) -> pid_t? {
        guard let text = try? Files.readText("/proc/self/fdinfo/\(pidfd.rawValue)"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pid:") }),
            let number = pid_t(line.dropFirst(4).filter { !$0.isWhitespace }), number > 0
        else { return nil }
        return number
    }
}
