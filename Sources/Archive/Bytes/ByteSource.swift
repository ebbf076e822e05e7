import Errors
import Glibc
import Linux

/// Bytes that are pulled one chunk after the other, so that a chain of sources (file, decompression,
/// digest) needs no memory beyond one buffer each. Used by one thread at a time.
public protocol ByteSource: AnyObject {
    /// The next bytes, valid until the next call; empty at the end and ever after.
    func next() throws -> UnsafeRawBufferPointer

    /// How many bytes of the file or stream at the bottom of the chain have been taken: the place to
    /// name when something is wrong there.
    var position: Int64 { get }
}

extension ByteSource {
    /// Takes what is left, so that digests along the chain cover all of it.
    public func drain() throws {
        while try !next().isEmpty {}
    }

    /// What is left, as one array.
    /// - Throws: `BerthError.invalidArgument` when there are more bytes than `limit`.
    public func readToEnd(limit: Int) throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = try next()
            if chunk.isEmpty { return all }
            guard all.count + chunk.count <= limit else {
                throw BerthError.invalidArgument("more than \(limit) bytes where a small file was expected")
            }
            all.append(contentsOf: chunk)
        }
    }
}

/// The bytes of an open file, pipe or socket from its current offset on.
public final class FileSource: ByteSource {
    private let file: FileDescriptor
    private let buffer: UnsafeMutableRawBufferPointer
    public private(set) var position: Int64 = 0

    public init(_ file: FileDescriptor, bufferSize: Int = 256 * 1024) {
        self.file = file
        buffer = .allocate(byteCount: bufferSize, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    public func next() throws -> UnsafeRawBufferPointer {
        let count = try file.read(into: buffer)
        position += Int64(count)
        return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }
}

/// Bytes in memory.
public final class BytesSource: ByteSource {
    private let buffer: UnsafeMutableRawBufferPointer
    private let chunk: Int
    private var offset = 0

    /// Hands out at most `chunk` bytes at a time.
    public init(_ bytes: some Collection<UInt8>, chunk: Int = .max) {
        buffer = .allocate(byteCount: bytes.count, alignment: 16)
        buffer.copyBytes(from: bytes)
        self.chunk = chunk
    }

    deinit { buffer.deallocate() }

    public var position: Int64 { Int64(offset) }

    public func next() throws -> UnsafeRawBufferPointer {
        let count = min(chunk, buffer.count - offset)
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + count])
    }
}

/// A source whose first bytes can be looked at before they are taken.
final class PeekableSource: ByteSource {
    private let upstream: any ByteSource
    private var held: UnsafeMutableRawBufferPointer?
    private var heldIsGiven = false

    init(_ upstream: any ByteSource) { self.upstream = upstream }

    deinit { held?.deallocate() }

    var position: Int64 { upstream.position }

    /// The first bytes: at least `count` of them, unless there are fewer. To be called once, first.
    func peek(_ count: Int) throws -> UnsafeRawBufferPointer {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let chunk = try upstream.next()
            if chunk.isEmpty { break }
            bytes.append(contentsOf: chunk)
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        copy.copyBytes(from: bytes)
        held = copy
        return UnsafeRawBufferPointer(copy)
    }

    func next() throws -> UnsafeRawBufferPointer {
        if let held, !heldIsGiven {
            heldIsGiven = true
            if !held.isEmpty { return UnsafeRawBufferPointer(held) }
        }
        return try upstream.next()
    }
}
