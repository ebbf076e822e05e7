import Linux
import OCI

/// What is being made or removed at this moment, so that garbage collection and everything else can
/// run at the same time without a lock over either.
///
/// An operation pins a digest before it looks whether the store has it. A collector asks here, within
/// its database transaction, whether it may remove one, and tells when it is done.
final class ContentPins: Sendable {
    private struct State {
        var pins: [Digest: Int] = [:]
        var removing: Set<Digest> = []
        /// Kept for a while after it was made, until its maker has recorded it somewhere.
        var fresh: [Digest: ContinuousClock.Instant] = [:]
    }

    private let state = Monitor(State())

    /// Keeps the digests from being removed until `unpin`. Waits for removals of them under way.
    func pin(_ digests: some Collection<Digest>) {
        state.wait { state -> Void? in
            if digests.contains(where: { state.removing.contains($0) }) { return nil }
            for digest in digests { state.pins[digest, default: 0] += 1 }
            return ()
        }
    }

    func unpin(_ digests: some Collection<Digest>) {
        state.update { state in
            for digest in digests {
                let count = (state.pins[digest] ?? 1) - 1
                state.pins[digest] = count == 0 ? nil : count
            }
        }
    }

    func isPinned(_ digest: Digest) -> Bool { state.update { $0.pins[digest] != nil } }

    func keep(_ digests: some Collection<Digest>, for time: Duration) {
        let end = ContinuousClock.now + time
        state.update { state in for digest in digests { state.fresh[digest] = end } }
    }

    /// Those that nobody needs: they are marked as being removed.
    func beginRemoving(_ digests: some Collection<Digest>) -> Set<Digest> {
        state.update { state in
            let now = ContinuousClock.now
            state.fresh = state.fresh.filter { $0.value > now }
            let free = Set(digests).filter {
                state.pins[$0] == nil && state.fresh[$0] == nil && !state.removing.contains($0)
            }
            state.removing.formUnion(free)
            return free
        }
    }

    func endRemoving(_ digests: Set<Digest>) { state.update { $0.removing.subtract(digests) } }
}

/// Pins that an operation collects on its way, from any thread.
final class PinScope: Sendable {
    private let pins: ContentPins
    private let held = Monitor<[Digest]>([])

    init(_ pins: ContentPins) { self.pins = pins }

    deinit { pins.unpin(held.update { $0 }) }

    func pin(_ digests: [Digest]) {
        pins.pin(digests)
        held.update { $0 += digests }
    }
}
