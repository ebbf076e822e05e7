import Glibc

extension FileDescriptor {
    /// The contents of a small ordinary file in the tree of which this is the root, such as a
    /// container's `/etc/passwd`, for a process of the host.
    ///
    /// Whoever made the tree decides what has that name. A device is never opened, since opening alone
    /// can act on the host's; a pipe does not keep us waiting; nothing feeds us for ever.
    ///
    /// - Throws: `EFBIG` for more than `limit` bytes, `EINVAL` for what is no file.
    public func readSmallFile(inRoot path: String, limit: Int64 = 16 << 20) throws(SystemError) -> [UInt8] {
        let place = try openInRoot(path, FileDescriptor.pathOnly)
        let status = try place.status()
        guard status.kind == .file else { throw SystemError("read", errno: EINVAL, subject: path) }
        guard status.size <= limit else { throw SystemError("read", errno: EFBIG, subject: path) }
        return try FileDescriptor.open(place.procPath, O_RDONLY).read(upTo: Int(status.size), at: 0)
    }

    /// Opens an ordinary file of this directory for reading, and nothing else that may have taken its
    /// name since it was looked at (`EINVAL`): opening a device can act on it.
    public func openFile(_ name: RawPath) throws(SystemError) -> FileDescriptor {
        let place = try open(name, FileDescriptor.pathOnly)
        guard try place.status().kind == .file else {
            throw SystemError("open", errno: EINVAL, subject: name.description)
        }
        return try FileDescriptor.open(place.procPath, O_RDONLY)
    }
}
