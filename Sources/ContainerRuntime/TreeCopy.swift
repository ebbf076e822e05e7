import Glibc
import Linux

/// A plain copy of a tree into an empty directory, for `tmpcopyup`: kinds, contents, permissions,
/// owners and times. Links that share a file become files of their own.
enum TreeCopy {
    static func copy(_ source: FileDescriptor, to target: FileDescriptor) throws(SystemError) {
        let source = try source.openReadable()
        guard try source.status().isDirectory else { return }
        try copyEntries(of: source, to: try target.openReadable())
        try takeOver(try source.status(), on: try target.openReadable())
    }

    private static func copyEntries(of source: FileDescriptor, to target: FileDescriptor) throws(SystemError) {
        for name in try source.rawEntries() {
            let status = try source.status(of: name)
            switch status.kind {
            case .directory:
                try target.makeDirectory(name, mode: 0o700)
                let made = try target.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try copyEntries(of: try source.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), to: made)
                try takeOver(status, on: made)
            case .symbolicLink:
                try target.makeSymbolicLink(name, to: try source.readLink(name))
                try target.changeOwner(name, user: status.userID, group: status.groupID)
            case .file:
                let from = try source.open(name, O_RDONLY | O_NOFOLLOW)
                let made = try target.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
                while case let bytes = try from.read(upTo: 64 * 1024), !bytes.isEmpty { try made.writeAll(bytes) }
                try takeOver(status, on: made)
            case .fifo, .characterDevice, .blockDevice, .socket:
                try target.makeNode(name, mode: status.mode, device: status.specialDevice)
                try target.changeOwner(name, user: status.userID, group: status.groupID)
            case .unknown: continue
            }
        }
    }

    /// The owner first: a change of owner takes away set-id bits.
    private static func takeOver(_ status: FileStatus, on file: FileDescriptor) throws(SystemError) {
        try file.changeOwner(user: status.userID, group: status.groupID)
        try file.changeMode(status.permissions)
        try file.setTimes(accessed: status.modified, modified: status.modified)
    }
}
