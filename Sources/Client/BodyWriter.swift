import NIOCore
import NIOHTTP1

/// Writes a streamed request body.
public struct BodyWriter: Sendable {
    let channel: any Channel

    /// Returns when the bytes are with the kernel.
    public func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        let buffer = channel.allocator.buffer(bytes: bytes)
        try await channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(buffer))).get()
    }
}
