import Errors
import ImageStore
import Linux
import OCI

enum CopyKind: String { case copy = "COPY", add = "ADD" }

/// COPY and ADD.
extension StageBuilder {
    mutating func apply(_ copy: Copy, _ kind: CopyKind, _ step: BuildStep) async throws {
        let request = try CopyRequest(copy, kind, expander, workingDirectory: state.workingDirectory)
        let origin = try copy.from.map { (name) throws(SyntaxError) in try session.graph.origin(name) } ?? .context
        var items: [CopyItem] = []
        for source in copy.sources { items.append(try await item(source, request, origin)) }
        try request.checkDestination(items)
        if origin == .context, let name = items.lazy.compactMap(\.environmentFile).first {
            await session.progress.report(
                .warning(
                    "line \(step.line): EnvFileCopied: \(kind.rawValue) puts \(name) into the image, where everybody "
                        + "who has the image can read it; list it in .dockerignore"))
        }

        var owner = request.owner
        if copy.isLinked, let name = owner, !Ownership.isNumeric(name) { owner = try await numeric(name) }
        var key = KeyBuilder(copy.isLinked ? "copy-link" : "copy")
        // A linked copy depends on nothing below it.
        if !copy.isLinked { key.add("chain", state.chain.description) }
        try await add(items, request, owner, to: &key)

        let builder = self
        let result = try await layer(for: key.finish(), request.text, step) {
            try await builder.execute(items, request, owner)
        }
        add(result, request.text)
    }

    private func add(
        _ items: [CopyItem], _ request: CopyRequest, _ owner: String?, to key: inout KeyBuilder
    ) async throws {
        key.add("destination", request.destination)
        key.add("directory", request.isDirectory)
        key.add("owner", ifPresent: owner)
        key.add("mode", ifPresent: request.mode)
        for item in items {
            switch item {
            case .files(let plan):
                key.add("files", try await blocking { try plan.digest($0) }.description)
                key.add("single", plan.isSingleFile)
            case .archive(let plan):
                key.add("archive", try await blocking { try plan.digest($0) }.description)
            case .remote(let url, let checksum):
                key.add("remote", Download.name(of: url))
                key.add("checksum", checksum.description)
                key.add("unpack", request.copy.unpacks ?? false)
            }
        }
    }

    // MARK: Sources

    private func item(_ source: Copy.Source, _ request: CopyRequest, _ origin: Origin) async throws -> CopyItem {
        switch source {
        case .heredoc(let document):
            let content = document.expands ? try expander.document(document.content) : document.content
            return .files(try await temporaryFile(content, name: document.name))
        case .path(let text):
            let path = try expander.word(text)
            if request.kind == .add, Download.isRepository(path) {
                throw BerthError(
                    .unimplemented, "ADD cannot fetch the Git repository \(path): clone it in a RUN step instead")
            }
            guard request.kind == .add, Download.isURL(path) else {
                guard request.checksum == nil else {
                    throw SyntaxError("checksum can't be specified for non-HTTP(S) sources")
                }
                return try await files(path, request, origin)
            }
            if let checksum = request.checksum { return .remote(path, checksum) }
            return try await download(path, request)
        }
    }

    private func files(_ path: String, _ request: CopyRequest, _ origin: Origin) async throws -> CopyItem {
        let tree = try await session.tree(origin)
        let selection = request.selection
        let unpacks = request.kind == .add && request.copy.unpacks != false
        do {
            return try await blocking { _ in
                let plan = try describing("reading \(path)") { try CopyPlan(source: path, in: tree, selection) }
                return unpacks && plan.isSingleFile && plan.isArchive ? .archive(plan) : .files(plan)
            }
        } catch let missing as MissingSource {
            let kind = request.kind.rawValue
            guard !missing.isPattern else {
                throw BerthError.invalidArgument(
                    "\(kind) failed: no source files were specified: \(path) matches nothing")
            }
            let place = origin == .context ? "file not found in build context or excluded by .dockerignore: " : ""
            throw BerthError.invalidArgument("\(kind) failed: \(place)stat \(missing.path): file does not exist")
        }
    }

