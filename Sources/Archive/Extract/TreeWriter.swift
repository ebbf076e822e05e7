import Errors
import Glibc
import Linux

/// Makes the entries of an archive beneath a directory. What the archive says, it cannot touch
/// anything outside: see `DirectoryCursor`.
final class TreeWriter {
    struct Policy {
        var ownership = ExtractionOptions.Ownership.archive
        /// A directory entry where a symbolic link stands: keep the link if it leads to a directory
        /// beneath the root, or put the directory in its place.
        var keepsLinksToDirectories = false
        /// Refuse to put a directory in place of something else and the other way round.
        var refusesKindChanges = false
        var makesDevices = true
        var permissions: UInt32?
        /// The tree is made from nothing: there are no set-gid directories that would give new files
        /// their group.
        var startsEmpty = false
        /// As many leading directories are cut off the targets of hard links.
        var strippedComponents = 0
    }

    let root: FileDescriptor
    private let policy: Policy
    private var cursor: DirectoryCursor
    private var linkCursor: DirectoryCursor
    /// Directories made because something in them came first, until their own entry comes.
    private(set) var implicitDirectories: Set<RawPath> = []
    /// Modes and times of directories are set last: making files in them would change the times, and
    /// a read-only mode would forbid it.
    private var pending: [(path: RawPath, mode: UInt32, modified: Int64)] = []
    /// Asked where a directory is needed and something else stands: true when it put a directory there.
    var replaceByDirectory: ((_ name: RawPath, _ parent: FileDescriptor) throws -> Bool)?
    /// Bytes of file contents written.
    private(set) var bytesWritten: Int64 = 0

    private let userID = geteuid()
    private let groupID = getegid()

    init(root: FileDescriptor, policy: Policy) {
        self.root = root
        self.policy = policy
        cursor = DirectoryCursor(root: root)
        linkCursor = DirectoryCursor(root: root)
    }

    /// The directory that holds the last component of `path`, made where it does not exist.
    func parent(of path: [RawPath]) throws -> FileDescriptor {
        try directory(path.dropLast())
    }

    func directory(_ path: ArraySlice<RawPath>) throws -> FileDescriptor {
        try cursor.enter(path) { parent, soFar, error in
            guard let name = soFar.last else { throw error }
            do throws(SystemError) {
                if error.errno == ENOENT {
                    try parent.makeDirectory(name, mode: 0o755)
                    // Whatever the umask is.
                    try parent.changeMode(name, mode: 0o755)
                }
            } catch {
                // The name is there and leads nowhere: a dangling link.
                guard error.errno == EEXIST else { throw error }
                throw notADirectory(soFar)
            }
            if error.errno != ENOENT {
                guard error.errno == ENOTDIR, try replaceByDirectory?(name, parent) == true else {
                    throw notADirectory(soFar)
                }
            }
            if let owner = try implicitOwner() {
                try parent.changeOwner(name, user: owner.user, group: owner.group)
            }
            implicitDirectories.insert(RawPath.joined(soFar))
        }
    }

    private func notADirectory(_ path: ArraySlice<RawPath>) -> BerthError {
        .invalidArgument("\"\(RawPath.joined(path))\" is not a directory, but the archive has files in it")
    }

