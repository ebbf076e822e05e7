import Errors

extension ProjectRunner {
    /// The containers that a command is about.
    ///
    /// - Throws: `notFound` for a service that is neither in the files nor has containers.
    private func targets(_ services: [String], oneOffs: Bool = false) async throws -> [PresentContainer] {
        let all = try await containers(oneOffs: oneOffs)
        try check(services, among: all)
        return services.isEmpty ? all : all.filter { services.contains($0.service) }
    }

    /// `start`: starts what `create`, `up` or `stop` left, in order.
    ///
    /// - Parameters:
    ///   - waits: until the containers are healthy, at most for `waitTimeout`.
    public func start(_ services: [String], waits: Bool = false, waitTimeout: Duration? = nil) async throws {
        let containers = try await targets(services)
        for name in services where !containers.contains(where: { $0.service == name }) {
            throw BerthError.notFound("service \"\(name)\" has no container to start; create it with: up -d \(name)")
        }
        guard !containers.isEmpty else {
            throw BerthError.notFound("project \"\(project.name)\" has no containers to start; create them with: up -d")
        }
        let graph = try graph(containers)
        let names = graph.order.filter { name in containers.contains { $0.service == name } }
        try await Parallel.walk(
            names, after: Dictionary(uniqueKeysWithValues: graph.dependencies.map { ($0.key, $0.value) })
        ) { name in
            if let service = project.services[name] {
                try await wait(for: service.dependsOn.filter { names.contains($0.key) }, of: name)
            }
            try await Parallel.each(containers.filter { $0.service == name && !$0.isRunning }) { container in
                try await track(ComposeResource(.container, container.name), .starting, .started) {
                    try await engine.startContainer(container.id)
                }
                if let service = project.services[name] {
                    try await runHooks(service.postStart, "post_start", of: service, in: container.id)
                }
            }
        }
        if waits { try await waitUntilUp(names, timeout: waitTimeout) }
    }

    /// `stop`, in reverse order.
    ///
    /// - Parameter timeout: seconds until a container is killed; nil as it was configured.
    public func stop(_ services: [String] = [], timeout: Int? = nil) async throws {
        let containers = try await targets(services, oneOffs: services.isEmpty).filter(\.isRunning)
        try await inReverse(containers) { container in
            await runHooksQuietly(before: container)
            try await track(ComposeResource(.container, container.name), .stopping, .stopped) {
                try await engine.stopContainer(container.id, timeout: timeout)
            }
        }
    }

    private func runHooksQuietly(before container: PresentContainer) async {
        do { try await runHooks(before: container) } catch { report(.warning("\(error)")) }
    }

    /// `restart`: in order, and with it the services whose `depends_on` asks for that.
    ///
    /// - Parameter includesDependents: `--no-deps` turns it off.
    public func restart(_ services: [String] = [], timeout: Int? = nil, includesDependents: Bool = true) async throws {
        var named = services
        if includesDependents {
            named += project.services.values.filter { service in
                service.dependsOn.contains { $0.value.restart && services.contains($0.key) }
            }.map(\.name)
        }
        let containers = try await targets(named)
        try warnOfChanges(containers)
        let graph = try graph(containers)
        let edges = Dictionary(uniqueKeysWithValues: graph.dependencies.map { ($0.key, $0.value) })
        let names = graph.order + Set(containers.map(\.service)).subtracting(graph.order).sorted()
        try await Parallel.walk(names, after: edges) { name in
            try await Parallel.each(containers.filter { $0.service == name }) { container in
                try await track(ComposeResource(.container, container.name), .restarting, .restarted) {
                    try await engine.restartContainer(container.id, timeout: timeout)
                }
            }
        }
    }

    /// Tells of containers whose configuration changed since they were made: restarting does not apply it.
    private func warnOfChanges(_ containers: [PresentContainer]) throws(BerthError) {
        guard project.depth == .full else { return }
        var told: Set<String> = []
        for container in containers {
            guard let service = project.services[container.service], !container.configHash.isEmpty,
                try ConfigHash.of(service, in: project) != container.configHash,
                told.insert(service.name).inserted
            else { continue }
            report(
                .warning(
                    "the configuration of service \"\(service.name)\" (its files, variables or env_file) changed since its "
                        + "container was created; restart keeps the old one: apply it with: up -d \(service.name)"))
        }
    }

    /// `kill`.
    ///
    /// - Parameter signal: a name or a number; nil is `SIGKILL`.
    public func kill(_ services: [String] = [], signal: String? = nil, removesOrphans: Bool = false) async throws {
        let containers = try await targets(services, oneOffs: services.isEmpty).filter { container in
            container.isRunning
                && (removesOrphans || project.services.isEmpty || project.services[container.service] != nil)
        }
        if containers.isEmpty {
            report(.warning("no container to kill"))
            return
        }
        try await Parallel.each(containers) { container in
            try await track(ComposeResource(.container, container.name), .killing, .killed) {
                try await engine.killContainer(container.id, signal: signal)
            }
        }
    }

    /// `pause`.
    public func pause(_ services: [String] = []) async throws {
        try await Parallel.each(try await targets(services).filter { $0.state == .running }) { container in
            try await track(ComposeResource(.container, container.name), .pausing, .paused) {
                try await engine.pauseContainer(container.id)
            }
        }
    }

    /// `unpause`.
    public func unpause(_ services: [String] = []) async throws {
        try await Parallel.each(try await targets(services).filter { $0.state == .paused }) { container in
            try await track(ComposeResource(.container, container.name), .unpausing, .unpaused) {
                try await engine.unpauseContainer(container.id)
            }
        }
    }

    /// `wait`: waits until the services' containers have ended.
    ///
    /// - Returns: the exit code of each, in the order of ending.
    public func wait(_ services: [String]) async throws -> [(container: String, code: Int)] {
        let containers = try await targets(services)
        for name in services where !containers.contains(where: { $0.service == name }) {
            throw BerthError.notFound("service \"\(name)\" has no container to wait for")
        }
        return try await withThrowingTaskGroup(of: (container: String, code: Int).self) { group in
            for container in containers {
                group.addTask { (container.name, try await engine.waitContainer(container.id)) }
            }
            var result: [(container: String, code: Int)] = []
            for try await ended in group { result.append(ended) }
            return result
        }
    }

    /// The names of the containers that `rm` would remove, for asking first.
    public func removable(_ services: [String] = [], stopsFirst: Bool = false) async throws -> [String] {
        try await targets(services, oneOffs: true).filter { stopsFirst || !$0.isRunning }.map(\.name)
    }

    /// `rm`: removes stopped containers, with `stopsFirst` all.
    public func remove(_ services: [String] = [], stopsFirst: Bool = false, volumes: Bool = false) async throws {
        let containers = try await targets(services, oneOffs: true).filter { stopsFirst || !$0.isRunning }
        if containers.isEmpty {
            report(.warning("No stopped containers"))
            return
        }
        try await inReverse(containers) { container in
            try await stopAndRemove(container, timeout: nil, volumes: volumes)
        }
    }
}
