import Errors
import Glibc
import Linux

/// Packs a directory tree into a tar archive: names in byte order, hard links kept, sockets left out.
public struct TreePacker {
    /// What to do with one name of the tree.
    public enum Decision: Sendable {
        case include
        /// Neither this nor anything below it.
        case exclude
        /// Not this itself, but perhaps something below; if so, this directory is added before it.
        case descend
    }

    private let writer: TarWriter
    private let filter: ((_ path: RawPath, _ isDirectory: Bool) -> Decision)?
    private let adjust: ((inout TarEntry) -> Void)?
    private var links = LinkTable()
    /// Directories that are added only if something in them is.
    private var waiting: [(entry: TarEntry, directory: FileDescriptor)] = []

    /// - Parameters:
    ///   - filter: asked with the path relative to the packed directory, without a slash in front.
    ///   - adjust: changes an entry before it is written (its owner, for example).
    public init(
        _ writer: TarWriter,
        filter: ((_ path: RawPath, _ isDirectory: Bool) -> Decision)? = nil,
        adjust: ((inout TarEntry) -> Void)? = nil
    ) {
        self.writer = writer
        self.filter = filter
        self.adjust = adjust
    }

    /// Everything in `directory`, under `prefix` (such as `etc` or, for none, the empty path). The
    /// directory itself is not an entry.
    public mutating func packContents(of directory: FileDescriptor, prefix: RawPath = "") throws {
        try walk(directory, path: prefix, relative: "")
    }

    /// One name of `parent` with all below it, as `path` in the archive.
    public mutating func pack(_ name: RawPath, of parent: FileDescriptor, as path: RawPath) throws {
        let status = try parent.status(of: name)
        try add(name, of: parent, status, path: path, relative: status.isDirectory ? "" : name, isTop: true)
    }

    private mutating func walk(_ directory: FileDescriptor, path: RawPath, relative: RawPath) throws {
        try path.checkLength()
        for name in try directory.rawEntries().sorted() {
            let status: FileStatus
            do throws(SystemError) {
                status = try directory.status(of: name)
            } catch {
                // Removed since the directory was read: trees of running containers change.
                if error.errno == ENOENT { continue }
                throw error
            }
            try add(
                name, of: directory, status, path: path.appending(name), relative: relative.appending(name),
                isTop: false)
        }
    }

    private mutating func add(
        _ name: RawPath, of parent: FileDescriptor, _ status: FileStatus, path: RawPath, relative: RawPath, isTop: Bool
    ) throws {
        let decision = isTop ? .include : filter?(relative, status.isDirectory) ?? .include
        if decision == .exclude || (decision == .descend && !status.isDirectory) { return }
        do {
            guard var entry = try TarEntry(path: path, name: name, in: parent, status: status) else { return }
            switch entry.kind {
            case .directory:
                let directory = try parent.open(name, O_RDONLY | O_DIRECTORY)
                try addDirectory(&entry, directory, decision, path: path, relative: relative)
            case .file:
                try addWaiting()
                try addFile(&entry, name, of: parent, status)
            default:
                try addWaiting()
                if let first = links.firstName(of: status, otherwise: path) { entry.kind = .hardLink(target: first) }
                adjust?(&entry)
                try writer.add(entry)
            }
        } catch let error as SystemError where error.errno == ENOENT || error.errno == ESTALE {
            return
        }
    }

    private mutating func addDirectory(
        _ entry: inout TarEntry, _ directory: FileDescriptor, _ decision: Decision, path: RawPath, relative: RawPath
    ) throws {
        entry.attributes = try directory.archivedAttributes()
        adjust?(&entry)
        let depth = waiting.count
        if decision == .descend {
            waiting.append((entry, directory))
        } else {
            try addWaiting()
            try writer.add(entry)
        }
        try walk(directory, path: path, relative: relative)
        if waiting.count > depth { waiting.removeLast(waiting.count - depth) }
    }

    private mutating func addFile(
        _ entry: inout TarEntry, _ name: RawPath, of parent: FileDescriptor, _ status: FileStatus
    ) throws {
        if let first = links.firstName(of: status, otherwise: entry.path) {
            entry.kind = .hardLink(target: first)
            entry.size = 0
            adjust?(&entry)
            return try writer.add(entry)
        }
        // The name may have become something else since: trees of running containers change.
        let file = try parent.openFile(name)
        entry.attributes = try file.archivedAttributes()
        adjust?(&entry)
        if entry.size == 0 { return try writer.add(entry) }
        try writer.add(entry, contentsOf: file)
    }

    private mutating func addWaiting() throws {
        for (entry, _) in waiting { try writer.add(entry) }
        waiting.removeAll(keepingCapacity: true)
    }
}

extension FileDescriptor {
    /// Extended attributes that travel in archives, sorted by name.
    func archivedAttributes() throws(SystemError) -> [TarEntry.Attribute] {
        var attributes: [TarEntry.Attribute] = []
        for name in try extendedAttributeNames().sorted() where isArchived(attribute: name) {
            if let value = try extendedAttribute(name) { attributes.append(TarEntry.Attribute(name, value)) }
        }
        return attributes
    }
}

/// Attributes that mean the same on another host and that an archive may set: not those that label a
/// file for this host (`security.selinux`) and never those that steer overlayfs (`trusted.overlay.*`).
func isArchived(attribute name: String) -> Bool {
    name == "security.capability" || name.hasPrefix("user.") || name.hasPrefix("system.posix_acl_")
}
