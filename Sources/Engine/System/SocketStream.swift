import Linux
import NIOCore
import NIOPosix

/// What arrives on a connected socket, chunk by chunk, without a thread that waits for it.
enum SocketStream {
    /// The stream ends with the connection. The socket's owner may let go of it at once.
    static func bytes(of number: Int32) async throws -> AsyncStream<[UInt8]> {
        let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        let duplicate = try systemCall("dup") { duplicateDescriptor(number) }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(continuation))
                }
            }
            .withConnectedSocket(duplicate).get()
        continuation.onTermination = { _ in channel.close(promise: nil) }
        return stream
    }

    /// Cuts Docker's frames out of a stream and hands on their payloads.
    static func frames(
        of number: Int32, _ body: (_ isError: Bool, _ payload: [UInt8]) async -> Void
    ) async throws {
        var buffer: [UInt8] = []
        for await chunk in try await bytes(of: number) {
            buffer += chunk
            var start = 0
            while buffer.count - start >= 8 {
                let length = buffer[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
                let end = start + 8 + length
                guard buffer.count >= end else { break }
                await body(buffer[start] == 2, Array(buffer[(start + 8)..<end]))
                start = end
            }
            buffer.removeFirst(start)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let continuation: AsyncStream<[UInt8]>.Continuation

        init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
        }

        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
