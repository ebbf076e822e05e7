import Errors
import FoundationEssentials
import ImageStore
import Linux
import Logging
import OCI

/// What the stages of one build share.
struct BuildSession: Sendable {
    let store: ImageStore
    let executor: any Executor
    let cache: StepCache
    let cacheMounts: CacheMounts
    let request: BuildRequest
    let graph: StageGraph
    let globals: GlobalArguments
    let context: SourceTree
    let progress: any BuildProgress
    /// Of this build alone; removed when it ends.
    let temporary: String
    /// Keeps the layers that this build uses until its image does.
    let hold: LayerHold
    let stages = Once<Int, StageState>()
    private let images = Once<String, Image>()
    private let roots = Once<[String], MountedRoot>()

    /// A root file system that is mounted for reading.
    struct MountedRoot: Sendable {
        let workspace: Workspace
        let descriptor: FileDescriptor
    }

    /// The stage's result, built now if nobody has asked for it yet.
    func stage(_ index: Int) async throws -> StageState {
        try await stages.value(for: index) {
            var builder = StageBuilder(self, graph.file.stages[index])
            return try await builder.build()
        }
    }

    /// An image from the store, or from where the executor finds it.
    func image(_ name: String, platform: Platform?) async throws -> Image {
        let key = platform.map { "\($0) \(name)" } ?? name
        return try await images.value(for: key) {
            if !request.pull || isID(name), let image = try await local(name, platform) { return image }
            return try await executor.fetch(try Reference(name), platform: platform)
        }
    }

    private func isID(_ name: String) -> Bool { name.hasPrefix("sha256:") }

    private func local(_ name: String, _ platform: Platform?) async throws -> Image? {
        do {
            let image = try await blocking { _ in try store.image(name) }
            guard let platform, !image.config.platform.satisfies(platform) else { return image }
            return nil
        } catch let error as BerthError where error.code == .notFound {
            return nil
        }
    }

    /// A root file system: its layers by digest and as directories, lowest first.
    struct Root: Sendable {
        var diffIDs: [Digest] = []
        var layers: [String] = []
    }

    /// Directories of an image's layers, lowest first.
    func layers(of image: Image) async throws -> [String] {
        hold.add(image.config.rootfs.diffIDs)
        return try await blocking { _ in try store.layerPaths(of: image) }
    }

    /// The root file system that `origin` names; the context has none.
    func root(of origin: Origin) async throws -> Root {
        switch origin {
        case .context, .scratch: return Root()
        case .stage(let index):
            let state = try await stage(index)
            return Root(diffIDs: state.diffIDs, layers: state.layers)
        case .image(let name):
            let image = try await image(name, platform: request.platform)
            return Root(diffIDs: image.config.rootfs.diffIDs, layers: try await layers(of: image))
        }
    }

    /// The files of the context, of a stage or of an image.
    func tree(_ origin: Origin) async throws -> SourceTree {
        if case .context = origin { return context }
        let layers = try await root(of: origin).layers
        let root = try await roots.value(for: layers) {
            try await blocking { _ in
                let workspace = try store.makeWorkspace(layers: layers)
                do {
                    return MountedRoot(workspace: workspace, descriptor: try workspace.mountReadOnly())
                } catch {
                    workspace.discard()
                    throw error
                }
            }
        }
        return SourceTree(root: root.descriptor, keepsOwners: true)
    }

    /// A new directory in the build's own, `name` with a number.
    func makeTemporary(_ name: String) throws -> String {
        let path = "\(temporary)/\(name)-\(UUID().uuidString)"
        try describing("making a temporary directory") { try Files.makeDirectories(path, mode: 0o700) }
        return path
    }

    /// Gives back what the build holds. Called once, after all stages have ended.
    func close() async {
        _ = await stages.finish()
        _ = await images.finish()
        try? await cache.touch(hold.usedKeys)
        let workspaces = await roots.finish().map(\.workspace)
        let temporary = temporary
        _ = try? await blocking { _ in
            for workspace in workspaces { workspace.discard() }
            try removeTree(temporary)
        }
    }

    /// The numbers of a stage's steps, in the order of the file over all stages that are built.
    func step(_ stage: Stage, offset: Int, name: String, line: Int) -> BuildStep {
        let counts = graph.needed.map { ($0, graph.file.stages[$0].instructions.count + 1) }
        let before = counts.filter { $0.0 < stage.index }.reduce(0) { $0 + $1.1 }
        let labels = request.labels.isEmpty ? 0 : 1
        return BuildStep(
            index: before + offset + 1, total: counts.reduce(labels) { $0 + $1.1 }, name: name, line: line,
            stage: stage.title)
    }
}
