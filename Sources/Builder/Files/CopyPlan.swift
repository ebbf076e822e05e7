import Errors
import Glibc
import Linux
import OCI

import struct Crypto.SHA256

/// The files that one source of COPY or ADD comes to, and where each goes.
struct CopyPlan: Sendable {
    struct Entry: Sendable {
        /// Path in the source tree.
        let source: RawPath
        /// Path below the destination; empty is the destination itself.
        let target: RawPath
        let status: FileStatus
    }

    /// Options of the instruction that choose files.
    struct Selection: Sendable {
        var keepsParents = false
        var excludes = PathFilter()
    }

    let tree: SourceTree
    /// Parents before their children.
    private(set) var entries: [Entry] = []
    /// The one source is a file, so that a destination without a slash names the copy.
    private(set) var isSingleFile = false

    /// One file, or a directory with all that is below it.
    init(path: RawPath, _ status: FileStatus, in tree: SourceTree) throws {
        self.tree = tree
        isSingleFile = !status.isDirectory
        entries =
            status.isDirectory
            ? try Self.walk(path, target: "", status, tree, Selection(), base: path)
            : [Entry(source: path, target: path.split.name, status: status)]
    }

    /// One file under another name.
    init(file: RawPath, named name: RawPath, in tree: SourceTree) throws {
        self.tree = tree
        isSingleFile = true
        entries = [Entry(source: file, target: name, status: try tree.root.status(of: file))]
    }

    /// What `source` names in `tree`.
    ///
    /// - Throws: `MissingSource`, or another error for bad patterns and unreadable files.
    init(source: String, in tree: SourceTree, _ selection: Selection) throws {
        self.tree = tree
        let matches = try tree.matches(source)
        guard !matches.isEmpty else { throw MissingSource(path: source, isPattern: true) }
        for path in matches {
            guard let status = try tree.status(of: path) else { throw MissingSource(path: path.description) }
            var target: RawPath = ""
            if selection.keepsParents {
                target = Self.keptPath(path, source: source)
                try addParents(of: target, source: path)
            }
            if status.isDirectory {
                entries += try Self.walk(path, target: target, status, tree, selection, base: path)
            } else if !selection.excludes.excludes(path) {
                if !selection.keepsParents { target = path.split.name }
                entries.append(Entry(source: path, target: target, status: status))
                isSingleFile = matches.count == 1 && !selection.keepsParents
            }
        }
    }

    /// The part of a matched path that `--parents` keeps: all of it, or what follows `/./` in the source.
    private static func keptPath(_ path: RawPath, source: String) -> RawPath {
        let components = source.split(separator: "/")
        // A leading `./` is no pivot.
        guard let pivot = components.dropFirst().firstIndex(of: ".") else { return path }
        let above = Paths.clean(components[..<pivot].joined(separator: "/")).split(separator: "/").count
        return RawPath.joined(path.components.dropFirst(above))
    }

    private mutating func addParents(of target: RawPath, source: RawPath) throws {
        let names = target.components
        let above = source.components.dropLast(names.count)
        for count in names.indices.dropFirst() {
            let parent = RawPath.joined(names[..<count])
            guard !entries.contains(where: { $0.target == parent }) else { continue }
            let path = RawPath.joined(above + names[..<count])
            guard let status = try tree.status(of: path) else { throw MissingSource(path: path.description) }
            entries.append(Entry(source: path, target: parent, status: status))
        }
    }

    /// A directory and all below it. `base` is the directory that was named.
    private static func walk(
        _ path: RawPath, target: RawPath, _ status: FileStatus, _ tree: SourceTree, _ selection: Selection,
        base: RawPath
    ) throws -> [Entry] {
        let directory = try tree.root.directory(path)
        var entries = [Entry(source: path, target: target, status: status)]
        for name in try directory.rawEntries().sorted() {
            let child = path.joining(name)
            let below = child.dropping(base)
            let isLeftOut =
                selection.excludes.excludes(below) || selection.excludes.excludes(child)
                || tree.ignored.excludes(child)
            let status = try directory.status(of: name)
            guard status.isDirectory else {
                if !isLeftOut { entries.append(Entry(source: child, target: target.joining(name), status: status)) }
                continue
            }
            if isLeftOut, !selection.excludes.mayHoldMore(below), !tree.ignored.mayHoldMore(child) { continue }
            let inner = try walk(child, target: target.joining(name), status, tree, selection, base: base)
            if !isLeftOut || inner.count > 1 { entries += inner }
        }
        return entries
    }

    /// A digest over all that the copy depends on: names, modes, types, links and contents, and
    /// owners where they are kept. Not times: a checkout of the same files is the same.
    func digest(_ cancellation: Cancellation) throws -> Digest {
        var key = KeyBuilder("files")
        for entry in entries.sorted(by: { $0.target < $1.target }) {
            try cancellation.check()
            key.add("path", entry.target.bytes)
            key.add("mode", "\(entry.status.mode)")
            if tree.keepsOwners { key.add("owner", "\(entry.status.userID):\(entry.status.groupID)") }
            switch entry.status.kind {
            case .file: key.add("content", try contentDigest(entry.source, cancellation).hex)
            case .symbolicLink: key.add("link", try tree.readLink(entry.source).bytes)
            case .characterDevice, .blockDevice: key.add("device", "\(entry.status.specialDevice)")
            default: break
            }
        }
        return key.finish()
    }

    private func contentDigest(_ path: RawPath, _ cancellation: Cancellation) throws -> Digest {
        var hash = SHA256()
        try tree.root.file(path).readChunks { chunk in
            try cancellation.check()
            hash.update(bufferPointer: chunk)
        }
        return Digest(sha256: hash.finalize())
    }
}

extension FileDescriptor {
    /// Calls `body` with the content from here to the end, piece by piece.
    func readChunks(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
