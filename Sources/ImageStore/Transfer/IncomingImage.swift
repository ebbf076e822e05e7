import Archive
import Errors
import GRDB
import Glibc
import Linux
public import OCI

/// An image on its way in from a registry, blob by blob, from any number of threads.
///
/// Layers are unpacked while their bytes still arrive. What has come of a blob when the way is cut
/// stays on disk, and the next one who wants it goes on from there; what nobody took up again for a
/// week goes when the store is opened.
public final class IncomingImage: Sendable {
    private let store: ImageStore
    private let scope: PinScope
    private let slots = Monitor(max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    private let jobs = Monitor<[Digest: UnpackJob]>([:])

    init(_ store: ImageStore) {
        self.store = store
        scope = PinScope(store.pins)
    }

    deinit {
        for job in jobs.update({ $0 }).values { job.take()?.discard() }
    }

    /// Whether the store has a blob; from now on it keeps it for this image.
    public func has(_ digest: Digest) -> Bool {
        scope.pin([digest])
        return store.content.has(digest)
    }

    /// A small blob of the store, such as a configuration.
    public func read(_ digest: Digest) throws -> [UInt8] {
        try naming("reading the blob \(digest)") { try store.content.read(digest) }
    }

    /// Takes a small blob whole.
    /// - Throws: `invalidArgument` when its bytes have another digest.
    public func put(_ bytes: [UInt8], as digest: Digest) throws {
        guard digest.algorithm != .sha256 || Digest(of: bytes) == digest else {
            throw BerthError.unavailable("what came for \(digest) has the digest \(Digest(of: bytes))")
        }
        scope.pin([digest])
        try naming("storing \(digest)") { _ = try store.content.put(bytes) }
    }

    /// Begins to take a blob, or goes on where an earlier attempt was cut off.
    /// - Parameter diffID: of the layer that it is; nil: it is none and is not unpacked.
    public func receive(_ descriptor: Descriptor, diffID: Digest?) throws -> IncomingBlob {
        scope.pin([descriptor.digest])
        return try naming("receiving \(descriptor.digest)") {
            let blob = try IncomingBlob(descriptor, store.content)
            if let diffID { try unpack(diffID, blob.file, blob.progress) }
            return blob
        }
    }

    /// Unpacks a layer whose blob the store has already, beside others that still arrive.
    public func unpack(_ descriptor: Descriptor, diffID: Digest) throws {
        try naming("unpacking \(descriptor.digest)") {
            let progress = WriteProgress()
            progress.complete(descriptor.size)
            try unpack(diffID, try store.content.open(descriptor.digest), progress)
        }
    }

    private func unpack(_ diffID: Digest, _ file: FileDescriptor, _ progress: WriteProgress) throws {
        scope.pin([diffID])
        guard try store.database.read({ try LayerRecord.fetch($0, key: diffID) }) == nil,
            jobs.update({ $0[diffID] == nil })
        else { return }
        let job = try UnpackJob(file, progress, into: store.layers, slots)
        jobs.update { $0[diffID] = job }
    }

    /// Waits until a layer is unpacked.
    /// - Throws: what its unpacking failed with.
    public func awaitUnpacked(_ diffID: Digest) throws {
        try naming("unpacking the layer \(diffID)") { _ = try jobs.update { $0[diffID] }?.wait() }
    }

    /// Makes an image of what has come and gives it its names.
    /// - Parameters:
    ///   - config, manifest: as they came.
    ///   - reference: the tag it is to have.
    ///   - digest: by which the repository knows it: of its index, if it came by one.
    /// - Throws: `invalidArgument` when the parts do not belong together.
    public func finish(
        config: [UInt8], manifest bytes: [UInt8], reference: Reference?, repository: Reference, digest: Digest
    ) throws -> Image {
        try naming("recording the image") {
            let assembly = ImageAssembly(store)
            let manifest = try decode(Manifest.self, bytes, "manifest")
            let diffIDs = try decode(ImageConfig.self, config, "image configuration").rootfs.diffIDs
            let order = Dictionary(
                zip(manifest.layers.map(\.digest), diffIDs), uniquingKeysWith: { first, _ in first })
            let id = try store.add(config: config, manifest: bytes, layers: manifest.layers, to: assembly) { layer in
                guard store.content.has(layer.digest) else {
                    throw BerthError.internal("the layer \(layer.digest) was not received")
                }
                return order[layer.digest].flatMap { diffID in jobs.update { $0[diffID] } }
            }
            let known = Reference(
                registry: repository.registry, repository: repository.repository, tag: nil, digest: digest)
            try assembly.commit(names: reference.map { [(id, $0, .take)] } ?? [], known: [(id, known)])
            return try store.image(id: id)
        }
    }
}

extension ImageStore {
    /// Prepares for an image from a registry.
    public func incoming() -> IncomingImage { IncomingImage(self) }

    /// A blob of an image, for sending it.
    /// - Throws: `internal` when the store lacks it.
    public func blob(_ digest: Digest) throws -> FileDescriptor { try content.open(digest) }

    /// Records that a repository has an image under a digest, as after a push.
    public func know(_ image: Image, in repository: Reference, as digest: Digest) throws {
        try naming("recording the digest of \(repository.familiarName)") {
            let known = Reference(
                registry: repository.registry, repository: repository.repository, tag: nil, digest: digest)
            try database.write { try Self.setDigest(known, of: image.id, $0) }
        }
    }

    static func setDigest(_ known: Reference, of id: Digest, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO image_digests (name, image_id) VALUES (?, ?)",
            arguments: [known.description, id.description])
        try database.execute(sql: "UPDATE image_images SET hidden = 0 WHERE id = ?", arguments: [id.description])
    }
}
