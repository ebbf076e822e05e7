import EngineAPI
import Linux
import Synchronization

/// Events as they happen, for any number of listeners, and into the journal.
final class EventBus: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<EventMessage>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())
    private let journal: EventJournal

    init(_ journal: EventJournal) { self.journal = journal }

    func publish(_ type: String, _ action: String, id: String, attributes: [String: String] = [:]) {
        // The lock keeps one order of events for all listeners and the journal.
        state.withLock { state in
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
            journal.append(message)
            for listener in state.listeners.values { listener.yield(message) }
        }
    }

    /// A stream of all that follows, and what was before. A listener that does not read loses the oldest
    /// of what it has not read.
    func subscribe(
        withHistory: Bool
    ) -> (history: AsyncStream<[EventJournal.Segment]>, stream: AsyncStream<EventMessage>) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventMessage.self, bufferingPolicy: .bufferingNewest(4096))
        let (history, written) = AsyncStream.makeStream(of: [EventJournal.Segment].self)
        state.withLock { state in
            let number = state.next
            state.next += 1
            state.listeners[number] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
            }
            guard withHistory else { return written.finish() }
            journal.whenWritten { segments in
                written.yield(segments)
                written.finish()
            }
        }
        return (history, stream)
    }

    /// Waits until the journal is written.
    func flush() { journal.flush() }
}

extension EventBus {
    /// An event of a container, with its labels, image and name.
    func publish(_ action: String, of record: ContainerRecord, _ more: [String: String] = [:]) {
        var attributes = record.config.labels
        attributes["image"] = record.imageName
        attributes["name"] = record.name
        attributes.merge(more) { $1 }
        publish("container", action, id: record.id, attributes: attributes)
    }

    /// Something was removed because nobody used it; `reclaimed` in bytes.
    func publishPrune(_ type: String, reclaimed: UInt64) {
        publish(type, "prune", id: "", attributes: ["reclaimed": "\(reclaimed)"])
    }
}
