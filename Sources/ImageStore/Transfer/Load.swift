import Archive
import Errors
import GRDB
import Linux
import OCI

extension ImageStore {
    /// Takes images from an archive: of `docker save` (any version since 1.10) or an OCI layout in a
    /// tar, plain or compressed in any way. Blobs are kept as they come, so that saving gives back the
    /// same digests. The archive is read once, from front to back, in constant memory.
    /// - Parameter progress: called on this thread while layers are read.
    /// - Throws: `BerthError.invalidArgument` for a damaged or truncated archive, naming the byte;
    ///   then nothing was loaded.
    public func load(
        from file: FileDescriptor, progress: (LoadProgress) -> Void = { _ in }
    ) throws -> [LoadedImage] {
        try naming("loading images") {
            let reception = Reception(self)
            try reception.receive(from: file, progress: progress)
            let archived = try ArchiveInterpreter(reception: reception, store: self).images()
            let assembly = ImageAssembly(self)
            var names: [(id: Digest, reference: Reference, rule: ImageAssembly.NameRule)] = []
            for image in archived {
                let id = try add(image, reception, to: assembly)
                names += image.names.map { (id, $0.reference, $0.rule) }
            }
            let given = try assembly.commit(names: names)
            return try archived.map { archived in
                let own = given.filter { $0.id == archived.id }
                return LoadedImage(
                    image: try image(id: archived.id), references: unique(own.map(\.reference)),
                    moved: own.compactMap { name in
                        name.previous.map { LoadedImage.Move(reference: name.reference, previous: $0) }
                    })
            }
        }
    }

    private func add(_ image: ArchivedImage, _ reception: Reception, to assembly: ImageAssembly) throws -> Digest {
        assembly.pin(image.layers.map(\.digest))
        return try add(config: image.config, manifest: image.manifest, layers: image.layers, to: assembly) {
            descriptor in
            let file = reception.file(descriptor.digest)
            if let ingest = file?.ingest { try content.keep(ingest, as: descriptor.digest) }
            guard content.has(descriptor.digest) else {
                throw reception.missing("the blob \(descriptor.digest)")
            }
            return file?.unpacking
        }
    }

    /// Adds an image whose layers are blobs of the store, or become so when `place` is called.
    /// - Parameter place: gives a layer's blob its place; returns its unpacking, if that was begun.
    func add(
        config: [UInt8], manifest: [UInt8], layers descriptors: [Descriptor], to assembly: ImageAssembly,
        place: (Descriptor) throws -> UnpackJob? = { _ in nil }
    ) throws -> Digest {
        let diffIDs = try decode(ImageConfig.self, config, "image configuration").rootfs.diffIDs
        guard diffIDs.count == descriptors.count else {
            throw BerthError.invalidArgument(
                "the image \(Digest(of: config)) has \(diffIDs.count) layers, but its manifest \(descriptors.count)")
        }
        assembly.pin(diffIDs)
        var prepared: [Digest: UnpackedLayer] = [:]
        defer { for layer in prepared.values { layer.discard() } }
        var blobs: [LayerBlob] = []
        for (diffID, descriptor) in zip(diffIDs, descriptors) {
            let job = try place(descriptor)
            let implicit: [RawPath]
            if let known = try database.read({ try LayerBlob.fetch($0, diffID) }) {
                implicit = known.implicitDirectories
            } else if let layer = prepared[diffID] {
                implicit = layer.implicitDirectories
            } else {
                let layer = try unpacked(descriptor, job)
                prepared[diffID] = layer
                guard layer.diffID == diffID else {
                    throw BerthError.invalidArgument(
                        "the layer \(descriptor.digest) unpacks to \(layer.diffID), but the image says \(diffID)")
                }
                implicit = layer.implicitDirectories
            }
            blobs.append(
                LayerBlob(
                    diffID: diffID, digest: descriptor.digest, mediaType: descriptor.mediaType, size: descriptor.size,
                    implicitDirectories: implicit))
        }
        return try assembly.add(config: config, manifest: manifest, blobs: blobs) {
            prepared.removeValue(forKey: $0)
        }
    }

    private func unpacked(_ descriptor: Descriptor, _ job: UnpackJob?) throws -> UnpackedLayer {
        do {
            _ = try job?.wait()
            return try job?.take() ?? layers.unpack(FileSource(try content.open(descriptor.digest)))
        } catch var error as BerthError {
            error.message = "the layer \(descriptor.digest): \(error.message)"
            throw error
        }
    }

    /// What a layer's first bytes say it is.
    func layerMediaType(_ file: FileDescriptor) throws -> String {
        switch Compression.detect(try file.read(upTo: 8, at: 0)) {
        case .gzip: return MediaType.layerGzip
        case .zstd: return MediaType.layerZstd
        case .none: return MediaType.layer
        case .bzip2, .xz:
            throw BerthError.invalidArgument("the archive has a layer compressed in a way that images may not be")
        }
    }

    /// Fills an empty database from the layout on disk: images are not lost with it.
    func adoptLayout() throws {
        let isEmpty = try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM image_images") == 0 }
        guard isEmpty, let bytes = try? Files.read(content.indexPath) else { return }
        guard let index = try? decode(Index.self, bytes, "index.json"), !index.manifests.isEmpty else { return }
        logger.warning("the image database is empty but \(content.root) has images; they are taken up again")
        for descriptor in index.manifests {
            do {
                let assembly = ImageAssembly(self)
                let bytes = try content.read(descriptor.digest)
                let manifest = try decode(Manifest.self, bytes, "manifest \(descriptor.digest)")
                let id = try add(
                    config: content.read(manifest.config.digest), manifest: bytes, layers: manifest.layers, to: assembly
                )
                let name = try descriptor.annotations?[Annotation.name].map {
                    text throws(BerthError) in try Reference(text)
                }
                try assembly.commit(names: name.map { [(id, $0, .take)] } ?? [])
            } catch {
                logger.error("the image \(descriptor.digest) cannot be taken up again: \(error)")
            }
        }
    }
}

private func unique(_ references: [Reference]) -> [Reference] {
    var seen: Set<Reference> = []
    return references.filter { seen.insert($0).inserted }
}
