import EngineAPI
import Errors
import Glibc
import Linux
import Logging
import NIOPosix
import Server
import Testing

/// Real sockets in a folder of the test's own; no root, no network.
@Suite struct APIServerTests {
    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await withServer(StubBackend()) { client in
            try client.send(String(repeating: "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n", count: 50))
            try client.send("GET /nothing HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.matches(of: /HTTP\/1.1 200 OK/).count == 50)
            #expect(text.hasSuffix(#"{"message":"page not found"}"# + "\n"))
        }
    }

    @Test func versionsOutOfRangeAreRefusedInDockersWords() async throws {
        try await withServer(StubBackend()) { client in
            try client.send("GET /v1.99/info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 400 "))
            #expect(text.contains("client version 1.99 is too new. Maximum supported API version is 1.51"))
        }
    }

    @Test func unreadBodiesAreSkipped() async throws {
        try await withServer(StubBackend()) { client in
            let body = String(repeating: "x", count: 5000)
            for _ in 0..<3 {
                try client.send("POST /containers/c/kill HTTP/1.1\r\nHost: d\r\nContent-Length: 5000\r\n\r\n" + body)
            }
            try client.send("GET /containers/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.matches(of: /204 No Content/).count == 3)
            #expect(text.hasSuffix("[]\n"))
        }
    }

    @Test func hijackRelaysBothWaysAndHalfCloses() async throws {
        let (near, far) = try UnixSocket.pair()
        let backend = StubBackend(attach: { HijackedStream(descriptor: StreamEnd(near), tty: false) })
        try await withServer(backend) { client in
            // Bytes right behind the request belong to the stream already.
            try client.send(
                "POST /v1.51/containers/c/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\n"
                    + "Upgrade: tcp\r\n\r\nearly ")
            try client.send("late")
            client.endOutput()
            let received = try await onThread { try far.readToEnd() }
            #expect(received == Array("early late".utf8))
            try far.writeAll("answer")
            shutdown(far.rawValue, Int32(SHUT_WR))
            let text = try await client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 101 UPGRADED\r\nContent-Type: \(StreamMediaType.multiplexed)\r\n"))
            #expect(text.hasSuffix("\r\n\r\nanswer"))
        }
    }

    @Test func outputOfAStreamThatEndedAtOnceIsNotLost() async throws {
        let backend = StubBackend(attach: {
            let (near, far) = try UnixSocket.pair()
            try far.writeAll("all of it")
            return HijackedStream(descriptor: StreamEnd(near), tty: true)
        })
        try await withServer(backend) { client in
            try client.send("POST /containers/c/attach HTTP/1.1\r\nHost: d\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: \(StreamMediaType.raw)\r\n"))
            #expect(text.hasSuffix("\r\n\r\nall of it"))
        }
    }

    @Test func missingContainersAreReportedBeforeTheHijack() async throws {
        try await withServer(StubBackend()) { client in
            try client.send(
                "POST /containers/c/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
            #expect(text.hasSuffix(#"{"message":"No such container: c"}"# + "\n"))
        }
    }

    @Test func earlyErrorsOfProgressHaveAStatus() async throws {
        let backend = StubBackend(pull: { _ in throw BerthError.notFound("manifest unknown") })
        try await withServer(backend) { client in
            try client.send("POST /images/create?fromImage=x HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        }
    }

    @Test func lateErrorsOfProgressAreALine() async throws {
        let backend = StubBackend(pull: { progress in
            try await progress.send(ProgressMessage(status: "Pulling"))
            throw BerthError.unavailable("the registry is away")
        })
        try await withServer(backend) { client in
            try client.send("POST /images/create?fromImage=x HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.contains(#"{"status":"Pulling"}"#))
            #expect(
                text.contains(#"{"error":"the registry is away","errorDetail":{"message":"the registry is away"}}"#))
        }
    }

    @Test func aClientThatVanishesCancels() async throws {
        let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
        try await withServer(StubBackend(onCancel: { cancel.yield() })) { client in
            try client.send("POST /containers/c/wait HTTP/1.1\r\nHost: d\r\n\r\n")
            // The head comes before the exit: clients start the container only then.
            #expect(try await client.readSome().hasPrefix("HTTP/1.1 200 OK\r\n"))
            client.endBoth()
            for await _ in cancelled { break }
        }
    }

    @Test(.timeLimit(.minutes(1))) func shutdownEndsWaitingResponses() async throws {
        try await withServer(StubBackend()) { client in
            try client.send("POST /containers/c/wait HTTP/1.1\r\nHost: d\r\n\r\n")
            _ = try await client.readSome()
        }
        // The wait would last for ever: that the server has ended is the proof.
    }

    @Test func aSecondServerIsRefused() async throws {
        try await withServer(StubBackend()) { client in
            let second = APIServer(
                endpoints: [.unix(path: client.path)], backend: StubBackend(), version: "test",
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            await #expect(throws: BerthError.self) { try await second.run() }
        }
    }
}

// MARK: - Fixtures

/// A connected client, blocking underneath.
private struct Client {
    let path: String
    let socket: FileDescriptor

    func send(_ text: String) throws { try socket.writeAll(text) }
    func endOutput() { shutdown(socket.rawValue, Int32(SHUT_WR)) }
    func endBoth() { shutdown(socket.rawValue, Int32(SHUT_RDWR)) }

    func readSome() async throws -> String {
        String(decoding: try await onThread { try socket.read(upTo: 65536) }, as: UTF8.self)
    }

    func readToEnd() async throws -> String {
        String(decoding: try await onThread { try socket.readToEnd() }, as: UTF8.self)
    }
}

private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(body)
}

private func withServer(
    _ backend: StubBackend, _ body: @Sendable (Client) async throws -> Void
) async throws {
    let folder = "/tmp/berth-server-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    try Files.makeDirectory(folder)
    defer { try? Files.removeTree(folder) }
    let path = "\(folder)/api.sock"
    let (listening, ready) = AsyncStream.makeStream(of: Void.self)
    let server = APIServer(
        endpoints: [.unix(path: path)], backend: backend, version: "test",
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    let task = Task {
        defer { ready.finish() }
        try await server.run { ready.yield() }
    }
    for await _ in listening { break }
    do {
        try await body(Client(path: path, socket: try UnixSocket.connect(path)))
    } catch {
        task.cancel()
        throw error
    }
    task.cancel()
    try await task.value
    #expect(!Files.exists(path))
}
