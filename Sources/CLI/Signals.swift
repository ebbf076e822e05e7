import Errors
import Glibc
import Linux
import Synchronization

/// Signals that a command wants to deal with itself.
///
/// Until it takes them they mean what they always do, so that Ctrl-C ends a `run` that still pulls.
final class Signals: Sendable {
    private let taker = Mutex<AsyncStream<Int32>.Continuation?>(nil)

    /// Every signal from now on, for one reader.
    func take() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(64))
        taker.withLock { $0 = continuation }
        return stream
    }

    /// Reads signals for ever.
    ///
    /// Must be called before the process has a second thread: a signal is queued only when every
    /// thread blocks it, and threads inherit what is blocked.
    /// - Returns: the loop, which the calling thread then runs.
    func listen(_ signals: [Int32]) throws(BerthError) -> @Sendable () -> Never {
        do throws(SystemError) {
            let poller = try Poller()
            let queue = try SignalQueue(signals)
            try poller.add(queue.descriptor, .read, tag: 0)
            return { [self] in
                while true {
                    _ = try? poller.wait()
                    while let signal = queue.next() { deliver(signal) }
                }
            }
        } catch {
            throw BerthError("listening for signals", error)
        }
    }

    private func deliver(_ signal: Int32) {
        if taker.withLock({ $0?.yield(signal) }) != nil { return }
        if [SIGHUP, SIGINT, SIGQUIT, SIGTERM].contains(signal) { Exit.now(128 + signal) }
    }
}
