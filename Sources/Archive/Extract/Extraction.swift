import Errors
import Glibc
import Linux

/// How an archive is extracted.
public struct ExtractionOptions: Sendable {
    /// Whom the extracted files belong to.
    public enum Ownership: Sendable {
        /// The numbers in the archive.
        case archive
        /// The user who extracts.
        case current
        case fixed(userID: UInt32, groupID: UInt32)
        /// Numbers in the archive are those of a user namespace.
        case mapped(users: [IDRange], groups: [IDRange])
    }

    /// A piece of a user namespace's map: `length` IDs from `inside` are those from `outside`.
    public struct IDRange: Sendable, Equatable {
        public let inside: UInt32
        public let outside: UInt32
        public let length: UInt32

        public init(inside: UInt32, outside: UInt32, length: UInt32) {
            self.inside = inside
            self.outside = outside
            self.length = length
        }
    }

    /// What an archive may cost.
    public struct Limits: Sendable {
        public var entries = 8_000_000
        /// Bytes of a path.
        public var pathLength = Int(PATH_MAX)
        /// Bytes of contents in all; nil for no limit but the disk's.
        public var bytes: Int64?

        public init() {}
    }

    public var ownership = Ownership.archive
    public var limits = Limits()
    /// Permissions for every file and directory instead of the archive's.
    public var permissions: UInt32?
    /// Refuse to put a directory in place of something else and the other way round.
    public var refusesKindChanges = false
    /// Device nodes are left out when false.
    public var makesDevices = true
    /// This many leading directories are cut off the paths; entries with no more parts are left out.
    public var strippedComponents = 0

    public init() {}
}

extension [ExtractionOptions.IDRange] {
    func map(_ id: UInt32, of entry: TarEntry) throws -> UInt32 {
        for range in self where id >= range.inside && id - range.inside < range.length {
            return range.outside + (id - range.inside)
        }
        throw BerthError.invalidArgument(
            "the archive entry \"\(entry.path)\" belongs to ID \(id), which the user namespace does not map")
    }
}

/// What an extraction did.
public struct ExtractionReport: Sendable {
    public var entries = 0
    /// Bytes of file contents.
    public var bytes: Int64 = 0
    /// Directories that had to be made although the archive has no entry for them, sorted.
    public var implicitDirectories: [RawPath] = []
}

/// Extracts plain archives: build contexts, `cp`, `ADD`. Whiteouts mean nothing here.
public enum Extraction {
    /// Extracts an archive, compressed or not, into `directory`. No entry can reach anything outside
    /// of it. A symbolic link that leads to a directory beneath it is followed, as a process would
    /// whose root it is.
    /// - Throws: `BerthError`: `invalidArgument` for a bad archive, else what the file system says.
    @discardableResult
    public static func extract(
        from file: FileDescriptor, into directory: FileDescriptor, options: ExtractionOptions = ExtractionOptions()
    ) throws -> ExtractionReport {
        try extract(from: Decompressed(FileSource(file)), into: directory, options: options)
    }

    /// As above, from a plain tar archive.
    @discardableResult
    public static func extract(
        from source: any ByteSource, into directory: FileDescriptor, options: ExtractionOptions = ExtractionOptions()
    ) throws -> ExtractionReport {
        var policy = TreeWriter.Policy()
        policy.ownership = options.ownership
        policy.keepsLinksToDirectories = true
        policy.refusesKindChanges = options.refusesKindChanges
        policy.makesDevices = options.makesDevices
        policy.permissions = options.permissions
        policy.strippedComponents = options.strippedComponents
        let tree = TreeWriter(root: directory, policy: policy)
        return try run(TarReader(source), options.limits, tree) { entry, path in
            guard path.count > options.strippedComponents || options.strippedComponents == 0 else { return nil }
            return Array(path.dropFirst(options.strippedComponents))
        }
    }

    /// Every entry through `place`, which says where it goes; nil when it is dealt with.
    static func run(
        _ reader: TarReader, _ limits: ExtractionOptions.Limits, _ tree: TreeWriter,
        place: (TarEntry, [RawPath]) throws -> [RawPath]?
    ) throws -> ExtractionReport {
        var name: RawPath = ""
        do {
            while let entry = try reader.next() {
                name = entry.path
                guard reader.count <= limits.entries else {
                    throw BerthError.invalidArgument("the archive has more than \(limits.entries) entries")
                }
                if let limit = limits.bytes, tree.bytesWritten + entry.size > limit {
                    throw BerthError.invalidArgument("the archive's contents are larger than \(limit) bytes")
                }
                let path = try archiveComponents(entry.path, limit: limits.pathLength)
                guard let target = try place(entry, path) else { continue }
                try tree.make(entry, at: target) { try reader.nextBlock() }
            }
            try tree.finish()
            // Behind the end there may be padding: whoever digests the archive counts it.
            try reader.drain()
        } catch let error as SystemError {
            throw BerthError("extracting \"\(name)\"", error)
        }
        return ExtractionReport(
            entries: reader.count, bytes: tree.bytesWritten,
            implicitDirectories: tree.implicitDirectories.sorted())
    }
}
