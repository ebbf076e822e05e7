import Glibc

/// What `/proc/PID/stat` tells of a process. Number and start time together name it for good: a
/// number is used again, but not with the same start.
public struct ProcessStatus: Sendable, Equatable {
    /// `R`, `S`, `Z` and so on.
    public let state: Character
    public let parent: pid_t
    /// Clock ticks after boot.
    public let startTime: UInt64

    /// Nil when there is no such process.
    public init?(of pid: pid_t) {
        guard pid > 0, let text = try? Files.readText("/proc/\(pid)/stat") else { return nil }
        self.init(text)
    }

    /// The name in parentheses may hold anything, so the fields are counted from the last one.
    public init?(_ text: String) {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = pid_t(fields[1]),
            let startTime = UInt64(fields[19])
        else { return nil }
        self.state = state
        self.parent = parent
        self.startTime = startTime
    }

    public var hasEnded: Bool { state == "Z" || state == "X" || state == "x" }
}
