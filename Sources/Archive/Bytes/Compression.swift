import Errors

/// How a stream is compressed, told by its first bytes.
public enum Compression: String, Sendable, CaseIterable {
    case none, gzip, bzip2, xz, zstd

    public static func detect(_ head: some Collection<UInt8>) -> Compression {
        func starts(_ magic: [UInt8]) -> Bool { head.starts(with: magic) }
        if starts([0x1f, 0x8b]) { return .gzip }
        if starts(Array("BZh".utf8)) { return .bzip2 }
        if starts([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) { return .xz }
        if starts([0x28, 0xb5, 0x2f, 0xfd]) { return .zstd }
        // A zstd stream may begin with a skippable frame.
        let first = Array(head.prefix(4))
        if first.count == 4, first[0] & 0xf0 == 0x50, first[1...] == [0x2a, 0x4d, 0x18] { return .zstd }
        return .none
    }
}

/// A stream without its compression, whichever it has.
public final class Decompressed: ByteSource {
    public let compression: Compression
    private let plain: any ByteSource

    public init(_ source: any ByteSource) throws {
        let peekable = PeekableSource(source)
        compression = Compression.detect(try peekable.peek(6))
        switch compression {
        case .none: plain = peekable
        case .gzip: plain = GunzipSource(peekable)
        case .bzip2, .xz, .zstd: plain = try LibraryFilter(peekable, compression)
        }
    }

    public var position: Int64 { plain.position }
    public func next() throws -> UnsafeRawBufferPointer { try plain.next() }
}
