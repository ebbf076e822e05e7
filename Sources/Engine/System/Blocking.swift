import Dispatch

/// Runs work that blocks (files, netlink, SQLite) on threads made for it as they are needed, never on
/// the few that run the actors. For work that ends by itself: whatever waits for a container's output
/// reads it as a `SocketStream`.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        blockingQueue.async { continuation.resume(with: Result(catching: work)) }
    }
}

private let blockingQueue = DispatchQueue(label: "berth.blocking", attributes: .concurrent)
