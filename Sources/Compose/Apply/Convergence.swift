import EngineAPI
import Errors
import Synchronization

/// Carries out a plan: everything is created first, then replaced and started in order.
///
/// A replacement is created under another name while the old container runs on, so that a failure to
/// create leaves what ran before as it was.
struct Convergence: Sendable {
    let runner: ProjectRunner
    let plan: Plan
    let imageIDs: [String: String]
    let options: UpOptions

    private var project: Project { runner.project }
    private var engine: any ComposeEngine { runner.engine }

    /// A container on its way to running.
    private enum Pending: Sendable {
        case existing(PresentContainer, starts: Bool)
        case created(id: String, name: String)
        case replacement(id: String, name: String, old: PresentContainer)

        var id: String {
            switch self {
            case .existing(let container, _): container.id
            case .created(let id, _), .replacement(let id, _, _): id
            }
        }

        var name: String {
            switch self {
            case .existing(let container, _): container.name
            case .created(_, let name), .replacement(_, let name, _): name
            }
        }
    }

    func run(onStart: @escaping @Sendable (StartedContainer) -> Void) async throws {
        try await ensureNetworks()
        try await ensureVolumes()
        let pending = Mutex<[String: [Pending]]>([:])
        do {
            try await createContainers(pending)
        } catch {
            await discardReplacements(pending.withLock { $0 })
            throw error
        }
        try await removeSuperfluous()
        try await startContainers(pending.withLock { $0 }, onStart)
    }

    // MARK: Networks and volumes

    private func ensureNetworks() async throws {
        try await Parallel.each(plan.networks) { action in
            switch action {
            case .create(let key):
                try await createNetwork(key)
            case .replace(let key, let old):
                // Its containers are replaced by this plan; they only have to let go of it before.
                let attached = runner.present(old, in: try await runner.containers(oneOffs: true))
                for container in attached { try await engine.disconnect(container.id, from: old.id) }
                try await runner.track(ComposeResource(.network, old.name), .removing, .removed) {
                    try await engine.removeNetwork(old.id)
                }
                try await createNetwork(key)
            }
        }
    }

    private func createNetwork(_ key: String) async throws {
        guard let network = project.networks[key] else { return }
        let request = try network.request(project: project.name)
        try await runner.track(ComposeResource(.network, network.name), .creating, .created) {
            _ = try await engine.createNetwork(request)
        }
    }

    private func ensureVolumes() async throws {
        try await Parallel.each(plan.volumes) { key in
            guard let volume = project.volumes[key] else { return }
            let request = try volume.request(project: project.name)
            try await runner.track(ComposeResource(.volume, volume.name), .creating, .created) {
                try await engine.createVolume(request)
            }
        }
    }

    // MARK: Creating

    private func createContainers(_ pending: borrowing Mutex<[String: [Pending]]>) async throws {
        // One after the other by dependency: a namespace can only be shared with what has an ID.
        for (name, actions) in plan.services {
            guard let service = project.services[name] else { continue }
            for action in actions {
                let current = pending.withLock { $0 }
                guard let made = try await perform(action, of: service, among: current) else { continue }
                pending.withLock { $0[name, default: []].append(made) }
            }
        }
    }

    private func perform(
        _ action: Plan.ContainerAction, of service: Service, among pending: [String: [Pending]]
    ) async throws -> Pending? {
        switch action {
        case .remove: return nil
        case .keep(let container): return .existing(container, starts: false)
        case .start(let container): return .existing(container, starts: true)
        case .create(let name, let number):
            let spec = spec(service, name: name, number: number, pending)
            let id = try await runner.track(ComposeResource(.container, name), .creating, .created) {
                try await create(spec, under: name)
            }
            return .created(id: id, name: name)
        case .replace(let old, let name, _):
            var spec = spec(service, name: name, number: old.number, pending)
            spec.replaced = (old.id, options.renewsVolumes ? [:] : old.anonymousVolumes(besides: service, in: project))
            let id = try await runner.track(ComposeResource(.container, name), .recreating, .recreated) {
                try await create(spec, under: "\(old.shortID)_\(name)")
            }
            return .replacement(id: id, name: name, old: old)
        }
    }

    private func spec(
        _ service: Service, name: String, number: Int, _ pending: [String: [Pending]]
    ) -> ContainerSpec {
        ContainerSpec(
            project: project, service: service, name: name, role: .replica(number: number),
            imageID: imageIDs[service.name] ?? "", containerIDs: pending.mapValues { $0.map(\.id) },
            containerNames: pending.mapValues { $0.map(\.name) })
    }

    private func create(_ spec: ContainerSpec, under name: String) async throws -> String {
        try await runner.create(spec, under: name)
    }

