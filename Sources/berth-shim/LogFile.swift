import Errors
import Glibc
import Linux
import ShimProtocol

enum OutputStream: UInt8 {
    case output = 1
    case error = 2

    var name: StaticString { self == .output ? "stdout" : "stderr" }
}

/// A container's log in Docker's json-file format: one JSON object a line,
/// `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}`. A line longer than
/// 16 KiB is written in parts, of which only the last ends with a newline. Each record may go to a log
/// service too.
struct LogFile {
    private static let longestPart = 16 * 1024

    private let settings: Log
    private var file: FileDescriptor?
    private var size: Int64 = 0
    private var unfinished: [UInt8: [UInt8]] = [:]
    private let forwarder: LogForwarder?
    /// Told after a rotation.
    var onRotation: () -> Void = {}

    /// Appends to the file that is there.
    init(_ settings: Log, loop: EventLoop) throws(SystemError) {
        self.settings = settings
        forwarder = settings.forward.map { LogForwarder($0, loop: loop) }
        if !settings.path.isEmpty { try open() }
    }

    /// Whether there is a file at all.
    var isKept: Bool { !settings.path.isEmpty }

    /// Waits for the log service, but not for long, and calls back.
    func close(_ done: @escaping () -> Void) {
        guard let forwarder else { return done() }
        forwarder.finish(done)
    }

    /// What is written at once: small against the size of a file, which bounds how exactly that is kept.
    private var pieceSize: Int {
        settings.maximumSize > 0 ? Int(max(4096, min(256 * 1024, settings.maximumSize / 16))) : .max
    }

    private mutating func open() throws(SystemError) {
        let file = try FileDescriptor.open(settings.path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
        size = try file.status().size
        self.file = file
    }

    mutating func append(_ bytes: ArraySlice<UInt8>, to stream: OutputStream) {
        let time = Clock.rfc3339(Clock.now())
        var record: [UInt8] = []
        record.reserveCapacity(bytes.count + bytes.count / 8 + 128)
        var pending = unfinished.removeValue(forKey: stream.rawValue) ?? []
        var rest = bytes
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            pending += rest[...newline]
            rest = rest[(newline + 1)...]
            write(parts: pending, of: stream, time, to: &record)
            pending.removeAll(keepingCapacity: true)
            if record.count >= pieceSize {
                write(record)
                record.removeAll(keepingCapacity: true)
            }
        }
        pending += rest
        while pending.count >= Self.longestPart {
            encode(pending[..<Self.longestPart], stream, time, to: &record)
            pending.removeFirst(Self.longestPart)
        }
        if !pending.isEmpty { unfinished[stream.rawValue] = pending }
        write(record)
    }

    /// Writes what never got its newline.
    mutating func finish() {
        let time = Clock.rfc3339(Clock.now())
        for stream in [OutputStream.output, .error] {
            guard let pending = unfinished.removeValue(forKey: stream.rawValue) else { continue }
            var record: [UInt8] = []
            encode(pending[...], stream, time, to: &record)
            write(record)
        }
    }

    private func write(parts line: [UInt8], of stream: OutputStream, _ time: String, to record: inout [UInt8]) {
        var rest = line[...]
        while rest.count > Self.longestPart {
            encode(rest.prefix(Self.longestPart), stream, time, to: &record)
            rest = rest.dropFirst(Self.longestPart)
        }
        encode(rest, stream, time, to: &record)
    }

    /// A full disk loses log lines, never the container: errors end here.
    private mutating func write(_ record: [UInt8]) {
        guard !record.isEmpty else { return }
        if settings.maximumSize > 0, size > 0, size + Int64(record.count) > settings.maximumSize { rotate() }
        guard let file else { return }
        do throws(SystemError) {
            try file.writeAll(record)
            size += Int64(record.count)
        } catch {
            size = (try? file.status().size) ?? size
        }
    }

