import EngineAPI
import Errors
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The HTTP server of the Engine API.
public struct APIServer: Sendable {
    private let endpoints: [Endpoint]
    private let responder: Responder
    private let logger: Logger
    private let group: any EventLoopGroup
    private let grace: Duration
    private let tls: ServerTLS?

    /// - Parameters:
    ///   - version: of this engine, for the `Server` header.
    ///   - tls: for clients over TCP; nil serves them in the clear.
    ///   - grace: how long a shutdown waits for responses at hand.
    public init(
        endpoints: [Endpoint], backend: some EngineBackend, version: String, logger: Logger,
        tls: ServerTLS? = nil, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        grace: Duration = .seconds(5)
    ) {
        self.endpoints = endpoints
        self.logger = logger
        self.group = group
        self.grace = grace
        self.tls = tls
        responder = Responder(routes: .engineAPI(backend), version: version, logger: logger)
    }

    /// Listens, and serves until the task is cancelled; then takes no more connections, ends idle ones
    /// and waiting ones (events, followed logs, attached terminals), and returns when the rest is done.
    ///
    /// - Parameter onListening: called once all endpoints accept connections.
    /// - Throws: `conflict` if another daemon listens on an endpoint, or why one cannot be listened on.
    public func run(onListening: @Sendable () async throws -> Void = {}) async throws {
        var listeners: [Listener] = []
        defer { listeners.forEach { $0.removeFile() } }
        var channels: [any Channel] = []
        let registry = ConnectionRegistry()
        do {
            for endpoint in endpoints {
                let listener = try Listener(endpoint)
                listeners.append(listener)
                channels.append(try await accept(on: listener, registry))
                logger.info("API listens on \(endpoint)")
            }
            try await onListening()
            await untilCancelled()
        } catch {
            await close(channels)
            throw error
        }
        await close(channels)
        // In a task of its own, for this one is cancelled and could not wait.
        await Task { await registry.shutDown(grace: grace) }.value
    }

    private func untilCancelled() async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(86400)) }
    }

    private func close(_ channels: [any Channel]) async {
        for channel in channels { try? await channel.close().get() }
    }

    private func accept(on listener: Listener, _ registry: ConnectionRegistry) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls, case .tcp = listener.endpoint {
                        try channel.pipeline.syncOperations.addHandler(tls.handler())
                    }
                    try serve(channel, registry)
                }
            }
            .withBoundSocket(listener.descriptor)
            .get()
    }

    private func serve(_ channel: any Channel, _ registry: ConnectionRegistry) throws {
        let connection = Connection(channel: channel, responder: responder, logger: logger)
        guard registry.add(connection) else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in registry.remove(connection) }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(
            HTTPResponseEncoder(),
            InputEndHandler(connection),
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)))
        try pipeline.addHandler(ConnectionHandler(connection))
        connection.assumeIsolated { $0.start() }
    }
}
