import Errors
import Glibc
import Linux

/// Copies a directory of an image into an empty volume: owners, modes, times, extended attributes,
/// links and devices as they are.
struct TreeCopy {
    private let target: FileDescriptor
    /// Names, relative to the target, of files that have several.
    private var links: [UInt64: RawPath] = [:]

    /// Fills the volume and gives it the directory's owner and mode.
    /// - Returns: false, with nothing done, when the volume holds something already.
    @discardableResult
    static func fill(_ volume: String, from source: FileDescriptor) throws(BerthError) -> Bool {
        do throws(SystemError) {
            let target = try FileDescriptor.openDirectory(volume)
            // A file system of its own comes with this directory.
            guard try target.entries().allSatisfy({ $0 == "lost+found" }) else { return false }
            var copy = TreeCopy(target)
            do throws(SystemError) {
                try copy.contents(of: source, to: target, path: "")
                try copyMetadata(from: source, to: target)
            } catch {
                // Half a copy would pass for the volume's own contents next time.
                for name in (try? target.entries()) ?? [] where name != "lost+found" { try? target.removeTree(name) }
                throw error
            }
            return true
        } catch {
            throw BerthError("filling the volume from the image", error)
        }
    }

    private init(_ target: FileDescriptor) { self.target = target }

    private mutating func contents(
        of source: FileDescriptor, to directory: FileDescriptor, path: RawPath
    ) throws(SystemError) {
        try path.checkLength()
        for name in try source.rawEntries() {
            try copy(name, from: source, to: directory, path: path.appending(name))
        }
    }

    private mutating func copy(
        _ name: RawPath, from source: FileDescriptor, to directory: FileDescriptor, path: RawPath
    ) throws(SystemError) {
        let status = try source.status(of: name)
        if status.linkCount > 1, !status.isDirectory {
            if let first = links[status.inode] { return try link(name, in: directory, to: first) }
            links[status.inode] = path
        }
        switch status.kind {
        case .directory:
            let from = try source.open(name, O_RDONLY | O_DIRECTORY)
            try directory.makeDirectory(name, mode: 0o700)
            let to = try directory.open(name, O_RDONLY | O_DIRECTORY)
            try contents(of: from, to: to, path: path)
            try Self.copyMetadata(from: from, to: to)
        case .file:
            let from = try source.open(name, O_RDONLY | O_NONBLOCK)
            let to = try directory.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try Self.copyBytes(from: from, to: to, count: status.size)
            try Self.copyMetadata(from: from, to: to)
        case .symbolicLink:
            try directory.makeSymbolicLink(name, to: try source.readLink(name))
            try Self.copyNameMetadata(status, name, in: directory)
        case .characterDevice, .blockDevice, .fifo:
            try directory.makeNode(name, mode: status.mode, device: status.specialDevice)
            try Self.copyNameMetadata(status, name, in: directory)
            try directory.changeMode(name, mode: status.permissions)
        // A socket without its listener is nothing.
        case .socket, .unknown: break
        }
    }

    private func link(_ name: RawPath, in directory: FileDescriptor, to first: RawPath) throws(SystemError) {
        var parts = first.bytes.split(separator: UInt8(ascii: "/")).map { RawPath($0) }
        let last = parts.removeLast()
        let holder =
            parts.isEmpty
            ? target : try target.openInRoot(RawPath.joined(parts), O_RDONLY | O_DIRECTORY, resolving: .noSymbolicLinks)
        try directory.makeLink(name, to: last, in: holder)
    }

    private static func copyBytes(
        from source: FileDescriptor, to target: FileDescriptor, count: Int64
    ) throws(SystemError) {
        do throws(SystemError) {
            var left = count
            while left > 0 {
                let copied = try target.copyRange(from: source, count: Int(min(left, 1 << 30)))
                if copied == 0 { break }
                left -= Int64(copied)
            }
            return
        } catch {
            switch error.errno {
            case EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EPERM: break
            default: throw error
            }
        }
        while true {
            let chunk = try source.read(upTo: 256 * 1024)
            if chunk.isEmpty { return }
            try target.writeAll(chunk)
        }
    }

    private static func copyMetadata(from source: FileDescriptor, to target: FileDescriptor) throws(SystemError) {
        let status = try source.status()
        // In this order: a change of owner clears set-id bits and file capabilities.
        try target.changeOwner(user: status.userID, group: status.groupID)
        try target.changeMode(status.permissions)
        for name in try source.extendedAttributeNames() where isCopied(attribute: name) {
            guard let value = try source.extendedAttribute(name) else { continue }
            do throws(SystemError) {
                try target.setExtendedAttribute(name, value)
            } catch {
                // The volume's file system may not have attributes at all.
                if error.errno != ENOTSUP { throw error }
            }
        }
        try target.setTimes(accessed: status.modified, modified: status.modified)
    }

    private static func copyNameMetadata(
        _ status: FileStatus, _ name: RawPath, in directory: FileDescriptor
    ) throws(SystemError) {
        try directory.changeOwner(name, user: status.userID, group: status.groupID)
        try directory.setTimes(name, accessed: status.modified, modified: status.modified)
    }

    /// What belongs to the file, not to overlayfs or to this host's labels.
    private static func isCopied(attribute name: String) -> Bool {
        name == "security.capability" || name.hasPrefix("user.") || name.hasPrefix("system.posix_acl_")
    }
}
