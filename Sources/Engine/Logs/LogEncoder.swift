import EngineAPI

/// Turns records into what a client of `logs` reads: bytes as they are for a container with a
/// terminal, otherwise Docker's frames (stream, three zeros, length as 32 bits big-endian, payload),
/// one for each record.
struct LogEncoder {
    private let tty: Bool
    private let wantsOutput: Bool
    private let wantsError: Bool
    private let timestamps: Bool
    private let since: Int64?
    private var until: Int64?
    /// What `details` puts before each line: the log driver's attributes.
    private let details: [UInt8]
    /// Whether the next record of a stream begins a line, for timestamps: parts of a long line are
    /// joined.
    private var isAtLineStart: (output: Bool, error: Bool) = (true, true)

    private var record = LogRecordParser()

    /// What is ready for the client.
    private(set) var pending: [UInt8] = []
    /// A record later than `until` was met: no more will be wanted.
    private(set) var isPastEnd = false

    init(_ options: LogsOptions, tty: Bool, attributes: [String: String]) {
        self.tty = tty
        wantsOutput = options.stdout
        // A terminal has one stream.
        wantsError = options.stderr && !tty
        timestamps = options.timestamps
        since = options.since?.timeNano
        until = options.until?.timeNano
        details =
            options.details
            ? Array(
                attributes.sorted { $0.key < $1.key }.map { "\(Self.escaped($0))=\(Self.escaped($1))" }
                    .joined(separator: ",").utf8) + [0x20]
            : []
    }

    /// As in the query of a URL, so that commas and spaces of values do not look like separators.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.map { byte -> String in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                String(UnicodeScalar(byte))
            case 0x20: "+"
            default: "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }.joined()
    }

    /// Nothing later than this is wanted.
    mutating func end(at time: Int64) { until = min(time, until ?? time) }

    /// Takes a line of the file, without its newline.
    mutating func append(_ line: UnsafeBufferPointer<UInt8>) {
        if line.isEmpty { return }
        guard record.parse(line) else { return appendDamaged(line) }
        if since != nil || until != nil, let time = LogTime.nanoseconds(record.time) {
            if let since, time < since { return }
            if let until, time > until {
                isPastEnd = true
                return
            }
        }
        appendRecord()
    }

    private mutating func appendRecord() {
        let isOutput = record.stream == .output
        guard isOutput ? wantsOutput : wantsError else { return }
        let startsLine = isOutput ? isAtLineStart.output : isAtLineStart.error
        let endsLine = record.text.last == UInt8(ascii: "\n")
        if isOutput { isAtLineStart.output = endsLine } else { isAtLineStart.error = endsLine }
        guard startsLine, timestamps || !details.isEmpty else { return emit([], record.text, to: record.stream) }
        let time = timestamps ? LogTime.padded(record.time) + [UInt8(ascii: " ")] : []
        emit(time + details, record.text, to: record.stream)
    }

    private mutating func emit(_ head: [UInt8], _ text: [UInt8], to stream: LogRecordParser.Stream) {
        if !tty {
            let length = UInt32(truncatingIfNeeded: head.count + text.count)
            pending.append(contentsOf: [stream.rawValue, 0, 0, 0])
            withUnsafeBytes(of: length.bigEndian) { pending.append(contentsOf: $0) }
        }
        pending.append(contentsOf: head)
        pending.append(contentsOf: text)
    }

    /// A crash in the middle of a write leaves half a record; what was written after it stands on the
    /// same line.
    private mutating func appendDamaged(_ line: UnsafeBufferPointer<UInt8>) {
        let next = line.indices.dropFirst().first { line.holds(#"{"log":""#, at: $0) }
        noteDamage(bytes: next ?? line.count)
        if let next { append(UnsafeBufferPointer(rebasing: line[next...])) }
    }

    mutating func noteDamage(bytes: Int) {
        let stream: LogRecordParser.Stream = wantsError ? .error : .output
        guard wantsError || wantsOutput else { return }
        emit([], Array("[berth: skipped \(bytes) bytes of a damaged log record]\n".utf8), to: stream)
    }

    /// Hands over what is ready.
    mutating func take() -> [UInt8] {
        defer { pending.removeAll(keepingCapacity: false) }
        return pending
    }
}
