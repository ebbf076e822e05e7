import EngineAPI
import Errors
import NIOHTTP1
import Testing

@testable import Server

@Suite struct StreamTests {
    private func pass(_ pieces: [[UInt8]], keys: [UInt8]) -> (rest: [UInt8], leaves: Bool) {
        guard var filter = DetachFilter(keys) else { return (pieces.flatMap { $0 }, false) }
        var rest: [UInt8] = []
        for piece in pieces {
            let (more, leaves) = filter.pass(piece)
            rest += more
            if leaves { return (rest, true) }
        }
        return (rest, false)
    }

    @Test func detachKeysInOneOrInPieces() {
        #expect(pass([[1, 16, 17, 2]], keys: [16, 17]) == ([1], true))
        #expect(pass([[1, 16], [17]], keys: [16, 17]) == ([1], true))
        #expect(pass([[16, 16, 17]], keys: [16, 17]) == ([16], true))
        #expect(pass([[16], [2, 17]], keys: [16, 17]) == ([16, 2, 17], false))
        #expect(pass([[16, 17]], keys: []) == ([16, 17], false))
    }

    private func handshake(_ headers: HTTPHeaders) throws -> WebSocketHandshake {
        try WebSocketHandshake(
            Request(method: .GET, query: Query(), headers: headers, body: .empty, apiVersion: .current))
    }

    /// The example of RFC 6455, section 1.3.
    @Test func webSocketHandshake() throws {
        let made = try handshake([
            "Upgrade": "WebSocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        ])
        #expect(made.responseHead.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        #expect(throws: BerthError.self) { try handshake(["Upgrade": "tcp"]) }
        #expect(throws: BerthError.self) {
            try handshake(["Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "8"])
        }
    }

    @Test(arguments: [
        ("tcp://127.0.0.1:2376", "tcp://127.0.0.1:2376"), ("tcp://:99", "tcp://127.0.0.1:99"),
        ("tcp://localhost", "tcp://127.0.0.1:2375"), ("tcp://[::1]:5", "tcp://[::1]:5"),
        ("tcp://0.0.0.0", "tcp://0.0.0.0:2375"),
    ])
    func endpoints(_ host: String, _ expected: String) throws {
        #expect(try Endpoint.parse(host, environment: [:]).map(\.description) == [expected])
    }

    @Test(arguments: ["tcp://example.org:1", "tcp://127.0.0.1:x", "tcp://127.0.0.1:0", "http://x", "unix://relative"])
    func wrongEndpoints(_ host: String) {
        #expect(throws: BerthError.self) { try Endpoint.parse(host, environment: [:]) }
    }
}
