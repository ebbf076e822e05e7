import Errors
import Glibc
import Linux

/// Where bytes are pushed to. Used by one thread at a time.
public protocol ByteSink: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// No more bytes will come: everything is passed on.
    func finish() throws
    /// Passes on `count` bytes from the current offset of a file: how many there were before its end.
    func write(from file: FileDescriptor, count: Int64) throws -> Int64
}

extension ByteSink {
    public func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    public func write(from file: FileDescriptor, count: Int64) throws -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(min(max(count, 1), 256 * 1024)), alignment: 4096)
        defer { buffer.deallocate() }
        var left = count
        while left > 0 {
            let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, Int64(buffer.count)))])
            let got = try file.read(into: wanted)
            if got == 0 { break }
            try write(UnsafeRawBufferPointer(rebasing: wanted[..<got]))
            left -= Int64(got)
        }
        return count - left
    }
}

/// Writes to an open file, pipe or socket, in large pieces.
public final class FileSink: ByteSink {
    private let file: FileDescriptor
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var copiesInKernel = true
    /// Bytes taken so far.
    public private(set) var count: Int64 = 0

    public init(_ file: FileDescriptor, bufferSize: Int = 256 * 1024) {
        self.file = file
        buffer = .allocate(byteCount: bufferSize, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        count += Int64(bytes.count)
        if filled + bytes.count > buffer.count { try flush() }
        if bytes.count >= buffer.count {
            try file.writeAll(buffer: bytes)
        } else {
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: bytes)
            filled += bytes.count
        }
    }

    public func write(from source: FileDescriptor, count wanted: Int64) throws -> Int64 {
        var left = wanted
        // Small files are cheaper to gather in the buffer.
        if wanted > Int64(buffer.count), copiesInKernel {
            try flush()
            copying: while left > 0 {
                do throws(SystemError) {
                    let copied = try file.copyRange(from: source, count: Int(min(left, 1 << 30)))
                    if copied == 0 { break copying }
                    left -= Int64(copied)
                    count += Int64(copied)
                } catch {
                    // Pipes, different file systems, old kernels: by hand from here on.
                    switch error.errno {
                    case EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF, EPERM: copiesInKernel = false
                    default: throw error
                    }
                    break copying
                }
            }
        }
        while left > 0 {
            if filled == buffer.count { try flush() }
            let room = Int(min(left, Int64(buffer.count - filled)))
            let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + room]))
            if got == 0 { break }
            filled += got
            count += Int64(got)
            left -= Int64(got)
        }
        return wanted - left
    }

    public func finish() throws { try flush() }

    private func flush() throws {
        try file.writeAll(buffer: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        filled = 0
    }
}

/// Gathers bytes in memory.
public final class BytesSink: ByteSink {
    public private(set) var bytes: [UInt8] = []
    public init() {}
    public func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
    public func finish() {}
}