    /// `log` → `log.1` → … → the last is dropped. The daemon may be putting `log.1.gz` in the place of
    /// `log.1` at this moment: then the next record tries again.
    private mutating func rotate() {
        let last = Int(settings.maximumFiles) - 1
        if last <= 0 {
            try? file?.truncate(to: 0)
            size = 0
            return
        }
        var lock: FileDescriptor?
        if settings.isCompressed {
            lock = try? FileDescriptor.openDirectory(Files.parent(of: settings.path))
            if let lock, flock(lock.rawValue, LOCK_EX | LOCK_NB) != 0 { return }
        }
        // A log that was taken over may have compressed files also where none is made.
        for suffix in ["", ".gz"] {
            try? Files.unlink("\(settings.path).\(last)\(suffix)")
            for index in stride(from: last - 1, through: 1, by: -1) {
                try? Files.rename(
                    "\(settings.path).\(index)\(suffix)", to: "\(settings.path).\(index + 1)\(suffix)")
            }
        }
        try? Files.rename(settings.path, to: "\(settings.path).1")
        file = nil
        try? open()
        withExtendedLifetime(lock) {}
        onRotation()
    }

    // MARK: JSON

    private func encode(_ text: ArraySlice<UInt8>, _ stream: OutputStream, _ time: String, to record: inout [UInt8]) {
        forwarder?.send(text, stream, time)
        guard isKept else { return }
        record += #"{"log":""#.utf8
        Self.escape(text, to: &record)
        record += #"","stream":""#.utf8
        stream.name.withUTF8Buffer { record += $0 }
        record.append(UInt8(ascii: "\""))
        if !settings.attributes.isEmpty {
            record += #","attrs":"#.utf8
            record += settings.attributes.utf8
        }
        record += #","time":""#.utf8
        record += time.utf8
        record += "\"}\n".utf8
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// Plain stretches are copied whole; bytes that are not UTF-8 become U+FFFD.
    static func escape(_ text: ArraySlice<UInt8>, to record: inout [UInt8]) {
        var plain = text.startIndex
        var index = text.startIndex
        func flush(_ end: Int) { if plain < end { record += text[plain..<end] } }
        while index < text.endIndex {
            let byte = text[index]
            if byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"),
                byte != UInt8(ascii: "<"), byte != UInt8(ascii: ">"), byte != UInt8(ascii: "&")
            {
                index += 1
                continue
            }
            if byte >= 0x80, let length = validSequence(text, at: index) {
                index += length
                continue
            }
            flush(index)
            switch byte {
            case UInt8(ascii: "\n"): record += #"\n"#.utf8
            case UInt8(ascii: "\r"): record += #"\r"#.utf8
            case UInt8(ascii: "\t"): record += #"\t"#.utf8
            case UInt8(ascii: "\""): record += #"\""#.utf8
            case UInt8(ascii: "\\"): record += #"\\"#.utf8
            case 0x80...: record += #"\ufffd"#.utf8
            default:
                record += #"\u00"#.utf8
                record.append(hexDigits[Int(byte >> 4)])
                record.append(hexDigits[Int(byte & 15)])
            }
            index += 1
            plain = index
        }
        flush(text.endIndex)
    }

    /// Length of the well-formed UTF-8 sequence that starts here, or nil.
    private static func validSequence(_ text: ArraySlice<UInt8>, at index: Int) -> Int? {
        let lead = text[index]
        let length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0
        guard length > 0, lead <= 0xf4, index + length <= text.endIndex else { return nil }
        for next in (index + 1)..<(index + length) where text[next] & 0xc0 != 0x80 { return nil }
        let second = text[index + 1]
        switch lead {
        case 0xe0: return second >= 0xa0 ? length : nil
        case 0xed: return second < 0xa0 ? length : nil
        case 0xf0: return second >= 0x90 ? length : nil
        case 0xf4: return second < 0x90 ? length : nil
        default: return length
        }
    }
}
