import Client
import Errors
import Linux
import Testing

@Suite struct EngineHostTests {
    @Test(arguments: [
        ("unix:///run/x.sock", EngineHost.Address.unix("/run/x.sock")),
        ("tcp://127.0.0.1:2375", .tcp(host: "127.0.0.1", port: 2375)),
        ("tcp://[::1]:9", .tcp(host: "::1", port: 9)),
        ("tcp://host", .tcp(host: "host", port: 2375)),
        ("tcp://:80", .tcp(host: "localhost", port: 80)),
    ])
    func addresses(_ text: String, _ address: EngineHost.Address) throws {
        #expect(try EngineHost(parsing: text).address == address)
    }

    @Test(arguments: ["unix://relative", "tcp://h:p", "ssh://host", "tcp://a:b:c"])
    func refused(_ text: String) {
        #expect(throws: BerthError.self) { try EngineHost(parsing: text) }
    }

    @Test func theFlagWinsThenBerthThenDocker() throws {
        let environment = ["BERTH_HOST": "tcp://b:1", "DOCKER_HOST": "tcp://d:1"]
        #expect(try EngineHost.choose(flag: "tcp://f:1", environment: environment).description == "tcp://f:1")
        #expect(try EngineHost.choose(flag: nil, environment: environment).origin == .berthHost)
        #expect(try EngineHost.choose(flag: nil, environment: ["DOCKER_HOST": "tcp://d:1"]).origin == .dockerHost)
        #expect(try EngineHost.choose(flag: nil, environment: [:]).description == "unix:///run/berth/berth.sock")
    }

    @Test func daemonsAreStartedOnlyWhereTheyAreOurs() throws {
        func launches(_ environment: [String: String], flag: String? = nil) throws -> Bool {
            let host = try EngineHost.choose(flag: flag, environment: environment)
            return DaemonLauncher(for: host, environment: environment, announce: { _ in }) != nil
        }
        #expect(try launches([:]))
        #expect(try !launches(["DOCKER_HOST": "unix:///x"]))
        #expect(try !launches(["BERTH_HOST": "unix:///x"]))
        #expect(try launches(["BERTH_HOST": "unix:///x", "BERTH_DAEMON_FLAGS": "--data-root /d"]))
        #expect(try !launches(["BERTH_HOST": "tcp://h:1", "BERTH_DAEMON_FLAGS": ""]))
        #expect(try !launches(["BERTH_DAEMON_FLAGS": ""], flag: "tcp://h:1"))
    }

    @Test func referencesAreSplit() {
        #expect(EngineClient.split("a").tag == nil)
        #expect(EngineClient.split("localhost:5000/a").tag == nil)
        #expect(EngineClient.split("localhost:5000/a:1") == ("localhost:5000/a", "1"))
        #expect(EngineClient.split("a@sha256:ff") == ("a", "sha256:ff"))
    }

    @Test func pathsAreEncoded() {
        #expect(PercentEncoding.path("host:5000/a b@sha256:1") == "host:5000/a%20b@sha256:1")
    }
}

@Suite struct BlockingWorkTests {
    /// More work at once than a pool would have threads: each piece waits for the one after it.
    @Test func workThatWaitsForOtherWorkDoesNotStopIt() async throws {
        let pipes = try (0..<8).map { _ in try FileDescriptor.pipe() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<7 {
                group.addTask {
                    try await BlockingWork.run {
                        let byte = try pipes[index].read.read(upTo: 1)
                        try pipes[index + 1].write.writeAll(byte)
                    }
                }
            }
            try await BlockingWork.write([7], to: pipes[0].write)
            #expect(try await BlockingWork.read(pipes[7].read) == [7])
            try await group.waitForAll()
        }
    }
}
