import Archive
import EngineAPI
import Errors
import Glibc
import Linux

/// The files of one container, running or not, through the directory that is its root: what `cp`,
/// `export` and `stat` work on. Every path is resolved beneath that directory by the kernel. All
/// calls block.
struct ContainerFiles: Sendable {
    /// `/proc/PID/root` of a running container, a mount attached nowhere of a stopped one.
    let root: FileDescriptor
    /// The container as the client named it, for messages.
    let container: String
    var rootIsReadOnly = false
    /// What is mounted in the container, to refuse writes to what is read-only there.
    var mounts: [ResolvedMount] = []
    /// Keeps a stopped container's root mounted.
    var use: StoppedRoots.Use?

    // MARK: Status

    func stat(_ path: String) throws(BerthError) -> PathStat {
        let place = ContainerPath(path)
        return try reporting(path) { () throws(SystemError) in
            let status = try status(place)
            return PathStat(
                name: place.name, size: status.size, mode: status.goFileMode, mtime: Clock.rfc3339(status.modified),
                linkTarget: status.kind == .symbolicLink ? resolve(place.components) : "")
        }
    }

    private func status(_ place: ContainerPath) throws(SystemError) -> FileStatus {
        // The slash makes the kernel follow a link, and refuse what is no directory.
        let path = place.followsLast ? place.absolute + "/" : place.absolute
        return try root.openInRoot(path, FileDescriptor.pathOnly | (place.followsLast ? 0 : O_NOFOLLOW)).status()
    }

    /// Where a path leads when all its links are followed, for people to read. What does not exist
    /// is taken as it stands.
    func resolve(_ components: [String]) -> String {
        var rest = components[...]
        var resolved: [String] = []
        var links = 0
        while let part = rest.popFirst() {
            if part == "." || part.isEmpty { continue }
            if part == ".." {
                _ = resolved.popLast()
                continue
            }
            let parent = try? root.openInRoot("/" + resolved.joined(separator: "/"), FileDescriptor.pathOnly)
            guard links < 40, let parent, let target = try? parent.readLink(part) else {
                resolved.append(part)
                continue
            }
            links += 1
            if target.hasPrefix("/") { resolved.removeAll() }
            rest = (target.split(separator: "/").map(String.init) + rest)[...]
        }
        return "/" + resolved.joined(separator: "/")
    }

    // MARK: Reading

    /// Writes a tar archive of what is at `path`. Its entries begin with the path's last part.
    /// - Parameter skipped: mount points, as absolute paths, whose contents are left out.
    func read(_ path: String, to sink: any Archive.ByteSink, skipping skipped: Set<String> = []) throws {
        let place = ContainerPath(path)
        _ = try stat(path)
        let writer = TarWriter(sink)
        let filter = PackFilter(base: resolve(place.components), emptied: skipped)
        var packer = TreePacker(
            writer, filter: filter.decide, adjust: place.name == "/" ? { $0.dropDoubledSlash() } : nil)
        do {
            if place.followsLast {
                let directory = try root.openInRoot(place.absolute, O_RDONLY | O_DIRECTORY)
                try packer.pack(".", of: directory, as: RawPath(place.name))
            } else {
                let parent = try root.openInRoot(place.parent, O_RDONLY | O_DIRECTORY)
                try packer.pack(RawPath(place.last), of: parent, as: RawPath(place.name))
            }
        } catch let error as SystemError {
            throw failure(error, path)
        }
        try writer.finish()
    }

    /// Writes a tar archive of the whole tree. What is mounted into it shows as the empty directory
    /// or file that it is mounted on.
    func export(to sink: any Archive.ByteSink, mountPoints: Set<String> = []) throws {
        let writer = TarWriter(sink)
        let filter = PackFilter(base: "/", emptied: mountPoints)
        var packer = TreePacker(writer, filter: filter.decide)
        do {
            try packer.packContents(of: root)
        } catch let error as SystemError {
            throw failure(error, "/")
        }
        for path in filter.emptiedFiles { try writer.add(TarEntry(path: path, kind: .file, mode: 0o644)) }
        try writer.finish()
    }

    // MARK: Writing

    /// Extracts a tar archive, compressed or not, into the directory at `options.path`.
    /// - Parameter user: `user[:group]` of the container, to whom the files will belong if
    ///   `copyUIDGID` is set.
    func write(_ options: ArchivePutOptions, from source: any ByteSource, user: String) throws {
        let directory = try extractionPoint(options.path)
        var extraction = ExtractionOptions()
        extraction.refusesKindChanges = options.noOverwriteDirNonDir
        if options.copyUIDGID, !user.isEmpty {
            let owner = try ContainerUsers(root: root).find(user)
            extraction.ownership = .fixed(userID: owner.user, groupID: owner.group)
        }
        do {
            try Extraction.extract(from: Decompressed(source), into: directory, options: extraction)
        } catch let error as BerthError where (error.cause as? SystemError)?.errno == EROFS {
            throw Self.readOnlyRoot
        } catch let error as SystemError {
            throw failure(error, options.path)
        }
    }

    private func extractionPoint(_ path: String) throws(BerthError) -> FileDescriptor {
        let place = ContainerPath(path)
        let directory: FileDescriptor
        do throws(SystemError) {
            directory = try root.openInRoot(place.absolute, O_RDONLY | O_DIRECTORY)
        } catch {
            if error.errno == ENOTDIR, (try? root.openInRoot(place.absolute, FileDescriptor.pathOnly)) != nil {
                throw .invalidArgument("extraction point is not a directory")
            }
            throw failure(error, path)
        }
        try checkWritable(resolve(place.components))
        return directory
    }

