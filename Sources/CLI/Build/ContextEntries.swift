import Archive
import Synchronization

/// What a build's context consists of, to tell why it is large.
final class ContextEntries: Sendable {
    /// Smaller contexts are nothing to speak of.
    static let large: Int64 = 100_000_000

    private let sizes = Mutex<[String: Int64]>([:])

    /// Adds a file to the folder or file at the top of the context that it belongs to.
    func add(_ path: String, size: Int64) {
        guard size > 0 else { return }
        let slash = path.firstIndex(of: "/")
        let top = slash.map { String(path[...$0]) } ?? path
        sizes.withLock { $0[top, default: 0] += size }
    }

    /// The largest entries of a large context; nil for others.
    var advice: String? {
        let sizes = sizes.withLock { $0 }
        let total = sizes.values.reduce(0, +)
        guard total > Self.large else { return nil }
        let largest = sizes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
            .map { "\($0.key) \(Human.size($0.value, digits: 3))" }
        return "The build context has \(Human.size(total, digits: 3)): \(largest.joined(separator: ", ")). "
            + "What the build does not need, a .dockerignore keeps out."
    }
}
