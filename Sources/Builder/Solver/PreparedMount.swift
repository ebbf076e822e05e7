import Errors
import Glibc
import ImageStore
import Linux
import OCI

/// A RUN mount whose files are known: enough for the cache key. Nothing is copied or made yet.
struct PreparedMount: Sendable {
    let mount: RunMount
    /// Absolute path in the container.
    let target: String
    /// Bind mounts, and cache mounts with `from`: where the files are.
    let origin: Origin
    /// Their digest, for bind mounts.
    let content: Digest?

    func add(to key: inout KeyBuilder) {
        key.add("mount", mount.kind.rawValue)
        key.add("target", target)
        key.add("content", ifPresent: content?.description)
        key.add("id", ifPresent: mount.kind == .bind ? nil : mount.id)
        key.add("variable", ifPresent: mount.variable)
        key.add("readonly", mount.isReadOnly ?? false)
    }
}

extension StageBuilder {
    /// The mounts of a RUN, with variables replaced.
    func mounts(_ run: Run) async throws -> [PreparedMount] {
        let expander = expander
        var prepared: [PreparedMount] = []
        for text in run.mounts {
            let mount = try RunMount(text) { (value) throws(SyntaxError) in try expander.word(value) }
            let origin = try mount.from.map { (name) throws(SyntaxError) in try session.graph.origin(name) } ?? .context
            var content: Digest?
            if mount.kind == .bind { content = try await self.content(of: mount, origin) }
            let target = mount.target ?? "/run/secrets/\(mount.id ?? mount.source ?? "")"
            prepared.append(
                PreparedMount(
                    mount: mount, target: Paths.absolute(target, in: state.workingDirectory), origin: origin,
                    content: content))
        }
        return prepared
    }

    /// What a bind mount shows, as a digest. Of a whole root the layers say it without a look at files.
    private func content(of mount: RunMount, _ origin: Origin) async throws -> Digest {
        if mount.isWholeTree, origin != .context { return .chain(try await session.root(of: origin).diffIDs) }
        let tree = try await session.tree(origin)
        return try await blocking { try mount.plan(in: tree).digest($0) }
    }
}

extension RunMount {
    var isWholeTree: Bool { Paths.clean(source ?? "").isEmpty }

    func sourceStatus(in tree: SourceTree) throws -> FileStatus {
        let path = Paths.clean(source ?? "")
        guard let status = try tree.status(of: RawPath(path)) else {
            throw BerthError.notFound(
                "failed to mount \(target ?? ""): source \"\(path)\" is not in \(from ?? "the build context")")
        }
        return status
    }

    func plan(in tree: SourceTree) throws -> CopyPlan {
        try CopyPlan(path: RawPath(Paths.clean(source ?? "")), try sourceStatus(in: tree), in: tree)
    }
}

/// What one running step holds.
struct StepResources: Sendable {
    let session: BuildSession
    /// By the name of the mount's directory.
    private var leases: [String: CacheMounts.Lease] = [:]
    private var directories: [String] = []

    init(_ session: BuildSession) { self.session = session }

    /// Takes the directories of all cache mounts, in the order that `CacheMounts` asks for.
    mutating func lease(_ mounts: [RunMount]) async throws {
        let caches = mounts.filter { $0.kind == .cache }.map { (name: CacheMounts.name(of: $0), mount: $0) }
        for (name, mount) in caches.sorted(by: { $0.name < $1.name }) where leases[name] == nil {
            leases[name] = try await session.cacheMounts.acquire(mount)
        }
    }

    func path(of mount: RunMount) throws -> String {
        guard let lease = leases[CacheMounts.name(of: mount)] else {
            throw BerthError.internal("no directory was taken for the cache mount \(mount.target ?? "")")
        }
        return lease.path
    }

    mutating func makeDirectory(_ name: String) throws -> String {
        let path = try session.makeTemporary(name)
        directories.append(path)
        return path
    }

    func release() async {
        for lease in leases.values { await session.cacheMounts.release(lease) }
        let directories = directories
        _ = try? await blocking { _ in for path in directories { try removeTree(path) } }
    }
}

