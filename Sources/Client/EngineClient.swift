import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// The Docker Engine API from the client's side.
///
/// Paths go without a version prefix: the daemon then answers with the newest version it speaks.
/// Calls by resource are in `EngineClient+*.swift`. Every failing answer is thrown as a `BerthError`
/// whose cause is a `DaemonFailure`.
public struct EngineClient: Sendable {
    public let host: EngineHost
    let launcher: DaemonLauncher?
    private let pool = ConnectionPool()

    /// - Parameter launcher: starts the daemon when nobody listens; nil: that is an error.
    public init(host: EngineHost, launcher: DaemonLauncher? = nil) {
        self.host = host
        self.launcher = launcher
    }

    /// Sends a request and returns its answer, whose status is below 400.
    /// - Throws: `BerthError`: the daemon's own, with its message and a code for its status; or
    ///   `unavailable` when the daemon cannot be reached.
    public func perform(_ request: EngineRequest) async throws -> EngineResponse {
        let answer = try await exchange(request, wantsRaw: false).answer
        let response = EngineResponse(
            status: Int(answer.head.status.code), fields: answer.head.headers,
            body: ResponseBody(buffers: answer.body))
        return try await checked(response)
    }

    /// Sends a request and takes its connection over as a raw duplex stream.
    public func hijack(_ request: EngineRequest) async throws -> RawStream {
        var request = request
        request.headers += [("Connection", "Upgrade"), ("Upgrade", "tcp")]
        let (connection, answer) = try await exchange(request, wantsRaw: true)
        let body = ResponseBody(buffers: answer.body)
        guard answer.isRaw else {
            let response = try await checked(
                EngineResponse(status: Int(answer.head.status.code), fields: answer.head.headers, body: body))
            throw BerthError.internal("the daemon answered \(response.status) where it should have opened a stream")
        }
        return RawStream(
            connection: connection, contentType: answer.head.headers.first(name: "content-type"), bytes: body)
    }

    private func checked(_ response: EngineResponse) async throws -> EngineResponse {
        guard response.status >= 400 else { return response }
        throw DaemonFailure.error(status: response.status, body: try await response.body.collect())
    }

    // MARK: Exchanges

    private func exchange(
        _ request: EngineRequest, wantsRaw: Bool
    ) async throws -> (connection: Connection, answer: ExchangeHandler.Answer) {
        if !wantsRaw, request.canBeRepeated, let kept = pool.take() {
            do {
                return (kept, try await send(request, on: kept, wantsRaw: false))
            } catch ConnectionLost.beforeResponse {
                // The daemon closed the kept connection while the request was under way to it.
            }
        }
        let fresh = try await connect()
        do {
            return (fresh, try await send(request, on: fresh, wantsRaw: wantsRaw))
        } catch let error as ConnectionLost {
            throw BerthError.unavailable(
                "the daemon at \(host) closed the connection without an answer", cause: error)
        } catch let error as IOError {
            throw BerthError.unavailable("the connection to the daemon at \(host) broke: \(error)", cause: error)
        }
    }

    private func send(
        _ request: EngineRequest, on connection: Connection, wantsRaw: Bool
    ) async throws -> ExchangeHandler.Answer {
        let (head, bytes, isStreamed) = prepare(request)
        let pool = pool
        let answer = connection.start(
            head, body: bytes, endsRequest: !isStreamed, wantsRaw: wantsRaw,
            release: { reusable in if reusable, !isStreamed { pool.give(connection) } else { connection.close() } })
        return try await withTaskCancellationHandler {
            guard isStreamed else { return try await answer.get() }
            let upload = Task { try await stream(request.body, to: connection) }
            do {
                return try await answer.get()
            } catch {
                // What broke the reading of the body says more than the connection that it closed.
                upload.cancel()
                if case .failure(let cause) = await upload.result, let cause = cause as? BerthError { throw cause }
                throw error
            }
        } onCancel: {
            connection.close()
        }
    }

