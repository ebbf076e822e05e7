import EngineAPI
import Errors
import Synchronization

@testable import Compose

/// An engine in memory that notes what it is asked for.
final class FakeEngine: ComposeEngine {
    struct State {
        var calls: [String] = []
        var containers: [ContainerInspect] = []
        var networks: [NetworkInspect] = []
        var volumes: [Volume] = []
        var images: [String: ImageInspect] = [:]
        var files: [InjectedFile] = []
        var requests: [String: ContainerCreateRequest] = [:]
        /// What fails, by the text of the call.
        var failures: [String: BerthError] = [:]
        var next = 1
        /// What a pull or a push reports before its end, by the image's name.
        var messages: [String: [ProgressMessage]] = [:]
        var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state: Mutex<State>

    init(images: [String] = ["app"]) {
        var state = State()
        for image in images { state.images[image] = ImageInspect(id: "sha256:\(image)") }
        self.state = Mutex(state)
    }

    /// The calls that change something.
    var calls: [String] { state.withLock(\.calls) }

    @discardableResult
    func with<Result>(_ body: (inout sending State) -> sending Result) -> Result { state.withLock(body) }

    func clear() { with { $0.calls = [] } }

    private func note(_ call: String) throws {
        try state.withLock { state in
            state.calls.append(call)
            if let failure = state.failures[call] { throw failure }
        }
    }

    private func index(_ id: String, in state: State) throws -> Int {
        guard let index = state.containers.firstIndex(where: { $0.id == id || $0.name == "/\(id)" }) else {
            throw BerthError.notFound("No such container: \(id)")
        }
        return index
    }

    private func name(_ id: String) -> String {
        state.withLock { state in
            state.containers.first { $0.id == id }.map { String($0.name.dropFirst()) } ?? id
        }
    }

    /// Ends a container as its process would.
    func end(_ name: String, code: Int) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard let index = state.containers.firstIndex(where: { $0.name == "/\(name)" }) else { return [] }
            state.containers[index].state.running = false
            state.containers[index].state.status = "exited"
            state.containers[index].state.exitCode = code
            return state.waiters.removeValue(forKey: state.containers[index].id) ?? []
        }
        for waiter in waiters { waiter.resume() }
    }

    private func untilEnd(_ id: String) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.containers.first(where: { $0.id == id })?.state.running != true { return true }
                state.waiters[id, default: []].append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}

// MARK: - Containers

extension FakeEngine {
    func containers(labels: [String]) async throws -> [ContainerSummary] {
        state.withLock { state in
            state.containers.filter { container in
                labels.allSatisfy { label in
                    let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
                    let value = container.config.labels[parts[0]]
                    return parts.count == 1 ? value != nil : value == parts[1]
                }
            }.map { container in
                var summary = ContainerSummary(id: container.id, names: [container.name])
                summary.labels = container.config.labels
                summary.state = container.state.status
                summary.image = container.config.image
                for (key, bindings) in container.hostConfig.portBindings.bindings where container.state.running {
                    let parts = key.split(separator: "/").map(String.init)
                    summary.ports += bindings.map { binding in
                        Port(
                            ip: "0.0.0.0", privatePort: UInt16(parts[0]) ?? 0, publicPort: UInt16(binding.hostPort),
                            type: parts[1])
                    }
                }
                return summary
            }
        }
    }

    func inspectContainer(_ id: String) async throws -> ContainerInspect {
        try state.withLock { state in state.containers[try index(id, in: state)] }
    }

    func createContainer(
        _ request: ContainerCreateRequest, name: String, platform: String?
    ) async throws -> ContainerCreateResponse {
        try note("create \(name)")
        return state.withLock { state in
            let id = "id\(state.next)"
            state.next += 1
            var container = ContainerInspect(
                id: id, state: ContainerState(status: "created"), name: "/" + name, hostConfig: request.hostConfig,
                config: request.config)
            container.image = "sha256:\(request.config.image)"
            state.containers.append(container)
            state.requests[name] = request
            return ContainerCreateResponse(id: id)
        }
    }

    func startContainer(_ id: String) async throws {
        try note("start \(name(id))")
        try state.withLock { state in
            let index = try index(id, in: state)
            state.containers[index].state.running = true
            state.containers[index].state.status = "running"
            if state.containers[index].config.healthcheck != nil {
                state.containers[index].state.health = Health(status: "healthy")
            }
        }
    }

    func stopContainer(_ id: String, timeout: Int?) async throws {
        try note("stop \(name(id))")
        end(name(id), code: 0)
    }

    func killContainer(_ id: String, signal: String?) async throws {
        try note("kill \(name(id))")
        end(name(id), code: 137)
    }

    func restartContainer(_ id: String, timeout: Int?) async throws { try note("restart \(name(id))") }
    func pauseContainer(_ id: String) async throws { try note("pause \(name(id))") }
    func unpauseContainer(_ id: String) async throws { try note("unpause \(name(id))") }

