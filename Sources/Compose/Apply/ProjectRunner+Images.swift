import EngineAPI
import Errors
import FoundationEssentials
import OrderedCollections

/// What `up`, `create` and `run` do about images.
public struct ImagePolicy: Sendable {
    public enum Building: Sendable {
        /// `--build`
        case always
        /// When the image is not there.
        case missing
        /// `--no-build`
        case never
    }

    public var building: Building = .missing
    /// `--pull`; nil leaves it to each service.
    public var pulling: PullPolicy?
    /// `--quiet-pull`
    public var pullsQuietly = false
    public var settings = BuildSettings()

    public init() {}
}

extension ProjectRunner {
    /// Builds and pulls what is needed for the services to run.
    ///
    /// - Returns: the ID of each service's image.
    func ensureImages(_ services: [Service], _ policy: ImagePolicy) async throws -> [String: String] {
        var toBuild: [Service] = []
        var toPull: [Service] = []
        for service in services {
            let image = try await findImage(service.imageName(project: project.name))
            switch need(of: service, image: image, policy) {
            case .nothing:
                if let image { warnOfNewerSources(service, image) }
            case .build: toBuild.append(service)
            case .pull: toPull.append(service)
            case .missing(let why):
                throw BerthError.notFound(
                    "no image \"\(service.imageName(project: project.name))\" for service \"\(service.name)\": \(why)")
            }
        }
        try await pull(toPull, quietly: policy.pullsQuietly)
        try await build(toBuild, policy.settings)
        var ids: [String: String] = [:]
        for service in services {
            let name = service.imageName(project: project.name)
            guard let image = try await findImage(name) else {
                throw BerthError.notFound(
                    "no image \"\(name)\" for service \"\(service.name)\" after building and pulling")
            }
            ids[service.name] = image.id
        }
        return ids
    }

    private enum Need {
        case nothing, build, pull
        case missing(String)
    }

    private func need(of service: Service, image: ImageInspect?, _ policy: ImagePolicy) -> Need {
        let pulling = policy.pulling ?? service.pullPolicy
        if service.build != nil, pulling != .always || service.image == nil {
            switch policy.building {
            case .always: return .build
            case .missing where pulling == .build: return .build
            case .missing where image == nil: return .build
            case .never where image == nil:
                return .missing("it is not there, and --no-build forbids building it")
            case .missing, .never: return .nothing
            }
        }
        switch pulling {
        case .always: return .pull
        case .never:
            return image == nil ? .missing("it is not there, and the pull policy is never") : .nothing
        case .every(let interval):
            guard let image else { return .pull }
            return image.isOlder(than: interval) ? .pull : .nothing
        case .missing, .build, nil:
            return image == nil ? .pull : .nothing
        }
    }

    /// Tells when a service's sources changed after its image was built: `up` alone does not build again.
    private func warnOfNewerSources(_ service: Service, _ image: ImageInspect) {
        guard locality == .local, let build = service.build, !build.isRemote, let builtAt = image.builtAt else {
            return
        }
        var changes = SourceChanges(context: build.context, builtAt: builtAt)
        guard let file = changes.firstNewer() else { return }
        report(
            .warning(
                "\(build.context)/\(file) is newer than the image of service \"\(service.name)\"; "
                    + "to build it again: up -d --build \(service.name)"))
    }

    func findImage(_ name: String) async throws -> ImageInspect? {
        do {
            return try await engine.inspectImage(name)
        } catch let error where error.isNotFound {
            return nil
        }
    }

    // MARK: build

    /// `build`.
    ///
    /// - Parameter services: empty means all that can be built; with `dependencies`, what they need too.
    public func build(_ services: [String], _ settings: BuildSettings, dependencies: Bool = false) async throws {
        let project = try project.enabling(services)
        let runner = with(project)
        var names = services.isEmpty ? Array(project.services.keys) : services
        if dependencies { names = try DependencyGraph(project).closure(of: names) }
        let buildable = names.compactMap { project.services[$0] }.filter { $0.build != nil }
        if buildable.isEmpty {
            report(.warning("No services to build"))
            return
        }
        try await runner.build(buildable, settings)
        if settings.push {
            var options = PushOptions()
            options.services = buildable.map(\.name)
            try await runner.push(options)
        }
    }

    private func build(_ services: [Service], _ settings: BuildSettings) async throws {
        guard !services.isEmpty else { return }
        guard let builder else {
            throw BerthError.internal("service \"\(services[0].name)\" must be built, but no builder is at hand")
        }
        // An image that another one's build starts from comes first.
        var edges: [String: [String]] = [:]
        for service in services {
            edges[service.name] = (service.build?.additionalContexts ?? [:]).values.compactMap { context in
                context.hasPrefix("service:") ? String(context.dropFirst("service:".count)) : nil
            }
        }
        let byName = Dictionary(services.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        try await Parallel.walk(services.map(\.name), after: edges) { name in
            guard let service = byName[name], let build = service.build else { return }
            let image = service.imageName(project: project.name)
            try await track(ComposeResource(.image, image), .building, .built) {
                do {
                    try await builder.build(try request(for: service, build, settings))
                } catch let error as BerthError {
                    throw BerthError(error.code, "failed to build service \"\(name)\": \(error.message)", cause: error)
                }
            }
        }
    }

    func request(for service: Service, _ build: Build, _ settings: BuildSettings) throws -> ImageBuildRequest {
        var build = build
        // A context that is another service is the image that this service's build made.
        for (key, context) in build.additionalContexts where context.hasPrefix("service:") {
            let other = try project.service(String(context.dropFirst("service:".count)))
            build.additionalContexts[key] = "docker-image://\(other.imageName(project: project.name))"
        }
        var arguments: [String: String] = [:]
        for (name, value) in build.args.merging(settings.arguments.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        {
            if let value = value ?? project.environment[name] { arguments[name] = value }
        }
        var labels = Dictionary(uniqueKeysWithValues: build.labels.map { ($0.key, $0.value) })
        labels[Labels.project] = project.name
        labels[Labels.service] = service.name
        labels[Labels.version] = Labels.compatibleVersion
        let tags: OrderedSet<String> = [service.imageName(project: project.name)]
        return ImageBuildRequest(
            service: service.name, build: build, tags: Array(tags.union(build.tags)), labels: labels,
            arguments: arguments, platform: service.platform ?? build.platforms.first,
            noCache: build.noCache || settings.noCache, pull: build.pull || settings.pull,
            secrets: build.secrets.compactMap { reference in
                project.secrets[reference.source].map { (reference.target ?? reference.source, $0.origin) }
            })
    }
}

extension ImageInspect {
    fileprivate func isOlder(than interval: Duration) -> Bool {
        guard let builtAt else { return true }
        return Date.now.timeIntervalSince(builtAt) > Double(interval.components.seconds)
    }

    /// When the image was last given its name, else when it was made. A build that finds everything
    /// in the cache only does the former.
    fileprivate var builtAt: Date? {
        let tagged = LogTime(metadata.lastTagTime).date
        return tagged ?? LogTime(created).date
    }
}
