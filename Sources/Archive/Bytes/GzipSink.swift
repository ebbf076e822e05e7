import CISAL
import Errors

/// Compresses to gzip (RFC 1952) with ISA-L. The same bytes give the same stream on every run: there
/// is no time and no name in the header.
public final class GzipSink: ByteSink {
    private let downstream: any ByteSink
    private let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    private let level = UnsafeMutablePointer<UInt8>.allocate(capacity: GzipSink.levelSize)
    private let output = UnsafeMutablePointer<UInt8>.allocate(capacity: GzipSink.outputSize)
    private var isFinished = false

    private static let outputSize = 256 * 1024
    /// Room for the tables of any level (ISAL_DEF_LVL3_EXTRA_LARGE is just under it).
    private static let levelSize = 1024 * 1024

    /// - Parameter level: 1 (fastest) to 3.
    public init(_ downstream: any ByteSink, level effort: UInt32 = 1) {
        self.downstream = downstream
        isal_deflate_init(stream)
        stream.pointee.level = effort
        stream.pointee.level_buf = level
        stream.pointee.level_buf_size = UInt32(Self.levelSize)
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
    }

    deinit {
        stream.deallocate()
        level.deallocate()
        output.deallocate()
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        if !bytes.isEmpty { try deflate(bytes) }
    }

    public func finish() throws {
        guard !isFinished else { return }
        isFinished = true
        stream.pointee.end_of_stream = 1
        try deflate(UnsafeRawBufferPointer(start: output, count: 0))
        try downstream.finish()
    }

    private func deflate(_ bytes: UnsafeRawBufferPointer) throws {
        // ISA-L takes a mutable pointer but only reads.
        stream.pointee.next_in = bytes.baseAddress.map {
            UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: UInt8.self)
        }
        stream.pointee.avail_in = UInt32(bytes.count)
        repeat {
            stream.pointee.next_out = output
            stream.pointee.avail_out = UInt32(Self.outputSize)
            let code = isal_deflate(stream)
            guard code == COMP_OK else { throw BerthError.internal("gzip compression failed (\(code))") }
            let count = Self.outputSize - Int(stream.pointee.avail_out)
            if count > 0 { try downstream.write(UnsafeRawBufferPointer(start: output, count: count)) }
        } while stream.pointee.avail_out == 0
    }
}