    /// Makes one entry. `read` gives a file's contents, block by block.
    func make(
        _ entry: TarEntry, at path: [RawPath],
        read: () throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)?
    ) throws {
        guard let name = path.last else { return try applyToRoot(entry) }
        let parent = try parent(of: path)
        switch entry.kind {
        case .directory: try makeDirectory(entry, name, in: parent, path)
        case .file: try makeFile(entry, name, in: parent, path, read)
        case .symbolicLink(let target):
            try replacing(name, in: parent, path) { () throws(SystemError) in
                try parent.makeSymbolicLink(name, to: target)
            }
            try setOwner(of: name, in: parent, entry)
            try setAttributes(entry, name, in: parent)
            try parent.setTimes(name, accessed: entry.modified, modified: entry.modified)
        case .hardLink(let target): try makeLink(entry, to: target, name, in: parent, path)
        case .characterDevice(let major, let minor):
            try makeNode(entry, S_IFCHR, deviceNumber(major: major, minor: minor), name, in: parent, path)
        case .blockDevice(let major, let minor):
            try makeNode(entry, S_IFBLK, deviceNumber(major: major, minor: minor), name, in: parent, path)
        case .fifo: try makeNode(entry, S_IFIFO, 0, name, in: parent, path)
        }
    }

    /// Sets modes and times of directories. To be called once, after the last entry.
    func finish() throws {
        for (path, mode, modified) in pending.reversed() {
            let directory: FileDescriptor
            do throws(SystemError) {
                // A link that took the directory's place since must not be followed.
                directory =
                    path.isEmpty
                    ? try root.duplicate()
                    : try root.openInRoot(path, O_RDONLY | O_DIRECTORY, resolving: .noSymbolicLinks)
            } catch {
                switch error.errno {
                case ENOENT, ENOTDIR, ELOOP: continue
                default: throw error
                }
            }
            try directory.changeMode(mode_t(mode))
            try directory.setTimes(accessed: modified, modified: modified)
        }
        pending.removeAll()
    }

    // MARK: Kinds

    private func applyToRoot(_ entry: TarEntry) throws {
        guard entry.kind == .directory else {
            throw BerthError.invalidArgument("the archive's root is an entry that is not a directory")
        }
        try setOwner(of: root, entry)
        for attribute in entry.attributes { try set(attribute) { try root.setExtendedAttribute($0, $1) } }
        pending.append(("", policy.permissions ?? entry.mode, entry.modified))
    }

    private func makeDirectory(
        _ entry: TarEntry, _ name: RawPath, in parent: FileDescriptor, _ path: [RawPath]
    ) throws {
        // Reachable for its owner until its own mode is set at the end.
        do throws(SystemError) {
            try parent.makeDirectory(name, mode: 0o700)
        } catch {
            guard error.errno == EEXIST else { throw error }
            try makeOverExisting(name, in: parent, path)
        }
        let joined = RawPath.joined(path)
        if !implicitDirectories.isEmpty { implicitDirectories.remove(joined) }
        let directory = try directory(path[...])
        try setOwner(of: directory, entry)
        for attribute in entry.attributes { try set(attribute) { try directory.setExtendedAttribute($0, $1) } }
        pending.append((joined, policy.permissions ?? entry.mode, entry.modified))
    }

    private func makeOverExisting(_ name: RawPath, in parent: FileDescriptor, _ path: [RawPath]) throws {
        let existing = try parent.status(of: name)
        if existing.isDirectory { return }
        if existing.kind == .symbolicLink, policy.keepsLinksToDirectories,
            (try? root.openInRoot(RawPath.joined(path), O_RDONLY | O_DIRECTORY)) != nil
        {
            return
        }
        if try replaceByDirectory?(name, parent) == true { return }
        guard !policy.refusesKindChanges else {
            throw BerthError.invalidArgument(
                "cannot overwrite non-directory \"\(RawPath.joined(path))\" with directory")
        }
        try parent.unlink(name)
        try parent.makeDirectory(name, mode: 0o700)
    }

    private func makeFile(
        _ entry: TarEntry, _ name: RawPath, in parent: FileDescriptor, _ path: [RawPath],
        _ read: () throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)?
    ) throws {
        let file = try openNew(name, in: parent, path)
        var offset: Int64 = 0
        while let block = try read() {
            if block.bytes.isEmpty { continue }
            if block.offset != offset { try file.seek(block.offset) }
            try file.writeAll(buffer: block.bytes)
            offset = block.offset + Int64(block.bytes.count)
            bytesWritten += Int64(block.bytes.count)
        }
        if offset != entry.size { try file.truncate(to: entry.size) }
        // In this order: a change of owner clears set-id bits and file capabilities.
        try setOwner(of: file, entry)
        try file.changeMode(mode_t(policy.permissions ?? entry.mode))
        for attribute in entry.attributes { try set(attribute) { try file.setExtendedAttribute($0, $1) } }
        try file.setTimes(accessed: entry.modified, modified: entry.modified)
    }

    private func openNew(_ name: RawPath, in parent: FileDescriptor, _ path: [RawPath]) throws -> FileDescriptor {
        do {
            // Nobody else may read it before its owner and mode are set.
            return try replacing(name, in: parent, path) { () throws(SystemError) in
                try parent.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            }
        } catch let error as SystemError where error.errno == EBUSY && !policy.startsEmpty {
            // Something is mounted there, such as /etc/hosts in a container: it cannot be replaced, but written.
            return try parent.open(name, O_WRONLY | O_TRUNC)
        }
    }

    private func makeLink(
        _ entry: TarEntry, to target: RawPath, _ name: RawPath, in parent: FileDescriptor, _ path: [RawPath]
    ) throws {
        let targetPath = Array(try archiveComponents(target, limit: Int(PATH_MAX)).dropFirst(policy.strippedComponents))
        guard let targetName = targetPath.last else {
            throw BerthError.invalidArgument("the archive entry \"\(entry.path)\" is a hard link to the root")
        }
        // A link to itself, as some tools write it.
        if targetPath == path { return }
        func absent() -> BerthError {
            .invalidArgument(
                "the archive entry \"\(entry.path)\" is a hard link to \"\(target)\", which the archive does not have")
        }
        let directory = try linkCursor.enter(targetPath.dropLast()) { _, _, _ in throw absent() }
        do {
            try replacing(name, in: parent, path) { () throws(SystemError) in
                try parent.makeLink(name, to: targetName, in: directory)
            }
        } catch let error as SystemError where error.errno == ENOENT {
            throw absent()
        }
    }

    private func makeNode(
        _ entry: TarEntry, _ type: mode_t, _ device: UInt64, _ name: RawPath, in parent: FileDescriptor,
        _ path: [RawPath]
    ) throws {
        guard policy.makesDevices || type == S_IFIFO else { return }
        try replacing(name, in: parent, path) { () throws(SystemError) in
            try parent.makeNode(name, mode: type | 0o600, device: device)
        }
        try setOwner(of: name, in: parent, entry)
        try parent.changeMode(name, mode: mode_t(policy.permissions ?? entry.mode))
        try setAttributes(entry, name, in: parent)
        try parent.setTimes(name, accessed: entry.modified, modified: entry.modified)
    }

    /// Makes `name`, removing what was there before.
    private func replacing<Result>(
        _ name: RawPath, in parent: FileDescriptor, _ path: [RawPath], _ make: () throws(SystemError) -> Result
    ) throws -> Result {
        do throws(SystemError) {
            return try make()
        } catch {
            guard error.errno == EEXIST else { throw error }
        }
        if policy.refusesKindChanges, try parent.status(of: name).isDirectory {
            throw BerthError.invalidArgument(
                "cannot overwrite directory \"\(RawPath.joined(path))\" with non-directory")
        }
        cursor.forget(path)
        linkCursor.forget(path)
        try parent.removeTree(name)
        return try make()
    }

    // MARK: Metadata

    /// The owner to set; nil when it is the right one already.
    private func owner(_ entry: TarEntry) throws -> (user: uid_t, group: gid_t)? {
        let owner: (user: uid_t, group: gid_t)
        switch policy.ownership {
        case .current: return nil
        case .archive: owner = (entry.userID, entry.groupID)
        case .fixed(let user, let group): owner = (user, group)
        case .mapped(let users, let groups):
            owner = (try users.map(entry.userID, of: entry), try groups.map(entry.groupID, of: entry))
        }
        return policy.startsEmpty && owner == (userID, groupID) ? nil : owner
    }

    /// Whom directories belong to that the archive has no entry for.
    private func implicitOwner() throws -> (user: uid_t, group: gid_t)? {
        switch policy.ownership {
        case .current, .archive: nil
        case .fixed(let user, let group): (user, group)
        case .mapped: try owner(TarEntry(path: ".", kind: .directory, mode: 0o755))
        }
    }

    private func setOwner(of file: FileDescriptor, _ entry: TarEntry) throws {
        if let owner = try owner(entry) { try file.changeOwner(user: owner.user, group: owner.group) }
    }

    private func setOwner(of name: RawPath, in parent: FileDescriptor, _ entry: TarEntry) throws {
        if let owner = try owner(entry) {
            try parent.changeOwner(name, user: owner.user, group: owner.group)
        }
    }

    private func setAttributes(_ entry: TarEntry, _ name: RawPath, in parent: FileDescriptor) throws {
        guard !entry.attributes.isEmpty else { return }
        // Opening a device or fifo for real would act on it.
        let node = try parent.open(name, FileDescriptor.pathOnly)
        for attribute in entry.attributes { try set(attribute) { try node.setExtendedAttributeByPath($0, $1) } }
    }

    private func set(
        _ attribute: TarEntry.Attribute, _ apply: (String, [UInt8]) throws -> Void
    ) throws {
        guard isArchived(attribute: attribute.name) else { return }
        do {
            try apply(attribute.name, attribute.value)
        } catch let error as SystemError where error.errno == ENOTSUP || (error.errno == EPERM && userID != 0) {
            // A file system without such attributes, or a user who may not set them.
        }
    }
}
