import CLinux
import Glibc

/// `epoll(7)`, level-triggered. The tag given with a descriptor comes back with its events.
public struct Poller: Sendable {
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let read = Interest(rawValue: 0x1)
        public static let write = Interest(rawValue: 0x4)
        /// The far end is gone or half gone. Errors and hang-ups are always reported.
        public static let hangUp = Interest(rawValue: 0x10)
        public static let error = Interest(rawValue: 0x8)
        public static let peerClosed = Interest(rawValue: 0x2000)
    }

    public struct Event: Sendable {
        public let tag: UInt64
        public let ready: Interest
    }

    private let epoll: FileDescriptor

    public init() throws(SystemError) {
        epoll = FileDescriptor(owning: try systemCall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    public func add(_ descriptor: FileDescriptor, _ interest: Interest, tag: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, tag)
    }

    public func change(_ descriptor: FileDescriptor, _ interest: Interest, tag: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, tag)
    }

    public func remove(_ descriptor: FileDescriptor) {
        _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, descriptor.rawValue, nil)
    }

    /// Waits for events; `milliseconds` -1 is for ever.
    public func wait(milliseconds: Int32 = -1) throws(SystemError) -> [Event] {
        try withUnsafeTemporaryAllocationOfEvents { (buffer) throws(SystemError) in
            let count = try systemCall("epoll_wait") {
                epoll_wait(epoll.rawValue, buffer.baseAddress, Int32(buffer.count), milliseconds)
            }
            return buffer[..<Int(count)].map { Event(tag: $0.data.u64, ready: Interest(rawValue: $0.events)) }
        }
    }

    private func withUnsafeTemporaryAllocationOfEvents<Result>(
        _ body: (UnsafeMutableBufferPointer<epoll_event>) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let buffer = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 32)
        defer { buffer.deallocate() }
        return try body(buffer)
    }

    private func control(_ operation: Int32, _ descriptor: FileDescriptor, _ interest: Interest, _ tag: UInt64)
        throws(SystemError)
    {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = tag
        try systemCall("epoll_ctl") { epoll_ctl(epoll.rawValue, operation, descriptor.rawValue, &event) }
    }
}

/// Signals as readable events (`signalfd(2)`); the signals are blocked for the whole process.
public struct SignalQueue: Sendable {
    public let descriptor: FileDescriptor

    public init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        try systemCall("sigprocmask") { sigprocmask(SIG_BLOCK, &set, nil) }
        descriptor = FileDescriptor(
            owning: try systemCall("signalfd") {
                signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
            })
    }

    /// The next pending signal, or nil.
    public func next() -> Int32? {
        var info = signalfd_siginfo()
        let count = read(descriptor.rawValue, &info, MemoryLayout<signalfd_siginfo>.size)
        return count == MemoryLayout<signalfd_siginfo>.size ? Int32(info.ssi_signo) : nil
    }
}

/// `eventfd(2)`: a counter that becomes readable when the kernel or another process adds to it.
public func makeEventCounter() throws(SystemError) -> FileDescriptor {
    FileDescriptor(
        owning: try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
}

public enum Clock {
    /// Nanoseconds since 1970.
    public static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Nanoseconds of a clock that never jumps.
    public static func monotonic() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// RFC 3339 in UTC with nanoseconds, as Docker writes times: `2026-01-02T03:04:05.678901234Z`.
    public static func rfc3339(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return
            "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
            + "T\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
            + ".\(digits(Int(nanoseconds % 1_000_000_000), 9))Z"
    }
}
