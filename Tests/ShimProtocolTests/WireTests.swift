import Testing

@testable import ShimProtocol

struct WireTests {
    @Test func launchSurvivesTheWire() throws {
        var launch = Launch(id: "c1", bundle: "/run/x", cgroupPath: "/berth/c1")
        launch.lowerDirectories = ["/a", "/b"]
        launch.upperDirectory = "/u"
        launch.user = "www-data:www-data"
        launch.log = Log(path: "/l", maximumSize: 10, maximumFiles: 3)
        launch.ports = [
            PublishedPort(
                transport: .udp, hostAddress: "::", hostPort: 53, containerAddress: "10.0.0.2", containerPort: 5353)
        ]
        launch.names = NameService(files: ["/n"], upstream: ["9.9.9.9"])
        launch.endsWithDaemon = true
        launch.followedMounts = ["/app/.env"]
        guard case .launch(let back) = try roundTrip(ShimRequest.launch(launch)) else {
            Issue.record("not a launch")
            return
        }
        #expect(back.lowerDirectories == launch.lowerDirectories)
        #expect(back.user == launch.user)
        #expect(back.log == launch.log)
        #expect(back.ports == launch.ports)
        #expect(back.names == launch.names)
        #expect(back.endsWithDaemon)
        #expect(back.followedMounts == launch.followedMounts)
    }

    @Test func failuresKeepTheirPort() throws {
        let port = PublishedPort(
            transport: .tcp, hostAddress: "0.0.0.0", hostPort: 80, containerAddress: "", containerPort: 8080)
        let event = try roundTrip(ShimEvent.failed(Failure(.portTaken, "in use", port: port)))
        guard case .failed(let failure) = event else {
            Issue.record("not a failure")
            return
        }
        #expect(failure == Failure(.portTaken, "in use", port: port))
    }

    @Test func framesAreCutAsTheyArrive() throws {
        var stream =
            Frame.encode(ShimCommand.start) + Frame.encode(ShimCommand.resize(exec: "e", rows: 24, columns: 80))
        let rest = stream.suffix(3)
        stream.removeLast(3)
        #expect(try Frame.takeFirst(of: &stream) != nil)
        #expect(try Frame.takeFirst(of: &stream) == nil)
        stream += rest
        let body = try #require(try Frame.takeFirst(of: &stream))
        guard case .resize("e", 24, 80) = try Frame.decode(ShimCommand.self, body) else {
            Issue.record("not the resize")
            return
        }
        #expect(stream.isEmpty)
    }

    @Test func logsAndAttachesKeepAllTheirFields() throws {
        var log = Log(path: "", maximumSize: 1, maximumFiles: 2)
        log.isCompressed = true
        log.attributes = #"{"a":"b"}"#
        var forward = LogForward(kind: .syslog, transport: .tcp, address: "::1", port: 514)
        forward.format = .rfc5424micro
        forward.facility = 19
        forward.tag = "t"
        forward.host = "h"
        forward.fields = ["A=b\nc"]
        log.forward = forward
        #expect(try roundTrip(log) == log)
        var attach = Attach(input: true, output: false, error: true)
        attach.isRaw = true
        attach.announcesTime = true
        attach.isForeground = true
        let copy = try roundTrip(attach)
        #expect(copy.input && !copy.output && copy.error && copy.isRaw && copy.announcesTime && copy.isForeground)
        for event in [ShimEvent.logRotated, .outOfMemory] {
            #expect("\(try roundTrip(event))" == "\(event)")
        }
    }

    @Test func aShimOfAnotherVersionIsRefused() {
        var launch = Launch(id: "c", bundle: "/b", cgroupPath: "/c")
        launch.version = shimProtocolVersion + 1
        #expect(throws: (any Error).self) { try roundTrip(ShimRequest.launch(launch)) }
    }

    @Test(arguments: [[], [9], [0, 1, 2], [0, 255, 255, 255, 255]] as [[UInt8]])
    func garbageIsAnError(_ bytes: [UInt8]) {
        #expect(throws: (any Error).self) { try Frame.decode(ShimRequest.self, bytes) }
    }

    @Test func aFrameCannotClaimTooMuch() {
        var stream: [UInt8] = [255, 255, 255, 255, 0]
        #expect(throws: (any Error).self) { try Frame.takeFirst(of: &stream) }
    }

    private func roundTrip<Value: WireValue>(_ value: Value) throws -> Value {
        var stream = Frame.encode(value)
        let body = try #require(try Frame.takeFirst(of: &stream))
        #expect(stream.isEmpty)
        return try Frame.decode(Value.self, body)
    }
}
