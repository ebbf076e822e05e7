import Synchronization

/// The open connections, so that a shutdown can end them.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var isClosing = false
    }

    private let state = Mutex(State())

    /// `false` if the server takes no more connections.
    func add(_ connection: Connection) -> Bool {
        state.withLock { state in
            guard !state.isClosing else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    func remove(_ connection: Connection) {
        state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// Lets the responses at hand finish for `grace`, then closes what is left.
    func shutDown(grace: Duration) async {
        let connections = state.withLock { state in
            state.isClosing = true
            return Array(state.connections.values)
        }
        await withTaskGroup { group in
            for connection in connections {
                group.addTask {
                    await connection.finish()
                    try? await connection.channel.closeFuture.get()
                }
            }
            let deadline = Task {
                try await Task.sleep(for: grace)
                for connection in connections { connection.channel.close(promise: nil) }
            }
            await group.waitForAll()
            deadline.cancel()
        }
    }
}
