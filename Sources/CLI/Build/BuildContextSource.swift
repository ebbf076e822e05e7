import Archive
import Client
import Errors
import Glibc
import Linux

/// What is sent to the builder: the folder without what `.dockerignore` leaves out, and the Dockerfile
/// wherever it comes from.
struct BuildContextSource: Sendable {
    /// Absolute path of the context.
    let folder: String
    /// The Dockerfile's path in the archive.
    let dockerfile: String
    /// The Dockerfile when it does not lie in the context.
    private let outside: [UInt8]?
    private let ignore: IgnoreFile?

    /// - Parameters:
    ///   - context: a folder as the user wrote it.
    ///   - dockerfile: as the user wrote it: a path, `-` for stdin, or nil for the usual names.
    /// - Throws: `BerthError` in Docker's words when the folder or the Dockerfile is not there.
    init(context: String, dockerfile: String?, in working: WorkingFolder) throws {
        if dockerfile == "-" {
            let text = try Self.reading("stdin") { try Console.input.readToEnd() }
            try self.init(context: context, inlineDockerfile: String(decoding: text, as: UTF8.self), in: working)
            return
        }
        let folder = try Self.folder(context, in: working)
        let path = try dockerfile.map(working.absolute) ?? Self.usualDockerfile(in: folder)
        guard Files.exists(path) else { throw Self.noDockerfile(path) }
        let ignore = try Self.ignoreFile(in: folder, dockerfile: path)
        let prefix = folder == "/" ? "/" : folder + "/"
        if path.hasPrefix(prefix) {
            self.init(
                folder: folder, dockerfile: String(path.dropFirst(prefix.count)), outside: nil, ignore: ignore)
        } else {
            self.init(
                folder: folder, dockerfile: Self.outsideName, outside: try Self.reading(path) { try Files.read(path) },
                ignore: ignore)
        }
    }

    /// A context whose Dockerfile is given as text.
    init(context: String, inlineDockerfile text: String, in working: WorkingFolder) throws {
        let folder = try Self.folder(context, in: working)
        self.init(
            folder: folder, dockerfile: Self.outsideName, outside: Array(text.utf8),
            ignore: try Self.ignoreFile(in: folder, dockerfile: nil))
    }

    private init(folder: String, dockerfile: String, outside: [UInt8]?, ignore: IgnoreFile?) {
        self.folder = folder
        self.dockerfile = dockerfile
        self.outside = outside
        self.ignore = ignore
    }

    private static func folder(_ context: String, in working: WorkingFolder) throws(BerthError) -> String {
        let folder = working.absolute(context)
        guard let kind = (try? Files.status(folder))?.kind else {
            throw .notFound("unable to prepare context: path \"\(context)\" not found")
        }
        guard kind == .directory else {
            throw .invalidArgument("unable to prepare context: context must be a directory: \(folder)")
        }
        return folder
    }

    /// Does not clash with anything that a context would hold.
    private static let outsideName = ".dockerfile.berth"

    private static func usualDockerfile(in folder: String) throws -> String {
        for name in ["Dockerfile", "dockerfile"] where Files.exists("\(folder)/\(name)") { return "\(folder)/\(name)" }
        throw noDockerfile("\(folder)/Dockerfile")
    }

    private static func noDockerfile(_ path: String) -> BerthError {
        .notFound(
            "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat \(path): no such file or directory"
        )
    }

    /// `<Dockerfile>.dockerignore` if it is there, else the context's `.dockerignore`.
    private static func ignoreFile(in folder: String, dockerfile: String?) throws -> IgnoreFile? {
        let candidates = [dockerfile.map { $0 + ".dockerignore" }, folder + "/.dockerignore"].compactMap { $0 }
        guard let path = candidates.first(where: Files.exists) else { return nil }
        let text = try reading(path) { try Files.read(path) }
        return try IgnoreFile(text: String(decoding: text, as: UTF8.self))
    }

    private static func reading(_ path: String, _ read: () throws -> [UInt8]) throws -> [UInt8] {
        do {
            return try read()
        } catch let error as SystemError {
            throw BerthError("reading \(path)", error)
        }
    }

    // MARK: Packing

    /// The archive as a request's body. Owners become root, so that the same files are the same
    /// context for everybody.
    /// - Parameters:
    ///   - entries: gets all files.
    ///   - sent: called with the bytes that went out, piece by piece.
    func body(
        _ entries: ContextEntries = ContextEntries(), sent: @escaping @Sendable (Int64) -> Void
    ) -> EngineRequest.Body {
        TarPipe.upload(passed: sent) { writer in try pack(into: writer, entries) }
    }

    func pack(into writer: TarWriter, _ entries: ContextEntries = ContextEntries()) throws {
        var packer = TreePacker(
            writer, filter: { path, isDirectory in decide(path.description, isDirectory) },
            adjust: { entry in
                (entry.userID, entry.groupID) = (0, 0)
                if entry.kind == .file { entries.add(entry.path.description, size: entry.size) }
            })
        try packer.packContents(of: try FileDescriptor.openDirectory(folder))
        if let outside { try writer.add(file: dockerfile, outside) }
    }

    private func decide(_ path: String, _ isDirectory: Bool) -> TreePacker.Decision {
        // The builder needs these even where they are ignored; it keeps them out of COPY itself.
        if path == dockerfile || path == ".dockerignore" || path == dockerfile + ".dockerignore" { return .include }
        guard let ignore, ignore.excludes(path) else { return .include }
        let leadsToDockerfile = dockerfile.hasPrefix(path + "/")
        guard isDirectory, leadsToDockerfile || ignore.mayContainIncluded(path) else { return .exclude }
        return .descend
    }
}
