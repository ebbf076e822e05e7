import NIOCore

/// One of two channels on the same event loop whose bytes go to each other.
///
/// A side reads only while the other can take more. The end of one side's input ends the other's
/// output; the far side's end is the end of the whole.
final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Side {
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

    /// How long a client may take to close after its output has ended. Closing at once would reset
    /// a connection that has unread input, and so lose output on its way.
    private static let linger = TimeAmount.seconds(2)

    private init(_ side: Side) { self.side = side }

    static func pair() -> (near: RelayHandler, far: RelayHandler) {
        let pair = (near: RelayHandler(.near), far: RelayHandler(.far))
        pair.near.partner = pair.far
        pair.far.partner = pair.near
        return pair
    }

    /// Begins to read on both sides.
    func start() {
        pull()
        partner?.pull()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        partner = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding, let far = partner?.context else { return }
        far.write(NIOAny(unwrapInboundIn(data)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
        pull()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let partner, partner.owesRead { partner.pull() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { partner?.endOutput() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch side {
        // Not only the end of its input: the container's side must see that the client is gone.
        case .near: partner?.context?.close(promise: nil)
        case .far: partner?.endOutput()
        }
        partner = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
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
        guard let context, !isDiscarding else { return }
        context.flush()
        context.close(mode: .output, promise: nil)
        guard side == .near else { return }
        isDiscarding = true
        if owesRead { pull() }
        let channel = context.channel
        let deadline = context.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
        // Its own end of input may already have come.
        context.read()
    }
}