    /// A here-document as a file of its own.
    private func temporaryFile(_ content: String, name: String) async throws -> CopyPlan {
        let directory = try session.makeTemporary("heredoc")
        return try await blocking { _ in
            try describing("writing the here-document \(name)") {
                try Files.write("\(directory)/document", content)
                let tree = SourceTree(root: try FileDescriptor.openDirectory(directory), keepsOwners: false)
                return try CopyPlan(file: "document", named: RawPath(Paths.clean(name)), in: tree)
            }
        }
    }

    private func download(_ url: String, _ request: CopyRequest) async throws -> CopyItem {
        let directory = try session.makeTemporary("download")
        let download = try await Download(url, secrets: session.request.secrets, into: directory)
        if let checksum = request.checksum, checksum != download.digest {
            throw BerthError.invalidArgument(
                "ADD failed: digest mismatch for \(url): expected \(checksum), got \(download.digest)")
        }
        if download.name.isEmpty, request.isDirectory {
            throw BerthError.invalidArgument("ADD failed: cannot determine filename from url: \(url)")
        }
        return try await blocking { _ in
            let tree = SourceTree(root: try FileDescriptor.openDirectory(directory), keepsOwners: false)
            let plan = try CopyPlan(file: "download", named: RawPath(Paths.clean(download.name)), in: tree)
            return request.copy.unpacks == true && plan.isArchive ? .archive(plan) : .files(plan)
        }
    }

    // MARK: Writing

    private func execute(_ items: [CopyItem], _ request: CopyRequest, _ owner: String?) async throws -> Layer {
        var local: [CopyItem] = []
        for item in items {
            switch item {
            case .remote(let url, _): local.append(try await download(url, request))
            case .files, .archive: local.append(item)
            }
        }
        let mode = try request.mode.map { (text) throws(SyntaxError) in try ModeChange(text) }
        // An overlay would mark new directories as replacing those below, which a linked copy must not.
        return try await write(overlaid: !request.copy.isLinked) { [local] root, cancellation in
            var writer = RootWriter(root: root, mode: mode, cancellation: cancellation)
            writer.owner = try owner.map { (text) throws(BerthError) in try Ownership(text, root: root) }
            let destination = RawPath(Paths.clean(request.destination))
            for item in local {
                switch item {
                case .files(let plan): try writer.write(plan, to: destination, isDirectory: request.isDirectory)
                case .archive(let plan): try writer.unpack(plan, to: destination)
                case .remote: break  // downloaded above
                }
            }
        }
    }

    /// Makes a layer of what `body` writes into the root file system.
    func write(
        overlaid: Bool = true, _ body: @escaping @Sendable (FileDescriptor, Cancellation) throws -> Void
    ) async throws -> Layer {
        let store = session.store, layers = state.layers
        let workspace = try await blocking { cancellation in
            let workspace = try store.makeWorkspace(layers: overlaid ? layers : [])
            do {
                // The root is let go before the workspace is used further: an open mount keeps it busy.
                try body(try overlaid ? workspace.mount() : FileDescriptor.openDirectory(workspace.upper), cancellation)
            } catch {
                workspace.discard()
                throw error
            }
            return workspace
        }
        return try await commit(workspace)
    }

    /// Calls `body` with the stage's root file system as it is now.
    func read<Value: Sendable>(_ body: @escaping @Sendable (FileDescriptor) throws -> Value) async throws -> Value {
        let store = session.store, layers = state.layers
        return try await blocking { _ in
            let workspace = try store.makeWorkspace(layers: layers)
            defer { workspace.discard() }
            return try body(try workspace.mountReadOnly())
        }
    }

    private func numeric(_ owner: String) async throws -> String {
        let ids = try await read { try Ownership(owner, root: $0) }
        return "\(ids.user):\(ids.group)"
    }

    // MARK: WORKDIR

    /// Sets the working directory and makes it, owned by the user that is set, if it is missing.
    mutating func changeDirectory(to text: String, _ step: BuildStep) async throws {
        let written = try expander.word(text)
        guard !written.isEmpty else { throw SyntaxError("WORKDIR requires exactly one argument: \(text) is empty") }
        let path = Paths.absolute(written, in: state.workingDirectory)
        state.config.workingDir = path
        let text = "WORKDIR " + path
        guard path != "/" else { return try await record(text, step) }

        let user = state.config.user ?? ""
        var key = KeyBuilder("workdir")
        key.add("chain", state.chain.description)
        key.add("path", path)
        key.add("user", user)
        let builder = self
        let result = try await layer(for: key.finish(), text, step) {
            let target = RawPath(Paths.clean(path))
            if try await builder.read({ (try? $0.directory(target)) != nil }) { return nil }
            return try await builder.write { root, cancellation in
                var writer = RootWriter(root: root, cancellation: cancellation)
                if !user.isEmpty { writer.owner = try Ownership(user, root: root) }
                try writer.makeDirectories(target)
            }
        }
        add(result, text)
    }
}

