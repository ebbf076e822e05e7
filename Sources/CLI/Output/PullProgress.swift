import Client
import EngineAPI
import Errors
import Linux

/// The progress of a pull, push, load or import: one line for each layer, redrawn in place on a
/// terminal; in a pipe only what is news.
struct PullProgress: Sendable {
    private let output: FileDescriptor
    private let isTerminal: Bool
    private let quiet: Bool

    init(to output: FileDescriptor, quiet: Bool = false) {
        self.output = output
        self.quiet = quiet
        isTerminal = output.isTerminal
    }

    /// Shows messages until the end.
    /// - Returns: the last message with an ID, digest or size of what came out.
    /// - Throws: the error that the daemon reported in the stream.
    @discardableResult
    func show(_ messages: JSONLines<ProgressMessage>) async throws -> ProgressAux? {
        var board = LayerBoard()
        var aux: ProgressAux?
        for try await message in messages {
            if let text = message.errorDetail?.message ?? (message.error.isEmpty ? nil : message.error), !text.isEmpty {
                throw BerthError(.internal, text)
            }
            aux = message.aux ?? aux
            guard !quiet else { continue }
            let text = isTerminal ? board.redraw(message) : Self.line(message)
            if !text.isEmpty { Console.write(Array(text.utf8), to: output) }
        }
        return aux
    }

    /// What a pipe gets of a message: no bars.
    private static func line(_ message: ProgressMessage) -> String {
        if !message.stream.isEmpty { return message.stream }
        guard !message.status.isEmpty, (message.progressDetail?.total ?? 0) == 0 else { return "" }
        return message.id.isEmpty ? message.status + "\n" : "\(message.id): \(message.status)\n"
    }
}

/// The lines of a terminal that show layers, of which any may change at any time.
private struct LayerBoard {
    /// The line of each layer, counted from the first one drawn.
    private var rows: [String: Int] = [:]
    private var count = 0

    mutating func redraw(_ message: ProgressMessage) -> String {
        if !message.stream.isEmpty { return finishRows() + message.stream }
        guard !message.status.isEmpty else { return "" }
        guard !message.id.isEmpty else { return finishRows() + message.status + "\n" }
        let text = "\(message.id): \(message.status)\(bar(message))"
        guard let row = rows[message.id] else {
            rows[message.id] = count
            count += 1
            return text + "\n"
        }
        // Up to the layer's line, cleared and written, and back down.
        let up = count - row
        return "\u{1B}[\(up)A\r\u{1B}[2K\(text)\r\u{1B}[\(up)B"
    }

    /// Text that belongs to no layer ends the lines above it: they no longer change.
    private mutating func finishRows() -> String {
        rows = [:]
        count = 0
        return ""
    }

    private func bar(_ message: ProgressMessage) -> String {
        guard let detail = message.progressDetail, detail.current > 0 else { return "" }
        guard detail.total > 0 else { return "  \(Human.size(detail.current, digits: 4))" }
        let numbers = "\(Human.size(detail.current, digits: 4))/\(Human.size(detail.total, digits: 4))"
        let room = (Console.width ?? 80) - 60
        guard room > 10 else { return "  \(numbers)" }
        let width = min(50, room)
        let filled = Int(Double(width) * min(1, Double(detail.current) / Double(detail.total)))
        let line = String(repeating: "=", count: max(0, filled - 1)) + (filled > 0 ? ">" : "")
        return "  [\(line.padded(to: width))]  \(numbers)"
    }
}
