import Errors
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One connection to a daemon.
struct Connection: Sendable {
    let channel: any Channel
    let handler: NIOLoopBound<ExchangeHandler>

    /// One thread carries all connections of the process. It is made when the first connection is,
    /// and ends with the process.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    static func open(_ address: EngineHost.Address) async throws -> Connection {
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.connectTimeout, value: .seconds(30))
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(HTTPRequestEncoder())
                    try pipeline.addHandler(
                        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)))
                    try pipeline.addHandler(ExchangeHandler())
                }
            }
        let channel =
            switch address {
            case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
            case .tcp(let host, let port): try await bootstrap.connect(host: host, port: port).get()
            }
        let handler = try await channel.eventLoop.submit {
            let handler = try channel.pipeline.syncOperations.handler(type: ExchangeHandler.self)
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.get()
        return Connection(channel: channel, handler: handler)
    }

    /// Sends the head, and the body when it is in memory, in one write; completes with the answer's
    /// head. A streamed body is the caller's to send meanwhile.
    func start(
        _ head: HTTPRequestHead, body: ByteBuffer?, endsRequest: Bool, wantsRaw: Bool,
        release: @escaping ExchangeHandler.Release
    ) -> EventLoopFuture<ExchangeHandler.Answer> {
        let promise = channel.eventLoop.makePromise(of: ExchangeHandler.Answer.self)
        let channel = channel
        channel.eventLoop.execute { [handler] in
            handler.value.begin(promise, wantsRaw: wantsRaw, release: release)
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
            if endsRequest { channel.write(HTTPClientRequestPart.end(nil), promise: nil) }
            channel.flush()
        }
        return promise.futureResult
    }

    func close() { channel.close(promise: nil) }
}

/// Idle connections, ready for the next request. Small: a command makes few calls at a time.
final class ConnectionPool: Sendable {
    private static let capacity = 4

    private let idle = Mutex<[Connection]>([])

    func take() -> Connection? {
        idle.withLock { idle in
            while let connection = idle.popLast() {
                if connection.channel.isActive { return connection }
            }
            return nil
        }
    }

    func give(_ connection: Connection) {
        let surplus = idle.withLock { idle in
            guard idle.count < Self.capacity else { return true }
            idle.append(connection)
            return false
        }
        if surplus { connection.close() }
    }
}
