import Errors
import Linux
import Synchronization

/// Signals that were taken from the kernel, as a sequence for one reader.
struct SignalStream: Sendable {
    private let stream: AsyncStream<Int32>

    static let none = SignalStream(stream: AsyncStream { $0.finish() })

    private init(stream: AsyncStream<Int32>) { self.stream = stream }

    var values: AsyncStream<Int32> { stream }

    /// Takes `signals` away from their default meaning. Must run before the process has a second
    /// thread: a signal is only queued when every thread blocks it, and threads inherit what is blocked.
    /// - Returns: the stream, and the loop that feeds it, which the calling thread then runs for ever.
    static func taking(_ signals: [Int32]) throws -> (stream: SignalStream, loop: @Sendable () -> Never) {
        let queue: SignalQueue
        let poller: Poller
        do throws(SystemError) {
            poller = try Poller()
            queue = try SignalQueue(signals)
            try poller.add(queue.descriptor, .read, tag: 0)
        } catch {
            throw BerthError("listening for signals", error)
        }
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(64))
        return (
            SignalStream(stream: stream),
            {
                while true {
                    _ = try? poller.wait()
                    while let signal = queue.next() { continuation.yield(signal) }
                }
            }
        )
    }
}