    func removeContainer(_ id: String, volumes: Bool, force: Bool, logsTo: String?) async throws {
        try note("remove \(name(id))")
        state.withLock { state in state.containers.removeAll { $0.id == id } }
    }

    func renameContainer(_ id: String, to name: String) async throws {
        try note("rename \(self.name(id)) \(name)")
        try state.withLock { state in state.containers[try index(id, in: state)].name = "/" + name }
    }

    func waitContainer(_ id: String) async throws -> Int {
        await untilEnd(id)
        return try await inspectContainer(id).state.exitCode
    }

    func logs(
        _ id: String, tty: Bool, _ request: LogRequest
    ) async throws -> any AsyncSequence<LogPiece, any Error> & Sendable {
        let name = name(id)
        return AsyncThrowingStream { continuation in
            let stamp = request.timestamps ? "2024-01-01T00:00:0\(id.last ?? "0").5Z " : ""
            continuation.yield(LogPiece(stream: .output, bytes: Array("\(stamp)hello from \(name)\n".utf8)))
            guard request.follow else { return continuation.finish() }
            Task {
                await untilEnd(id)
                continuation.finish()
            }
        }
    }

    func top(_ id: String) async throws -> TopResponse { TopResponse(titles: ["PID"], processes: [["1"]]) }

    func writeFile(_ file: InjectedFile, in id: String) async throws {
        try note("write \(file.path)")
        with { $0.files.append(file) }
    }

    func run(_ request: ExecCreateRequest, in id: String) async throws -> Int {
        try note("exec \(name(id)) \((request.cmd ?? []).joined(separator: " "))")
        return 0
    }

    func containerEvents(project: String) async throws -> any AsyncSequence<EventMessage, any Error> & Sendable {
        AsyncThrowingStream { $0.finish() }
    }
}

// MARK: - Networks, volumes, images

extension FakeEngine {
    func networks(labels: [String]) async throws -> [NetworkInspect] {
        with { state in
            state.networks.filter { network in
                labels.allSatisfy { label in
                    let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
                    return network.labels[parts[0]] == parts.last
                }
            }
        }
    }

    func inspectNetwork(_ name: String) async throws -> NetworkInspect {
        guard let network = with({ state in state.networks.first { $0.name == name || $0.id == name } }) else {
            throw BerthError.notFound("network \(name) not found")
        }
        return network
    }

    func createNetwork(_ request: NetworkCreateRequest) async throws -> String {
        try note("create network \(request.name)")
        return with { state in
            state.networks.append(NetworkInspect(name: request.name, id: "net-\(request.name)", labels: request.labels))
            return "net-\(request.name)"
        }
    }

    func removeNetwork(_ id: String) async throws {
        try note("remove network \(try await inspectNetwork(id).name)")
        with { state in state.networks.removeAll { $0.id == id } }
    }

    func disconnect(_ container: String, from network: String) async throws {
        try note("disconnect \(name(container))")
    }

    func volumes(labels: [String]) async throws -> [Volume] { with(\.volumes) }

    func inspectVolume(_ name: String) async throws -> Volume {
        guard let volume = with({ state in state.volumes.first { $0.name == name } }) else {
            throw BerthError.notFound("no such volume: \(name)")
        }
        return volume
    }

    func createVolume(_ request: VolumeCreateRequest) async throws {
        try note("create volume \(request.name)")
        with { $0.volumes.append(Volume(name: request.name, labels: request.labels)) }
    }

    func removeVolume(_ name: String) async throws {
        try note("remove volume \(name)")
        with { state in state.volumes.removeAll { $0.name == name } }
    }

    func inspectImage(_ name: String) async throws -> ImageInspect {
        guard let image = with({ $0.images[name] }) else { throw BerthError.notFound("No such image: \(name)") }
        return image
    }

    func pullImage(
        _ name: String, platform: String?
    ) async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable {
        try note("pull \(name)")
        with { $0.images[name] = ImageInspect(id: "sha256:\(name)") }
        return messages(name)
    }

    func pushImage(_ name: String) async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable {
        try note("push \(name)")
        return messages(name)
    }

    private func messages(_ name: String) -> AsyncThrowingStream<ProgressMessage, any Error> {
        let messages = with { $0.messages[name] ?? [] }
        return AsyncThrowingStream { continuation in
            for message in messages { continuation.yield(message) }
            continuation.finish()
        }
    }

    func removeImage(_ name: String) async throws {
        try note("remove image \(name)")
        with { $0.images[name] = nil }
    }
}

/// A builder that only notes what it is asked for.
struct FakeBuilder: ImageBuilder {
    let engine: FakeEngine

    func build(_ request: ImageBuildRequest) async throws {
        engine.with { state in
            state.calls.append("build \(request.service)")
            for tag in request.tags { state.images[tag] = ImageInspect(id: "sha256:built-\(tag)") }
        }
    }
}
