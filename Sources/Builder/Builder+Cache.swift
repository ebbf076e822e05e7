import Errors
public import FoundationEssentials
import ImageStore
import OCI

/// One thing in the build cache.
public struct CacheEntry: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// The result of a step.
        case step = "regular"
        /// A directory of `RUN --mount=type=cache`.
        case mount = "exec.cachemount"
    }

    public let id: String
    public let kind: Kind
    public let description: String
    /// Bytes.
    public let size: Int64
    /// RFC 3339.
    public let created: String
    public let lastUsed: Date
    public let useCount: Int
    /// A build that is under way uses it.
    public let isInUse: Bool
    /// An image has the layer too: removing the entry frees nothing.
    public let isShared: Bool
}

/// Which entries of the build cache to remove.
public struct CachePruneRequest: Sendable {
    /// Also those whose layers images have.
    public var all = false
    /// Only those that were not used since.
    public var unusedSince: Date?
    /// Only these, by whole IDs or their beginnings.
    public var ids: [String]?
    /// Stop once the cache is not larger than this; the longest unused go first.
    public var keepBytes: Int64?

    public init() {}
}

public struct CachePruneReport: Sendable {
    public let removed: [String]
    /// Bytes freed on disk.
    public let reclaimed: Int64
}

extension Builder {
    /// All entries, the longest unused first.
    public func cacheUsage() async throws -> [CacheEntry] {
        let store = store
        let shared = try await blocking { _ in Set(try store.images().flatMap { $0.config.rootfs.diffIDs }) }
        let inUse = layersInUse.all
        var entries = try await cache.entries().compactMap { entry -> CacheEntry? in
            guard let layer = entry.record.layer else { return nil }
            return CacheEntry(
                id: String(entry.key.drop { $0 != ":" }.dropFirst()), kind: .step,
                description: entry.record.description,
                size: entry.record.size, created: entry.record.created, lastUsed: entry.used, useCount: entry.uses,
                isInUse: inUse.contains(layer), isShared: shared.contains(layer))
        }
        for mount in try await cache.mounts() {
            entries.append(
                CacheEntry(
                    id: mount.name, kind: .mount, description: "cached mount \(mount.id)",
                    size: try await cacheMounts.size(mount.name), created: timestamp(mount.created),
                    lastUsed: mount.used, useCount: mount.uses, isInUse: await cacheMounts.isInUse(mount.name),
                    isShared: false))
        }
        return entries.sorted { $0.lastUsed < $1.lastUsed }
    }

    /// Removes entries that no build uses now, and the layers that nothing else needs.
    public func pruneCache(_ request: CachePruneRequest) async throws -> CachePruneReport {
        let entries = try await cacheUsage()
        var total = entries.reduce(0) { $0 + $1.size }
        var removed: [String] = []
        var steps: [String] = []
        var reclaimed: Int64 = 0
        for entry in entries where request.covers(entry) {
            if let limit = request.keepBytes, total <= limit { break }
            switch entry.kind {
            case .step: steps.append("sha256:" + entry.id)
            case .mount:
                guard try await cacheMounts.remove(entry.id) else { continue }
                reclaimed += entry.size
            }
            total -= entry.size
            removed.append(entry.id)
        }
        if request.all, request.ids == nil, request.keepBytes == nil {
            steps += try await cache.entries().filter {
                $0.record.layer == nil && request.covers(lastUsed: $0.used)
            }.map(\.key)
        }
        try await cache.remove(steps)
        let store = store
        reclaimed += try await blocking { _ in try store.collectGarbage() }
        return CachePruneReport(removed: removed, reclaimed: reclaimed)
    }
}

extension CachePruneRequest {
    func covers(_ entry: CacheEntry) -> Bool {
        guard !entry.isInUse, all || !entry.isShared, covers(lastUsed: entry.lastUsed) else { return false }
        return ids.map { $0.contains { entry.id.hasPrefix($0) } } ?? true
    }

    func covers(lastUsed: Date) -> Bool { unusedSince.map { lastUsed < $0 } ?? true }
}
