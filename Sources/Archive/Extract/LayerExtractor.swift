import Errors
import Glibc
import Linux

/// Unpacks a layer (OCI image specification, `layer.md`) into a directory of its own, in the form in
/// which overlayfs stacks it: a whiteout becomes a character device 0:0, an opaque directory gets the
/// attribute `trusted.overlay.opaque`.
public struct LayerExtractor {
    private let directory: FileDescriptor
    private let ownership: ExtractionOptions.Ownership
    private let limits: ExtractionOptions.Limits

    /// - Parameter directory: empty.
    public init(
        into directory: FileDescriptor, ownership: ExtractionOptions.Ownership = .archive,
        limits: ExtractionOptions.Limits = ExtractionOptions.Limits()
    ) {
        self.directory = directory
        self.ownership = ownership
        self.limits = limits
    }

    /// Unpacks a plain tar archive and reads its source to the end.
    /// - Throws: `BerthError`: `invalidArgument` for a bad layer.
    @discardableResult
    public func extract(_ source: any ByteSource) throws -> ExtractionReport {
        var policy = TreeWriter.Policy()
        policy.ownership = ownership
        policy.startsEmpty = true
        let tree = TreeWriter(root: directory, policy: policy)
        let whiteouts = Whiteouts(tree)
        tree.replaceByDirectory = { name, parent in try whiteouts.replaceByDirectory(name, in: parent) }
        return try Extraction.run(TarReader(source), limits, tree) { entry, path in
            if try whiteouts.handles(path, of: entry) { return nil }
            return path
        }
    }
}

/// The names by which a layer says that something of the layers below is gone.
enum WhiteoutName {
    static let prefix = Array(".wh.".utf8)
    static let opaque: RawPath = ".wh..wh..opq"
    /// Book-keeping of aufs, which means nothing here.
    static let bookkeepingPrefix = Array(".wh..wh.".utf8)
    static let opaqueAttribute = "trusted.overlay.opaque"
}

/// Turns whiteouts of a layer into those of overlayfs. They hide what the layers below have, never
/// what the layer itself brings, whatever the order in the archive.
private final class Whiteouts {
    private unowned let tree: TreeWriter

    init(_ tree: TreeWriter) { self.tree = tree }

    /// Deals with a whiteout; false when the entry is not one.
    func handles(_ path: [RawPath], of entry: TarEntry) throws -> Bool {
        guard let name = path.last, name.bytes.starts(with: WhiteoutName.prefix) else { return false }
        if name == WhiteoutName.opaque {
            try setOpaque(tree.parent(of: path))
            return true
        }
        if name.bytes.starts(with: WhiteoutName.bookkeepingPrefix) { return true }
        let hidden = RawPath(name.bytes.dropFirst(WhiteoutName.prefix.count))
        guard !hidden.isEmpty, hidden != ".", hidden != ".." else {
            throw BerthError.invalidArgument("the layer entry \"\(entry.path)\" is not a valid whiteout")
        }
        let parent = try tree.parent(of: path)
        do throws(SystemError) {
            try parent.makeNode(hidden, mode: S_IFCHR, device: 0)
        } catch {
            guard error.errno == EEXIST else { throw error }
            if try parent.status(of: hidden).isDirectory {
                try setOpaque(parent.open(hidden, O_RDONLY | O_DIRECTORY))
            }
        }
        return true
    }

    /// A directory comes where a whiteout of the same layer stands: it hides what lies below.
    func replaceByDirectory(_ name: RawPath, in parent: FileDescriptor) throws -> Bool {
        let existing = try parent.status(of: name)
        guard existing.kind == .characterDevice, existing.specialDevice == 0 else { return false }
        try parent.unlink(name)
        try parent.makeDirectory(name, mode: 0o755)
        try parent.changeMode(name, mode: 0o755)
        try setOpaque(parent.open(name, O_RDONLY | O_DIRECTORY))
        return true
    }

    private func setOpaque(_ directory: FileDescriptor) throws {
        try directory.setExtendedAttribute(WhiteoutName.opaqueAttribute, [UInt8(ascii: "y")])
    }
}
