import EngineAPI
import Errors
import FoundationEssentials
import Synchronization
import Testing

@testable import Compose

@Suite struct RunnerTests {
    private let yaml = """
        name: p
        services:
          web: {image: app, depends_on: {db: {condition: service_healthy}}, ports: ["58080:80"]}
          db: {image: app, healthcheck: {test: [CMD, ok]}}
        """

    private func runner(_ yaml: String, _ engine: FakeEngine, _ events: EventLog = EventLog()) throws -> ProjectRunner {
        ProjectRunner(
            try load(yaml), engine: engine, builder: FakeBuilder(engine: engine), locality: .remote
        ) { events.add($0) }
    }

    @Test func upCreatesThenStartsInOrder() async throws {
        let engine = FakeEngine()
        #expect(try await runner(yaml, engine).up(UpOptions()) == ["db", "web"])
        #expect(
            engine.calls == [
                "create network p_default", "create p-db-1", "create p-web-1", "start p-db-1", "start p-web-1",
            ])
        engine.clear()
        try await runner(yaml, engine).up(UpOptions())
        #expect(engine.calls == [])
    }

    @Test func replacementComesBesideTheOldOne() async throws {
        let engine = FakeEngine()
        try await runner(yaml, engine).up(UpOptions())
        engine.clear()
        try await runner(yaml + "\n  x: {image: app}", engine).up(UpOptions())
        #expect(engine.calls == ["create p-x-1", "start p-x-1"])
        engine.clear()
        let changed = yaml.replacing("[CMD, ok]", with: "[CMD, other]")
        try await runner(changed, engine).up(UpOptions())
        #expect(
            engine.calls == [
                "create id1_p-db-1", "stop p-db-1", "remove p-db-1", "rename id1_p-db-1 p-db-1", "start p-db-1",
            ])
    }

    @Test func aFailedReplacementLeavesTheOldOneRunning() async throws {
        let engine = FakeEngine()
        try await runner(yaml, engine).up(UpOptions())
        engine.clear()
        var options = UpOptions()
        options.recreation = .always
        engine.with { $0.failures["create id2_p-web-1"] = .conflict("no space") }
        let error = await #expect(throws: BerthError.self) { try await runner(yaml, engine).up(options) }
        #expect(error?.message == "container p-web-1: no space")
        #expect(engine.calls == ["create id1_p-db-1", "create id2_p-web-1", "remove id1_p-db-1"])
        let states = try await engine.containers(labels: []).map(\.state)
        #expect(states == ["running", "running"])
    }

    @Test func aFailedStartStopsTheRest() async throws {
        let engine = FakeEngine()
        engine.with { $0.failures["start p-db-1"] = .internal("boom") }
        let error = await #expect(throws: BerthError.self) { try await runner(yaml, engine).up(UpOptions()) }
        #expect(error?.message == "container p-db-1: boom")
        #expect(!engine.calls.contains("start p-web-1"))
    }

    @Test func unmetConditions() async throws {
        let engine = FakeEngine()
        let text = """
            name: p
            services:
              web: {image: app, depends_on: {job: {condition: service_completed_successfully}}}
              job: {image: app}
            """
        async let up = runner(text, engine).up(UpOptions())
        while !engine.calls.contains("start p-job-1") { await Task.yield() }
        engine.end("p-job-1", code: 3)
        do {
            _ = try await up
            Issue.record("up did not fail")
        } catch {
            #expect("\(error)" == "dependency failed to start: service \"job\" didn't complete successfully: exit 3")
        }
        let unchecked = yaml.replacing(", healthcheck: {test: [CMD, ok]}", with: "")
            .replacing("db: {image: app, healthcheck: {test: [CMD, ok]}}", with: "db: {image: app}")
        let error = await #expect(throws: BerthError.self) { try await runner(unchecked, FakeEngine()).up(UpOptions()) }
        #expect(error?.message.contains("container p-db-1 has no healthcheck configured") == true)
    }

    @Test func subsetsAndDependencies() async throws {
        let engine = FakeEngine()
        var options = UpOptions()
        options.services = ["web"]
        options.includesDependencies = false
        try await runner(yaml, engine).up(options)
        #expect(engine.calls == ["create network p_default", "create p-web-1", "start p-web-1"])
        options.services = ["wbe"]
        let error = await #expect(throws: BerthError.self) { try await runner(yaml, engine).up(options) }
        #expect(error?.message == "no such service: wbe; did you mean \"web\"?")
    }

    /// Their labels come from the image that Compose built.
    @Test func containersMadeByHandAreNobodys() async throws {
        let engine = FakeEngine()
        var request = ContainerCreateRequest()
        request.config.labels = [Labels.project: "p", Labels.service: "web"]
        let container = try await engine.createContainer(request, name: "by-hand", platform: nil)
        try await engine.startContainer(container.id)
        try await runner(yaml, engine).up(UpOptions())
        engine.clear()
        #expect(try await runner(yaml, engine).ps().map { $0.names[0] } == ["/p-db-1", "/p-web-1"])
        try await runner(yaml, engine).down(DownOptions())
        #expect(!engine.calls.contains { $0.contains("by-hand") })
        #expect(engine.calls.contains("remove p-web-1"))
    }

    @Test func imagesAreBuiltOrPulled() async throws {
        let engine = FakeEngine(images: [])
        let text = "name: p\nservices: {a: {build: .}, b: {image: far}, c: {image: named, build: .}}"
        try await runner(text, engine).up(UpOptions())
        #expect(engine.calls.prefix(3).sorted() == ["build a", "build c", "pull far"])
        engine.clear()
        try await runner(text, engine).up(UpOptions())
        #expect(engine.calls == [])
        var options = UpOptions()
        options.images.building = .never
        let error = await #expect(throws: BerthError.self) {
            try await runner(text, FakeEngine(images: [])).up(options)
        }
        #expect(error?.message.contains("--no-build forbids building it") == true)
    }

    @Test func portsAreCheckedFirst() async throws {
        let engine = FakeEngine()
        let twice = "services: {a: {image: app, ports: ['5:5']}, b: {image: app, ports: ['127.0.0.1:5:6']}}"
        var error = await #expect(throws: BerthError.self) { try await runner(twice, engine).up(UpOptions()) }
        #expect(error?.message.contains("services \"a\" and \"b\" both publish it") == true)

        try await runner(yaml, engine).up(UpOptions())
        engine.clear()
        let other = yaml.replacing("name: p", with: "name: q")
        error = await #expect(throws: BerthError.self) { try await runner(other, engine).up(UpOptions()) }
        #expect(
            error?.message.hasPrefix(
                "Bind for 0.0.0.0:58080 failed: port is already allocated: service \"web\" needs it, but it is held by "
                    + "container p-web-1 of project \"p\"") == true)
        #expect(engine.calls == [])
    }

    @Test func downGoesBackwards() async throws {
        let engine = FakeEngine()
        let text = yaml + "\n  new: {image: app, volumes: ['v:/v']}\nvolumes: {v: }"
        try await runner(text, engine).up(UpOptions())
        engine.clear()
        var options = DownOptions()
        options.removesVolumes = true
        options.images = .all
        try await runner(text, engine).down(options)
        let calls = engine.calls
        let order = [
            "stop p-web-1", "stop p-db-1", "remove p-db-1", "remove network p_default", "remove volume p_v",
            "remove image app",
        ]
        #expect(order.compactMap { calls.firstIndex(of: $0) } == order.compactMap { calls.firstIndex(of: $0) }.sorted())
        #expect(calls.count == 9 && order.allSatisfy(calls.contains))

        try await runner(text, engine).up(UpOptions())
        engine.clear()
        try await ProjectRunner(Project(name: "p"), engine: engine).down(DownOptions())
        #expect(engine.calls.first != "stop p-db-1")
        #expect(try await engine.containers(labels: []).isEmpty)
    }

    @Test func scaleAndOrphans() async throws {
        let engine = FakeEngine()
        let text = "name: p\nservices: {a: {image: app}, b: {image: app}}"
        var options = UpOptions()
        options.scale = ["a": 2]
        try await runner(text, engine).up(options)
        engine.clear()
        options.scale = [:]
        options.removesOrphans = true
        try await runner("name: p\nservices: {a: {image: app}}", engine).up(options)
        #expect(engine.calls.sorted() == ["remove p-a-2", "remove p-b-1", "stop p-a-2", "stop p-b-1"])
    }

    @Test func secretsAreWrittenBeforeTheStart() async throws {
        let engine = FakeEngine()
        let text = "name: p\nservices: {a: {image: app, configs: [c]}}\nconfigs: {c: {content: hello}}"
        try await runner(text, engine).up(UpOptions())
        #expect(engine.calls == ["create network p_default", "create p-a-1", "write /c", "start p-a-1"])
    }

    @Test func oneOffContainers() async throws {
        let engine = FakeEngine()
        var options = RunOptions(service: "web")
        options.command = ["sh"]
        options.environment = ["A=1"]
        let made = try await runner(yaml, engine).createOneOff(options)
        #expect(made.name.hasPrefix("p-web-run-"))
        let request = try #require(engine.with { $0.requests[made.name] })
        #expect(
            request.config.cmd == ["sh"] && request.config.env == ["A=1"] && request.hostConfig.portBindings.isEmpty)
        #expect(request.config.labels[Labels.oneOff] == "True")
        #expect(request.networkingConfig.endpointsConfig["p_default"]?.aliases == [made.name])
        #expect(engine.calls.contains("start p-db-1") && !engine.calls.contains("start \(made.name)"))
    }

    // MARK: Logs and up in front

    @Test func logsAreMergedByTime() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        try await runner(yaml, engine).up(UpOptions())
        try await runner(yaml, engine, events).logs(LogOptions())
        #expect(events.lines == ["p-db-1 hello from p-db-1", "p-web-1 hello from p-web-1"])
    }

    @Test func inFrontEndsWithItsContainers() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        let session = UpSession(try runner(yaml, engine, events), UpOptions(), FrontOptions())
        async let outcome = session.run()
        while events.lines.count < 2 { await Task.yield() }
        engine.end("p-web-1", code: 1)
        engine.end("p-db-1", code: 0)
        #expect(try await outcome == .ended(code: 0))
        #expect(events.exits.sorted() == ["p-db-1 0", "p-web-1 1"])
    }

    @Test func inFrontAbortsWithTheFirstExit() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        var front = FrontOptions()
        front.exitCodeFrom = "web"
        let session = UpSession(try runner(yaml, engine, events), UpOptions(), front)
        async let outcome = session.run()
        while events.lines.count < 2 { await Task.yield() }
        engine.end("p-web-1", code: 7)
        #expect(try await outcome == .ended(code: 7))
        #expect(engine.calls.last == "stop p-db-1")
    }

    @Test func interruptStopsBackwards() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        let session = UpSession(try runner(yaml, engine, events), UpOptions(), FrontOptions())
        async let outcome = session.run()
        while events.lines.count < 2 { await Task.yield() }
        engine.clear()
        await session.interrupt()
        #expect(try await outcome == .interrupted)
        #expect(engine.calls == ["stop p-web-1", "stop p-db-1"])
    }
}

