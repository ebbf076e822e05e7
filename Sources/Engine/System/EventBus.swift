import EngineAPI
import Linux
import Synchronization

/// Events as they happen, for any number of listeners, with the latest kept for `since`.
final class EventBus: Sendable {
    private static let kept = 1024

    private struct State {
        var recent: [EventMessage] = []
        var listeners: [Int: AsyncStream<EventMessage>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func publish(_ type: String, _ action: String, id: String, attributes: [String: String] = [:]) {
        let now = Clock.now()
        var message = EventMessage(
            type: type, action: action, actor: EventActor(id: id, attributes: attributes), scope: "local",
            time: now / 1_000_000_000, timeNano: now)
        // Clients of old still read these three.
        if type == "container" || type == "image" {
            message.status = action
            message.id = id
            message.from = attributes["image"] ?? ""
        }
        let listeners = state.withLock { state in
            state.recent.append(message)
            if state.recent.count > Self.kept { state.recent.removeFirst(state.recent.count - Self.kept) }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(message) }
    }

    /// What was kept so far and a stream of all that follows. A listener that does not read loses
    /// the oldest of what it has not read.
    func subscribe() -> (recent: [EventMessage], stream: AsyncStream<EventMessage>) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventMessage.self, bufferingPolicy: .bufferingNewest(4096))
        return state.withLock { state in
            let number = state.next
            state.next += 1
            state.listeners[number] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
            }
            return (state.recent, stream)
        }
    }
}