    private func discardReplacements(_ pending: [String: [Pending]]) async {
        for case .replacement(let id, let name, _) in pending.values.joined() {
            do {
                try await engine.removeContainer(id, volumes: false, force: true)
            } catch {
                runner.report(.warning("cannot remove the unused replacement of container \(name): \(error)"))
            }
        }
    }

    private func removeSuperfluous() async throws {
        var superfluous = plan.removesOrphans ? plan.orphans : []
        for case .remove(let container) in plan.services.values.joined() { superfluous.append(container) }
        try await Parallel.each(superfluous) { container in
            try await runner.stopAndRemove(container, timeout: options.timeout, volumes: false)
        }
    }

    // MARK: Starting

    private func startContainers(
        _ pending: [String: [Pending]], _ onStart: @escaping @Sendable (StartedContainer) -> Void
    ) async throws {
        let edges = try DependencyGraph(project).dependencies
        let names = Array(plan.services.keys)
        try await Parallel.walk(names, after: Dictionary(uniqueKeysWithValues: edges.map { ($0.key, $0.value) })) {
            name in
            guard let service = project.services[name] else { return }
            if options.starts {
                let waiting = service.dependsOn.filter { plan.services[$0.key] != nil }
                try await runner.wait(for: waiting, of: name)
            }
            let restarts = service.dependsOn.contains { need, dependency in
                dependency.restart && plan.services[need]?.contains(where: \.makesContainer) == true
            }
            try await Parallel.each(pending[name] ?? []) { item in
                try await finish(item, of: service, restarts: restarts, onStart)
            }
        }
    }

    private func finish(
        _ item: Pending, of service: Service, restarts: Bool, _ onStart: @Sendable (StartedContainer) -> Void
    ) async throws {
        let resource = ComposeResource(.container, item.name)
        var since = StartedContainer.Since.start
        switch item {
        case .existing(let container, starts: false):
            if restarts, options.starts {
                try await runner.track(resource, .restarting, .restarted) {
                    try await engine.restartContainer(container.id, timeout: options.timeout)
                }
            } else {
                runner.report(.progress(resource, .running))
                since = .now
            }
        case .existing(let container, starts: true):
            guard options.starts else { return }
            try await start(container.id, name: item.name, service: service, isPaused: container.state == .paused)
        case .created(let id, _):
            guard options.starts else { return }
            try await start(id, name: item.name, service: service)
        case .replacement(let id, let name, let old):
            try await runner.stopAndRemove(
                old, timeout: options.timeout, volumes: options.renewsVolumes, logsTo: id, quietly: true)
            try await engine.renameContainer(id, to: name)
            guard options.starts else { return }
            try await start(id, name: name, service: service)
        }
        onStart(StartedContainer(id: item.id, name: item.name, service: service.name, since: since))
    }

    private func start(_ id: String, name: String, service: Service, isPaused: Bool = false) async throws {
        try await runner.track(ComposeResource(.container, name), .starting, .started) {
            if isPaused { try await engine.unpauseContainer(id) } else { try await engine.startContainer(id) }
        }
        try await runner.runHooks(service.postStart, "post_start", of: service, in: id)
    }
}

extension ProjectRunner {
    /// Creates a container and writes the secrets and configs into it that have no file on the host.
    func create(_ spec: ContainerSpec, under name: String) async throws -> String {
        let response = try await engine.createContainer(
            try spec.request(), name: name, platform: spec.service.platform)
        for warning in response.warnings { report(.warning("\(name): \(warning)")) }
        do {
            for file in try FileMount.all(of: spec.service, in: project) {
                guard case .injected(let file) = file.content else { continue }
                try await engine.writeFile(file, in: response.id)
            }
        } catch {
            // Half a container is of no use, and would block the name at the next attempt.
            try? await engine.removeContainer(response.id, volumes: true, force: true)
            throw error
        }
        return response.id
    }

    func stopAndRemove(
        _ container: PresentContainer, timeout: Int?, volumes: Bool, logsTo: String? = nil, quietly: Bool = false
    ) async throws {
        let resource = ComposeResource(.container, container.name)
        func step(_ doing: ComposeActivity, _ done: ComposeActivity, _ work: () async throws -> Void) async throws {
            if quietly { try await work() } else { try await track(resource, doing, done, work) }
        }
        if container.isRunning {
            try await runHooks(before: container)
            try await step(.stopping, .stopped) { try await engine.stopContainer(container.id, timeout: timeout) }
        }
        try await step(.removing, .removed) {
            do {
                try await engine.removeContainer(container.id, volumes: volumes, force: true, logsTo: logsTo)
            } catch let error where error.isNotFound {
                // Gone by itself (`--rm`) between stopping and removing.
            }
            if volumes { try await removeInheritedVolumes(of: container) }
        }
    }

