import Errors
import Glibc
import Linux

/// Packs the upper directory of an overlay as a layer (OCI image specification, `layer.md`): what
/// overlayfs recorded as gone becomes whiteouts again.
public struct LayerPacker {
    public struct Report: Sendable {
        /// Bytes of file contents, names of one file counted once.
        public var bytes: Int64 = 0
        /// True when the upper directory holds nothing.
        public var isEmpty = true
    }

    private let writer: TarWriter
    /// Attributes of overlayfs other than "opaque" tie a directory to this very stack of layers:
    /// removed when the directory is to become a layer itself.
    private let stripsOverlayAttributes: Bool
    private var report = Report()
    private var links = LinkTable()

    /// - Parameter sink: takes the plain tar archive; finished by `pack`.
    public init(_ sink: any ByteSink, stripsOverlayAttributes: Bool = false) {
        writer = TarWriter(sink)
        self.stripsOverlayAttributes = stripsOverlayAttributes
    }

    public mutating func pack(_ upper: FileDescriptor) throws -> Report {
        do {
            try addRoot(upper)
            try walk(upper, path: "")
        } catch let error as SystemError {
            throw BerthError("packing a layer", error)
        }
        try writer.finish()
        return report
    }

    /// The root is an entry only where it is not as every root is.
    private func addRoot(_ upper: FileDescriptor) throws {
        let status = try upper.status()
        let attributes = try upper.archivedAttributes()
        try dealWithNotes(at: upper, "/")
        if status.permissions == 0o755, status.userID == 0, status.groupID == 0, attributes.isEmpty { return }
        try writer.add(
            TarEntry(
                path: "./", kind: .directory, mode: UInt32(status.permissions), userID: status.userID,
                groupID: status.groupID, modified: status.modified, attributes: attributes))
    }

    private mutating func walk(_ directory: FileDescriptor, path: RawPath) throws {
        try path.checkLength()
        for name in try directory.rawEntries().sorted() {
            do {
                try add(name, of: directory, path: path.appending(name))
            } catch let error as SystemError where error.errno == ENOENT || error.errno == ESTALE {
                // Gone since the directory was read: the container may be running.
                continue
            }
        }
    }

    private mutating func add(_ name: RawPath, of parent: FileDescriptor, path: RawPath) throws {
        let status = try parent.status(of: name)
        if status.kind == .characterDevice, status.specialDevice == 0 {
            report.isEmpty = false
            return try writer.add(
                TarEntry(path: path.asWhiteout(), kind: .file, mode: 0o600, modified: status.modified))
        }
        guard var entry = try TarEntry(path: path, name: name, in: parent, status: status) else { return }
        report.isEmpty = false
        switch entry.kind {
        case .directory:
            let directory = try parent.open(name, O_RDONLY | O_DIRECTORY)
            entry.attributes = try directory.archivedAttributes()
            try writer.add(entry)
            if try directory.extendedAttribute(WhiteoutName.opaqueAttribute) == [UInt8(ascii: "y")] {
                try writer.add(
                    TarEntry(
                        path: path.appending(WhiteoutName.opaque), kind: .file, mode: 0o600,
                        modified: status.modified))
            }
            try dealWithNotes(at: directory, path)
            try walk(directory, path: path)
        default:
            if let first = links.firstName(of: status, otherwise: path) {
                entry.kind = .hardLink(target: first)
                try writer.add(entry)
            } else if entry.kind == .file {
                try addFile(&entry, name, of: parent)
            } else {
                try writer.add(entry)
            }
        }
    }

    private mutating func addFile(_ entry: inout TarEntry, _ name: RawPath, of parent: FileDescriptor) throws {
        // The name may have become something else since: trees of running containers change.
        let file = try parent.openFile(name)
        entry.attributes = try file.archivedAttributes()
        try dealWithNotes(at: file, entry.path)
        report.bytes += entry.size
        if entry.size == 0 { return try writer.add(entry) }
        try writer.add(entry, contentsOf: file)
    }

    /// What overlayfs noted at a file other than that it is opaque.
    private func dealWithNotes(at file: FileDescriptor, _ path: RawPath) throws {
        for name in try file.extendedAttributeNames()
        where name.hasPrefix("trusted.overlay.") && name != WhiteoutName.opaqueAttribute {
            // Contents that are somewhere in the layers below: packing would lose them.
            if name == "trusted.overlay.redirect" || name == "trusted.overlay.metacopy" {
                throw BerthError.internal(
                    "\"\(path)\" is only a reference to a lower layer (\(name)): the overlay has to be mounted with "
                        + "redirect_dir=off and metacopy=off")
            }
            if stripsOverlayAttributes { try file.removeExtendedAttribute(name) }
        }
    }
}

extension RawPath {
    /// `a/b` as `a/.wh.b`.
    fileprivate func asWhiteout() -> RawPath {
        var parts = bytes.split(separator: UInt8(ascii: "/")).map { RawPath($0) }
        let name = parts.removeLast()
        parts.append(RawPath(WhiteoutName.prefix + name.bytes))
        return .joined(parts)
    }
}
