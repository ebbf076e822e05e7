import EngineAPI
import Errors

/// Cuts pieces of output into lines, each stream for itself.
struct LineSplitter {
    /// Longer lines are handed on in parts, so that a container without line ends cannot fill memory.
    static let limit = 1 << 20

    private var pending: [LogLine.Stream: [UInt8]] = [:]

    /// The lines that the piece completes.
    mutating func lines(of piece: LogPiece) -> [(stream: LogLine.Stream, text: String)] {
        var buffer = pending[piece.stream] ?? []
        var result: [(stream: LogLine.Stream, text: String)] = []
        for byte in piece.bytes {
            if byte == UInt8(ascii: "\n") {
                result.append((piece.stream, Self.text(buffer)))
                buffer.removeAll(keepingCapacity: true)
            } else {
                buffer.append(byte)
                if buffer.count >= Self.limit {
                    result.append((piece.stream, Self.text(buffer)))
                    buffer.removeAll(keepingCapacity: true)
                }
            }
        }
        pending[piece.stream] = buffer
        return result
    }

    /// What is left without a line end.
    mutating func rest() -> [(stream: LogLine.Stream, text: String)] {
        defer { pending = [:] }
        return [LogLine.Stream.output, .error].compactMap { stream in
            guard let bytes = pending[stream], !bytes.isEmpty else { return nil }
            return (stream, Self.text(bytes))
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        let line = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes[...]
        return String(decoding: line, as: UTF8.self)
    }
}

/// One container's log as lines.
struct LogReader {
    let engine: any ComposeEngine
    let id: String
    let name: String
    let service: String
    let request: LogRequest

    /// Reads to the end, or as long as the container runs when the request follows.
    func read(_ emit: (LogLine) -> Void) async throws {
        var lines = try await self.lines()
        while let line = try await lines.next() { emit(line) }
    }

    func lines() async throws -> Lines {
        let tty = try await engine.inspectContainer(id).config.tty
        let pieces = try await engine.logs(id, tty: tty, request)
        return Lines(reader: self, pieces: pieces.makeAsyncIterator())
    }

    struct Lines {
        let reader: LogReader
        var pieces: any AsyncIteratorProtocol<LogPiece, any Error>
        private var splitter = LineSplitter()
        private var ready: ArraySlice<(stream: LogLine.Stream, text: String)> = []
        private var isAtEnd = false

        init(reader: LogReader, pieces: any AsyncIteratorProtocol<LogPiece, any Error>) {
            self.reader = reader
            self.pieces = pieces
        }

        mutating func next() async throws -> LogLine? {
            while true {
                if let (stream, text) = ready.popFirst() { return line(stream, text) }
                if isAtEnd { return nil }
                if let piece = try await pieces.next(isolation: nil) {
                    ready = splitter.lines(of: piece)[...]
                } else {
                    isAtEnd = true
                    ready = splitter.rest()[...]
                }
            }
        }

        private func line(_ stream: LogLine.Stream, _ text: String) -> LogLine {
            var line = LogLine(service: reader.service, container: reader.name, stream: stream, text: text)
            if reader.request.timestamps, let space = text.firstIndex(of: " ") {
                line.timestamp = String(text[..<space])
                line.text = String(text[text.index(after: space)...])
            }
            return line
        }
    }
}
