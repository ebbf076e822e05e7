import Builder
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import OCI

extension Engine: BuildBackend {
    public func buildImage(
        _ options: BuildOptions, auth: [String: AuthConfig], context: RequestBody, progress: any ProgressSink
    ) async throws {
        let report = BuildReport(progress, reportsSteps: options.reportsSteps)
        let tags = try options.tags.map { try Reference($0) }
        var ours = builder
        ours.executor = StepExecutor(services: services, auth: auth, progress: progress)
        let builder = ours
        let build = Task { () -> Image in
            let request = try Self.request(options, tags: tags, context: .empty)
            if options.remote?.isEmpty == false {
                return try await builder.build(request, progress: report)
            }
            return try await Self.withArchive(of: context) { archive in
                var request = request
                request.context = .archive(archive)
                return try await builder.build(request, progress: report)
            }
        }
        let key = options.buildID
        if let key { runningBuilds.withLock { $0[key] = Task { _ = try await build.value } } }
        defer { if let key { runningBuilds.withLock { _ = $0.removeValue(forKey: key) } } }
        let image = try await withTaskCancellationHandler {
            try await build.value
        } onCancel: {
            build.cancel()
        }
        try await progress.send(ProgressMessage(aux: ProgressAux(id: image.id.description)))
        try await progress.send(ProgressMessage(stream: "Successfully built \(image.id.short)\n"))
        for tag in tags {
            try await progress.send(ProgressMessage(stream: "Successfully tagged \(tag.familiar)\n"))
            tellImage("tag", image.id.description, name: tag.familiar)
        }
    }

    private static func request(
        _ options: BuildOptions, tags: [Reference], context: BuildRequest.Context
    ) throws -> BuildRequest {
        var request = BuildRequest(context: context, dockerfile: .path(options.dockerfile))
        if let remote = options.remote, !remote.isEmpty { request.context = .remote(remote) }
        request.tags = tags
        // A value left out on the command line is one that the client's environment does not have.
        request.arguments = options.buildArgs.compactMapValues { $0 }
        request.labels = options.labels
        request.target = options.target
        request.noCache = options.noCache
        request.pull = options.pull
        if let mode = options.networkMode, !mode.isEmpty, mode != "bridge" {
            guard let network = RunStep.Network(rawValue: mode) else {
                throw BerthError.invalidArgument("build network \"\(mode)\" is not offered: use default, none or host")
            }
            request.network = network
        }
        if let platform = options.platform, !platform.isEmpty { request.platform = try Platform(parsing: platform) }
        request.extraHosts = options.extraHosts
        request.shmSize = options.shmSize
        request.ulimits = options.ulimits.map { .init(name: $0.name, soft: $0.soft, hard: $0.hard) }
        request.cgroupParent = options.cgroupParent
        request.handsCABundle = options.caBundle
        return request
    }

    /// The request's tar as a descriptor, for as long as `work` runs.
    private static func withArchive<Result: Sendable>(
        of body: RequestBody, _ work: @Sendable @escaping (FileDescriptor) async throws -> Result
    ) async throws -> Result {
        let (reader, writer) = try BodyPipe.Holder.pipe()
        let feeding = Task {
            var write = writer.take()
            for try await bytes in body {
                guard let end = write else { continue }
                do {
                    try await blocking { try end.writeAll(bytes) }
                } catch {
                    // The builder has all it wants; the rest is read and dropped, as HTTP has it.
                    write = nil
                }
            }
        }
        defer { feeding.cancel() }
        guard let archive = reader.take() else { throw CancellationError() }
        return try await work(archive)
    }

    public func cancelBuild(_ id: String) async throws {
        runningBuilds.withLock { $0[id] }?.cancel()
    }

    public func pruneBuildCache(_ options: BuildPruneOptions) async throws -> BuildPruneReport {
        var request = CachePruneRequest()
        request.all = options.all
        if options.filters.contains("id") { request.ids = options.filters["id"] }
        if let text = options.filters["until"].first {
            guard let until = PruneTime.parse(text) else {
                throw BerthError.invalidArgument("invalid filter 'until=\(text)'")
            }
            request.unusedSince = Date(timeIntervalSince1970: Double(until) / 1_000_000_000)
        }
        request.keepBytes = options.reservedSpace ?? options.keepStorage
        let report = try await builder.pruneCache(request)
        let reclaimed = UInt64(max(0, report.reclaimed))
        services.events.publishPrune("builder", reclaimed: reclaimed)
        return BuildPruneReport(cachesDeleted: report.removed, spaceReclaimed: reclaimed)
    }
}

extension Engine {
    func buildCacheRecords() async throws -> [BuildCacheRecord] {
        try await builder.cacheUsage().map { entry in
            BuildCacheRecord(
                id: entry.id, type: entry.kind.rawValue, description: entry.description, inUse: entry.isInUse,
                shared: entry.isShared, size: entry.size, createdAt: entry.created,
                lastUsedAt: Clock.rfc3339(Int64(entry.lastUsed.timeIntervalSince1970 * 1_000_000_000)),
                usageCount: entry.useCount)
        }
    }
}

extension Platform {
    /// `os/architecture[/variant]`.
    init(parsing text: String) throws {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 2 || parts.count == 3 else {
            throw BerthError.invalidArgument(
                "invalid platform \"\(text)\": write it as os/architecture, such as linux/amd64")
        }
        self.init(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : nil)
    }
}
