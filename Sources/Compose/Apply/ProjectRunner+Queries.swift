import EngineAPI
import Errors
import OrderedCollections

extension ProjectRunner {
    /// `ps`.
    ///
    /// - Parameters:
    ///   - all: stopped and one-off containers too.
    ///   - orphans: containers of services that the files do not have.
    public func ps(_ services: [String] = [], all: Bool = false, orphans: Bool = true) async throws
        -> [ContainerSummary]
    {
        let summaries = try await engine.containers(labels: Labels.containers(project: project.name))
        try check(services, among: summaries.map(PresentContainer.init))
        return summaries.filter { summary in
            let container = PresentContainer(summary)
            let isOrphan =
                !project.services.isEmpty && project.services[container.service] == nil
                && project.disabledServices[container.service] == nil
            return (services.isEmpty || services.contains(container.service))
                && (all || container.isRunning && !container.isOneOff) && (orphans || !isOrphan)
        }.sorted { PresentContainer($0).name < PresentContainer($1).name }
    }

    /// `images`: the containers and the image that each was made from.
    public func images(_ services: [String] = []) async throws -> [(container: ContainerSummary, image: ImageInspect)] {
        var result: [(container: ContainerSummary, image: ImageInspect)] = []
        for summary in try await ps(services, all: true) {
            guard let image = try await findImage(summary.imageID.isEmpty ? summary.image : summary.imageID) else {
                continue
            }
            result.append((summary, image))
        }
        return result
    }

    /// `top`: the processes of each running container.
    public func top(_ services: [String] = []) async throws -> [(container: String, processes: TopResponse)] {
        var result: [(container: String, processes: TopResponse)] = []
        for container in try await containers(of: services) where container.isRunning {
            result.append((container.name, try await engine.top(container.id)))
        }
        return result
    }

    /// `volumes`: those of the project.
    public func volumes() async throws -> [Volume] {
        try await engine.volumes(labels: [Labels.filter(project: project.name)]).sorted { $0.name < $1.name }
    }

    /// `port`: where a port of a service is published, as `address:port`.
    public func port(
        _ service: String, _ target: Int, proto: String = "tcp", index: Int? = nil
    ) async throws -> String {
        let container = try await container(of: service, index: index)
        guard
            let port = container.ports.first(where: {
                Int($0.privatePort) == target && $0.type == proto && $0.publicPort != nil
            }),
            let published = port.publicPort
        else {
            throw BerthError.notFound("no port \(target)/\(proto) for container \(container.name)")
        }
        let address = port.ip.contains(":") ? "[\(port.ip)]" : port.ip
        return "\(address):\(published)"
    }

    /// A running container of a service, for `exec`, `port`, `cp` and `attach`.
    ///
    /// - Parameter index: the container's number; nil is the first.
    /// - Throws: `notFound` with Compose's text.
    public func container(of service: String, index: Int? = nil, mustRun: Bool = true) async throws -> PresentContainer
    {
        let all = try await containers(of: [service])
        if all.isEmpty, !project.services.isEmpty, project.disabledServices[service] == nil {
            _ = try project.service(service)
        }
        let candidates = all.filter { !mustRun || $0.isRunning }
        if let index {
            if let container = candidates.first(where: { $0.number == index }) { return container }
            throw BerthError.notFound("service \"\(service)\" is not running container #\(index)")
        }
        guard let first = candidates.first else {
            throw BerthError.notFound("service \"\(service)\" is not running")
        }
        return first
    }

    /// `ls`: every project that has containers.
    public static func list(_ engine: any ComposeEngine, all: Bool = false) async throws -> [ProjectSummary] {
        var projects: OrderedDictionary<String, ProjectSummary> = [:]
        for summary in try await engine.containers(labels: [Labels.project, Labels.configHash]) {
            guard let name = summary.labels[Labels.project], summary.labels[Labels.oneOff] != Labels.flag(true)
            else { continue }
            var project = projects[name] ?? ProjectSummary(name: name, states: [:], configFiles: [])
            project.states[summary.state, default: 0] += 1
            for file in (summary.labels[Labels.configFiles] ?? "").split(separator: ",").map(String.init)
            where !project.configFiles.contains(file) {
                project.configFiles.append(file)
            }
            projects[name] = project
        }
        return projects.values.filter { all || $0.states["running"] != nil }.sorted { $0.name < $1.name }
    }
}

/// A row of `ls`.
public struct ProjectSummary: Sendable, Equatable {
    public var name: String
    /// How many containers are in which state.
    public var states: [String: Int]
    public var configFiles: [String]

    /// As Docker Compose shows it: `exited(1), running(2)`.
    public var status: String {
        states.sorted { $0.key < $1.key }.map { "\($0.key)(\($0.value))" }.joined(separator: ", ")
    }
}
