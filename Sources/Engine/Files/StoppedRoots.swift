import Linux
import Synchronization

/// The root file systems of stopped containers, for those who look into them: however many look at the same time, a
/// container's layers are mounted once. Mounted twice, overlayfs calls what happens to them undefined.
final class StoppedRoots: Sendable {
    /// One container's root, mounted by the first who needs it. Nobody waits here but those who want this one.
    private final class Entry: Sendable {
        private let root = Mutex<FileDescriptor?>(nil)

        func mounted(_ workspace: ContainerRecord.WorkspacePaths, _ layers: [String]) throws -> FileDescriptor {
            try root.withLock { root in
                if let root { return root }
                let writable = OverlayLayers.Writable(upper: workspace.upper, work: workspace.work)
                let made = try Mount.overlay(
                    OverlayLayers(lower: layers, writable: writable), attributes: .noDevices)
                root = made
                return made
            }
        }
    }

    /// Somebody's use of a root: to be kept for as long as the descriptor is used.
    final class Use: Sendable {
        fileprivate let key: String
        fileprivate let roots: StoppedRoots

        fileprivate init(_ key: String, _ roots: StoppedRoots) {
            self.key = key
            self.roots = roots
        }

        deinit { roots.release(key) }
    }

    private let entries = Mutex<[String: (entry: Entry, users: Int)]>([:])

    /// Blocking.
    func open(
        _ workspace: ContainerRecord.WorkspacePaths, layers: [String]
    ) throws -> (root: FileDescriptor, use: Use) {
        let entry = entries.withLock { entries in
            var known = entries[workspace.upper] ?? (Entry(), 0)
            known.users += 1
            entries[workspace.upper] = known
            return known.entry
        }
        // From here on it is given back on every path.
        let use = Use(workspace.upper, self)
        return (try entry.mounted(workspace, layers), use)
    }

    private func release(_ key: String) {
        // The mount is attached nowhere, and goes with the last descriptor of it.
        let last = entries.withLock { entries -> Entry? in
            guard var known = entries[key] else { return nil }
            known.users -= 1
            entries[key] = known.users == 0 ? nil : known
            return known.users == 0 ? known.entry : nil
        }
        withExtendedLifetime(last) {}
    }
}
