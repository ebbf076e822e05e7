import Dispatch
import EngineAPI
import FoundationEssentials
import Glibc
import Linux
import Synchronization

/// What happened, on disk, so that `events --since` can be asked across restarts of the daemon.
///
///     <data-root>/events/<nanoseconds of its first event>.jsonl
///
/// Each line is an event as it is sent. A file is closed when it has 4 MiB or is a day old; the oldest
/// goes when there are more than eight, or when all in it is older than 30 days. Events are written
/// behind the back of what caused them: whoever starts a container does not wait for its journal.
final class EventJournal: Sendable {
    /// One file of the journal as it was at a moment.
    struct Segment: Sendable {
        let start: Int64
        let file: FileDescriptor
        let size: Int64
    }

    struct Bounds: Sendable {
        /// Bytes of one file.
        var fileSize: Int64 = 4 << 20
        var files = 8
        /// Nanoseconds until a new file is begun, and until an old one is dropped.
        var fileAge: Int64 = 86_400_000_000_000
        var age: Int64 = 30 * 86_400_000_000_000
    }

    private struct State {
        var current: FileDescriptor?
        var start: Int64 = 0
        var size: Int64 = 0
    }

    private let directory: String
    private let bounds: Bounds
    private let queue = DispatchQueue(label: "berth.events")
    private let state = Mutex(State())

    init(directory: String, bounds: Bounds = Bounds()) throws {
        self.directory = directory
        self.bounds = bounds
        try Files.makeDirectories(directory, mode: 0o700)
        guard let start = try starts().last else { return }
        let file = try FileDescriptor.open(path(start), O_RDWR | O_APPEND)
        let size = try Self.wholeLines(of: file)
        try file.truncate(to: size)
        state.withLock { $0 = State(current: file, start: start, size: size) }
    }

    /// Writes the event soon.
    func append(_ message: EventMessage) {
        queue.async { [self] in
            guard let line = try? OrderedJSONEncoder().encode(message) else { return }
            // A full disk loses history, never an operation.
            try? state.withLock { state in try write(line + [0x0a], at: message.timeNano, &state) }
        }
    }

    /// Calls back with all that was appended before this call.
    func whenWritten(_ body: @escaping @Sendable ([Segment]) -> Void) {
        queue.async { [self] in body((try? segments()) ?? []) }
    }

    /// Waits until all is written: for the end of the daemon.
    func flush() { queue.sync {} }

    // MARK: Writing

    private func write(_ line: [UInt8], at time: Int64, _ state: inout State) throws {
        let isFull = state.size + Int64(line.count) > bounds.fileSize || time - state.start > bounds.fileAge
        if state.current == nil || (isFull && state.size > 0) {
            let start = max(time, state.start + 1)
            state = State(
                current: try FileDescriptor.open(path(start), O_RDWR | O_APPEND | O_CREAT, mode: 0o600), start: start)
            try dropOld(now: time)
        }
        try state.current?.writeAll(line)
        state.size += Int64(line.count)
    }

    private func dropOld(now: Int64) throws {
        let starts = try starts()
        for (index, start) in starts.dropLast().enumerated() {
            // All in a file is older than the beginning of the next.
            let isOld = starts[index + 1] < now - bounds.age
            if isOld || starts.count - index > bounds.files { try Files.unlink(path(start)) }
        }
    }

    private func path(_ start: Int64) -> String { "\(directory)/\(start).jsonl" }

    private func starts() throws -> [Int64] {
        try FileDescriptor.openDirectory(directory).entries().compactMap { name in
            name.hasSuffix(".jsonl") ? Int64(name.dropLast(6)) : nil
        }.sorted()
    }

    /// Bytes up to the end of the last whole line: a crash may have cut the one after it.
    private static func wholeLines(of file: FileDescriptor) throws -> Int64 {
        var end = try file.status().size
        while end > 0 {
            let from = max(0, end - 64 * 1024)
            let bytes = try file.read(upTo: Int(end - from), at: from)
            if let newline = bytes.lastIndex(of: 0x0a) { return from + Int64(newline) + 1 }
            end = from
        }
        return 0
    }

    // MARK: Reading

    private func segments() throws -> [Segment] {
        try starts().compactMap { start in
            guard let file = try? FileDescriptor.open(path(start), O_RDONLY) else { return nil }
            return Segment(start: start, file: file, size: try file.status().size)
        }
    }

    /// Hands on what happened between two times (nanoseconds since 1970, both included), a piece of the
    /// journal at a time.
    static func read(
        _ segments: [Segment], since: Int64, until: Int64?, _ body: ([EventMessage]) async throws -> Void
    ) async throws {
        for (index, segment) in segments.enumerated() {
            if index + 1 < segments.count, segments[index + 1].start < since { continue }
            var offset: Int64 = 0
            var rest: [UInt8] = []
            while offset < segment.size {
                let (position, left) = (offset, rest)
                let piece = try await blocking { () -> (messages: [EventMessage], rest: [UInt8], count: Int) in
                    let count = Int(min(256 * 1024, segment.size - position))
                    let bytes = try segment.file.read(upTo: count, at: position)
                    let (messages, rest) = decode(left + bytes, since: since, until: until)
                    return (messages, rest, bytes.count)
                }
                if piece.count == 0 { break }
                offset += Int64(piece.count)
                rest = piece.rest
                if !piece.messages.isEmpty { try await body(piece.messages) }
            }
        }
    }

    /// The events of whole lines, and what follows the last of them.
    private static func decode(_ bytes: [UInt8], since: Int64, until: Int64?) -> ([EventMessage], [UInt8]) {
        var messages: [EventMessage] = []
        var start = 0
        while let newline = bytes[start...].firstIndex(of: 0x0a) {
            defer { start = newline + 1 }
            let line = bytes[start..<newline]
            guard let time = time(of: line), time >= since, until.map({ time <= $0 }) ?? true,
                let message = try? JSONDecoder().decode(EventMessage.self, from: Data(line))
            else { continue }
            messages.append(message)
        }
        return (messages, Array(bytes[start...]))
    }

    /// The number at the end of `…"timeNano":1700000000000000000}`: most lines need not be decoded to
    /// be passed over.
    private static func time(of line: ArraySlice<UInt8>) -> Int64? {
        guard line.last == UInt8(ascii: "}") else { return nil }
        let digits = line.dropLast().reversed().prefix { (0x30...0x39).contains($0) }.reversed()
        return Int64(String(decoding: digits, as: UTF8.self))
    }
}
