import EngineAPI
import Errors
import OrderedCollections

/// What `pull` is asked to do.
public struct PullOptions: Sendable {
    /// Empty means all.
    public var services: [String] = []
    /// Also what the services need.
    public var includesDependencies = false
    /// Leaves out what can be built.
    public var skipsBuildable = false
    /// `--policy`: `.missing` or `.always`, for every service; nil leaves it to each.
    public var policy: PullPolicy?
    /// An image that cannot be pulled is a warning.
    public var ignoresFailures = false

    public init() {}
}

/// What `push` is asked to do.
public struct PushOptions: Sendable {
    /// Empty means all.
    public var services: [String] = []
    /// Also what the services need.
    public var includesDependencies = false
    /// An image that cannot be pushed is a warning.
    public var ignoresFailures = false

    public init() {}
}

extension ProjectRunner {
    // MARK: pull

    /// `pull`: all at the same time, each image once.
    ///
    /// - Throws: after all have ended, naming each image that could not be pulled and cannot be built.
    public func pull(_ options: PullOptions) async throws {
        let project = try project.enabling(options.services)
        let runner = with(project)
        var wanted: [Service] = []
        var takers: [Transfer: String] = [:]
        for service in try runner.selection(options.services, dependencies: options.includesDependencies) {
            if let reason = try await runner.reasonNotToPull(service, options) {
                skip(service, reason)
            } else if let taker = takers[Transfer(service)] {
                skip(service, "Image is already being pulled by \(taker)")
            } else {
                takers[Transfer(service)] = service.name
                wanted.append(service)
            }
        }
        try await runner.pull(wanted, ignoringFailures: options.ignoresFailures)
    }

    /// In Docker Compose's words; nil when the image is to be pulled.
    private func reasonNotToPull(_ service: Service, _ options: PullOptions) async throws -> String? {
        guard let image = service.image else { return "No image to be pulled" }
        switch options.policy ?? service.pullPolicy {
        case .never?: return "The pull policy is never"
        case .build?: return "The pull policy is build"
        case .missing? where try await findImage(image) != nil: return "Image is already present locally"
        default: return options.skipsBuildable && service.build != nil ? "Image can be built" : nil
        }
    }

    /// Pulls the services' images; what can be built need not be there to be pulled.
    func pull(_ services: [Service], ignoringFailures: Bool = false, quietly: Bool = false) async throws {
        var seen: Set<Transfer> = []
        let unique = services.filter { seen.insert(Transfer($0)).inserted }
        let toBuild = Failures()
        try await Parallel.each(unique) { service in
            guard let image = service.image else { return }
            do {
                try await carry("pull", image, of: service.name, .pulling, .pulled, quietly: quietly) {
                    try await engine.pullImage(image, platform: service.platform)
                }
            } catch let error as BerthError {
                if service.build != nil {
                    await toBuild.add(service.name)
                } else if !ignoringFailures {
                    throw error
                }
                report(.warning(error.message))
            }
        }
        let names = await toBuild.names
        if !names.isEmpty {
            let command = unique.map(\.name).filter(names.contains).joined(separator: " ")
            report(.warning("some service images must be built from source by running: build \(command)"))
        }
    }

    // MARK: push

    /// `push`: all that is built here, and what is named, at the same time, each image once.
    ///
    /// - Throws: after all have ended, naming each image that could not be pushed.
    public func push(_ options: PushOptions) async throws {
        let project = try project.enabling(options.services)
        var images: OrderedDictionary<String, String> = [:]
        for service in try with(project).selection(options.services, dependencies: options.includesDependencies) {
            guard let image = service.image else {
                skip(service, "No image name to push to")
                continue
            }
            // What only comes from a registry is not sent back there, unless it is asked for by name.
            guard service.build != nil || options.services.contains(service.name) else {
                skip(service, "Image is not built here")
                continue
            }
            for name in [image] + (service.build?.tags ?? []) {
                if let other = images[name] {
                    if other != service.name { skip(service, "Image is already being pushed by \(other)") }
                } else {
                    images[name] = service.name
                }
            }
        }
        try await Parallel.each(images.map { (image: $0.key, service: $0.value) }) { item in
            do {
                try await carry("push", item.image, of: item.service, .pushing, .pushed) {
                    try await engine.pushImage(item.image)
                }
            } catch let error as BerthError where options.ignoresFailures {
                report(.warning(error.message))
            }
        }
    }

    // MARK: both

    private func selection(_ names: [String], dependencies: Bool) throws(BerthError) -> [Service] {
        var names = names.isEmpty ? Array(project.services.keys) : Array(OrderedSet(names))
        if dependencies { names = try DependencyGraph(project).closure(of: names) }
        var services: [Service] = []
        for name in names { services.append(try project.service(name)) }
        return services
    }

    private func skip(_ service: Service, _ reason: String) {
        report(.progress(ComposeResource(.service, service.name), .skipped(reason: reason)))
    }

    /// Follows one image's way to its end.
    ///
    /// - Throws: `BerthError` that names the image and the service.
    private func carry(
        _ verb: String, _ image: String, of service: String, _ doing: ComposeActivity, _ done: ComposeActivity,
        quietly: Bool = false,
        _ begin: () async throws -> any AsyncSequence<ProgressMessage, any Error> & Sendable
    ) async throws {
        let resource = ComposeResource(.service, service)
        report(.progress(resource, doing))
        do {
            for try await message in try await begin() {
                // A line that tells of a failure is the end.
                let failure = message.errorDetail?.message ?? message.error
                if !failure.isEmpty { throw BerthError.internal(failure) }
                if !quietly { report(.transfer(service: service, image: image, message)) }
            }
            report(.progress(resource, done))
        } catch let error as BerthError {
            report(.progress(resource, .failed(message: error.message)))
            let text = "cannot \(verb) image \"\(image)\" of service \"\(service)\": \(error.message)"
            throw BerthError(error.code, text, cause: error.cause)
        }
    }
}

/// What makes two pulls the same.
private struct Transfer: Hashable {
    var image: String
    var platform: String

    init(_ service: Service) {
        image = service.image ?? ""
        platform = service.platform ?? ""
    }
}

/// Services whose work failed without that being the end of it.
private actor Failures {
    private(set) var names: Set<String> = []

    func add(_ name: String) { names.insert(name) }
}
