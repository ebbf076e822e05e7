import NIOCore

/// One of two channels on the same event loop whose bytes go to each other.
///
/// A side reads only while the other can take more. The end of one side's input ends the other's
/// output; the far side's end is the end of the whole.
final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side {
        /// The client.
        case near
        /// The container.
        case far
    }

    private let side: Side
    private var partner: RelayHandler?
    private var context: ChannelHandlerContext?
    /// The partner could not take more when a read was due.
    private var owesRead = false
    /// Nobody wants what this side still receives.
    private var isDiscarding = false
    private var hasOutputEnded = false
    /// What came before the other side was ready.
    private var early: Early? = Early()

    private struct Early {
        var bytes: [ByteBuffer] = []
        var hasEnded = false
    }

    /// How long a client may take to close after its output has ended. Closing at once would reset
    /// a connection that has unread input, and so lose output on its way.
    private static let linger = TimeAmount.seconds(2)

    private var detachFilter: DetachFilter?
    private let onDetach: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - filter: of what this side receives; the relay ends when it says so.
    ///   - onDetach: called then.
    init(_ side: Side, leavesBy filter: DetachFilter? = nil, onDetach: (@Sendable () -> Void)? = nil) {
        self.side = side
        detachFilter = filter
        self.onDetach = onDetach
    }

    /// Passes on what came early, and reads on both sides from then on. Both must be in their pipelines.
    static func start(near: RelayHandler, far: RelayHandler) {
        near.partner = far
        far.partner = near
        for side in [near, far] {
            let early = side.early
            side.early = nil
            for bytes in early?.bytes ?? [] { side.pass(bytes) }
            side.partner?.context?.flush()
            if early?.hasEnded == true { side.inputEnded() }
        }
        near.pull()
        far.pull()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        partner = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pass(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard early == nil else { return }
        partner?.context?.flush()
        pull()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let partner, partner.owesRead { partner.pull() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { inputEnded() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        inputEnded()
        // Not only the end of its input: the container's side must see that the client is gone.
        if side == .near { partner?.context?.close(promise: nil) }
        partner = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func pass(_ bytes: ByteBuffer) {
        if early != nil {
            early?.bytes.append(bytes)
        } else if !isDiscarding {
            guard detachFilter != nil else {
                partner?.context?.write(NIOAny(bytes), promise: nil)
                return
            }
            passFiltered(bytes)
        }
    }

    private func passFiltered(_ bytes: ByteBuffer) {
        guard let (rest, leaves) = detachFilter?.pass(bytes.readableBytesView) else { return }
        if !rest.isEmpty { partner?.context?.writeAndFlush(NIOAny(ByteBuffer(bytes: rest)), promise: nil) }
        guard leaves else { return }
        isDiscarding = true
        onDetach?()
        partner?.context?.close(promise: nil)
        endOutput()
    }

    /// This side receives no more.
    func inputEnded() {
        if early != nil {
            early?.hasEnded = true
        } else {
            partner?.endOutput()
        }
    }

    private func pull() {
        guard let context else { return }
        if isDiscarding || partner?.context?.channel.isWritable != false {
            owesRead = false
            context.read()
        } else {
            owesRead = true
        }
    }

    /// The partner has no more for this side.
    private func endOutput() {
        guard let context, !hasOutputEnded else { return }
        hasOutputEnded = true
        // Nobody is left to take what the client still sends. Reading it keeps its writes from failing
        // and shows when it closes.
        if side == .near {
            isDiscarding = true
            if owesRead { pull() }
        }
        // Not before all is written: where the input has ended too, NIO closes at once and drops the rest.
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenSuccess { self.closeOutput() }
    }

    private func closeOutput() {
        guard let context else { return }
        context.close(mode: .output, promise: nil)
        guard side == .near else { return }
        let channel = context.channel
        let deadline = context.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
    }
}
