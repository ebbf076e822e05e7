import Client
import Errors
import Linux

/// Joins this process's streams to a raw stream of the daemon until the container's side ends.
struct StreamRelay: Sendable {
    enum End: Sendable, Equatable {
        /// The container closed its output.
        case finished
        /// The user typed the detach keys.
        case detached
    }

    let stream: RawStream
    /// One raw stream of a terminal instead of frames.
    let isTerminal: Bool
    let forwardsInput: Bool
    let detachKeys: DetachKeys

    /// Returns when the output has ended or the user detached; the input is not waited for.
    func run() async throws -> End {
        let (ends, finish) = AsyncStream.makeStream(of: Result<End, any Error>.self)
        let output = Task {
            do {
                try await copyOutput()
                finish.yield(.success(.finished))
            } catch {
                finish.yield(.failure(error))
            }
        }
        // Not waited for: a read of the terminal cannot be interrupted, and ends with the process.
        let input =
            forwardsInput
            ? Task {
                if await copyInput() { finish.yield(.success(.detached)) }
            } : nil
        for await end in ends {
            input?.cancel()
            if case .success(.detached) = end { output.cancel() }
            return try end.get()
        }
        return .finished
    }

    private func copyOutput() async throws {
        if isTerminal {
            for try await bytes in stream.bytes { Console.write(bytes, to: Console.output) }
            return
        }
        try await Console.copy(stream.frames)
    }

    /// - Returns: whether the user asked to detach.
    private func copyInput() async -> Bool {
        var filter = DetachFilter(detachKeys)
        let watchesKeys = isTerminal && Console.input.isTerminal
        do {
            while let typed = try await BlockingWork.read(Console.input, upTo: 32 * 1024) {
                guard watchesKeys else {
                    try await stream.write(typed)
                    continue
                }
                let (bytes, detaches) = filter.pass(typed)
                try await stream.write(bytes)
                if detaches { return true }
            }
            try await stream.finishWriting()
        } catch {
            // The container's side is gone, which its output tells.
        }
        return false
    }
}

extension Console {
    /// Writes frames to the streams that they name.
    static func copy(_ frames: StreamFrames) async throws {
        for try await frame in frames {
            switch frame.stream {
            case .input, .output: write(frame.bytes, to: output)
            case .error, .system: write(frame.bytes, to: error)
            }
        }
    }
}

/// What keeps the terminal of a container or exec as large as the user's.
struct TerminalSizer: Sendable {
    let resize: @Sendable (_ height: Int, _ width: Int) async throws -> Void

    /// Tells the present size; what fails is left, since a size is a nicety.
    func apply() async {
        guard let size = Terminal.size(Console.output) ?? Terminal.size(Console.input) else { return }
        try? await resize(Int(size.rows), Int(size.columns))
    }
}

/// Height and width of the user's terminal.
func consoleSize() -> [Int]? {
    guard let size = Terminal.size(Console.output) ?? Terminal.size(Console.input) else { return nil }
    return [Int(size.rows), Int(size.columns)]
}
