import EngineAPI
import NIOCore
import NIOHTTP1
import NIOPosix

extension Connection {
    /// Turns the connection into a raw stream to `stream` and returns when it is over.
    func hijack(
        _ stream: HijackedStream, _ response: Response, of request: HTTPRequestHead, _ webSocket: WebSocketHandshake?
    ) async throws {
        let near = RelayHandler(.near, leavesBy: DetachFilter(stream.detachKeys), onDetach: stream.onDetach)
        // The far side may speak and close before the near side is ready; it keeps that until `start`.
        let far = NIOLoopBound(RelayHandler(.far), eventLoop: channel.eventLoop)
        let farChannel = try await connect(stream.descriptor, far)
        do {
            let frames = webSocket.map { _ in WebSocketBridge() }
            try becomeRelay(near, frames)
            let head =
                webSocket?.responseHead ?? Self.head(of: response, upgraded: request.headers.contains(name: "Upgrade"))
            try await channel.writeAndFlush(ByteBuffer(string: head)).get()
            if let frames { frames.start() } else { await untilHeadIsRead() }
            try await stream.replay?(RawSink(connection: self))
            guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
        } catch {
            // The client has left meanwhile.
            farChannel.close(promise: nil)
            throw error
        }
        RelayHandler.start(near: near, far: far.value)
        try await channel.closeFuture.get()
    }

    /// Clients on Python's http.client (docker-py, Ansible, older Compose) read the head through a
    /// buffer and the stream past it: what arrives together with the head they lose. So the stream
    /// begins when the client has read the head, or shows no sign of doing so.
    private func untilHeadIsRead() async {
        let patience = ContinuousClock.now + .milliseconds(50)
        while ContinuousClock.now < patience, channel.isActive, !isHeadRead {
            try? await Task.sleep(for: .microseconds(100))
        }
    }

    private var isHeadRead: Bool {
        guard channel.localAddress?.protocol == .unix else { return true }
        let answer = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
            (socket: NIOBSDSocket.Handle) in isDrained(socket)
        }
        return answer ?? true
    }

    /// Makes a channel on a descriptor of its own, so that it and the engine may close in any order.
    /// It lives on our own event loop, so that the two sides need no locks.
    private func connect(
        _ stream: any ConnectedStream, _ handler: NIOLoopBound<RelayHandler>
    ) async throws -> any Channel {
        let descriptor = try duplicate(stream.rawValue)
        return try await ClientBootstrap(group: channel.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .withConnectedSocket(descriptor)
            .get()
    }

    /// Replaces the HTTP handlers by `handler`. What the decoder holds back of the client's bytes goes
    /// to it first.
    private func becomeRelay(_ handler: RelayHandler, _ frames: WebSocketBridge?) throws {
        guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
        let pipeline = channel.pipeline.syncOperations
        try channel.syncOptions?.setOption(.autoRead, value: false)
        if let frames { try frames.add(to: pipeline) }
        try pipeline.addHandler(handler)
        // From the end of the pipeline to its start: the decoder's rest must not meet a handler that
        // expects HTTP.
        pipeline.removeHandler(try pipeline.handler(type: ConnectionHandler.self), promise: nil)
        pipeline.removeHandler(
            try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self), promise: nil)
        pipeline.removeHandler(try pipeline.handler(type: InputEndHandler.self), promise: nil)
        pipeline.removeHandler(try pipeline.handler(type: HTTPResponseEncoder.self), promise: nil)
        if hasInputEnded { handler.inputEnded() }
    }

    /// By hand, for the encoder would add a framing that a raw stream does not have.
    private static func head(of response: Response, upgraded: Bool) -> String {
        var text = upgraded ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        if upgraded { text += "Connection: Upgrade\r\nUpgrade: tcp\r\n" }
        return text + "\r\n"
    }
}

/// Writes past HTTP: what a client of a stream gets before the stream itself.
private struct RawSink: ByteSink {
    let connection: Connection

    func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await connection.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }
}