/// Something that COPY or ADD puts into the image.
enum CopyItem: Sendable {
    case files(CopyPlan)
    /// A single file that is an archive to be unpacked.
    case archive(CopyPlan)
    /// A URL that need not be fetched if the cache has what its checksum names.
    case remote(String, Digest)
}

extension CopyItem {
    /// A file with settings of the environment, which usually holds passwords.
    fileprivate var environmentFile: RawPath? {
        guard case .files(let plan) = self else { return nil }
        return plan.entries.lazy.filter { !$0.status.isDirectory }.map(\.source).first {
            let name = $0.split.name.description
            let isModel = ["example", "sample", "template"].contains { name.hasSuffix($0) }
            return name == ".env" || name.hasPrefix(".env.") && !isModel
        }
    }
}

/// A COPY or ADD with its variables replaced.
struct CopyRequest: Sendable {
    let copy: Copy
    let kind: CopyKind
    /// Absolute and clean.
    let destination: String
    /// Sources go into the destination whatever is there.
    let isDirectory: Bool
    let owner: String?
    let mode: String?
    let checksum: Digest?
    let selection: CopyPlan.Selection
    /// As the history shows it.
    let text: String

    init(_ copy: Copy, _ kind: CopyKind, _ expander: Expander, workingDirectory: String) throws {
        self.copy = copy
        self.kind = kind
        func expanded(_ text: String?) throws(SyntaxError) -> String? {
            guard let text = try text.map({ (text) throws(SyntaxError) in try expander.word(text) }) else { return nil }
            return text.isEmpty ? nil : text
        }
        let written = try expander.word(copy.destination)
        destination = Paths.absolute(written, in: workingDirectory)
        isDirectory =
            written.isEmpty || written.hasSuffix("/") || written == "." || written.hasSuffix("/.")
            || copy.keepsParents
        owner = try expanded(copy.owner)
        mode = try expanded(copy.mode)
        if let mode { _ = try ModeChange(mode) }
        checksum = try expanded(copy.checksum).map { (text) throws(BerthError) in try Digest(text) }
        if checksum != nil, copy.sources.count != 1 {
            throw SyntaxError("checksum can't be specified for multiple sources")
        }
        var excludes: [String] = []
        for pattern in copy.excludes { excludes.append(try expander.word(pattern)) }
        selection = CopyPlan.Selection(keepsParents: copy.keepsParents, excludes: try PathFilter(patterns: excludes))

        var words = [kind.rawValue]
        let flags = [("from", copy.from), ("chown", owner), ("chmod", mode), ("checksum", checksum?.description)]
        for (name, value) in flags { if let value { words.append("--\(name)=\(value)") } }
        if copy.isLinked { words.append("--link") }
        if copy.keepsParents { words.append("--parents") }
        for pattern in excludes { words.append("--exclude=\(pattern)") }
        if let unpacks = copy.unpacks { words.append("--unpack=\(unpacks)") }
        for source in copy.sources {
            switch source {
            case .path(let path): words.append(try expander.word(path))
            case .heredoc(let document): words.append("<<\(document.name)")
            }
        }
        text = (words + [written]).joined(separator: " ")
    }

    /// Several files need a directory to go into.
    func checkDestination(_ items: [CopyItem]) throws(BerthError) {
        let isSeveral =
            items.count > 1
            || items.contains {
                guard case .files(let plan) = $0, !plan.isSingleFile else { return false }
                return plan.entries.count { !$0.status.isDirectory && $0.target.components.count == 1 } > 1
                    && !(plan.entries.first?.status.isDirectory ?? false)
            }
        guard isSeveral, !isDirectory else { return }
        throw .invalidArgument(
            "When using \(kind.rawValue) with more than one source file, the destination must be a directory "
                + "and end with a /")
    }
}
