import EngineAPI
import Errors
import OrderedCollections

/// What `run` is asked for.
public struct RunOptions: Sendable {
    public var service: String
    /// Empty keeps the service's.
    public var command: [String] = []
    public var entrypoint: [String]?
    /// `KEY=value`, or `KEY` to take it from the environment.
    public var environment: [String] = []
    public var user: String?
    public var workingDirectory: String?
    public var labels: [String: String] = [:]
    public var name: String?
    /// Short form, relative paths against the project's folder.
    public var volumes: [String] = []
    /// Short form.
    public var publish: [String] = []
    /// `--service-ports`
    public var publishesServicePorts = false
    /// `--use-aliases`
    public var usesAliases = false
    public var capAdd: [String] = []
    public var capDrop: [String] = []
    public var tty = true
    public var stdin = true
    /// `--rm`
    public var removesAfter = false
    public var includesDependencies = true
    public var removesOrphans = false
    public var images = ImagePolicy()

    public init(service: String) { self.service = service }
}

extension ProjectRunner {
    /// `run`, up to the point where the container can be attached to and started: brings up what the
    /// service needs, and creates a one-off container.
    ///
    /// - Returns: the container's ID and name.
    public func createOneOff(_ options: RunOptions) async throws -> (id: String, name: String) {
        let project = try project.enabling([options.service])
        let runner = with(project)
        let original = try project.service(options.service)
        if options.includesDependencies {
            try await runner.bringUpDependencies(of: original, options)
        }

        let service = try overridden(original, by: options)
        let preflight = Preflight(project: project, locality: locality)
        try preflight.checkSources(of: [service])
        if options.publishesServicePorts || !options.publish.isEmpty {
            try await runner.checkHostPorts(of: [service])
        }
        let imageIDs = try await runner.ensureImages([service], options.images)
        try await runner.ensureResources(of: service, imageIDs)
        try preflight.makeSources(of: [service])

        let slug = Self.slug()
        let name = options.name ?? [project.name, service.name, "run", slug].joined(separator: separator)
        let others = try await runner.containers()
        let spec = ContainerSpec(
            project: project, service: service, name: name,
            role: .oneOff(slug: slug, usesAliases: options.usesAliases, publishesPorts: true),
            imageID: imageIDs[service.name] ?? "",
            containerIDs: Dictionary(grouping: others, by: \.service).mapValues { $0.map(\.id) },
            containerNames: Dictionary(grouping: others, by: \.service).mapValues { $0.map(\.name) })
        let id = try await track(ComposeResource(.container, name), .creating, .created) {
            try await runner.create(spec, under: name)
        }
        return (id, name)
    }

    private func bringUpDependencies(of service: Service, _ options: RunOptions) async throws {
        let needed = service.dependsOn.filter { project.services[$0.key] != nil }
        guard !needed.isEmpty else { return }
        var up = UpOptions()
        up.services = Array(needed.keys)
        up.images = options.images
        up.removesOrphans = options.removesOrphans
        try await self.up(up)
        try await wait(for: needed, of: service.name)
    }

    /// The service with what the command line says in place of what the files say.
    private func overridden(_ original: Service, by options: RunOptions) throws -> Service {
        var service = original
        if !options.command.isEmpty { service.command = options.command }
        if let entrypoint = options.entrypoint {
            service.entrypoint = entrypoint
            // Another program does not take the service's arguments.
            if options.command.isEmpty { service.command = [] }
        }
        for item in options.environment {
            if let equals = item.firstIndex(of: "=") {
                service.environment[String(item[..<equals])] = .some(String(item[item.index(after: equals)...]))
            } else if let value = project.environment[item] {
                service.environment[item] = .some(value)
            }
        }
        service.user = options.user ?? service.user
        service.workingDirectory = options.workingDirectory ?? service.workingDirectory
        for (key, value) in options.labels { service.labels[key] = value }
        for text in options.volumes {
            let mount = try ServiceMount.parse(short: text, directory: project.workingDirectory)
            service.volumes.removeAll { $0.target == mount.target }
            service.volumes.append(mount)
        }
        var ports = options.publishesServicePorts ? service.ports : []
        for text in options.publish { ports += try PublishedPort.parse(short: text) }
        service.ports = ports
        service.capAdd += options.capAdd
        service.capDrop += options.capDrop
        service.tty = options.tty
        service.stdinOpen = options.stdin
        service.containerName = nil
        service.restart = nil
        service.scale = nil
        return service
    }

    /// The networks and volumes that a service refers to.
    private func ensureResources(of service: Service, _ imageIDs: [String: String]) async throws {
        var plan = try Planner(project, present: try await present(imageIDs))
            .plan(services: [service.name], named: [])
        plan.services = [:]
        plan.orphans = []
        // Replacing a network would take it from the containers that run.
        plan.networks.removeAll { if case .replace = $0 { true } else { false } }
        try await Convergence(runner: self, plan: plan, imageIDs: imageIDs, options: UpOptions()).run { _ in }
    }

    private static func slug() -> String {
        let hex = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
        return String(repeating: "0", count: 12 - hex.count) + hex
    }
}
