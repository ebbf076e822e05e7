import Archive
import Errors
import GRDB
import Linux
import OCI

extension ImageStore {
    /// How long a new layer is kept before it is in an image or a cache's record.
    private static var keepTime: Duration { .seconds(3600) }

    /// Makes a layer of what was written in a workspace, and consumes the workspace. Nothing of it
    /// may be mounted any more.
    public func commit(_ workspace: Workspace) throws -> Layer {
        try naming("committing a layer") {
            let scope = PinScope(pins)
            let packed = try pack(workspace.upper, strips: true, scope)
            scope.pin([packed.blob.diffID])
            defer { workspace.discard() }
            return try record(packed.blob) {
                UnpackedLayer(
                    temporary: workspace.upper, diffID: packed.blob.diffID, size: packed.bytes, implicitDirectories: [])
            }
        }
    }

    /// Makes a layer of the upper directory of a container, which stays as it is.
    public func commit(copying upper: String) throws -> Layer {
        try naming("committing a layer") {
            let scope = PinScope(pins)
            let blob = try pack(upper, strips: false, scope).blob
            scope.pin([blob.diffID])
            return try record(blob) {
                try layers.unpack(FileSource(try content.open(blob.digest)))
            }
        }
    }

    /// Packs an upper directory into a blob, in one pass: this thread reads and digests the tar, the
    /// other compresses and writes it.
    private func pack(
        _ upper: String, strips: Bool, _ scope: PinScope
    ) throws -> (blob: LayerBlob, bytes: Int64) {
        let ingest = try content.ingest()
        do {
            let compressed = DigestingSink(FileSink(ingest.file))
            let plain = DigestingSink(try BackgroundSink(GzipSink(compressed), name: "layer-gzip"))
            var packer = LayerPacker(plain, stripsOverlayAttributes: strips)
            let report = try packer.pack(try FileDescriptor.openDirectory(upper))
            let blob = LayerBlob(
                diffID: plain.digest, digest: compressed.digest, mediaType: MediaType.layerGzip,
                size: compressed.count, implicitDirectories: [])
            scope.pin([blob.digest])
            try content.keep(ingest, as: blob.digest)
            return (blob, report.bytes)
        } catch {
            try? ingest.discard()
            throw error
        }
    }

    /// Records a layer that is whole in itself. A known one is not made again.
    private func record(_ blob: LayerBlob, unpacked: () throws -> UnpackedLayer) throws -> Layer {
        let known = try database.read { try LayerRecord.fetch($0, key: blob.diffID) }
        var directory: String?
        var record = known
        if record == nil {
            let unpacked = try unpacked()
            let name = try layers.adopt(unpacked.temporary)
            directory = name
            record = LayerRecord(key: blob.diffID, diffID: blob.diffID, directory: name, size: unpacked.size)
        }
        try sync()
        let isFirst = try database.write { database in
            try blob.insert(database)
            guard known == nil, let record else { return true }
            return try record.insert(database)
        }
        pins.keep([blob.diffID, blob.digest], for: Self.keepTime)
        if !isFirst, let directory {
            try layers.remove(directory)
            record = try database.read { try LayerRecord.fetch($0, key: blob.diffID) }
        }
        guard let record else { throw BerthError.internal("the layer \(blob.diffID) vanished while it was committed") }
        return layer(record)
    }

    func layer(_ record: LayerRecord) -> Layer {
        Layer(diffID: record.diffID, path: layers.path(of: record), size: record.size)
    }

    /// An unpacked layer; nil when the store does not have it.
    public func layer(_ diffID: Digest) throws -> Layer? {
        try naming("looking up the layer \(diffID)") {
            try database.read { try LayerRecord.fetch($0, diffID: diffID) }.map(layer)
        }
    }
}
