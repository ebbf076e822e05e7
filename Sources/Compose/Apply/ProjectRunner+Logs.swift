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
            } catch where error.isNotFound {
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
            func take(_ id: String, _ name: String, _ service: String, _ request: LogRequest) {
                guard active.insert(id).inserted else { return }
                group.addTask {
                    _ = try await follower.follow(id: id, name: name, service: service, first: request)
                    return .container(id)
                }
            }
            for container in containers { take(container.id, container.name, container.service, options.request) }
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
                    let isWanted = options.services.isEmpty
                        ? actor.attributes[Labels.oneOff] != Labels.flag(true) : options.services.contains(service)
                    if isWanted, options.index == nil {
                        var request = options.request
                        request.tail = nil
                        request.since = nil
                        take(actor.id, actor.attributes["name"] ?? actor.id, service, request)
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
                guard state.running else { return state.exitCode }
                // It was restarted: what follows is of the new run.
                started = state.startedAt
                request.since = LogTime(started).unix
                request.tail = nil
            }
        } catch where error.isNotFound {
            return nil
        }
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
