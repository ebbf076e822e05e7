import Errors
import FoundationEssentials
import Glibc
import Linux
import OCI

/// Directories for `RUN --mount=type=cache`: they last from build to build and are in no image.
actor CacheMounts {
    private let directory: String
    private let cache: StepCache
    /// How many steps use a directory now, by its name.
    private var users: [String: Int] = [:]
    /// Steps that wait for a locked directory, by its name.
    private var waiters: [String: [UUID: CheckedContinuation<Void, Never>]] = [:]

    init(directory: String, cache: StepCache) {
        self.directory = directory
        self.cache = cache
    }

    /// A directory that a step holds until it gives it back with `release`.
    struct Lease: Sendable {
        let name: String
        let path: String
    }

    /// The directory for `mount`; made now if it is new.
    ///
    /// `shared` is given to many at once, `locked` to one after the other, and of `private` each
    /// gets its own while another is in use. A step that needs several asks for them in the order of
    /// their names, so that no two steps wait for each other.
    func acquire(_ mount: RunMount) async throws -> Lease {
        var name = Self.name(of: mount)
        switch mount.sharing {
        case .shared: users[name, default: 0] += 1
        case .private:
            let first = name
            var number = 0
            while users[name] != nil {
                number += 1
                name = "\(first)-\(number)"
            }
            users[name] = 1
        case .locked:
            while users[name] != nil { try await wait(for: name) }
            users[name] = 1
        }
        do {
            try Task.checkCancellation()
            try await cache.useMount(name: name, id: mount.id ?? mount.target ?? "")
            let path = "\(directory)/\(name)"
            try await blocking { [mount] _ in try Self.make(path, mount) }
            return Lease(name: name, path: path)
        } catch {
            release(name)
            throw error
        }
    }

    func release(_ lease: Lease) { release(lease.name) }

    private func release(_ name: String) {
        let left = (users[name] ?? 1) - 1
        users[name] = left > 0 ? left : nil
        if left <= 0 { for waiter in (waiters.removeValue(forKey: name) ?? [:]).values { waiter.resume() } }
    }

    private func wait(for name: String) async throws {
        let id = UUID()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume() } else { waiters[name, default: [:]][id] = continuation }
            }
        } onCancel: {
            Task { await self.wake(id, waitingFor: name) }
        }
        try Task.checkCancellation()
    }

    private func wake(_ id: UUID, waitingFor name: String) {
        waiters[name]?.removeValue(forKey: id)?.resume()
    }

    /// Of the directory that a mount uses.
    static func name(of mount: RunMount) -> String {
        var key = KeyBuilder("cache-mount")
        key.add("id", mount.id ?? mount.target ?? "")
        key.add("from", mount.from ?? "")
        key.add("source", mount.source ?? "")
        return key.finish().hex
    }

    func isInUse(_ name: String) -> Bool { users[name] != nil }

    /// Removes a directory that no step uses; false if one does.
    func remove(_ name: String) async throws -> Bool {
        guard users[name] == nil else { return false }
        users[name] = 1
        defer { release(name) }
        let path = "\(directory)/\(name)"
        try await blocking { _ in try describing("removing a cache mount") { try removeTree(path) } }
        try await cache.removeMount(name)
        return true
    }

    /// Bytes on disk.
    func size(_ name: String) async throws -> Int64 {
        let path = "\(directory)/\(name)"
        return try await blocking { _ in
            guard Files.exists(path) else { return 0 }
            return try diskUsage(try FileDescriptor.openDirectory(path))
        }
    }

    private static func make(_ path: String, _ mount: RunMount) throws {
        if Files.exists(path) { return }
        try describing("making a cache mount") {
            try Files.makeDirectories(Files.parent(of: path), mode: 0o700)
            try Files.makeDirectory(path)
            let directory = try FileDescriptor.openDirectory(path)
            try directory.changeOwner(".", user: mount.user ?? 0, group: mount.group ?? 0)
            try directory.changeMode(mode_t(mount.mode ?? 0o755))
        }
    }
}

/// Bytes on disk of a directory and all below it, as far down as a path can name.
func diskUsage(_ directory: FileDescriptor, depth: Int = 0) throws -> Int64 {
    guard depth < Int(PATH_MAX) / 2 else { return 0 }
    var total = try directory.status().allocated
    for name in try directory.rawEntries() {
        // What a running step removes meanwhile does not count.
        guard let status = try? directory.status(of: name) else { continue }
        if status.isDirectory {
            total += try diskUsage(try directory.open(name, O_RDONLY | O_DIRECTORY), depth: depth + 1)
        } else {
            total += status.allocated
        }
    }
    return total
}
