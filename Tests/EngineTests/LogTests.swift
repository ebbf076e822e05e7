import EngineAPI
import Errors
import Glibc
import Linux
import Synchronization
import Testing

@testable import Engine

/// A directory that goes with the test.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/berth-engine-test.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? Files.removeTree(path) }
}

/// Collects what is written, and lets a test wait for it.
final class CollectingSink: EngineAPI.ByteSink {
    private let collected = Mutex<[UInt8]>([])

    func write(_ bytes: [UInt8]) async throws { collected.withLock { $0 += bytes } }

    var bytes: [UInt8] { collected.withLock { $0 } }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The payloads of Docker's frames, with their stream.
    var frames: [(stream: UInt8, text: String)] {
        var frames: [(UInt8, String)] = []
        var rest = bytes[...]
        while rest.count >= 8 {
            let head = Array(rest.prefix(8))
            let length = head[4...].reduce(0) { $0 << 8 | Int($1) }
            frames.append((head[0], String(decoding: rest.dropFirst(8).prefix(length), as: UTF8.self)))
            rest = rest.dropFirst(8 + length)
        }
        return frames
    }

    func waitFor(_ condition: @Sendable (String) -> Bool) async throws {
        for _ in 0..<2000 {
            if condition(text) { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("waited in vain; got \(text)")
    }
}

struct LogTests {
    private let directory: ScratchDirectory
    private let watcher: DirectoryWatcher
    private var path: String { directory.path + "/x-json.log" }

    init() throws {
        directory = try ScratchDirectory()
        watcher = try DirectoryWatcher()
    }

    private func record(_ text: String, _ stream: String = "stdout", second: Int = 0) -> String {
        let escaped = text.map { $0 == "\n" ? "\\n" : "\($0)" }.joined()
        let digits = second < 10 ? "0\(second)" : "\(second)"
        return #"{"log":"\#(escaped)","stream":"\#(stream)","time":"2026-01-02T03:04:\#(digits).500000000Z"}"# + "\n"
    }

    private func append(_ text: String, to file: String? = nil) throws {
        try FileDescriptor.open(file ?? path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600).writeAll(text)
    }

    private func read(_ options: LogsOptions, tty: Bool = false) async throws -> CollectingSink {
        let sink = CollectingSink()
        try await LogReader(path: path, tty: tty, watcher: watcher).write(options, to: sink) {}
        return sink
    }

    // MARK: Reading

    @Test func recordsBecomeFrames() async throws {
        try append(record("out\n") + record("err\n", "stderr"))
        let sink = try await read(LogsOptions(stdout: true, stderr: true))
        #expect(sink.bytes.prefix(8) == [1, 0, 0, 0, 0, 0, 0, 4])
        #expect(sink.frames.map(\.stream) == [1, 2])
        #expect(sink.frames.map(\.text) == ["out\n", "err\n"])
        #expect(try await read(LogsOptions(stdout: false, stderr: true)).frames.map(\.text) == ["err\n"])
        #expect(try await read(LogsOptions(stdout: true), tty: true).text == "out\n")
        await #expect(throws: BerthError.self) { try await read(LogsOptions()) }
    }

    @Test func escapesAreUndone() async throws {
        try append(
            #"{"log":"tab\t quote\" back\\ uni\u00e9 pair\ud83d\ude00 lt\u003c é\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#
                + "\n" + #"{ "time":"2026-01-02T03:04:05.5Z", "stream":"stderr", "log":"odd\n" }"# + "\n")
        let sink = try await read(LogsOptions(stdout: true, stderr: true, timestamps: true))
        #expect(
            sink.frames.map(\.text) == [
                "2026-01-02T03:04:05.000000000Z tab\t quote\" back\\ unié pair😀 lt< é\n",
                "2026-01-02T03:04:05.500000000Z odd\n",
            ])
    }

    @Test func partsOfALineAreJoined() async throws {
        try append(record("one ") + record("two\n") + record("three\n"))
        let sink = try await read(LogsOptions(stdout: true, timestamps: true, tail: "2"), tty: true)
        #expect(
            sink.text == "2026-01-02T03:04:00.500000000Z one two\n2026-01-02T03:04:00.500000000Z three\n")
    }

    @Test func rotatedFilesAreReadOldestFirst() async throws {
        for (index, file) in [path + ".2", path + ".1", path].enumerated() {
            try append(record("\(index)a\n") + record("\(index)b\n"), to: file)
        }
        let all = try await read(LogsOptions(stdout: true), tty: true)
        #expect(all.text == "0a\n0b\n1a\n1b\n2a\n2b\n")
        for (lines, expected) in [(0, ""), (1, "2b\n"), (2, "2a\n2b\n"), (3, "1b\n2a\n2b\n"), (9, all.text)] {
            #expect(try await read(LogsOptions(stdout: true, tail: "\(lines)"), tty: true).text == expected)
        }
        #expect(try await read(LogsOptions(stdout: true, tail: "all"), tty: true).text == all.text)
    }

    @Test func theTailOfALongLogIsFound() async throws {
        let text = (0..<20000).map { record("line \($0) \(String(repeating: "x", count: $0 % 50))\n") }.joined()
        try append(text)
        let sink = try await read(LogsOptions(stdout: true, tail: "1500"), tty: true)
        let lines = sink.text.split(separator: "\n")
        #expect(lines.count == 1500)
        #expect(lines.first?.hasPrefix("line 18500 ") == true)
        #expect(lines.last?.hasPrefix("line 19999 ") == true)
    }

    @Test func timesAreLimits() async throws {
        try append((1...5).map { record("\($0)\n", second: $0) }.joined())
        let base = try #require(LogTime.nanoseconds(Array("2026-01-02T03:04:00Z".utf8))) / 1_000_000_000
        let options = LogsOptions(
            stdout: true, since: UnixTime(seconds: base + 2, nanoseconds: 500_000_000),
            until: UnixTime(seconds: base + 4, nanoseconds: 500_000_000))
        #expect(try await read(options, tty: true).text == "2\n3\n4\n")
    }

    @Test func timesAreUnderstood() {
        func nanoseconds(_ text: String) -> Int64? { LogTime.nanoseconds(Array(text.utf8)) }
        #expect(nanoseconds("1970-01-01T00:00:00Z") == 0)
        #expect(nanoseconds("2000-02-29T12:00:00.25Z") == 951_825_600_250_000_000)
        #expect(nanoseconds("2026-01-02T05:04:05+02:00") == nanoseconds("2026-01-02T03:04:05Z"))
        #expect(nanoseconds("yesterday") == nil)
    }

    @Test func damageIsToldAndSkipped() async throws {
        try append(record("a\n") + #"{"log":"half"# + record("b\n") + "rubbish\n" + record("c\n"))
        let sink = try await read(LogsOptions(stdout: true, stderr: true))
        #expect(sink.frames.filter { $0.stream == 1 }.map(\.text) == ["a\n", "b\n", "c\n"])
        #expect(sink.frames.filter { $0.stream == 2 }.count == 2)
    }

    @Test func anAbsentLogIsEmpty() async throws {
        #expect(try await read(LogsOptions(stdout: true)).bytes.isEmpty)
    }

    // MARK: Following

    @Test func followingGoesOnAcrossRotations() async throws {
        try append(record("0\n"))
        let sink = CollectingSink()
        let ended = Gate()
        let reader = LogReader(path: path, tty: true, watcher: watcher)
        let task = Task {
            try await reader.write(LogsOptions(follow: true, stdout: true), to: sink) { await ended.wait() }
        }
        try await sink.waitFor { $0 == "0\n" }
        try append(record("1\n"))
        try await sink.waitFor { $0.hasSuffix("1\n") }
        // Written and rotated away at once, twice.
        try append(record("2\n"))
        try Files.rename(path, to: path + ".1")
        try append(record("3\n"))
        try Files.rename(path + ".1", to: path + ".2")
        try Files.rename(path, to: path + ".1")
        try append(record("4\n"))
        try await sink.waitFor { $0.hasSuffix("4\n") }
        #expect(sink.text == "0\n1\n2\n3\n4\n")
        try append(record("last\n"))
        ended.open()
        try await task.value
        #expect(sink.text.hasSuffix("4\nlast\n"))
    }

    @Test func aFollowerWakesForANewLine() async throws {
        try append(record("0\n"))
        let sink = CollectingSink()
        let ended = Gate()
        let reader = LogReader(path: path, tty: true, watcher: watcher)
        let task = Task {
            try await reader.write(LogsOptions(follow: true, stdout: true, tail: "0"), to: sink) { await ended.wait() }
        }
        try await Task.sleep(for: .milliseconds(20))
        try append(record("now\n"))
        try await sink.waitFor { !$0.isEmpty }
        ended.open()
        try await task.value
    }

    @Test func aFollowerIsCancelled() async throws {
        try append(record("0\n"))
        let reader = LogReader(path: path, tty: true, watcher: watcher)
        let sink = CollectingSink()
        let task = Task {
            try await reader.write(LogsOptions(follow: true, stdout: true), to: sink) { await Gate().wait() }
        }
        try await sink.waitFor { $0 == "0\n" }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aFollowerWaitsForItsFile() async throws {
        let sink = CollectingSink()
        let ended = Gate()
        let reader = LogReader(path: path, tty: true, watcher: watcher)
        let task = Task {
            try await reader.write(LogsOptions(follow: true, stdout: true), to: sink) { await ended.wait() }
        }
        try await Task.sleep(for: .milliseconds(10))
        try append(record("born\n"))
        try await sink.waitFor { $0 == "born\n" }
        ended.open()
        try await task.value
    }
}

/// Opens once.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}