/// Collects events.
final class EventLog: Sendable {
    private let events = Mutex<[ComposeEvent]>([])

    func add(_ event: ComposeEvent) { events.withLock { $0.append(event) } }

    var lines: [String] {
        events.withLock { events in
            events.compactMap { if case .log(let line) = $0 { "\(line.container) \(line.text)" } else { nil } }
        }
    }

    var warnings: [String] {
        events.withLock { events in events.compactMap { if case .warning(let text) = $0 { text } else { nil } } }
    }

    /// Why services were left out.
    var skipped: [String: String] {
        events.withLock { events in
            var reasons: [String: String] = [:]
            for case .progress(let resource, .skipped(let reason)) in events { reasons[resource.name] = reason }
            return reasons
        }
    }

    var transfers: [String] {
        events.withLock { events in
            events.compactMap {
                if case .transfer(let service, _, let message) = $0 { "\(service) \(message.id)" } else { nil }
            }
        }
    }

    var exits: [String] {
        events.withLock { events in
            events.compactMap {
                if case .exited(let container, _, let code) = $0 { "\(container) \(code)" } else { nil }
            }
        }
    }
}

@Suite struct HelperTests {
    @Test func linesAreCutPerStream() {
        var splitter = LineSplitter()
        var lines = splitter.lines(of: LogPiece(stream: .output, bytes: Array("a\nb".utf8)))
        lines += splitter.lines(of: LogPiece(stream: .error, bytes: Array("x\r\n".utf8)))
        lines += splitter.lines(of: LogPiece(stream: .output, bytes: Array("c\n\nd".utf8)))
        lines += splitter.rest()
        #expect(lines.map(\.text) == ["a", "x", "bc", "", "d"])
        #expect(lines[1].stream == .error)
    }

