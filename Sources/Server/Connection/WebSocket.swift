import Crypto
import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The server's half of a WebSocket handshake (RFC 6455, section 4.2).
struct WebSocketHandshake: Sendable {
    /// Status line and headers.
    let responseHead: String

    /// Throws `invalidArgument` for a request that is no handshake.
    init(_ request: Request) throws(BerthError) {
        let headers = request.headers
        guard headers[canonicalForm: "Upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            let key = headers.first(name: "Sec-WebSocket-Key")
        else { throw .invalidArgument("bad request: this is not a WebSocket handshake") }
        guard headers.first(name: "Sec-WebSocket-Version") ?? "13" == "13" else {
            throw .invalidArgument("bad request: only version 13 of WebSocket is spoken here")
        }
        let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        var head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Accept: \(Data(digest).base64EncodedString())\r\n"
        let protocols = headers[canonicalForm: "Sec-WebSocket-Protocol"]
        if protocols.count == 1 { head += "Sec-WebSocket-Protocol: \(protocols[0])\r\n" }
        responseHead = head + "\r\n"
    }
}

/// Between a channel of WebSocket frames and a handler of bytes: what arrives in data frames are the
/// bytes of a stream, what is written goes out in binary frames. A close frame is the end of input, and
/// the end of output is said by one.
final class WebSocketBridge: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The handshake's response is written as it is.
    private var isStarted = false
    private var hasSentClose = false
    private static let largestFrame = 1 << 20

    func start() { isStarted = true }

    func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        try pipeline.addHandler(
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: Self.largestFrame)))
        try pipeline.addHandler(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .binary, .text, .continuation:
            context.fireChannelRead(wrapInboundOut(frame.unmaskedData))
        case .ping:
            send(.pong, frame.unmaskedData, context, promise: nil)
            context.flush()
        case .connectionClose:
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            close(context: context, mode: .output, promise: nil)
        default: break
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isStarted else {
            context.write(data, promise: promise)
            return
        }
        let bytes = unwrapOutboundIn(data)
        guard bytes.readableBytes > 0 else {
            // Written to learn when all before it is out.
            context.write(data, promise: promise)
            return
        }
        send(.binary, bytes, context, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !hasSentClose, context.channel.isActive {
            hasSentClose = true
            // 1000: normal closure.
            send(.connectionClose, ByteBuffer(bytes: [0x03, 0xe8]), context, promise: nil)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    /// Servers do not mask (RFC 6455, section 5.1), so a frame is a short head and the bytes.
    private func send(
        _ opcode: WebSocketOpcode, _ bytes: ByteBuffer, _ context: ChannelHandlerContext,
        promise: EventLoopPromise<Void>?
    ) {
        var frame = context.channel.allocator.buffer(capacity: bytes.readableBytes + 10)
        frame.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch bytes.readableBytes {
        case ..<126: frame.writeInteger(UInt8(bytes.readableBytes))
        case ...0xffff:
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(bytes.readableBytes))
        default:
            frame.writeInteger(UInt8(127))
            frame.writeInteger(UInt64(bytes.readableBytes))
        }
        frame.writeImmutableBuffer(bytes)
        context.write(wrapOutboundOut(frame), promise: promise)
    }
}