    /// The innermost mount decides; outside of all, the root does.
    private func checkWritable(_ path: String) throws(BerthError) {
        let mount = mounts.filter { path == $0.destination || path.hasPrefix($0.destination + "/") }
            .max { $0.destination.utf8.count < $1.destination.utf8.count }
        if let mount {
            if mount.isReadOnly { throw BerthError(.permissionDenied, "mounted volume is marked read-only") }
        } else if rootIsReadOnly {
            throw Self.readOnlyRoot
        }
    }

    private static let readOnlyRoot = BerthError(.permissionDenied, "container rootfs is marked read-only")

    // MARK: Errors

    private func reporting<Value>(
        _ path: String, _ body: () throws(SystemError) -> Value
    ) throws(BerthError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw failure(error, path)
        }
    }

    private func failure(_ error: SystemError, _ path: String) -> BerthError {
        switch error.errno {
        case ENOENT: .notFound("Could not find the file \(path) in container \(container)", cause: error)
        case ENOTDIR: .invalidArgument("\(path): not a directory", cause: error)
        case ENAMETOOLONG: .invalidArgument("the path is too long", cause: error)
        case ELOOP: .invalidArgument("\(path): too many levels of symbolic links", cause: error)
        default: BerthError(path, error)
        }
    }
}

/// Leaves out what is mounted into a packed tree.
private final class PackFilter {
    /// Relative to what is packed.
    private let emptied: Set<RawPath>
    /// Mount points that are files: they are to be added as empty ones.
    private(set) var emptiedFiles: [RawPath] = []

    init(base: String, emptied: Set<String>) {
        let prefix = base == "/" ? "/" : base + "/"
        self.emptied = Set(
            emptied.filter { $0.hasPrefix(prefix) && $0 != prefix }.map { RawPath(String($0.dropFirst(prefix.count))) })
    }

    func decide(_ path: RawPath, _ isDirectory: Bool) -> TreePacker.Decision {
        if emptied.isEmpty { return .include }
        if let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")), emptied.contains(RawPath(path.bytes[..<slash])) {
            return .exclude
        }
        if !isDirectory, emptied.contains(path) {
            emptiedFiles.append(path)
            return .exclude
        }
        return .include
    }
}

extension TarEntry {
    /// `//etc` of an archive of the root as `/etc`.
    fileprivate mutating func dropDoubledSlash() {
        func single(_ path: RawPath) -> RawPath {
            path.bytes.starts(with: Array("//".utf8)) ? RawPath(path.bytes.dropFirst()) : path
        }
        path = single(path)
        if case .hardLink(let target) = kind { kind = .hardLink(target: single(target)) }
    }
}

extension FileStatus {
    /// Go's `os.FileMode`, which clients of the API expect: permissions in the low bits, kinds in the
    /// high ones.
    var goFileMode: UInt32 {
        var mode = UInt32(permissions) & 0o777
        if permissions & 0o4000 != 0 { mode |= 1 << 23 }
        if permissions & 0o2000 != 0 { mode |= 1 << 22 }
        if permissions & 0o1000 != 0 { mode |= 1 << 20 }
        switch kind {
        case .file: break
        case .directory: mode |= 1 << 31
        case .symbolicLink: mode |= 1 << 27
        case .blockDevice: mode |= 1 << 26
        case .characterDevice: mode |= 1 << 26 | 1 << 21
        case .fifo: mode |= 1 << 25
        case .socket: mode |= 1 << 24
        case .unknown: mode |= 1 << 19
        }
        return mode
    }
}

/// Users and groups by the container's own `/etc/passwd` and `/etc/group`.
struct ContainerUsers {
    let root: FileDescriptor

    /// `user[:group]`, names or numbers.
    func find(_ text: String) throws(BerthError) -> (user: UInt32, group: UInt32) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        let name = parts.first ?? ""
        let entry = table("/etc/passwd").first { $0.count >= 4 && ($0[0] == name || $0[2] == name) }
        guard let user = entry.flatMap({ UInt32($0[2]) }) ?? UInt32(name) else {
            throw .invalidArgument("unable to find user \(name): no matching entries in passwd file")
        }
        guard parts.count == 2 else { return (user, entry.flatMap { UInt32($0[3]) } ?? 0) }
        let group = table("/etc/group").first { $0.count >= 3 && $0[0] == parts[1] }.flatMap { UInt32($0[2]) }
        guard let group = group ?? UInt32(parts[1]) else {
            throw .invalidArgument("unable to find group \(parts[1]): no matching entries in group file")
        }
        return (user, group)
    }

    private func table(_ path: String) -> [[Substring]] {
        guard let bytes = try? root.readSmallFile(inRoot: path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }
}

/// What is mounted in a running container, as absolute paths in it.
enum ContainerMounts {
    /// All mount points but the root.
    static func all(of pid: pid_t) -> Set<String> {
        Set(mounts(of: pid).map(\.mountPoint).filter { $0 != "/" })
    }

    /// Those that show the kernel's state rather than files: nobody means them when copying.
    static func pseudo(of pid: pid_t) -> Set<String> {
        let types: Set<String> = [
            "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "bpf", "debugfs", "tracefs", "securityfs",
            "pstore", "configfs",
        ]
        return Set(mounts(of: pid).filter { types.contains($0.type) || $0.mountPoint == "/dev" }.map(\.mountPoint))
            .subtracting(["/"])
    }

    private static func mounts(of pid: pid_t) -> [MountInfo] {
        MountInfo.parse((try? Files.readText("/proc/\(pid)/mountinfo")) ?? "")
    }
}
