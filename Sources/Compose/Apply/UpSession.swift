import EngineAPI
import Errors

/// What `up` in front does when containers end.
public struct FrontOptions: Sendable {
    public enum OnExit: Sendable {
        /// Go on until all have ended.
        case goOn
        /// `--abort-on-container-exit`
        case abort
        /// `--abort-on-container-failure`
        case abortOnFailure
    }

    public var onExit: OnExit = .goOn
    /// `--exit-code-from`: aborts as `abort` does, and gives this service's code.
    public var exitCodeFrom: String?
    /// `--attach`: the only services whose logs are shown; empty means all.
    public var attach: Set<String> = []
    /// `--no-attach`
    public var noAttach: Set<String> = []
    /// `--attach-dependencies`: those that are only needed by the named services are shown too.
    public var attachesDependencies = false
    public var timestamps = false

    public init() {}
}

/// `up` in front: starts, shows the logs of all services, and stops everything when told to.
///
/// One call of `run`. `interrupt` may be called at any time from elsewhere: the first stops
/// gracefully in reverse order, the second kills.
public actor UpSession {
    public enum Outcome: Sendable, Equatable {
        /// All containers ended, or one that ends the rest did.
        case ended(code: Int)
        case interrupted
    }

    private enum Phase {
        case idle
        case starting(Task<[String], any Error>)
        case following
        case stopping
        case killing
    }

    private let runner: ProjectRunner
    private let options: UpOptions
    private let front: FrontOptions
    private var phase = Phase.idle
    private var wasInterrupted = false
    /// Whose exit ended the rest.
    private var decidingCode: Int?
    private var stopFailure: BerthError?

    public init(_ runner: ProjectRunner, _ options: UpOptions, _ front: FrontOptions) {
        self.runner = runner
        self.options = options
        self.front = front
    }

    /// Starts the project and returns when its containers have ended.
    ///
    /// - Throws: why it could not be started; then nothing is stopped.
    public func run() async throws -> Outcome {
        if let service = front.exitCodeFrom { _ = try runner.project.enabling([service]).service(service) }
        let (started, continuation) = AsyncStream.makeStream(of: StartedContainer.self)
        let start = Task { [runner, options] in
            defer { continuation.finish() }
            return try await runner.up(options) { continuation.yield($0) }
        }
        phase = .starting(start)
        async let following: Void = follow(started)
        do {
            _ = try await start.value
            if case .starting = phase { phase = .following }
        } catch {
            guard wasInterrupted else {
                phase = .stopping
                // The containers that did start stay; only their logs are left.
                throw error
            }
        }
        await following
        if let stopFailure { throw stopFailure }
        if wasInterrupted { return .interrupted }
        return .ended(code: decidingCode ?? 0)
    }

    /// The first call stops gracefully, the second kills.
    public func interrupt() async {
        wasInterrupted = true
        switch phase {
        case .idle: break
        case .starting(let start):
            start.cancel()
            _ = try? await start.value
            await stop()
        case .following: await stop()
        case .stopping, .killing:
            phase = .killing
            do { try await runner.kill(options.services) } catch { note(error) }
        }
    }

    private func stop() async {
        phase = .stopping
        do {
            let graph = try DependencyGraph(runner.project)
            let services =
                options.services.isEmpty
                ? [] : options.includesDependencies ? graph.closure(of: options.services) : options.services
            try await runner.stop(services, timeout: options.timeout)
        } catch {
            note(error)
        }
    }

    private func note(_ error: any Error) {
        // A stop that a kill overtook fails for containers that are gone; that is what was wanted.
        if case .killing = phase { return }
        stopFailure = error as? BerthError ?? .internal("cannot stop the project: \(error)", cause: error)
    }

    // MARK: Logs

    private func follow(_ started: AsyncStream<StartedContainer>) async {
        await withTaskGroup(of: Void.self) { group in
            for await container in started {
                group.addTask { await self.follow(container) }
            }
        }
    }

    private func follow(_ container: StartedContainer) async {
        let isShown = shows(container.service)
        let follower = LogFollower(engine: runner.engine) { [runner] event in
            if isShown { runner.report(event) }
        }
        var request = LogRequest(timestamps: front.timestamps)
        if case .now = container.since { request.tail = "0" }
        do {
            if case .start = container.since { request = try await follower.sinceStart(of: container.id, request) }
            guard
                let code = try await follower.follow(
                    id: container.id, name: container.name, service: container.service, first: request)
            else { return }
            runner.report(.exited(container: container.name, service: container.service, code: code))
            await ended(container.service, code: code)
        } catch is CancellationError {
        } catch {
            runner.report(.warning("the log of container \(container.name) cannot be followed: \(error)"))
        }
    }

    private func shows(_ service: String) -> Bool {
        if front.noAttach.contains(service) { return false }
        if !front.attach.isEmpty { return front.attach.contains(service) }
        if runner.project.services[service]?.attach == false { return false }
        return options.services.isEmpty || front.attachesDependencies || options.services.contains(service)
    }

    private func ended(_ service: String, code: Int) async {
        if service == front.exitCodeFrom { decidingCode = code }
        let aborts =
            switch front.onExit {
            case .goOn: front.exitCodeFrom != nil
            case .abort: true
            case .abortOnFailure: code != 0
            }
        guard aborts, !wasInterrupted else { return }
        if front.exitCodeFrom == nil, decidingCode == nil { decidingCode = code }
        switch phase {
        case .following: await stop()
        case .starting(let start):
            start.cancel()
            _ = try? await start.value
            await stop()
        case .idle, .stopping, .killing: break
        }
    }
}
