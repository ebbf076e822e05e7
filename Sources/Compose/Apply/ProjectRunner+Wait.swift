import EngineAPI
import Errors
import OrderedCollections

extension ProjectRunner {
    /// Waits until the conditions of a service's dependencies are met.
    func wait(for dependencies: OrderedDictionary<String, Dependency>, of service: String) async throws {
        let pending = dependencies.filter { $0.value.condition != .started }
        guard !pending.isEmpty else { return }
        let containers = try await containers(of: Array(pending.keys))
        try await Parallel.each(pending.map { (name: $0.key, dependency: $0.value) }) { item in
            let own = containers.filter { $0.service == item.name }
            do {
                guard !own.isEmpty else {
                    throw BerthError.conflict("service \"\(item.name)\" has no container")
                }
                try await Parallel.each(own) { container in
                    switch item.dependency.condition {
                    case .started: break
                    case .healthy: try await waitHealthy(container)
                    case .completed: try await waitCompleted(container)
                    }
                }
            } catch let error as BerthError {
                guard item.dependency.required else {
                    report(
                        .warning(
                            "optional dependency \"\(item.name)\" of service \"\(service)\" failed: \(error.message)"))
                    return
                }
                throw BerthError(error.code, "dependency failed to start: \(error.message)", cause: error)
            }
        }
    }

    /// Waits for `--wait`: each container healthy, or running if it has no health check.
    func waitUntilUp(_ services: [String], timeout: Duration?) async throws {
        let completing = Set(
            project.services.values.flatMap { service in
                service.dependsOn.filter { $0.value.condition == .completed }.map(\.key)
            })
        let containers = try await containers(of: services).filter { !completing.contains($0.service) }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        try await Parallel.each(containers) { container in
            try await poll(container, .waiting, done: .healthy, deadline: deadline) { state in
                guard state.running else { throw ended(container, state) }
                guard let health = state.health, health.status != "none" else { return true }
                return try isHealthy(health, container)
            }
        }
    }

    private func waitHealthy(_ container: PresentContainer) async throws {
        try await poll(container, .waiting, done: .healthy) { state in
            guard state.running || state.status == "created" else { throw ended(container, state) }
            guard let health = state.health, health.status != "none" else {
                throw BerthError.conflict(
                    "container \(container.name) has no healthcheck configured, so condition service_healthy "
                        + "can never be met")
            }
            return try isHealthy(health, container)
        }
    }

    private func isHealthy(_ health: Health, _ container: PresentContainer) throws -> Bool {
        if health.status == "unhealthy" {
            let last = health.log.last?.output.trimmed() ?? ""
            let detail = last.isEmpty ? "" : " (last check: \(last))"
            throw BerthError.conflict("container \(container.name) is unhealthy\(detail)")
        }
        return health.status == "healthy"
    }

    private func ended(_ container: PresentContainer, _ state: ContainerState) -> BerthError {
        .conflict("container \(container.name) exited (\(state.exitCode))")
    }

    private func waitCompleted(_ container: PresentContainer) async throws {
        let resource = ComposeResource(.container, container.name)
        report(.progress(resource, .waiting))
        let code = try await engine.waitContainer(container.id)
        guard code == 0 else {
            let failure = "service \"\(container.service)\" didn't complete successfully: exit \(code)"
            report(.progress(resource, .failed(message: failure)))
            throw BerthError.conflict(failure)
        }
        report(.progress(resource, .completed))
    }

    /// Looks at a container's state until the condition holds.
    private func poll(
        _ container: PresentContainer, _ doing: ComposeActivity, done: ComposeActivity,
        deadline: ContinuousClock.Instant? = nil, _ condition: (ContainerState) throws -> Bool
    ) async throws {
        let resource = ComposeResource(.container, container.name)
        report(.progress(resource, doing))
        do {
            var pause = Duration.milliseconds(20)
            while true {
                if try condition(try await engine.inspectContainer(container.id).state) { break }
                if let deadline, ContinuousClock.now >= deadline {
                    throw BerthError(.deadlineExceeded, "timed out waiting for container \(container.name) to be ready")
                }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(500))
            }
        } catch let error as BerthError {
            report(.progress(resource, .failed(message: error.message)))
            throw error
        }
        report(.progress(resource, done))
    }
}
