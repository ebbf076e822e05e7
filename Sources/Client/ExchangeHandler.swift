import Errors
import NIOCore
import NIOHTTP1

/// The client's end of one connection: at most one exchange (request and response) at a time, and
/// possibly a switch to raw bytes after it.
///
/// Lives on its connection's event loop; every method runs there.
final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Any
    typealias OutboundOut = HTTPClientRequestPart

    /// What became of a request once its head was answered.
    struct Answer: Sendable {
        var head: HTTPResponseHead
        var body: ByteStream.Sequence
        /// The connection carries raw bytes from here on.
        var isRaw: Bool
    }

    /// Called once when the connection may carry the next exchange (`true`) or never will (`false`).
    typealias Release = @Sendable (Bool) -> Void

    private enum State {
        case idle
        case awaitingHead(EventLoopPromise<Answer>, wantsRaw: Bool, Release)
        /// A response's body is arriving. `source` ends with the body.
        case receiving(ByteStream.Source, reusable: Bool, Release)
        /// `101` came; its end has not.
        case switching(HTTPResponseHead, EventLoopPromise<Answer>, Release)
        /// `decoded`: what arrives still passes the decoder, as a body without end.
        case raw(ByteStream.Source, decoded: Bool, Release)
        case closed
    }

    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var demand = Demand.more
    /// Where raw bytes enter the pipeline while the decoder, which takes every write for a request,
    /// still stands in it.
    private var belowDecoder: ChannelHandlerContext?

    /// Whether the reader of the present body wants bytes.
    private enum Demand {
        case more
        case none
        /// A read was asked for while nothing was wanted.
        case withheld
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        belowDecoder = nil
    }

    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// Starts an exchange; its request is written by the caller.
    func begin(_ promise: EventLoopPromise<Answer>, wantsRaw: Bool, release: @escaping Release) {
        guard case .idle = state else {
            promise.fail(ConnectionLost.beforeResponse)
            release(false)
            return
        }
        state = .awaitingHead(promise, wantsRaw: wantsRaw, release)
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .raw(let source, decoded: false, _) = state {
            deliver(RawBytes.unwrapInboundIn(data), to: source)
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head): receivedHead(head, context: context)
        case .body(let bytes): receivedBody(bytes)
        case .end: receivedEnd(context: context)
        }
    }

    private func receivedHead(_ head: HTTPResponseHead, context: ChannelHandlerContext) {
        guard case .awaitingHead(let promise, let wantsRaw, let release) = state else { return }
        if head.status == .switchingProtocols {
            state = .switching(head, promise, release)
            return
        }
        let (source, sequence) = makeBody(context: context)
        guard wantsRaw, head.status == .ok else {
            state = .receiving(source, reusable: head.isKeepAlive, release)
            promise.succeed(Answer(head: head, body: sequence, isRaw: false))
            return
        }
        // A hijacked stream behind a plain 200: what arrives is a body without end for the decoder,
        // what leaves must no longer be encoded.
        state = .raw(source, decoded: true, release)
        belowDecoder = try? decoderContext(context.pipeline.syncOperations)
        removeEncoder(context: context)
        promise.succeed(Answer(head: head, body: sequence, isRaw: true))
    }

    private func receivedBody(_ bytes: ByteBuffer) {
        switch state {
        case .receiving(let source, _, _), .raw(let source, _, _): deliver(bytes, to: source)
        default: break
        }
    }

    private func receivedEnd(context: ChannelHandlerContext) {
        switch state {
        case .receiving(let source, let reusable, let release):
            state = reusable ? .idle : .closed
            resumeReading()
            source.finish()
            release(reusable)
            if !reusable { context.close(promise: nil) }
        case .switching(let head, let promise, let release):
            let (source, sequence) = makeBody(context: context)
            state = .raw(source, decoded: false, release)
            removeEncoder(context: context)
            removeDecoder(context: context)
            promise.succeed(Answer(head: head, body: sequence, isRaw: true))
        case .raw(let source, _, let release):
            state = .closed
            source.finish()
            release(false)
        default: break
        }
    }

    private func deliver(_ bytes: ByteBuffer, to source: ByteStream.Source) {
        switch source.yield(bytes) {
        case .produceMore: break
        case .stopProducing: if case .more = demand { demand = .none }
        case .dropped: break
        }
    }

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        (belowDecoder ?? context).write(data, promise: promise)
    }

    // MARK: Back pressure

    func read(context: ChannelHandlerContext) {
        switch demand {
        case .more: context.read()
        case .none, .withheld: demand = .withheld
        }
    }

    /// The reader wants bytes again.
    func resumeReading() {
        let withheld = demand == .withheld
        demand = .more
        if withheld { context?.read() }
    }

    /// The reader is gone: whatever still comes has nobody to go to.
    func abandonBody() {
        switch state {
        case .receiving(_, _, let release), .raw(_, _, let release):
            state = .closed
            release(false)
            context?.close(promise: nil)
        default: break
        }
    }

    private func makeBody(context: ChannelHandlerContext) -> (ByteStream.Source, ByteStream.Sequence) {
        demand = .more
        let made = ByteStream.Sequence.makeSequence(
            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8), finishOnDeinit: true,
            delegate: ByteStream.Delegate(
                eventLoop: context.eventLoop, handler: NIOLoopBound(self, eventLoop: context.eventLoop)))
        return (made.source, made.sequence)
    }

    // MARK: Ends

    func channelInactive(context: ChannelHandlerContext) {
        finish(with: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(with: error)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The other side's half-close: of a raw stream it ends the reading, elsewhere the connection.
        if case ChannelEvent.inputClosed = event {
            if case .raw(let source, _, _) = state {
                source.finish()
            } else {
                context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func finish(with error: (any Error)?) {
        let former = state
        state = .closed
        switch former {
        case .idle, .closed: break
        case .awaitingHead(let promise, _, let release), .switching(_, let promise, let release):
            promise.fail(error ?? ConnectionLost.beforeResponse)
            release(false)
        case .receiving(let source, _, let release):
            source.finish(error ?? ConnectionLost.duringBody)
            release(false)
        case .raw(let source, _, let release):
            if let error { source.finish(error) } else { source.finish() }
            release(false)
        }
    }

    // MARK: Switching to raw bytes

    private func removeEncoder(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let encoder = try? pipeline.context(handlerType: HTTPRequestEncoder.self) {
            pipeline.removeHandler(context: encoder, promise: nil)
        }
    }

    private func removeDecoder(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let decoder = try? decoderContext(pipeline) {
            // Bytes that came along with the head are handed on while the decoder leaves.
            pipeline.removeHandler(context: decoder, promise: nil)
        }
    }

    private func decoderContext(
        _ pipeline: ChannelPipeline.SynchronousOperations
    ) throws -> ChannelHandlerContext {
        try pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self)
    }
}

/// A connection that ended too early.
enum ConnectionLost: Error {
    case beforeResponse
    case duringBody
}

/// Names the types of the raw state, where the decoder is gone.
enum RawBytes {
    private final class Types: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }
    static func unwrapInboundIn(_ data: NIOAny) -> ByteBuffer { Types.unwrapInboundIn(data) }
}

/// The bytes of a response, handed from an event loop to one reader, with back pressure.
enum ByteStream {
    typealias Strategy = NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark
    typealias Sequence = NIOThrowingAsyncSequenceProducer<ByteBuffer, any Error, Strategy, Delegate>
    typealias Source = Sequence.Source

    struct Delegate: NIOAsyncSequenceProducerDelegate {
        let eventLoop: any EventLoop
        let handler: NIOLoopBound<ExchangeHandler>

        func produceMore() {
            eventLoop.execute { handler.value.resumeReading() }
        }

        func didTerminate() {
            eventLoop.execute { handler.value.abandonBody() }
        }
    }
}
