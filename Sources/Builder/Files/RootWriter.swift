import Errors
import Glibc
import Linux

/// Writes files into a root file system. Every path is resolved within it, so that its symbolic
/// links cannot lead outside.
struct RootWriter {
    let root: FileDescriptor
    /// `--chown`; nil keeps owners where the source tree does.
    var owner: Ownership?
    var mode: ModeChange?
    let cancellation: Cancellation

    private struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private struct Progress {
        /// Where the first copy of a file with several names is, to make hard links of the others.
        var links: [Identity: RawPath] = [:]
        /// Directories that were made, and the times that they are to have.
        var made: [(path: RawPath, modified: Int64)] = []
    }

    /// Copies a plan to `destination`, a clean path. `isDirectory` says that the destination was
    /// written as one, so that a single file goes into it.
    func write(_ plan: CopyPlan, to destination: RawPath, isDirectory: Bool) throws {
        let namesFile = plan.isSingleFile && !isDirectory && !isExistingDirectory(destination)
        // A directory that is copied as the destination itself is made below, with its own metadata.
        let namesDirectory = plan.entries.first.map { $0.target.isEmpty && $0.status.isDirectory } ?? false
        try makeDirectories(namesFile || namesDirectory ? destination.split.parent : destination)
        var progress = Progress()
        for entry in plan.entries {
            try cancellation.check()
            let path = namesFile ? destination : destination.joining(entry.target)
            try describing("copying \(entry.source) to /\(path)") {
                try write(entry, of: plan.tree, to: path, &progress)
            }
        }
        // Last, since writing into a directory changes its time.
        for (path, modified) in progress.made.reversed() {
            let (parent, name) = path.split
            try root.directory(parent).setTimes(name, accessed: modified, modified: modified)
        }
    }

    func isExistingDirectory(_ path: RawPath) -> Bool {
        (try? root.directory(path)) != nil
    }

    /// Makes a directory and those above it that are missing, following symbolic links of the root
    /// even where they point at nothing yet.
    func makeDirectories(_ path: RawPath, permissions: mode_t = 0o755) throws {
        try describing("making the directory /\(path)") {
            try makeDirectories(path, permissions, links: 0)
        }
    }

    private func makeDirectories(_ path: RawPath, _ permissions: mode_t, links: Int) throws {
        if isExistingDirectory(path) { return }
        let (parent, name) = path.split
        guard !name.isEmpty, links < 40 else { throw SystemError("mkdir", errno: ELOOP, subject: "/\(path)") }
        try makeDirectories(parent, permissions, links: links)
        let directory = try root.directory(parent)
        if try directory.makeDirectoryIfAbsent(name, mode: permissions) {
            try directory.changeMode(name, mode: permissions)
            let owner = owner ?? .root
            try directory.changeOwner(name, user: owner.user, group: owner.group)
            return
        }
        guard try directory.status(of: name).kind == .symbolicLink else {
            throw SystemError("mkdir", errno: ENOTDIR, subject: "/\(path)")
        }
        let target = try directory.readLink(name)
        let resolved = Paths.absolute(target.description, in: "/\(parent)")
        try makeDirectories(RawPath(Paths.clean(resolved)), permissions, links: links + 1)
    }

    private func write(
        _ entry: CopyPlan.Entry, of tree: SourceTree, to path: RawPath, _ progress: inout Progress
    ) throws {
        let (parent, name) = path.split
        guard !name.isEmpty else { return }  // the root itself is there
        let directory = try root.directory(parent)
        switch entry.status.kind {
        case .directory:
            if isExistingDirectory(path) { return }
            try makeDirectory(entry, of: tree, to: path, in: directory, name)
            progress.made.append((path, entry.status.modified))
            return
        case .socket, .unknown: return
        default: break
        }
        try removeFile(name, in: directory, path: path)
        if entry.status.kind == .file, entry.status.linkCount > 1 {
            let identity = Identity(device: entry.status.device, inode: entry.status.inode)
            if let first = progress.links[identity] {
                try directory.makeLink(name, to: first.split.name, in: try root.directory(first.split.parent))
                return
            }
            progress.links[identity] = path
        }
        switch entry.status.kind {
        case .file: try copyFile(entry.source, of: tree, to: name, in: directory)
        case .symbolicLink: try directory.makeSymbolicLink(name, to: try tree.readLink(entry.source))
        default:
            try directory.makeNode(name, mode: entry.status.mode, device: entry.status.specialDevice)
        }
        try setMetadata(of: name, in: directory, entry.status, tree)
        if entry.status.kind == .file, tree.keepsOwners {
            try copyCapability(entry.source, of: tree, to: name, in: directory)
        }
    }

    /// File capabilities are the one extended attribute that programs in images depend on. They are
    /// set last: a change of owner clears them.
    private func copyCapability(
        _ source: RawPath, of tree: SourceTree, to name: RawPath, in directory: FileDescriptor
    ) throws {
        guard let value = try tree.root.file(source).extendedAttribute("security.capability") else { return }
        try directory.open(name, O_RDONLY).setExtendedAttribute("security.capability", value)
    }

    /// Only for one that is missing: a directory that is there, or a link to one, keeps its metadata.
    private func makeDirectory(
        _ entry: CopyPlan.Entry, of tree: SourceTree, to path: RawPath, in directory: FileDescriptor, _ name: RawPath
    ) throws {
        guard try directory.makeDirectoryIfAbsent(name, mode: 0o755) else {
            throw BerthError.invalidArgument("cannot copy to non-directory: /\(path)")
        }
        try setMetadata(of: name, in: directory, entry.status, tree)
    }

    private func removeFile(_ name: RawPath, in directory: FileDescriptor, path: RawPath) throws {
        do throws(SystemError) {
            try directory.unlink(name)
        } catch {
            switch error.errno {
            case ENOENT: return
            case EISDIR:
                throw BerthError.invalidArgument("cannot copy a file over the directory /\(path)")
            default: throw error
            }
        }
    }

    private func copyFile(
        _ source: RawPath, of tree: SourceTree, to name: RawPath, in directory: FileDescriptor
    ) throws {
        let input = try tree.root.file(source)
        let output = try directory.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try input.readChunks { chunk in
            try cancellation.check()
            try output.writeAll(chunk)
        }
    }

    private func setMetadata(
        of name: RawPath, in directory: FileDescriptor, _ status: FileStatus, _ tree: SourceTree
    ) throws {
        let owner = self.owner ?? (tree.keepsOwners ? Ownership(user: status.userID, group: status.groupID) : .root)
        try directory.changeOwner(name, user: owner.user, group: owner.group)
        // After the owner: changing it clears set-id bits.
        if status.kind != .symbolicLink {
            let permissions = mode?.apply(to: status.permissions, isDirectory: status.isDirectory) ?? status.permissions
            try directory.changeMode(name, mode: permissions)
        }
        try directory.setTimes(name, accessed: status.modified, modified: status.modified)
    }
}

extension FileDescriptor {
    /// False if something of that name is there.
    fileprivate func makeDirectoryIfAbsent(_ name: RawPath, mode: mode_t) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try makeDirectory(name, mode: mode)
            return true
        } catch {
            guard error.errno == EEXIST else { throw error }
            return false
        }
    }
}
