import Errors
import Glibc
import Linux

/// How much a directory holds.
enum TreeSize {
    /// Bytes of all files, those with several names counted once. Directories that cannot be read,
    /// because they vanish meanwhile, count nothing; nor do those that lie deeper than a path can name.
    static func bytes(of path: String) -> Int64 {
        guard let directory = try? FileDescriptor.openDirectory(path) else { return 0 }
        var counter = Counter()
        counter.add(directory, depth: 0)
        return counter.bytes
    }

    private struct Counter {
        var bytes: Int64 = 0
        private var linked: Set<UInt64> = []

        mutating func add(_ directory: FileDescriptor, depth: Int) {
            guard depth < Int(PATH_MAX) / 2 else { return }
            for name in (try? directory.rawEntries()) ?? [] {
                guard let status = try? directory.status(of: name) else { continue }
                if status.isDirectory {
                    if let inner = try? directory.open(name, O_RDONLY | O_DIRECTORY) {
                        add(inner, depth: depth + 1)
                    }
                } else if status.linkCount < 2 || linked.insert(status.inode).inserted {
                    bytes += status.size
                }
            }
        }
    }
}
