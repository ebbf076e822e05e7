import EngineAPI
import Errors
import Testing

@testable import Compose

@Suite struct TransferTests {
    private let yaml = """
        name: p
        services:
          front: {image: "r/front:1", build: {context: ., tags: ["r/front:latest"]}, depends_on: [back]}
          back: {image: "r/back:1", build: .}
          twin: {image: "r/back:1", build: .}
          cache: {image: redis}
          only-built: {build: .}
        """

    private func runner(_ yaml: String, _ engine: FakeEngine, _ events: EventLog = EventLog()) throws -> ProjectRunner {
        ProjectRunner(
            try load(yaml), engine: engine, builder: FakeBuilder(engine: engine), locality: .remote
        ) { events.add($0) }
    }

    private func pull(
        _ engine: FakeEngine, _ events: EventLog = EventLog(), _ change: (inout PullOptions) -> Void = { _ in }
    ) async throws -> [String] {
        engine.clear()
        var options = PullOptions()
        change(&options)
        try await runner(yaml, engine, events).pull(options)
        return engine.calls.sorted()
    }

    private func push(
        _ engine: FakeEngine, _ events: EventLog = EventLog(), _ change: (inout PushOptions) -> Void = { _ in }
    ) async throws -> [String] {
        engine.clear()
        var options = PushOptions()
        change(&options)
        try await runner(yaml, engine, events).push(options)
        return engine.calls.sorted()
    }

    @Test func whatIsPulled() async throws {
        let engine = FakeEngine(images: ["r/back:1"])
        let events = EventLog()
        #expect(try await pull(engine, events) == ["pull r/back:1", "pull r/front:1", "pull redis"])
        #expect(events.skipped["only-built"] == "No image to be pulled")
        #expect(events.skipped["twin"] == "Image is already being pulled by back")
        #expect(try await pull(engine) { $0.services = ["front"] } == ["pull r/front:1"])
        #expect(
            try await pull(engine) { ($0.services, $0.includesDependencies) = (["front"], true) }
                == ["pull r/back:1", "pull r/front:1"])
        #expect(try await pull(engine) { $0.skipsBuildable = true } == ["pull redis"])
        #expect(
            try await pull(FakeEngine(images: ["redis"])) { $0.policy = .missing } == [
                "pull r/back:1", "pull r/front:1",
            ])
    }

    @Test func pullPolicies() async throws {
        let engine = FakeEngine(images: ["b", "c"])
        let events = EventLog()
        let yaml = """
            services:
              a: {image: a, pull_policy: never}
              b: {image: b, pull_policy: missing}
              c: {image: c, pull_policy: always}
              d: {image: d, pull_policy: build, build: .}
              e: {image: e, pull_policy: missing}
            """
        try await runner(yaml, engine, events).pull(PullOptions())
        #expect(engine.calls.sorted() == ["pull c", "pull e"])
        #expect(events.skipped["b"] == "Image is already present locally")
        engine.clear()
        var options = PullOptions()
        options.policy = .always
        try await runner(yaml, engine).pull(options)
        #expect(engine.calls.sorted() == ["pull a", "pull b", "pull c", "pull d", "pull e"])
    }

    @Test func aFailedPullLetsTheOthersEnd() async throws {
        let engine = FakeEngine(images: [])
        engine.with { $0.failures["pull redis"] = .notFound("manifest unknown") }
        let error = await #expect(throws: BerthError.self) { try await pull(engine) }
        #expect(error?.message == "cannot pull image \"redis\" of service \"cache\": manifest unknown")
        #expect(engine.calls.count == 3)
        let events = EventLog()
        #expect(try await pull(engine, events) { $0.ignoresFailures = true }.count == 3)
        #expect(events.warnings == [error?.message])
    }

    @Test func whatCanBeBuiltMayBeMissing() async throws {
        let engine = FakeEngine(images: [])
        let events = EventLog()
        engine.with { $0.failures["pull r/front:1"] = .notFound("manifest unknown") }
        _ = try await pull(engine, events)
        #expect(
            events.warnings == [
                "cannot pull image \"r/front:1\" of service \"front\": manifest unknown",
                "some service images must be built from source by running: build front",
            ])
    }

    @Test func aFailureInTheMiddleOfAPull() async throws {
        let engine = FakeEngine(images: [])
        engine.with { state in
            state.messages["redis"] = [
                ProgressMessage(status: "Pulling fs layer", id: "abc"), ProgressMessage(error: "connection reset"),
            ]
        }
        let events = EventLog()
        let error = await #expect(throws: BerthError.self) { try await pull(engine, events) }
        #expect(error?.message == "cannot pull image \"redis\" of service \"cache\": connection reset")
        #expect(events.transfers == ["cache abc"])
    }

    @Test func whatIsPushed() async throws {
        let engine = FakeEngine()
        let events = EventLog()
        #expect(try await push(engine, events) == ["push r/back:1", "push r/front:1", "push r/front:latest"])
        #expect(events.skipped["cache"] == "Image is not built here")
        #expect(events.skipped["only-built"] == "No image name to push to")
        #expect(events.skipped["twin"] == "Image is already being pushed by back")
        #expect(try await push(engine) { $0.services = ["cache"] } == ["push redis"], "asked for by name")
        #expect(
            try await push(engine) { ($0.services, $0.includesDependencies) = (["front"], true) }
                == ["push r/back:1", "push r/front:1", "push r/front:latest"])
    }

    @Test func aFailedPush() async throws {
        let engine = FakeEngine()
        engine.with { $0.failures["push r/back:1"] = BerthError(.unauthenticated, "denied") }
        let error = await #expect(throws: BerthError.self) { try await push(engine) }
        #expect(error?.message == "cannot push image \"r/back:1\" of service \"back\": denied")
        #expect(engine.calls.count == 3)
        let events = EventLog()
        _ = try await push(engine, events) { $0.ignoresFailures = true }
        #expect(events.warnings == [error?.message])
    }

    @Test func unknownServices() async throws {
        let engine = FakeEngine()
        let error = await #expect(throws: BerthError.self) { try await pull(engine) { $0.services = ["frnt"] } }
        #expect(error?.message == "no such service: frnt; did you mean \"front\"?")
        await #expect(throws: BerthError.self) { try await push(engine) { $0.services = ["nobody"] } }
        #expect(engine.calls == [])
    }
}
