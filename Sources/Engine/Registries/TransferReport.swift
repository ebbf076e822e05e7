import EngineAPI
import Linux
import Synchronization

/// Tells a client how a pull or push goes, in Docker's words. How far a layer is, is told ten times a
/// second at most.
final class TransferReport: Sendable {
    private let messages: AsyncStream<ProgressMessage>.Continuation
    private let sending: Task<Void, Never>
    private let lastTold = Mutex<[String: Int64]>([:])

    /// - Parameter sink: nil tells nobody.
    init(_ sink: (any ProgressSink)?) {
        let (stream, continuation) = AsyncStream.makeStream(of: ProgressMessage.self)
        messages = continuation
        sending = Task {
            // A client that has gone cancels the transfer by itself.
            for await message in stream { try? await sink?.send(message) }
        }
    }

    func send(_ status: String, id: String = "") {
        if !id.isEmpty { lastTold.withLock { $0[id] = nil } }
        tell(ProgressMessage(status: status, progressDetail: id.isEmpty ? nil : ProgressDetail(), id: id))
    }

    func tell(_ message: ProgressMessage) { messages.yield(message) }

    /// How far something is, in bytes.
    func send(_ status: String, id: String, current: Int64, total: Int64) {
        let now = Clock.monotonic()
        let isDue = lastTold.withLock { told in
            guard now - (told[id] ?? 0) >= 100_000_000 else { return false }
            told[id] = now
            return true
        }
        guard isDue else { return }
        messages.yield(
            ProgressMessage(status: status, progressDetail: ProgressDetail(current: current, total: total), id: id))
    }

    /// What was told before is out when this returns.
    func finish() async {
        messages.finish()
        await sending.value
    }
}