    /// Anonymous volumes that a replaced container handed on are named in the request for the next
    /// one, so the engine no longer takes them for anonymous.
    private func removeInheritedVolumes(of container: PresentContainer) async throws {
        // Without the files it cannot be told from an external volume that somebody named so.
        guard !project.services.isEmpty else { return }
        let known = Set(project.volumes.values.map(\.name))
        for mount in container.mounts
        where mount.type == "volume" && mount.hasGeneratedName && !known.contains(mount.name) {
            do {
                try await engine.removeVolume(mount.name)
            } catch let error where error.isNotFound || (error as? BerthError)?.code == .conflict {
                // The engine removed it already, or something else uses it.
            }
        }
    }

    func runHooks(_ hooks: [Hook], _ key: String, of service: Service, in id: String) async throws {
        for hook in hooks {
            var request = ExecCreateRequest()
            request.cmd = hook.command
            request.user = hook.user ?? ""
            request.privileged = hook.privileged
            request.workingDir = hook.workingDirectory ?? ""
            request.env = hook.environment.compactMap { name, value in
                (value ?? project.environment[name]).map { "\(name)=\($0)" }
            }
            request.attachStdout = true
            request.attachStderr = true
            let code = try await engine.run(request, in: id)
            guard code == 0 else {
                throw BerthError.conflict("\(key) hook of service \"\(service.name)\" exited with status \(code)")
            }
        }
    }

    /// `pre_stop` hooks; a hook that fails must not keep a container from being stopped.
    func runHooks(before container: PresentContainer) async throws {
        guard container.state == .running, let service = project.services[container.service] else { return }
        do {
            try await runHooks(service.preStop, "pre_stop", of: service, in: container.id)
        } catch let error as BerthError {
            report(.warning(error.message))
        }
    }

    /// The containers that are attached to a network.
    func present(_ network: PresentNetwork, in containers: [PresentContainer]) -> [PresentContainer] {
        containers.filter { $0.networks[network.name] == network.id }
    }
}

extension MountPoint {
    /// Whether the engine made up the volume's name: 64 hexadecimal digits.
    fileprivate var hasGeneratedName: Bool { name.count == 64 && name.allSatisfy(\.isHexDigit) }
}

extension PresentContainer {
    /// Names by target of the volumes that no name in the files stands for.
    func anonymousVolumes(besides service: Service, in project: Project) -> [String: String] {
        let named = Set(service.volumes.compactMap { $0.kind == .volume && $0.source != nil ? $0.target : nil })
        let known = Set(project.volumes.values.map(\.name))
        return Dictionary(
            mounts.compactMap { mount in
                let isAnonymous =
                    mount.type == "volume" && !named.contains(mount.destination)
                    && !known.contains(mount.name)
                return isAnonymous ? (mount.destination, mount.name) : nil
            }, uniquingKeysWith: { first, _ in first })
    }
}

extension ProjectNetwork {
    func request(project: String) throws(BerthError) -> NetworkCreateRequest {
        var request = NetworkCreateRequest()
        request.name = name
        request.driver = driver ?? "bridge"
        request.options = Dictionary(uniqueKeysWithValues: driverOptions.map { ($0.key, $0.value) })
        request.internal = isInternal
        request.attachable = attachable
        request.enableIPv4 = enableIPv4
        request.enableIPv6 = enableIPv6
        if ipamDriver != nil || !pools.isEmpty || !ipamOptions.isEmpty {
            request.ipam = IPAM(
                driver: ipamDriver ?? "default",
                options: ipamOptions.isEmpty
                    ? nil : Dictionary(uniqueKeysWithValues: ipamOptions.map { ($0.key, $0.value) }),
                config: pools.map { pool in
                    IPAMPool(
                        subnet: pool.subnet ?? "", ipRange: pool.ipRange ?? "", gateway: pool.gateway ?? "",
                        auxiliaryAddresses: pool.auxAddresses.isEmpty
                            ? nil : Dictionary(uniqueKeysWithValues: pool.auxAddresses.map { ($0.key, $0.value) }))
                })
        }
        request.labels = Dictionary(uniqueKeysWithValues: labels.map { ($0.key, $0.value) })
        request.labels[Labels.project] = project
        request.labels[Labels.network] = key
        request.labels[Labels.version] = Labels.compatibleVersion
        request.labels[Labels.configHash] = try ConfigHash.of(self)
        return request
    }
}

extension ProjectVolume {
    func request(project: String) throws(BerthError) -> VolumeCreateRequest {
        var request = VolumeCreateRequest()
        request.name = name
        request.driver = driver ?? ""
        request.driverOpts = Dictionary(uniqueKeysWithValues: driverOptions.map { ($0.key, $0.value) })
        request.labels = Dictionary(uniqueKeysWithValues: labels.map { ($0.key, $0.value) })
        request.labels[Labels.project] = project
        request.labels[Labels.volume] = key
        request.labels[Labels.version] = Labels.compatibleVersion
        request.labels[Labels.configHash] = try ConfigHash.of(self)
        return request
    }
}
