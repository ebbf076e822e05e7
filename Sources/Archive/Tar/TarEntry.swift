import Linux

/// One entry of a tar archive: everything but its contents.
public struct TarEntry: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case file
        case directory
        case symbolicLink(target: RawPath)
        /// Another name for an earlier entry of the same archive.
        case hardLink(target: RawPath)
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case fifo
    }

    public struct Attribute: Sendable, Equatable {
        public var name: String
        public var value: [UInt8]

        public init(_ name: String, _ value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// As written in the archive: may be absolute or hold `..`.
    public var path: RawPath
    public var kind: Kind
    /// The lower twelve bits: permissions, set-id and sticky.
    public var mode: UInt32
    public var userID: UInt32
    public var groupID: UInt32
    /// Nanoseconds since 1970.
    public var modified: Int64
    /// Bytes of content; 0 for all but files.
    public var size: Int64
    /// Extended attributes, by name.
    public var attributes: [Attribute]

    public init(
        path: RawPath, kind: Kind, mode: UInt32, userID: UInt32 = 0, groupID: UInt32 = 0, modified: Int64 = 0,
        size: Int64 = 0, attributes: [Attribute] = []
    ) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
        self.modified = modified
        self.size = size
        self.attributes = attributes
    }
}

extension TarEntry {
    /// What a status tells; nil for sockets, which no archive holds. The target of a symbolic link is
    /// read from `directory`.
    init?(path: RawPath, name: RawPath, in directory: FileDescriptor, status: FileStatus) throws(SystemError) {
        let device = status.specialDeviceParts
        let kind: Kind
        switch status.kind {
        case .file: kind = .file
        case .directory: kind = .directory
        case .symbolicLink: kind = .symbolicLink(target: try directory.readLink(name))
        case .characterDevice: kind = .characterDevice(major: device.major, minor: device.minor)
        case .blockDevice: kind = .blockDevice(major: device.major, minor: device.minor)
        case .fifo: kind = .fifo
        case .socket, .unknown: return nil
        }
        self.init(
            path: path, kind: kind, mode: UInt32(status.permissions), userID: status.userID,
            groupID: status.groupID, modified: status.modified, size: kind == .file ? status.size : 0)
    }
}
