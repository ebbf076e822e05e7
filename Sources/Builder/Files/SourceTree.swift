import Archive
import Errors
import Glibc
import Linux

/// A tree that COPY and ADD take files from: the context, or the root of a stage or image.
struct SourceTree: Sendable {
    let root: FileDescriptor
    /// `.dockerignore`.
    var ignored = PathFilter()
    /// Files of the context belong to root in the image; those of stages and images keep their owners.
    var keepsOwners: Bool

    /// What a source pattern names: clean paths, in order.
    ///
    /// - Throws: `MissingSource` if a plain path names nothing; a pattern may match nothing.
    func matches(_ source: String) throws -> [RawPath] {
        let text = Paths.clean(source)
        guard PathPattern.isPattern(text) else {
            let path = RawPath(text)
            guard try status(of: path) != nil, !isIgnored(path) else { throw MissingSource(path: text) }
            return [path]
        }
        var found: [RawPath] = []
        try search(try PathPattern(text), directory: "", into: &found)
        return found
    }

    private func search(_ pattern: PathPattern, directory: RawPath, into found: inout [RawPath]) throws {
        let descriptor = try root.directory(directory)
        for name in try descriptor.rawEntries().sorted() {
            let path = directory.joining(name)
            if pattern.matches(path.description) {
                if !isIgnored(path) { found.append(path) }
            } else if pattern.mayMatch(below: path.description), try descriptor.status(of: name).isDirectory {
                try search(pattern, directory: path, into: &found)
            }
        }
    }

    /// A directory may be ignored and yet hold files that an exception lets in.
    private func isIgnored(_ path: RawPath) -> Bool {
        ignored.excludes(path) && !(ignored.mayHoldMore(path) && (try? status(of: path))?.isDirectory == true)
    }

    /// What `path` is, symbolic links followed; nil if there is nothing.
    func status(of path: RawPath) throws(SystemError) -> FileStatus? {
        do throws(SystemError) {
            // Named, not opened: opening a device node of an image would act on the host's device.
            return try root.openInRoot(path.isEmpty ? "." : path, FileDescriptor.pathOnly).status()
        } catch {
            switch error.errno {
            case ENOENT, ENOTDIR, ELOOP: return nil
            default: throw error
            }
        }
    }

    func readLink(_ path: RawPath) throws(SystemError) -> RawPath {
        try root.directory(path.split.parent).readLink(path.split.name)
    }
}

/// A source of COPY or ADD that is not there.
struct MissingSource: Error {
    let path: String
    /// It is a pattern that matched nothing.
    var isPattern = false
}

/// Paths that are left out, by patterns in the form of `.dockerignore`.
struct PathFilter: Sendable {
    private let file: IgnoreFile?

    /// Leaves nothing out.
    init() { file = nil }

    init(text: String) throws(BerthError) {
        let file = try IgnoreFile(text: text)
        self.file = file.isEmpty ? nil : file
    }

    init(patterns: [String]) throws(BerthError) {
        try self.init(text: patterns.joined(separator: "\n"))
    }

    var isEmpty: Bool { file == nil }

    func excludes(_ path: RawPath) -> Bool {
        guard let file, !path.isEmpty else { return false }
        return file.excludes(path.description)
    }

    /// Whether something below a directory that is left out may be let in by an exception.
    func mayHoldMore(_ directory: RawPath) -> Bool { file?.mayContainIncluded(directory.description) ?? false }
}
