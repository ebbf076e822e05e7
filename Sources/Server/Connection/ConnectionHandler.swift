import NIOCore
import NIOHTTP1

/// Passes a channel's events to its connection, which lives on the same event loop.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        connection.assumeIsolated { $0.received(part) }
    }

    func read(context: ChannelHandlerContext) {
        if connection.assumeIsolated({ $0.mayRead() }) { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.closed() }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.assumeIsolated { $0.failed(error) }
    }
}

/// Tells a connection of the end of the client's input before the decoder, and instead of it: the
/// decoder would drop what it holds back, which may be the beginning of a raw stream.
final class InputEndHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            connection.assumeIsolated { $0.inputClosed() }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
