import Errors
import NIOCore
import NIOPosix

/// A connection that carries raw bytes both ways after an attach, an exec or an upgrade.
public struct RawStream: Sendable {
    let connection: Connection
    /// `application/vnd.docker.raw-stream` (a terminal) or `…multiplexed-stream` (frames).
    public let contentType: String?
    /// What the daemon sends, until it closes its side.
    public let bytes: ResponseBody

    /// Whether `bytes` is made of frames (`frames` takes it apart) by the daemon's own word. Older
    /// daemons do not say; then the container's or exec's terminal setting decides.
    public var saysMultiplexed: Bool { contentType == "application/vnd.docker.multiplexed-stream" }

    /// Returns when the bytes are with the kernel.
    public func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await connection.channel.writeAndFlush(connection.channel.allocator.buffer(bytes: bytes)).get()
    }

    /// Half-closes: the daemon sees the end of the input, its output still arrives.
    public func finishWriting() async throws {
        try await connection.channel.close(mode: .output).get()
    }

    public func close() { connection.close() }

    public var frames: StreamFrames { StreamFrames(body: bytes) }
}

/// Docker's multiplexed stream taken apart: an 8-byte header (stream, three zeros, length as a
/// big-endian 32-bit number) before each piece. Large frames are handed on in parts.
public struct StreamFrames: AsyncSequence, Sendable {
    let body: ResponseBody

    public init(body: ResponseBody) { self.body = body }

    public struct Frame: Sendable, Equatable {
        public enum Stream: UInt8, Sendable {
            case input = 0
            case output = 1
            case error = 2
            /// An error of the daemon, as text.
            case system = 3
        }
        public var stream: Stream
        public var bytes: [UInt8]
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var pieces: ResponseBody.AsyncIterator
        var buffer = ByteBuffer()
        /// The frame whose bytes come next.
        var open: (stream: Frame.Stream, remaining: Int)?

        public mutating func next() async throws -> Frame? {
            while true {
                if let frame = try readFrame() { return frame }
                guard let piece = try await pieces.nextBuffer() else { return nil }
                if buffer.readableBytes == 0 {
                    buffer = piece
                } else {
                    buffer.discardReadBytes()
                    buffer.writeImmutableBuffer(piece)
                }
            }
        }

        private mutating func readFrame() throws -> Frame? {
            if open == nil {
                guard let header = buffer.readBytes(length: 8) else { return nil }
                guard let stream = Frame.Stream(rawValue: header[0]) else {
                    throw BerthError.internal("the daemon sent a stream frame of unknown kind \(header[0])")
                }
                open = (stream, header[4...].reduce(0) { $0 << 8 | Int($1) })
            }
            guard let (stream, remaining) = open else { return nil }
            guard remaining > 0 else {
                open = nil
                return Frame(stream: stream, bytes: [])
            }
            guard let bytes = buffer.readBytes(length: Swift.min(remaining, buffer.readableBytes)), !bytes.isEmpty
            else { return nil }
            open = bytes.count == remaining ? nil : (stream, remaining - bytes.count)
            return Frame(stream: stream, bytes: bytes)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: body.makeAsyncIterator()) }
}
