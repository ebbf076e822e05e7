import EngineAPI
import NIOCore
import NIOHTTP1
import NIOPosix

extension Connection {
    /// Turns the connection into a raw stream to `stream` and returns when it is over.
    func hijack(_ stream: HijackedStream, _ response: Response, of request: HTTPRequestHead) async throws {
        let far = try await connect(stream.descriptor)
        let near = try becomeRelay(to: far)
        let head = Self.head(of: response, upgraded: request.headers.contains(name: "Upgrade"))
        channel.writeAndFlush(ByteBuffer(string: head), promise: nil)
        near.start()
        try await channel.closeFuture.get()
    }

    /// A channel on a descriptor of its own, so that it and the engine may close in any order.
    private func connect(_ stream: any ConnectedStream) async throws -> any Channel {
        let descriptor = try duplicate(stream.rawValue)
        // On our own event loop, so that the two sides need no locks.
        return try await ClientBootstrap(group: channel.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withConnectedSocket(descriptor)
            .get()
    }

    /// Replaces the HTTP handlers. What the decoder holds back of the client's bytes goes first.
    private func becomeRelay(to far: any Channel) throws -> RelayHandler {
        let pair = RelayHandler.pair()
        let pipeline = channel.pipeline.syncOperations
        try channel.syncOptions?.setOption(.autoRead, value: false)
        try pipeline.addHandler(pair.near)
        try far.pipeline.syncOperations.addHandler(pair.far)
        // From the end of the pipeline to its start: the decoder's rest must not meet a handler that
        // expects HTTP.
        pipeline.removeHandler(try pipeline.handler(type: ConnectionHandler.self), promise: nil)
        pipeline.removeHandler(
            try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self), promise: nil)
        pipeline.removeHandler(try pipeline.handler(type: HTTPResponseEncoder.self), promise: nil)
        return pair.near
    }

    /// By hand, for the encoder would add a framing that a raw stream does not have.
    private static func head(of response: Response, upgraded: Bool) -> String {
        var text = upgraded ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        if upgraded { text += "Connection: Upgrade\r\nUpgrade: tcp\r\n" }
        return text + "\r\n"
    }
}
