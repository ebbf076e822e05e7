import Errors
import Linux

/// Whether binds that ask for mounts to come through can have that: it takes a source that is on a
/// shared mount, and the kernel would say nothing of one that is not.
enum PropagationCheck {
    /// Blocking.
    static func check(_ mounts: [ResolvedMount]) throws(BerthError) {
        let asking = mounts.filter { $0.kind == .bind && wish(of: $0) != nil }
        guard !asking.isEmpty, let table = try? Files.readText("/proc/self/mountinfo") else { return }
        for mount in asking {
            // A link leads to where it leads.
            let source = (try? FileDescriptor.open(mount.source, FileDescriptor.pathOnly)).flatMap { opened in
                try? FileDescriptor.openDirectory("/proc/self/fd").readLink("\(opened.rawValue)")
            }
            try check(source ?? mount.source, wish(of: mount) ?? .slave, in: table)
        }
    }

    enum Wish { case shared, slave }

    private static func wish(of mount: ResolvedMount) -> Wish? {
        switch mount.propagation {
        case "shared", "rshared": .shared
        case "slave", "rslave": .slave
        default: nil
        }
    }

    /// `table` is `mountinfo` (proc(5)): before the dash stand `shared:N` and `master:N` of a mount.
    static func check(_ path: String, _ wish: Wish, in table: String) throws(BerthError) {
        var best: (point: String, tags: [Substring])?
        for line in table.split(separator: "\n") {
            guard let point = MountInfo.parse(String(line)).first?.mountPoint else { continue }
            let covers = point == "/" || path == point || path.hasPrefix(point + "/")
            // Of several on one place, the last lies on top.
            guard covers, point.utf8.count >= best?.point.utf8.count ?? 0 else { continue }
            best = (point, line.split(separator: " ").dropFirst(6).prefix { $0 != "-" })
        }
        guard let best else { return }
        let isShared = best.tags.contains { $0.hasPrefix("shared:") }
        let isSlave = best.tags.contains { $0.hasPrefix("master:") }
        guard isShared || (wish == .slave && isSlave) else {
            throw .invalidArgument(
                "path \(path) is mounted on \(best.point) but it is not a shared\(wish == .slave ? " or slave" : "") mount "
                    + "(mount --make-rshared \(best.point) makes it one)")
        }
    }
}
