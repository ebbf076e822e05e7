import EngineAPI
import Errors

/// Carries out commands on a project through an engine.
///
/// Every method reports what it does as events and throws a `BerthError` that names what failed.
/// What ran before a failed call still runs after it, unless the call was there to stop it.
public struct ProjectRunner: Sendable {
    /// Whether the engine sees this machine's files and ports.
    public enum Locality: Sendable { case local, remote }

    public let project: Project
    let engine: any ComposeEngine
    let builder: (any ImageBuilder)?
    let locality: Locality
    /// `-` as Compose v2 names containers, `_` with `--compatibility`.
    let separator: String
    let report: @Sendable (ComposeEvent) -> Void

    public init(
        _ project: Project, engine: any ComposeEngine, builder: (any ImageBuilder)? = nil, locality: Locality = .local,
        separator: String = "-", report: @escaping @Sendable (ComposeEvent) -> Void = { _ in }
    ) {
        self.project = project
        self.engine = engine
        self.builder = builder
        self.locality = locality
        self.separator = separator
        self.report = report
    }

    func with(_ project: Project) -> ProjectRunner {
        ProjectRunner(
            project, engine: engine, builder: builder, locality: locality, separator: separator, report: report)
    }

    // MARK: Finding

    /// The project's containers, in the order of service and number.
    ///
    /// - Parameter services: empty means all, orphans included.
    func containers(of services: [String] = [], oneOffs: Bool = false) async throws -> [PresentContainer] {
        try await engine.containers(labels: Labels.containers(project: project.name))
            .map(PresentContainer.init)
            .filter { (oneOffs || !$0.isOneOff) && (services.isEmpty || services.contains($0.service)) }
            .sorted { ($0.service, $0.number, $0.name) < ($1.service, $1.number, $1.name) }
    }

    /// Checks that named services exist, in the files or at least as containers.
    func check(_ services: [String], among containers: [PresentContainer]) throws(BerthError) {
        for name in services where !containers.contains(where: { $0.service == name }) {
            if project.services[name] == nil, project.disabledServices[name] == nil { _ = try project.service(name) }
        }
    }

    /// The order between services; for a project known only by its name, by the containers' labels.
    func graph(_ containers: [PresentContainer]) throws(BerthError) -> DependencyGraph {
        if !project.services.isEmpty { return try DependencyGraph(project) }
        return try DependencyGraph(labelsOf: containers)
    }

    // MARK: Reporting

    /// Does something to a thing and tells of its beginning, end and failure.
    ///
    /// - Throws: what `work` throws, its message led by the thing's name.
    @discardableResult
    func track<Result: Sendable>(
        _ resource: ComposeResource, _ doing: ComposeActivity, _ done: ComposeActivity,
        _ work: () async throws -> Result
    ) async throws -> Result {
        report(.progress(resource, doing))
        do {
            let result = try await work()
            report(.progress(resource, done))
            return result
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            report(.progress(resource, .failed(message: "\(error)")))
            throw error.naming(resource)
        }
    }
}

extension Error {
    /// The error as a `BerthError` that names the thing it is about.
    func naming(_ resource: ComposeResource) -> BerthError {
        guard let error = self as? BerthError else { return .internal("\(resource.name): \(self)", cause: self) }
        if error.message.contains(resource.name) { return error }
        return BerthError(
            error.code, "\(resource.kind.rawValue.lowercased()) \(resource.name): \(error.message)", cause: error.cause)
    }

    var isNotFound: Bool { (self as? BerthError)?.code == .notFound }
}

extension DependencyGraph {
    /// The graph that the labels of containers remember.
    init(labelsOf containers: [PresentContainer]) throws(BerthError) {
        let services = Set(containers.map(\.service))
        var edges: [String: [String]] = [:]
        for container in containers {
            let label = container.labels[Labels.dependsOn] ?? ""
            let needs = label.split(separator: ",").compactMap { $0.split(separator: ":").first.map(String.init) }
            edges[container.service] = needs.filter { services.contains($0) && $0 != container.service }
        }
        try self.init(.init(uniqueKeysWithValues: edges.sorted { $0.key < $1.key }))
    }
}
