import Errors
import FoundationEssentials
public import GRDB
public import ImageStore
import Linux
public import Logging
import OCI

/// Builds images from Dockerfiles.
///
/// Parse → stage graph → solve: the stages that the target needs are built at the same time, each
/// step in order. A step whose key is in the cache is not run; see `StepCache`.
public struct Builder: Sendable {
    let store: ImageStore
    /// A copy may have another, for one build.
    public var executor: any Executor
    let cache: StepCache
    let cacheMounts: CacheMounts
    let layersInUse = LayersInUse()
    let temporaryDirectory: String
    let logger: Logger

    /// - Parameters:
    ///   - database: holds the builder's tables, `build_*`.
    ///   - temporaryDirectory: for builds that are under way, on a file system that takes an overlay's
    ///     upper directories. What an earlier process left in it is removed.
    ///   - cacheMountDirectory: for `RUN --mount=type=cache`; lasts.
    public init(
        store: ImageStore, executor: any Executor, database: any DatabaseWriter, temporaryDirectory: String,
        cacheMountDirectory: String, logger: Logger
    ) throws {
        self.store = store
        self.executor = executor
        self.temporaryDirectory = temporaryDirectory
        self.logger = logger
        cache = try StepCache(database)
        cacheMounts = CacheMounts(directory: cacheMountDirectory, cache: cache)
        // A copy, so that the store does not keep the builder.
        let cache = cache, layersInUse = layersInUse
        store.registerUses { Uses(layers: try cache.layers().union(layersInUse.all)) }
        try describing("preparing the builder's temporary directory") {
            try Files.makeDirectories(temporaryDirectory, mode: 0o700)
            for name in try FileDescriptor.openDirectory(temporaryDirectory).entries() where name.hasPrefix("build-") {
                try removeTree("\(temporaryDirectory)/\(name)")
            }
        }
    }

    /// Builds the target of a Dockerfile and gives the image its tags.
    ///
    /// - Throws: `BerthError` that names the Dockerfile's line where there is one; its cause is a
    ///   `StepFailure` if it was a step that failed. `CancellationError` if the task was cancelled: the
    ///   running steps are stopped first. Nothing temporary is left on any path.
    public func build(_ request: BuildRequest, progress: any BuildProgress) async throws -> Image {
        let temporary = "\(temporaryDirectory)/build-\(UUID().uuidString)"
        do {
            try describing("preparing the build") { try Files.makeDirectory(temporary, mode: 0o700) }
            let image = try await build(request, temporary: temporary, progress)
            await removeTemporary(temporary)
            await progress.report(.built(image))
            return image
        } catch {
            await removeTemporary(temporary)
            throw error
        }
    }

    private func removeTemporary(_ path: String) async {
        do {
            try await blocking { _ in try removeTree(path) }
        } catch {
            logger.warning("cannot remove \(path): \(error)")
        }
    }

    private func build(
        _ request: BuildRequest, temporary: String, _ progress: any BuildProgress
    ) async throws -> Image {
        if let frontend = request.arguments["BUILDKIT_SYNTAX"] {
            do throws(SyntaxError) {
                try Dockerfile.checkFrontend(frontend)
            } catch {
                throw BerthError.invalidArgument("build argument BUILDKIT_SYNTAX: \(error.reason)")
            }
        }
        let context = try await BuildContext(request, temporary: temporary)
        let file = try Dockerfile(context.dockerfile, name: context.name)
        let globals = try GlobalArguments(
            file, given: request.arguments, target: request.platform ?? .host, stage: request.target ?? "default")
        let graph = try StageGraph(file, target: request.target, globals: globals)
        for warning in file.warnings + unusedArguments(request, graph) { await progress.report(.warning(warning)) }

        let session = BuildSession(
            store: store, executor: executor, cache: cache, cacheMounts: cacheMounts, request: request, graph: graph,
            globals: globals, context: context.tree, progress: progress, temporary: temporary,
            hold: LayerHold(layersInUse))
        do {
            let image = try await makeImage(try await solve(session), tags: request.tags)
            await session.close()
            return image
        } catch {
            await session.close()
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    /// Builds all stages that are needed, at the same time as far as they do not wait for each other.
    private func solve(_ session: BuildSession) async throws -> StageState {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in session.graph.needed {
                group.addTask { _ = try await session.stage(index) }
            }
            // The first error is the one that tells: thrown from here it cancels the other stages.
            // (`waitForAll` would let them run to their ends.)
            for try await _ in group {}
        }
        return try await session.stage(session.graph.target)
    }

    private func makeImage(_ state: StageState, tags: [Reference]) async throws -> Image {
        if let image = state.unchanged { return try await tag(image, tags) }
        let config = ImageConfig(
            created: state.history.last?.created ?? timestamp(), author: state.author, platform: state.platform,
            config: state.config, rootfs: ImageConfig.RootFS(diffIDs: state.diffIDs), history: state.history)
        let store = store
        return try await blocking { _ in try store.createImage(config: config, references: tags) }
    }

    /// A Dockerfile that only says FROM gives the very image.
    private func tag(_ image: Image, _ tags: [Reference]) async throws -> Image {
        let store = store
        return try await blocking { _ in
            for tag in tags { try store.tag(image, as: tag) }
            return try store.image(id: image.id)
        }
    }

    /// `--build-arg` values that no ARG takes.
    private func unusedArguments(_ request: BuildRequest, _ graph: StageGraph) -> [String] {
        var declared = Set(graph.file.globals.map(\.name)).union(GlobalArguments.proxies)
        for stage in graph.file.stages {
            for instruction in stage.instructions {
                if case .argument(let arguments) = instruction.command { declared.formUnion(arguments.map(\.name)) }
            }
        }
        declared.insert("SOURCE_DATE_EPOCH")
        let unused = request.arguments.keys.filter { !declared.contains($0) && !$0.hasPrefix("BUILDKIT_") }
        if unused.isEmpty { return [] }
        return ["One or more build-args [\(unused.sorted().joined(separator: " "))] were not consumed"]
    }
}