    private func prepare(_ request: EngineRequest) -> (HTTPRequestHead, ByteBuffer?, isStreamed: Bool) {
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: "berth")
        headers.add(name: "User-Agent", value: "Berth-Client")
        for field in request.headers { headers.add(name: field.name, value: field.value) }
        var buffer: ByteBuffer?
        var isStreamed = false
        switch request.body {
        case .empty:
            if request.method == .post || request.method == .put { headers.add(name: "Content-Length", value: "0") }
        case .bytes(let bytes, let contentType):
            headers.add(name: "Content-Type", value: contentType)
            headers.add(name: "Content-Length", value: String(bytes.count))
            buffer = ByteBuffer(bytes: bytes)
        case .descriptor(_, let contentType), .stream(let contentType, _):
            headers.add(name: "Content-Type", value: contentType)
            headers.add(name: "Transfer-Encoding", value: "chunked")
            isStreamed = true
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method.rawValue), uri: request.target,
            headers: headers)
        return (head, buffer, isStreamed)
    }

    private func stream(_ body: EngineRequest.Body, to connection: Connection) async throws {
        let writer = BodyWriter(channel: connection.channel)
        do {
            switch body {
            case .empty, .bytes: break
            case .descriptor(let descriptor, _):
                while let piece = try await BlockingWork.read(descriptor) { try await writer.write(piece) }
            case .stream(_, let produce): try await produce(writer)
            }
            try await connection.channel.writeAndFlush(HTTPClientRequestPart.end(nil)).get()
        } catch let error as BerthError {
            connection.close()
            throw error
        } catch is ChannelError {
            // The daemon answered before the end and closed: its answer is what counts.
        } catch is IOError {
        } catch {
            connection.close()
            throw error
        }
    }

    private func connect() async throws -> Connection {
        do {
            return try await Connection.open(host.address)
        } catch {
            if let launcher, Self.meansNobodyListens(error) { return try await launcher.launch(host) }
            throw Self.unreachable(host, error)
        }
    }

    private static func unreachable(_ host: EngineHost, _ error: any Error) -> BerthError {
        if let error = error as? IOError, error.errnoCode == SystemErrors.permissionDenied {
            return BerthError(
                .permissionDenied,
                "permission denied while trying to connect to the Berth daemon socket at \(host): "
                    + "run as root, or add yourself to the group that owns the socket", cause: error)
        }
        return .unavailable(
            "Cannot connect to the Berth daemon at \(host). Is the berth daemon running?", cause: error)
    }

    private static func meansNobodyListens(_ error: any Error) -> Bool {
        guard let error = error as? IOError else { return false }
        return error.errnoCode == SystemErrors.noSuchFile || error.errnoCode == SystemErrors.connectionRefused
    }
}

extension EngineRequest {
    /// Whether the request can be sent once more on another connection: nothing of it is consumed by
    /// sending, and it changes nothing that may have been changed already.
    fileprivate var canBeRepeated: Bool {
        switch body {
        case .descriptor, .stream: false
        case .empty, .bytes: method == .get || method == .head
        }
    }
}

/// What a daemon answered instead of success. The cause of every `BerthError` that came over the wire.
public struct DaemonFailure: Error, Sendable {
    public let status: Int

    private struct Message: Decodable {
        var message: String
    }

    static func error(status: Int, body: [UInt8]) -> BerthError {
        let decoded = try? EngineClient.decode(Message.self, from: body)
        let raw = String(decoding: body, as: UTF8.self)
        let message = decoded?.message ?? (raw.isEmpty ? "the daemon answered with status \(status)" : raw)
        return BerthError(code(status), message, cause: DaemonFailure(status: status))
    }

    private static func code(_ status: Int) -> BerthError.Code {
        switch status {
        case 400: .invalidArgument
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .notFound
        case 409: .conflict
        case 501: .unimplemented
        case 503: .unavailable
        default: .internal
        }
    }
}
