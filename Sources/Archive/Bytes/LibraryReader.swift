import CArchive
import Errors

/// A libarchive reader that takes its bytes from a `ByteSource`.
final class LibraryReader {
    let archive: OpaquePointer
    let source: any ByteSource
    /// What the source threw: libarchive carries only a number through.
    private var sourceError: (any Error)?
    private var sourceEnded = false

    init(_ source: any ByteSource, configure: (OpaquePointer) -> Int32) throws {
        guard let archive = archive_read_new() else { throw BerthError.internal("libarchive: out of memory") }
        self.archive = archive
        self.source = source
        _ = configure(archive)
        let code = archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, client, block in
                guard let client, let block else { return -1 }
                return Unmanaged<LibraryReader>.fromOpaque(client).takeUnretainedValue().feed(block)
            }, nil)
        if code < ARCHIVE_WARN { throw failure() }
    }

    deinit { archive_read_free(archive) }

    private func feed(_ block: UnsafeMutablePointer<UnsafeRawPointer?>) -> la_ssize_t {
        do {
            let bytes = try source.next()
            block.pointee = bytes.baseAddress
            if bytes.isEmpty { sourceEnded = true }
            return bytes.count
        } catch {
            sourceError = error
            return -1
        }
    }

    /// After a failure: whether there was no more to read and nothing else was wrong.
    var hasEndedEarly: Bool { sourceEnded && sourceError == nil }

    /// The error of the last call, with the place in the file where it was met.
    func failure(in name: String? = nil) -> any Error {
        if let sourceError { return sourceError }
        let subject = name.map { " in \"\($0)\"" } ?? ""
        if sourceEnded {
            return BerthError.invalidArgument(
                "the archive is truncated: it ends\(subject) at byte \(source.position)")
        }
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
        return BerthError.invalidArgument(
            "the archive is damaged near byte \(source.position)\(subject): \(reason)")
    }
}

/// Decompression by libarchive, for all but gzip.
final class LibraryFilter: ByteSource {
    private let reader: LibraryReader
    private var isOpen = false
    private var hasEnded = false

    init(_ upstream: any ByteSource, _ compression: Compression) throws {
        reader = try LibraryReader(upstream) { archive in
            archive_read_support_format_raw(archive)
            archive_read_support_format_empty(archive)
            return switch compression {
            case .bzip2: archive_read_support_filter_bzip2(archive)
            case .xz: archive_read_support_filter_xz(archive)
            case .zstd: archive_read_support_filter_zstd(archive)
            case .gzip: archive_read_support_filter_gzip(archive)
            case .none: archive_read_support_filter_none(archive)
            }
        }
    }

    var position: Int64 { reader.source.position }

    func next() throws -> UnsafeRawBufferPointer {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        if hasEnded { return nothing }
        if !isOpen {
            isOpen = true
            var entry: OpaquePointer?
            let code = archive_read_next_header(reader.archive, &entry)
            if code == ARCHIVE_EOF {
                hasEnded = true
                return nothing
            }
            if code < ARCHIVE_WARN { throw reader.failure() }
        }
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: la_int64_t = 0
            let code = archive_read_data_block(reader.archive, &start, &count, &offset)
            if code == ARCHIVE_EOF {
                hasEnded = true
                return nothing
            }
            if code < ARCHIVE_WARN { throw reader.failure() }
            if count > 0 { return UnsafeRawBufferPointer(start: start, count: count) }
        }
    }
}