    @Test func timesOfLogs() {
        #expect(LogTime("2026-11-24T07:10:28.5Z").date?.timeIntervalSince1970 == 1_795_504_228.5)
        #expect(LogTime("2026-11-24T07:10:28.123456789Z").unix == "1795504228.123456789")
        #expect(LogTime("0001-01-01T00:00:00Z").unix == nil && LogTime("").unix == nil)
        #expect(LogTime("2026-11-24T07:10:28Z") < LogTime("2026-11-24T07:10:28.5Z"))
        #expect(LogTime("2026-11-24T07:10:28.09Z") < LogTime("2026-11-24T07:10:28.1Z"))
    }

    @Test func newerSources() throws {
        let folder = try Folder(["a/app.py": "", ".dockerignore": "*.log\n.dockerignore", "x.log": ""])
        var old = SourceChanges(context: folder.path, builtAt: .distantPast)
        #expect(old.firstNewer() == "a/app.py")
        var new = SourceChanges(context: folder.path, builtAt: .now + 60)
        #expect(new.firstNewer() == nil)
    }

    @Test func restartTellsOfChanges() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        let before = try load("name: p\nservices: {a: {image: app}}")
        let after = try load("name: p\nservices: {a: {image: app, environment: {X: 1}}}")
        try await ProjectRunner(before, engine: engine).up(UpOptions())
        try await ProjectRunner(before, engine: engine) { events.add($0) }.restart()
        #expect(events.warnings.isEmpty)
        try await ProjectRunner(after, engine: engine) { events.add($0) }.restart()
        #expect(events.warnings.count == 1 && engine.calls.last == "restart p-a-1")
    }

    @Test func listeningSockets() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
               1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0
            """
        let sockets = ListeningSockets(sockets: ListeningSockets.parse(table, proto: "tcp"))
        #expect(sockets.sockets == [.init(proto: "tcp", address: "127.0.0.1", port: 8080, inode: "4242")])
        #expect(sockets.holder(of: HostPort(address: nil, number: 8080, proto: "tcp")) == "4242")
        #expect(sockets.holder(of: HostPort(address: "10.0.0.1", number: 8080, proto: "tcp")) == nil)
        #expect(sockets.holder(of: HostPort(address: nil, number: 8080, proto: "udp")) == nil)
    }

    @Test func unitsOfProcesses() {
        #expect(ProcessOwner.unit(cgroups: "0::/system.slice/nginx.service\n") == "nginx.service")
        #expect(
            ProcessOwner.unit(
                cgroups: "12:pids:/system.slice/web@1.service/worker\n1:name=systemd:/system.slice/x.service")
                == "web@1.service")
        #expect(ProcessOwner.unit(cgroups: "0::/user.slice/user-0.slice/session-1.scope\n") == nil)
        #expect(ProcessOwner.unit(cgroups: "0::/\n") == nil)
    }

    @Test func filesAreToldFromFolders() {
        #expect(Preflight.looksLikeFile("/a/.env") && Preflight.looksLikeFile("/a/nginx.conf"))
        #expect(!Preflight.looksLikeFile("/a.d/data"))
    }

    @Test func paths() {
        #expect(FilePath.absolute("../b/./c/", from: "/x/a") == "/x/b/c")
        #expect(FilePath.absolute("/../a", from: "/x") == "/a")
        #expect(FilePath.directory(of: "/a") == "/" && FilePath.name(of: "/a/b/") == "b")
    }

    @Test func workWaitsForWhatItNeeds() async throws {
        let order = Mutex<[String]>([])
        let edges = ["a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []]
        try await Parallel.walk(["a", "b", "c", "d"], after: edges) { name in order.withLock { $0.append(name) } }
        let result = order.withLock { $0 }
        #expect(result.first == "d" && result.last == "a" && result.count == 4)
    }
}
