import EngineAPI
import Errors
import Logging
import NIOCore
import NIOHTTP1

/// One client's connection: takes requests one after the other and carries out their responses.
///
/// The actor runs on its channel's event loop, so that the channel's handlers call it without a
/// suspension and its writes keep their order. Whatever decodes, decides or encodes is called from
/// here but runs elsewhere.
///
/// A client that goes away cancels the task, and with it whatever answers the request at hand.
actor Connection {
    nonisolated let channel: any Channel
    nonisolated var unownedExecutor: UnownedSerialExecutor { channel.eventLoop.executor.asUnownedSerialExecutor() }

    private let responder: Responder
    private let logger: Logger
    private var task: Task<Void, Never>?

    // What has arrived and was not asked for yet.
    private var parts = CircularBuffer<HTTPServerRequestPart>()
    private var bufferedBytes = 0
    private var reader: CheckedContinuation<Void, Never>?
    private var isReadHeld = false
    private var input = Input.open

    // The request at hand.
    private var exchange = Exchange(id: 0)
    private var phase = Phase.idle
    private var isClosing = false

    private enum Input {
        case open
        case ended
        case failed(any Error)
    }

    private enum Phase {
        case idle
        case responding
        /// The response waits for something outside the request, possibly for ever.
        case waiting
    }

    /// One request and how far its response is. Sinks and bodies carry the number, so that one that
    /// outlives its request does not touch the next.
    private struct Exchange {
        var id: Int
        var isBodyRead = false
        var awaitsContinue = false
        var isReusable = true
        var progress = Progress.headDue

        enum Progress { case headDue, streaming, finished }
    }

    /// How much may be read ahead of the handler.
    private static let readAheadLimit = 256 << 10
    /// What an early response leaves unread of its request's body; more costs the connection.
    private static let skipLimit = 256 << 10

    init(channel: any Channel, responder: Responder, logger: Logger) {
        self.channel = channel
        self.responder = responder
        self.logger = logger
    }

    /// Serves requests until either side closes.
    func start() {
        task = Task { await serve() }
    }

    /// Ends the connection for a shutdown: now if it is idle or waits for something that may never
    /// come, else after the response at hand.
    func finish() {
        isClosing = true
        if case .responding = phase { return }
        channel.close(promise: nil)
    }

    private func serve() async {
        while !isClosing, let head = await nextHead() {
            await answer(head)
            guard exchange.isReusable, await skipBody() else { break }
            phase = .idle
        }
        channel.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead) async {
        let id = exchange.id + 1
        exchange = Exchange(id: id)
        exchange.awaitsContinue = head.headers.first(name: "Expect")?.lowercased() == "100-continue"
        // After a request that offers an upgrade the decoder passes nothing on any more, for all that
        // follows may be another protocol's.
        exchange.isReusable =
            head.isKeepAlive && head.version == .http1_1 && !head.headers.contains(name: "Upgrade")
        phase = .responding
        let response = await responder.respond(to: head, body: RequestBody { try await self.nextPiece(of: id) })
        do {
            try await carryOut(response, of: head)
        } catch {
            // The head is out, or the client is away: nothing more can be said here.
            logger.debug("\(head.method) \(head.uri): response broken off: \(error)")
            exchange.isReusable = false
        }
        exchange.progress = .finished
    }
}

// MARK: - Events of the channel

extension Connection {
    /// Whether the channel may read on. If not, it is made to as soon as the backlog has gone down.
    func mayRead() -> Bool {
        isReadHeld = bufferedBytes > Self.readAheadLimit || parts.count > 64
        return !isReadHeld
    }

    func received(_ part: HTTPServerRequestPart) {
        if case .body(let buffer) = part { bufferedBytes += buffer.readableBytes }
        parts.append(part)
        wakeReader()
    }

    /// The client sends nothing more. Over a Unix socket it may still be waiting for its response; a
    /// TCP peer that has closed looks the same, and counts as gone.
    func inputClosed() {
        if case .open = input { input = .ended }
        wakeReader()
        if channel.localAddress?.protocol != .unix { task?.cancel() }
    }

    func failed(_ error: any Error) {
        if case .open = input { input = .failed(error) }
        wakeReader()
        if !(error is HTTPParserError) { channel.close(promise: nil) }
    }

    func closed() {
        if case .open = input { input = .ended }
        wakeReader()
        task?.cancel()
    }

    var hasInputEnded: Bool {
        if case .open = input { false } else { true }
    }

    private func wakeReader() {
        reader?.resume()
        reader = nil
    }
}

// MARK: - Reading

extension Connection {
    private func nextPart() async throws -> HTTPServerRequestPart? {
        while parts.isEmpty {
            switch input {
            case .open: break
            case .ended: return nil
            case .failed(let error): throw error
            }
            guard reader == nil else { throw BerthError.internal("two readers of one request body") }
            await withCheckedContinuation { reader = $0 }
        }
        let part = parts.removeFirst()
        if case .body(let buffer) = part { bufferedBytes -= buffer.readableBytes }
        if isReadHeld, mayRead() { channel.read() }
        return part
    }

