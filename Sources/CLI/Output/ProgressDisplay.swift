import Client
import EngineAPI
import Errors
import Glibc
import Linux
import Synchronization

/// The progress of a pull, push, load, save or copy: lines that are redrawn in place on a terminal; in
/// a pipe only what is news.
final class ProgressDisplay: Sendable {
    private struct State {
        var board: ProgressBoard
        /// The newest status of each layer that a pipe was told.
        var told: [String: String] = [:]
        var ticker: Task<Void, Never>?
    }

    private let output: FileDescriptor
    private let isTerminal: Bool
    private let quiet: Bool
    private let showsBytes: Bool
    private let state: Mutex<State>

    /// - Parameters:
    ///   - quiet: shows nothing at all.
    ///   - showsBytes: shows what `track` is told of.
    init(to output: FileDescriptor, quiet: Bool = false, showsBytes: Bool = true) {
        self.output = output
        self.quiet = quiet
        self.showsBytes = showsBytes && !quiet
        isTerminal = output.isTerminal && getenv("TERM").map { String(cString: $0) } != "dumb"
        state = Mutex(
            State(
                board: ProgressBoard(
                    width: { Terminal.size(output).map { Int($0.columns) } ?? 80 },
                    height: { Terminal.size(output).map { Int($0.rows) } ?? 24 })))
    }

    deinit { state.withLock { $0.ticker?.cancel() } }

    // MARK: Messages of the daemon

    /// Shows messages until the end.
    /// - Parameter observe: sees each of them.
    /// - Returns: the last message with an ID, digest or size of what came out.
    /// - Throws: the error that the daemon reported in the stream.
    @discardableResult
    func show(
        _ messages: JSONLines<ProgressMessage>, observe: (ProgressMessage) -> Void = { _ in }
    ) async throws -> ProgressAux? {
        defer { finish() }
        var aux: ProgressAux?
        for try await message in messages {
            if let text = message.errorDetail?.message ?? (message.error.isEmpty ? nil : message.error), !text.isEmpty {
                throw BerthError(.internal, text)
            }
            aux = message.aux ?? aux
            observe(message)
            if !quiet { show(message) }
        }
        return aux
    }

    private func show(_ message: ProgressMessage) {
        state.withLock { state in
            let text = isTerminal ? state.board.apply(message) : Self.line(message, &state.told)
            write(text)
            if isTerminal { startTicking(&state) }
        }
    }

    /// What a pipe gets of a message: no bars, and no status twice.
    static func line(_ message: ProgressMessage, _ told: inout [String: String]) -> String {
        if !message.stream.isEmpty { return message.stream }
        guard !message.status.isEmpty else { return "" }
        guard !message.id.isEmpty else { return message.status + "\n" }
        let moves = (message.progressDetail?.current ?? 0) > 0 || (message.progressDetail?.total ?? 0) > 0
        guard !moves, told[message.id] != message.status else { return "" }
        told[message.id] = message.status
        return "\(message.id): \(message.status)\n"
    }

    // MARK: Bytes of our own

    /// Shows how much of something was sent or received until `finish`. What takes less than a moment
    /// leaves no trace.
    func track(_ label: String, _ bytes: SizeCounter, total: Int64? = nil) {
        guard isTerminal, showsBytes else { return }
        state.withLock { state in
            startTicking(&state, transfer: ProgressBoard.Transfer(label: label, bytes: bytes, total: total))
        }
    }

    private static let moment = Duration.milliseconds(600)

    /// - Parameter transfer: shown from a moment later on.
    private func startTicking(_ state: inout State, transfer: ProgressBoard.Transfer? = nil) {
        guard state.ticker == nil else { return }
        state.ticker = Task { [weak self] in
            if let transfer {
                try? await Task.sleep(for: Self.moment)
                // Looked at under the lock, since `finish` cancels under it.
                self?.state.withLock { if !Task.isCancelled { $0.board.transfer = transfer } }
            }
            while !Task.isCancelled {
                guard let self else { return }
                self.state.withLock { state in self.write(state.board.redraw()) }
                try? await Task.sleep(for: .milliseconds(1000 / ProgressBoard.rate))
            }
        }
    }

    /// Brings the terminal to its last state: layers as they are, no bytes.
    func finish() {
        state.withLock { state in
            state.ticker?.cancel()
            state.ticker = nil
            write(state.board.finish())
        }
    }

    private func write(_ text: String) {
        if !text.isEmpty { Console.write(Array(text.utf8), to: output) }
    }
}

extension EngineRequest.Body {
    /// Everything that can be read from a descriptor, counted on its way.
    static func counted(_ source: FileDescriptor, _ bytes: SizeCounter) -> EngineRequest.Body {
        .stream(contentType: "application/x-tar") { body in
            while let piece = try await BlockingWork.read(source) {
                try await body.write(piece)
                bytes.add(Int64(piece.count))
            }
        }
    }
}
