import Archive
import Errors
import FoundationEssentials
import Linux
import OCI

extension ImageStore {
    /// Makes an image of one layer from the tar of a file tree, plain or compressed in any way
    /// (`docker import`). Read once, in constant memory.
    /// - Parameters:
    ///   - reference: a name for it, if any.
    ///   - config: what to run and how.
    ///   - message: goes into the image's history.
    public func importRootFS(
        from file: FileDescriptor, reference: Reference?, config: ImageConfig.Execution, message: String?,
        platform: Platform = .host
    ) throws -> Image {
        try naming("importing an image") {
            let assembly = ImageAssembly(self)
            let (blob, layer) = try receiveLayer(file, assembly)
            // Taken up or not, what is left of it goes.
            defer { layer.discard() }
            let now = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            let image = ImageConfig(
                created: now, platform: platform, config: config,
                rootfs: ImageConfig.RootFS(diffIDs: [blob.diffID]),
                history: [ImageConfig.History(created: now, createdBy: nil, comment: message)])
            let bytes = try encode(image)
            let manifest = Manifest(
                config: Descriptor(mediaType: MediaType.config, digest: Digest(of: bytes), size: Int64(bytes.count)),
                layers: [blob.descriptor])
            let id = try assembly.add(config: bytes, manifest: try encode(manifest), blobs: [blob]) { _ in layer }
            try assembly.commit(names: reference.map { [(id, $0, .take)] } ?? [])
            return try self.image(id: id)
        }
    }

    /// Unpacks a tree and stores it compressed at the same time: reading and the digest of the plain
    /// tar, compression with its digest, and making files each have a thread.
    private func receiveLayer(
        _ file: FileDescriptor, _ assembly: ImageAssembly
    ) throws -> (LayerBlob, UnpackedLayer) {
        let ingest = try content.ingest()
        do {
            let compressed = DigestingSink(FileSink(ingest.file))
            let gzip = try BackgroundSink(GzipSink(compressed), name: "layer-gzip")
            let layer = try layers.unpack(TeeSource(try Decompressed(FileSource(file)), to: gzip))
            do {
                try gzip.finish()
                assembly.pin([compressed.digest, layer.diffID])
                try content.keep(ingest, as: compressed.digest)
            } catch {
                layer.discard()
                throw error
            }
            let blob = LayerBlob(
                diffID: layer.diffID, digest: compressed.digest, mediaType: MediaType.layerGzip,
                size: compressed.count, implicitDirectories: layer.implicitDirectories)
            return (blob, layer)
        } catch {
            try? ingest.discard()
            throw error
        }
    }
}
