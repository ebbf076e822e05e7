import CArchive
import Errors
import Glibc
import Linux

/// Reads a tar archive (v7, ustar, GNU, pax), entry after entry, from front to back.
///
/// Errors are `BerthError.invalidArgument` and name the byte of the file where it ends too early or
/// is damaged.
public final class TarReader {
    private let reader: LibraryReader
    private var current = ""
    /// Bytes of the current entry's contents, and how far they have been given.
    private var size: Int64 = 0
    private var given: Int64 = 0
    private var hasEnded = false
    /// Entries given so far.
    public private(set) var count = 0

    /// A plain tar archive.
    public init(_ source: any ByteSource) throws {
        reader = try LibraryReader(source) { archive in
            archive_read_support_format_empty(archive)
            return archive_read_support_format_tar(archive)
        }
    }

    /// A plain or compressed (gzip, bzip2, xz, zstd; told by content) archive.
    public convenience init(from file: FileDescriptor) throws {
        try self.init(Decompressed(FileSource(file)))
    }

    /// Bytes taken from the file so far.
    public var position: Int64 { reader.source.position }

    /// The next entry, past what is left of the last one's contents; nil at the end.
    public func next() throws -> TarEntry? {
        if hasEnded { return nil }
        var entry: OpaquePointer?
        let code = archive_read_next_header(reader.archive, &entry)
        if code == ARCHIVE_EOF { return nil }
        // A warning is about the character set of a name: the name itself comes through as it is.
        guard code >= ARCHIVE_WARN, let entry else {
            throw reader.failure(in: current.isEmpty ? nil : current)
        }
        let value = try Self.value(of: entry)
        current = value.path.description
        size = value.size
        given = 0
        count += 1
        return value
    }

    /// The next piece of the entry's contents and where it belongs; nil at its end. Holes of sparse
    /// files are not given. The bytes are valid until the next call of any method.
    public func nextBlock() throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: la_int64_t = 0
        let code = archive_read_data_block(reader.archive, &start, &count, &offset)
        if code == ARCHIVE_EOF { return nil }
        if code < ARCHIVE_WARN {
            // Some writers leave out what fills up the last block (umoci's `insert`): nothing is missing.
            guard size > 0, given == size, reader.hasEndedEarly else { throw reader.failure(in: current) }
            hasEnded = true
            return nil
        }
        given = offset + Int64(count)
        return (offset, UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The entry's contents.
    /// - Throws: `BerthError.invalidArgument` when they are larger than `limit` bytes.
    public func contents(limit: Int) throws -> [UInt8] {
        try EntrySource(self).readToEnd(limit: limit)
    }

    /// The entry's contents as a source, to be used up before `next`. Holes are given as zeros.
    public func contentsSource() -> any ByteSource { EntrySource(self) }

    /// Reads the source to its end: what stands behind the end of the archive belongs to its digest.
    public func drain() throws { try reader.source.drain() }

    private static func value(of entry: OpaquePointer) throws -> TarEntry {
        guard let name = archive_entry_pathname(entry) else {
            throw BerthError.invalidArgument("the archive has an entry without a name")
        }
        let path = RawPath(cString: name)
        func identifier(_ value: la_int64_t, _ what: String) throws -> UInt32 {
            guard let id = UInt32(exactly: value) else {
                throw BerthError.invalidArgument("the archive entry \"\(path)\" has the impossible \(what) \(value)")
            }
            return id
        }
        let modified = Int64(archive_entry_mtime(entry)).multipliedReportingOverflow(by: 1_000_000_000)
        return TarEntry(
            path: path,
            kind: try kind(of: entry, path),
            mode: UInt32(archive_entry_perm(entry)) & 0o7777,
            userID: try identifier(archive_entry_uid(entry), "user ID"),
            groupID: try identifier(archive_entry_gid(entry), "group ID"),
            modified: modified.overflow ? 0 : modified.partialValue &+ Int64(archive_entry_mtime_nsec(entry)),
            size: archive_entry_hardlink(entry) == nil ? archive_entry_size(entry) : 0,
            attributes: attributes(of: entry))
    }

    private static func kind(of entry: OpaquePointer, _ path: RawPath) throws -> TarEntry.Kind {
        if let target = archive_entry_hardlink(entry) { return .hardLink(target: RawPath(cString: target)) }
        let major = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry))
        let minor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        switch archive_entry_filetype(entry) & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        case S_IFLNK:
            guard let target = archive_entry_symlink(entry) else { break }
            return .symbolicLink(target: RawPath(cString: target))
        case S_IFCHR: return .characterDevice(major: major, minor: minor)
        case S_IFBLK: return .blockDevice(major: major, minor: minor)
        case S_IFIFO: return .fifo
        default: break
        }
        throw BerthError.invalidArgument("the archive entry \"\(path)\" is of an unknown type")
    }

    private static func attributes(of entry: OpaquePointer) -> [TarEntry.Attribute] {
        guard archive_entry_xattr_reset(entry) > 0 else { return [] }
        var attributes: [TarEntry.Attribute] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name else { continue }
            attributes.append(
                TarEntry.Attribute(String(cString: name), Array(UnsafeRawBufferPointer(start: value, count: size))))
        }
        return attributes.sorted { $0.name < $1.name }
    }
}

/// The contents of the reader's current entry.
private final class EntrySource: ByteSource {
    private let reader: TarReader
    private var offset: Int64 = 0
    private var pending: UnsafeRawBufferPointer?
    private var pendingOffset: Int64 = 0
    private let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)

    init(_ reader: TarReader) {
        self.reader = reader
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { zeros.deallocate() }

    var position: Int64 { reader.position }

    func next() throws -> UnsafeRawBufferPointer {
        while pending == nil {
            guard let block = try reader.nextBlock() else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            if !block.bytes.isEmpty { (pendingOffset, pending) = block }
        }
        if offset < pendingOffset {
            let count = min(Int(pendingOffset - offset), zeros.count)
            offset += Int64(count)
            return UnsafeRawBufferPointer(rebasing: zeros[..<count])
        }
        guard let bytes = pending else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        pending = nil
        offset += Int64(bytes.count)
        return bytes
    }
}
