import Linux

/// Which name of a file with several came first: the others become hard links to it.
struct LinkTable {
    private var firstNames: [Identity: RawPath] = [:]

    private struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// The name under which the file is in the archive already; nil when this is the first.
    mutating func firstName(of status: FileStatus, otherwise path: RawPath) -> RawPath? {
        guard status.linkCount > 1 else { return nil }
        let identity = Identity(device: status.device, inode: status.inode)
        if let first = firstNames[identity] { return first }
        firstNames[identity] = path
        return nil
    }
}
