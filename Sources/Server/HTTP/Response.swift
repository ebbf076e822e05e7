import EngineAPI
import NIOCore
import NIOHTTP1

/// What a route answers. The connection carries it out.
struct Response: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders = [:]
    var body: Body

    enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        /// The head goes out at once, then what the closure writes, each piece as it comes. `endless`
        /// says that the stream waits for something outside the request, so that a shutdown need not
        /// wait for it.
        case stream(endless: Bool, @Sendable (any ByteSink) async throws -> Void)
        /// The head goes out with the first message, so that an error before it has a status of its own.
        case progress(@Sendable (any ProgressSink) async throws -> Void)
        /// The connection stops being HTTP: bytes as they are, or in the frames of WebSocket.
        case hijacked(HijackedStream, WebSocketHandshake? = nil)
    }

    static func empty(_ status: HTTPResponseStatus = .noContent, headers: HTTPHeaders = [:]) -> Response {
        Response(status: status, headers: headers, body: .none)
    }

    static func json(_ value: some Encodable, status: HTTPResponseStatus = .ok) throws -> Response {
        let buffer = ByteBuffer(bytes: try JSON.line(value))
        return Response(status: status, headers: ["Content-Type": JSON.mediaType], body: .bytes(buffer))
    }

    static func text(_ text: String, headers: HTTPHeaders = [:]) -> Response {
        var headers = headers
        headers.replaceOrAdd(name: "Content-Type", value: "text/plain; charset=utf-8")
        return Response(status: .ok, headers: headers, body: .bytes(ByteBuffer(string: text)))
    }

    static func stream(_ output: StreamedOutput, endless: Bool = false, headers: HTTPHeaders = [:]) -> Response {
        var headers = headers
        headers.replaceOrAdd(name: "Content-Type", value: output.mediaType)
        return Response(status: .ok, headers: headers, body: .stream(endless: endless, output.write))
    }

    /// One JSON text a line.
    static func messages<Message: Encodable & Sendable>(
        _ messages: StreamedMessages<Message>, endless: Bool
    ) -> Response {
        Response(
            status: .ok, headers: ["Content-Type": JSON.mediaType],
            body: .stream(endless: endless) { try await messages.write(JSONLines<Message>(sink: $0)) })
    }

    static func progress(_ run: @escaping @Sendable (any ProgressSink) async throws -> Void) -> Response {
        Response(status: .ok, headers: ["Content-Type": JSON.mediaType], body: .progress(run))
    }

    /// The head now, the value when it has come.
    static func pending(_ pending: Pending<some Encodable & Sendable>) -> Response {
        Response(
            status: .ok, headers: ["Content-Type": JSON.mediaType],
            body: .stream(endless: true) { sink in
                try await sink.write(JSON.line(pending.value()))
            })
    }
}

enum JSON {
    static let mediaType = "application/json"

    /// The value as a line of its own.
    static func line(_ value: some Encodable) throws -> [UInt8] {
        try OrderedJSONEncoder().encode(value) + [UInt8(ascii: "\n")]
    }
}

private struct JSONLines<Message: Encodable & Sendable>: MessageSink {
    let sink: any ByteSink

    func send(_ message: Message) async throws { try await sink.write(JSON.line(message)) }
}
