import OCI
import Synchronization

/// Layers of builds that are under way: no image holds them yet, so nothing may remove them.
final class LayersInUse: Sendable {
    private let counts = Mutex<[Digest: Int]>([:])

    func hold(_ layers: some Sequence<Digest>) {
        counts.withLock { counts in for layer in layers { counts[layer, default: 0] += 1 } }
    }

    func release(_ layers: some Sequence<Digest>) {
        counts.withLock { counts in
            for layer in layers {
                let left = (counts[layer] ?? 1) - 1
                counts[layer] = left > 0 ? left : nil
            }
        }
    }

    var all: Set<Digest> { counts.withLock { Set($0.keys) } }
}

/// What one build uses: layers that it holds until its end, and records of the cache.
final class LayerHold: Sendable {
    private let inUse: LayersInUse
    private let held = Mutex<[Digest]>([])
    private let keys = Mutex<Set<Digest>>([])

    init(_ inUse: LayersInUse) { self.inUse = inUse }

    func add(_ layers: [Digest]) {
        inUse.hold(layers)
        held.withLock { $0 += layers }
    }

    func used(_ key: Digest) { _ = keys.withLock { $0.insert(key) } }

    var usedKeys: Set<Digest> { keys.withLock { $0 } }

    deinit { inUse.release(held.withLock { $0 }) }
}
