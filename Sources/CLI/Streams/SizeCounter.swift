import Synchronization

/// Adds up bytes on whichever thread they pass.
final class SizeCounter: Sendable {
    private let bytes = Atomic<Int64>(0)

    func add(_ count: Int64) { bytes.wrappingAdd(count, ordering: .relaxed) }

    var total: Int64 { bytes.load(ordering: .relaxed) }
}