    private func nextHead() async -> HTTPRequestHead? {
        do {
            guard case .head(let head)? = try await nextPart() else { return nil }
            return head
        } catch {
            logger.debug("malformed request: \(error)")
            let head = HTTPResponseHead(
                version: .http1_1, status: .badRequest, headers: ["Connection": "close", "Content-Length": "0"])
            channel.write(HTTPServerResponsePart.head(head), promise: nil)
            try? await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
            return nil
        }
    }

    private func nextPiece(of id: Int) async throws -> [UInt8]? {
        guard id == exchange.id, exchange.progress != .finished else { throw CancellationError() }
        guard !exchange.isBodyRead else { return nil }
        if exchange.awaitsContinue, exchange.progress == .headDue {
            exchange.awaitsContinue = false
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            channel.writeAndFlush(HTTPServerResponsePart.head(head), promise: nil)
        }
        let part: HTTPServerRequestPart?
        do {
            part = try await nextPart()
        } catch let error as HTTPParserError {
            throw BerthError.invalidArgument("unexpected EOF while reading the request body", cause: error)
        }
        switch part {
        case .body(let buffer):
            return Array(buffer.readableBytesView)
        case .end:
            exchange.isBodyRead = true
            return nil
        case .head, nil:
            throw BerthError.invalidArgument("unexpected EOF while reading the request body")
        }
    }

    /// Reads past what the handler left of the body. `false` if that is too much, or if it fails.
    private func skipBody() async -> Bool {
        if exchange.awaitsContinue { return exchange.isBodyRead }
        var skipped = 0
        while !exchange.isBodyRead {
            switch try? await nextPart() {
            case .body(let buffer):
                skipped += buffer.readableBytes
                guard skipped <= Self.skipLimit else { return false }
            case .end: exchange.isBodyRead = true
            case .head, nil: return false
            }
        }
        return true
    }
}

// MARK: - Writing

extension Connection {
    private func carryOut(_ response: Response, of request: HTTPRequestHead) async throws {
        switch response.body {
        case .none:
            try await send(response, ByteBuffer(), of: request)
        case .bytes(let buffer):
            try await send(response, buffer, of: request)
        case .stream(let endless, let write):
            if endless { phase = .waiting }
            try await start(response)
            try await write(ResponseSink(connection: self, exchange: exchange.id))
            try await end()
        case .progress(let run):
            try await carryOutProgress(response, run, of: request)
        case .hijacked(let stream, let handshake):
            phase = .waiting
            try await hijack(stream, response, of: request, handshake)
        }
    }

    private func carryOutProgress(
        _ response: Response, _ run: @Sendable (any ProgressSink) async throws -> Void, of request: HTTPRequestHead
    ) async throws {
        do {
            try await run(ProgressResponse(connection: self, exchange: exchange.id, response: response))
            if exchange.progress == .headDue { try await start(response) }
        } catch {
            guard exchange.progress == .streaming else {
                return try await carryOut(responder.failure(error, of: request), of: request)
            }
            let message = responder.report(error, of: request).message
            let last = ProgressMessage(error: message, errorDetail: ErrorDetail(message: message))
            try await write(ByteBuffer(bytes: try JSON.line(last)), to: exchange.id)
        }
        try await end()
    }

    private func head(_ response: Response) -> HTTPResponseHead {
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        if isClosing { exchange.isReusable = false }
        if !exchange.isReusable { head.headers.add(name: "Connection", value: "close") }
        return head
    }

    /// The whole response at once.
    private func send(_ response: Response, _ buffer: ByteBuffer, of request: HTTPRequestHead) async throws {
        // A body that the client holds back until told to go on can only be skipped by closing.
        if exchange.awaitsContinue { exchange.isReusable = false }
        var head = head(response)
        if response.status.mayHaveResponseBody {
            head.headers.add(name: "Content-Length", value: String(buffer.readableBytes))
        }
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if buffer.readableBytes > 0, request.method != .HEAD {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(buffer)), promise: nil)
        }
        exchange.progress = .finished
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    }

    private func start(_ response: Response) async throws {
        exchange.progress = .streaming
        try await channel.writeAndFlush(HTTPServerResponsePart.head(head(response))).get()
    }

    private func end() async throws {
        exchange.progress = .finished
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    }

    /// Returns when the kernel has taken the bytes, which is the back pressure.
    fileprivate func write(_ buffer: ByteBuffer, to id: Int, startingWith response: Response? = nil) async throws {
        guard id == exchange.id else { throw CancellationError() }
        if let response, exchange.progress == .headDue {
            exchange.progress = .streaming
            channel.write(HTTPServerResponsePart.head(head(response)), promise: nil)
        }
        guard exchange.progress == .streaming else { throw CancellationError() }
        try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(buffer))).get()
    }
}

private struct ResponseSink: ByteSink {
    let connection: Connection
    let exchange: Int

    func write(_ bytes: [UInt8]) async throws {
        // An empty chunk would end the response.
        guard !bytes.isEmpty else { return }
        try await connection.write(ByteBuffer(bytes: bytes), to: exchange)
    }
}

private struct ProgressResponse: MessageSink {
    let connection: Connection
    let exchange: Int
    let response: Response

    func send(_ message: ProgressMessage) async throws {
        try await connection.write(ByteBuffer(bytes: JSON.line(message)), to: exchange, startingWith: response)
    }
}
