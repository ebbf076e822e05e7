import EngineAPI
import Errors

/// What `logs` is asked for.
public struct LogOptions: Sendable {
    /// Empty means all.
    public var services: [String] = []
    /// `--index`
    public var index: Int?
    public var request = LogRequest()

    public init() {}
}

extension ProjectRunner {
    /// `logs`: lines come as events.
    ///
    /// Without following, the lines of all containers come in the order of their time. Following goes
    /// on through restarts and takes in containers that are started meanwhile; it ends when none runs
    /// any more, or when the task is cancelled.
    public func logs(_ options: LogOptions) async throws {
        let all = try await containers(oneOffs: true)
        try check(options.services, among: all)
        let chosen = all.filter { container in
            (options.services.isEmpty ? !container.isOneOff : options.services.contains(container.service))
                && (options.index == nil || container.number == options.index)
        }
        if options.request.follow {
            try await follow(chosen, options)
        } else {
            try await merge(chosen, options.request)
        }
    }

    /// Merges logs by time while reading them: one line of each container is held, whatever their size.
    private func merge(_ containers: [PresentContainer], _ request: LogRequest) async throws {
        var timed = request
        timed.timestamps = true
        var readers: [LogReader.Lines] = []
        var heads: [LogLine?] = []
        for container in containers {
            let reader = LogReader(
                engine: engine, id: container.id, name: container.name, service: container.service, request: timed)
            do {
                var lines = try await reader.lines()
                heads.append(try await lines.next())
                readers.append(lines)
            } catch let error where error.isNotFound {
                // Removed since it was listed.
            }
        }
        while let index = heads.indices.filter({ heads[$0] != nil }).min(by: { left, right in
            LogTime(heads[left]?.timestamp) < LogTime(heads[right]?.timestamp)
        }) {
            guard var line = heads[index] else { break }
            if !request.timestamps { line.timestamp = nil }
            report(.log(line))
            heads[index] = try await readers[index].next()
        }
    }

    private func follow(_ containers: [PresentContainer], _ options: LogOptions) async throws {
        let events = try await engine.containerEvents(project: project.name)
        let follower = LogFollower(engine: engine, report: report)
        try await withThrowingTaskGroup(of: Ended.self) { group in
            var active: Set<String> = []
            func take(_ id: String, _ name: String, _ service: String, fromStart: Bool) {
                guard active.insert(id).inserted else { return }
                group.addTask {
                    var request = options.request
                    if fromStart { request = try await follower.sinceStart(of: id, request) }
                    _ = try await follower.follow(id: id, name: name, service: service, first: request)
                    return .container(id)
                }
            }
            for container in containers { take(container.id, container.name, container.service, fromStart: false) }
            if active.isEmpty { return }

            let (started, continuation) = AsyncStream.makeStream(of: EventActor.self)
            let watcher = Task {
                for try await event in events where event.action == "start" { continuation.yield(event.actor) }
                continuation.finish()
            }
            defer { watcher.cancel() }
            group.addTask { await Self.next(of: started) }

            while let ended = try await group.next() {
                switch ended {
                case .container(let id):
                    active.remove(id)
                    if active.isEmpty {
                        continuation.finish()
                        group.cancelAll()
                        return
                    }
                case .started(let actor):
                    let service = actor.attributes[Labels.service] ?? ""
                    let isWanted =
                        options.services.isEmpty
                        ? actor.attributes[Labels.oneOff] != Labels.flag(true) : options.services.contains(service)
                    // What it wrote in earlier runs was shown already, or was before our time.
                    if isWanted, options.index == nil {
                        take(actor.id, actor.attributes["name"] ?? actor.id, service, fromStart: true)
                    }
                    group.addTask { await Self.next(of: started) }
                case .nothing: break
                }
            }
        }
    }

    private enum Ended: Sendable {
        case container(String)
        case started(EventActor)
        case nothing
    }

    private static func next(of stream: AsyncStream<EventActor>) async -> Ended {
        for await actor in stream { return .started(actor) }
        return .nothing
    }
}

/// Follows containers through their restarts.
struct LogFollower: Sendable {
    let engine: any ComposeEngine
    let report: @Sendable (ComposeEvent) -> Void

    /// Hands on a container's lines until it has ended for good.
    ///
    /// - Returns: its exit code; nil when it was removed.
    func follow(id: String, name: String, service: String, first request: LogRequest) async throws -> Int? {
        var request = request
        request.follow = true
        do {
            var started = try await engine.inspectContainer(id).state.startedAt
            while true {
                let reader = LogReader(engine: engine, id: id, name: name, service: service, request: request)
                try await reader.read { report(.log($0)) }
                let state = try await settled(id, after: started)
                if state.startedAt == started { return state.exitCode }
                // It was restarted: what follows is of the new run, which may have ended already.
                started = state.startedAt
                request = try await sinceStart(of: id, request)
            }
        } catch let error where error.isNotFound {
            return nil
        }
    }

    /// The request for what a container writes from its latest start on.
    func sinceStart(of id: String, _ request: LogRequest) async throws -> LogRequest {
        var request = request
        request.since = LogTime(try await engine.inspectContainer(id).state.startedAt).unix
        request.tail = nil
        return request
    }

    /// The state after a run has ended: stopped for good, or running anew.
    private func settled(_ id: String, after started: String) async throws -> ContainerState {
        while true {
            let state = try await engine.inspectContainer(id).state
            if state.running, state.startedAt != started, !state.restarting { return state }
            if !state.running, !state.restarting { return state }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
