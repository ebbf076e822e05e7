import Archive
import Errors
import Glibc
import Linux
import OCI

/// A layer in a directory that has no name yet.
struct UnpackedLayer: Sendable {
    let temporary: String
    let diffID: Digest
    let size: Int64
    let implicitDirectories: [RawPath]

    func discard() { try? Files.removeTree(temporary) }
}

extension LayerDirectories {
    /// Unpacks a layer, compressed or not. Reading, decompression and digest run on a thread of their
    /// own, files are made on this one.
    func unpack(_ source: any ByteSource) throws -> UnpackedLayer {
        let plain = DigestingSource(try Decompressed(source))
        let temporary = try makeTemporary()
        do {
            let directory = try FileDescriptor.openDirectory(temporary)
            // mkdir was subject to the umask, and the tar may say nothing about the root.
            try directory.changeMode(0o755)
            let ahead = try ReadAhead(plain, name: "layer-inflate")
            let report = try LayerExtractor(into: directory).extract(ahead)
            return UnpackedLayer(
                temporary: temporary, diffID: plain.digest, size: report.bytes,
                implicitDirectories: report.implicitDirectories)
        } catch {
            try? Files.removeTree(temporary)
            throw error
        }
    }

    /// Gives directories that the layer's tar had no entries for the owner, mode, time and attributes
    /// that they have in the layers below: stacked, the layer's own directory is the one that counts.
    /// - Parameter below: directories of the layers below, lowest first.
    func inherit(_ directories: [RawPath], in layer: String, from below: [String]) throws {
        let layer = try FileDescriptor.openDirectory(layer)
        let below = try below.reversed().map { path throws(SystemError) in try FileDescriptor.openDirectory(path) }
        for path in directories {
            guard let model = try nearest(path, in: below) else { continue }
            let directory = try layer.openInRoot(path, O_RDONLY | O_DIRECTORY)
            let status = try model.status()
            try directory.changeOwner(user: status.userID, group: status.groupID)
            try directory.changeMode(status.permissions)
            for name in try model.extendedAttributeNames() where !name.hasPrefix("trusted.overlay.") {
                guard let value = try model.extendedAttribute(name) else { continue }
                try directory.setExtendedAttribute(name, value)
            }
            try directory.setTimes(accessed: status.modified, modified: status.modified)
        }
    }

    /// The directory that shows at `path` when the layers are stacked; topmost first.
    private func nearest(_ path: RawPath, in layers: [FileDescriptor]) throws -> FileDescriptor? {
        layers: for layer in layers {
            var directory = layer
            for component in path.bytes.split(separator: UInt8(ascii: "/")) {
                do throws(SystemError) {
                    directory = try directory.open(RawPath(component), O_RDONLY | O_DIRECTORY)
                } catch {
                    guard error.errno == ENOENT else {
                        // A whiteout, a file or a link: it hides what lies below.
                        if error.errno == ENOTDIR || error.errno == ELOOP { return nil }
                        throw error
                    }
                    if try directory.extendedAttribute("trusted.overlay.opaque") != nil { return nil }
                    continue layers
                }
            }
            return directory
        }
        return nil
    }
}
