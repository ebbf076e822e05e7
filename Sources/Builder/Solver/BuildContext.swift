import Archive
import Errors
import Glibc
import Linux

/// The files of a build, in a directory, and its Dockerfile.
struct BuildContext: Sendable {
    let tree: SourceTree
    let dockerfile: String
    /// Of the Dockerfile, for messages.
    let name: String

    /// Brings the context into `temporary`, unless it is a directory of the host already.
    ///
    /// - Throws: `invalidArgument` if there is no Dockerfile where it was said to be.
    init(_ request: BuildRequest, temporary: String) async throws {
        var source = request.dockerfile
        let directory: String
        let isOurs: Bool
        switch request.context {
        case .directory(let path):
            directory = path
            isOurs = false
        case .empty, .archive, .remote:
            directory = "\(temporary)/context"
            isOurs = true
            try describing("preparing the build context") { try Files.makeDirectory(directory, mode: 0o755) }
        }
        switch request.context {
        case .directory, .empty: break
        case .archive(let file): try await Self.extract(file, to: directory)
        case .remote(let url):
            if let text = try await Self.fetch(url, to: directory, temporary: temporary) { source = .text(text) }
        }
        let (root, text, name, ignored) = try await blocking { [source] _ in
            let root = try describing("opening the build context") { try FileDescriptor.openDirectory(directory) }
            let (text, name) = try Self.dockerfile(source, in: root)
            var ignored = try Self.ignored(in: root, dockerfile: name)
            if isOurs, !ignored.isEmpty {
                try describing("applying .dockerignore") { _ = try Self.prune(root, "", ignored) }
                ignored = PathFilter()
            }
            return (root, text, name, ignored)
        }
        tree = SourceTree(root: root, ignored: ignored, keepsOwners: false)
        dockerfile = text
        self.name = name
    }

    private static func extract(_ file: FileDescriptor, to directory: String) async throws {
        try await blocking { _ in
            do {
                var options = ExtractionOptions()
                // Files of the context have no owner, and whoever sends one gets no devices for it.
                options.ownership = .current
                options.makesDevices = false
                try Extraction.extract(from: file, into: try FileDescriptor.openDirectory(directory), options: options)
            } catch let error as SystemError {
                throw BerthError("extracting the build context", error)
            } catch let error as BerthError {
                throw BerthError(error.code, "extracting the build context: \(error.message)", cause: error)
            }
        }
    }

    /// A remote context: an archive is unpacked, anything else is a Dockerfile, whose text is returned.
    private static func fetch(_ url: String, to directory: String, temporary: String) async throws -> String? {
        guard Download.isURL(url), !Download.isRepository(url) else {
            throw BerthError(
                .unimplemented, "the build context \(url) is neither a directory, a tar nor an http URL of one")
        }
        let holder = "\(temporary)/remote"
        try describing("preparing the build context") { try Files.makeDirectory(holder, mode: 0o700) }
        let download = try await Download(url, into: holder)
        func file() throws -> FileDescriptor {
            try describing("opening the build context") { try FileDescriptor.open(download.path, O_RDONLY) }
        }
        let downloaded = try file()
        guard try await blocking({ _ in try isTar(downloaded) }) else {
            return String(decoding: try file().readToEnd(), as: UTF8.self)
        }
        try await extract(try file(), to: directory)
        return nil
    }

    private static func dockerfile(
        _ source: BuildRequest.DockerfileSource, in root: FileDescriptor
    ) throws -> (text: String, name: String) {
        switch source {
        case .text(let text): return (text, "Dockerfile")
        case .path(let path):
            let names = path.flatMap { $0.isEmpty ? nil : [$0] } ?? ["Dockerfile", "dockerfile"]
            for name in names {
                do throws(SystemError) {
                    let bytes = try root.file(RawPath(Paths.clean(name))).readToEnd()
                    return (String(decoding: bytes, as: UTF8.self), name)
                } catch {
                    guard error.errno == ENOENT || error.errno == ENOTDIR else {
                        throw BerthError("reading \(name)", error)
                    }
                }
            }
            throw BerthError.invalidArgument("Cannot locate specified Dockerfile: \(names[0])")
        }
    }

    /// `<Dockerfile>.dockerignore`, or else `.dockerignore`.
    private static func ignored(in root: FileDescriptor, dockerfile: String) throws -> PathFilter {
        for name in ["\(Paths.clean(dockerfile)).dockerignore", ".dockerignore"] {
            guard let bytes = try? root.file(RawPath(name)).readToEnd() else { continue }
            do {
                return try PathFilter(text: String(decoding: bytes, as: UTF8.self))
            } catch {
                throw BerthError(error.code, "\(name): \(error.message)", cause: error)
            }
        }
        return PathFilter()
    }

    /// Removes what is ignored, for clients that send everything. Returns whether anything is left.
    private static func prune(_ directory: FileDescriptor, _ path: RawPath, _ ignored: PathFilter) throws -> Bool {
        var isLeft = false
        for name in try directory.rawEntries() {
            let child = path.joining(name)
            let isIgnored = ignored.excludes(child)
            if try directory.status(of: name).isDirectory {
                if !isIgnored || ignored.mayHoldMore(child) {
                    let inner = try prune(try directory.open(name, O_RDONLY | O_DIRECTORY), child, ignored)
                    if !isIgnored || inner {
                        isLeft = true
                        continue
                    }
                }
            } else if !isIgnored {
                isLeft = true
                continue
            }
            try directory.removeTree(name)
        }
        return isLeft
    }
}