extension PreparedMount {
    /// The mount for the executor, and the `NAME=value` of a secret that goes into the environment.
    func realize(_ resources: inout StepResources) async throws -> (StepMount?, variable: String?) {
        switch mount.kind {
        case .bind: return (try await bind(&resources), nil)
        case .cache: return (try await cache(resources), nil)
        case .tmpfs:
            let isReadOnly = mount.isReadOnly ?? false
            return (StepMount(source: .tmpfs(size: mount.size), target: target, isReadOnly: isReadOnly), nil)
        case .secret: return try secret(resources.session)
        case .ssh: return (nil, nil)  // refused when it was parsed
        }
    }

    private func secret(_ session: BuildSession) throws -> (StepMount?, variable: String?) {
        let id = mount.id ?? mount.source ?? RawPath(target).split.name.description
        guard let value = session.request.secrets[id] else {
            guard !mount.isRequired else {
                throw BerthError.invalidArgument(
                    "secret \(id): not found; give it to the build with --secret id=\(id),src=FILE")
            }
            return (nil, nil)
        }
        let variable = mount.variable.map { "\($0)=\(String(decoding: value, as: UTF8.self))" }
        if variable != nil, mount.target == nil { return (nil, variable) }
        let file = StepMount.Source.file(
            content: value, mode: mount.mode ?? 0o400, user: mount.user ?? 0, group: mount.group ?? 0)
        return (StepMount(source: file, target: target, isReadOnly: true), variable)
    }

    private func cache(_ resources: StepResources) async throws -> StepMount {
        let path = try resources.path(of: mount)
        if mount.from != nil {
            // `from` gives a new cache its first content.
            let tree = try await resources.session.tree(origin)
            let mount = mount
            try await blocking { cancellation in
                let root = try FileDescriptor.openDirectory(path)
                guard try root.entries().isEmpty else { return }
                try RootWriter(root: root, cancellation: cancellation)
                    .write(try mount.plan(in: tree), to: "", isDirectory: true)
            }
        }
        return StepMount(source: .bind(path: path), target: target, isReadOnly: mount.isReadOnly ?? false)
    }

    /// Read-only unless asked for; what is written then is dropped after the step.
    private func bind(_ resources: inout StepResources) async throws -> StepMount {
        let session = resources.session
        let tree = try await session.tree(origin)
        let isFile = try await blocking { [mount] _ in try !mount.sourceStatus(in: tree).isDirectory }
        let layers = try await session.root(of: origin).layers
        let isWhole = mount.isWholeTree && !layers.isEmpty
        let isWritable = mount.isReadOnly == false

        if isWhole, !isWritable { return StepMount(source: .layers(layers), target: target, isReadOnly: true) }
        var path: String?
        if !isWhole {
            // Files of the context are there as they are; a part of an overlay has to be copied out,
            // and so has a file that may be written.
            let isPlain = layers.isEmpty && tree.ignored.isEmpty && !(isFile && isWritable)
            path = isPlain ? try tree.hostPath(of: mount.source ?? "") : nil
            if path == nil { path = try await copy(tree, &resources) }
        }
        guard isWritable, !isFile else {
            return StepMount(source: .bind(path: path ?? ""), target: target, isReadOnly: !isWritable)
        }
        let lower = path.map { [$0] } ?? layers
        let upper = try resources.makeDirectory("upper"), work = try resources.makeDirectory("work")
        try describing("preparing the mount \(target)") {
            // The root of an overlay is that of its topmost directory.
            guard let top = lower.last else { return }
            let model = try Files.status(top), root = try FileDescriptor.openDirectory(upper)
            try root.changeOwner(".", user: model.userID, group: model.groupID)
            try root.changeMode(model.permissions)
        }
        return StepMount(source: .overlay(layers: lower, upper: upper, work: work), target: target, isReadOnly: false)
    }

    private func copy(_ tree: SourceTree, _ resources: inout StepResources) async throws -> String {
        let directory = try resources.makeDirectory("bind")
        return try await blocking { [mount] cancellation in
            let writer = RootWriter(root: try FileDescriptor.openDirectory(directory), cancellation: cancellation)
            try writer.write(try mount.plan(in: tree), to: "files", isDirectory: false)
            return "\(directory)/files"
        }
    }
}

extension SourceTree {
    /// The path on the host of something in a tree that is a plain directory of the host.
    func hostPath(of path: String) throws -> String {
        try describing("finding \(path)") {
            let file = try root.file(RawPath(Paths.clean(path)))
            return try FileDescriptor.openDirectory("/proc/self/fd").readLink("\(file.rawValue)")
        }
    }
}
