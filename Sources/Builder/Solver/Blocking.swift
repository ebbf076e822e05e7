import Dispatch
import Errors
import Linux
import Synchronization

/// Tells work on another thread that nobody waits for it any more.
final class Cancellation: Sendable {
    private let isRequested = Atomic(false)

    func request() { isRequested.store(true, ordering: .relaxed) }

    func check() throws {
        if isRequested.load(ordering: .relaxed) { throw CancellationError() }
    }
}

/// Runs work that waits on files off the cooperative threads. The work is asked to stop when the
/// task is cancelled, and is waited for in any case, so that what it uses can be removed after.
func blocking<Value: Sendable>(_ work: @escaping @Sendable (Cancellation) throws -> Value) async throws -> Value {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try work(cancellation) }) }
        }
    } onCancel: {
        cancellation.request()
    }
}

/// Gives system errors within `work` the words of the task at hand.
func describing<Value>(_ task: @autoclosure () -> String, _ work: () throws -> Value) throws -> Value {
    do {
        return try work()
    } catch let error as SystemError {
        throw BerthError(task(), error)
    }
}
