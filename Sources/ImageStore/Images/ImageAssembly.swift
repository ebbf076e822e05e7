import Archive
import Errors
import FoundationEssentials
import GRDB
import Linux
import OCI

/// Images on their way into the store: blobs and layers are put in their places, then everything is
/// recorded at once. What was not committed is removed again.
final class ImageAssembly {
    private let store: ImageStore
    private let scope: PinScope
    private var images: [NewImage] = []
    private var blobs: [LayerBlob] = []
    private var newLayers: [LayerRecord] = []
    private var isCommitted = false

    private struct NewImage {
        let id: Digest
        let manifestDigest: Digest
        let manifest: [UInt8]
        let config: [UInt8]
        let layers: [LayerRecord]
    }

    /// What to do when a name leads to another image already.
    enum NameRule { case take, onlyIfFree }

    init(_ store: ImageStore) {
        self.store = store
        scope = PinScope(store.pins)
    }

    deinit {
        guard !isCommitted else { return }
        for layer in newLayers { try? store.layers.remove(layer.directory) }
    }

    /// Keeps digests (of blobs, layers, images) from being collected until this assembly is gone. To
    /// be called before the store is asked whether it has them.
    func pin(_ digests: [Digest]) { scope.pin(digests) }

    /// Adds an image whose layer blobs have their places. Layers that are not unpacked are.
    /// - Parameters:
    ///   - blobs: one for each layer, lowest first.
    ///   - unpacked: gives a layer that was unpacked before, if it was; each at most once.
    func add(
        config: [UInt8], manifest: [UInt8], blobs: [LayerBlob], unpacked: (Digest) -> UnpackedLayer? = { _ in nil }
    ) throws -> Digest {
        let diffIDs = blobs.map(\.diffID)
        let chain = Digest.chain(diffIDs)
        let id = Digest(of: config)
        let manifestDigest = Digest(of: manifest)
        pin(diffIDs + chain + blobs.map(\.digest) + [id, manifestDigest])

        var layers: [LayerRecord] = []
        for (position, blob) in blobs.enumerated() {
            let isWhole = position == 0 || blob.implicitDirectories.isEmpty
            layers.append(
                try layer(blob, key: isWhole ? blob.diffID : chain[position], below: layers) { unpacked(blob.diffID) })
        }
        _ = try store.content.put(config)
        _ = try store.content.put(manifest)
        self.blobs += blobs
        images.append(
            NewImage(id: id, manifestDigest: manifestDigest, manifest: manifest, config: config, layers: layers))
        return id
    }

    private func layer(
        _ blob: LayerBlob, key: Digest, below: [LayerRecord], _ unpacked: () -> UnpackedLayer?
    ) throws -> LayerRecord {
        if let known = newLayers.first(where: { $0.key == key }) { return known }
        if let known = try store.database.read({ try LayerRecord.fetch($0, key: key) }) { return known }
        let layer = try unpacked() ?? store.layers.unpack(FileSource(try store.content.open(blob.digest)))
        do {
            guard layer.diffID == blob.diffID else {
                throw BerthError.invalidArgument(
                    "the layer \(blob.digest) unpacks to \(layer.diffID), but the image says \(blob.diffID)")
            }
            if key != blob.diffID {
                try store.layers.inherit(
                    layer.implicitDirectories, in: layer.temporary, from: below.map(store.layers.path))
            }
            let record = LayerRecord(
                key: key, diffID: blob.diffID, directory: try store.layers.adopt(layer.temporary), size: layer.size)
            newLayers.append(record)
            return record
        } catch {
            layer.discard()
            throw error
        }
    }

    /// Makes everything durable and records it.
    /// - Returns: the names that were given, with the image that had each before.
    @discardableResult
    func commit(
        names: [(id: Digest, reference: Reference, rule: NameRule)], known: [(id: Digest, digest: Reference)] = []
    ) throws -> [(id: Digest, reference: Reference, previous: Digest?)] {
        try store.sync()
        let (given, taken) = try store.database.write { database in
            for blob in blobs { try blob.insert(database) }
            // Somebody else may have made the same layer meanwhile; then that one is used.
            let superfluous = try newLayers.filter { try !$0.insert(database) }
            for image in images { try insert(image, database) }
            for known in known { try ImageStore.setDigest(known.digest, of: known.id, database) }
            return (try give(names, database), superfluous)
        }
        isCommitted = true
        for layer in taken { try store.layers.remove(layer.directory) }
        try store.writeIndex()
        return given
    }

    private func insert(_ image: NewImage, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO image_images (id, manifest_digest, manifest, config, size) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET hidden = 0
                """,
            arguments: [
                image.id.description, image.manifestDigest.description, Data(image.manifest), Data(image.config),
                image.layers.reduce(0) { $0 + $1.size },
            ])
        for (position, layer) in image.layers.enumerated() {
            try database.execute(
                sql: "INSERT OR IGNORE INTO image_image_layers (image_id, position, layer_key) VALUES (?, ?, ?)",
                arguments: [image.id.description, position, layer.key.description])
        }
    }

    private func give(
        _ names: [(id: Digest, reference: Reference, rule: NameRule)], _ database: Database
    ) throws -> [(id: Digest, reference: Reference, previous: Digest?)] {
        try names.compactMap { name in
            if name.rule == .onlyIfFree, let owner = try ImageStore.owner(of: name.reference, database),
                owner != name.id
            {
                return nil
            }
            let previous = try ImageStore.setOwner(of: name.reference, to: name.id, database)
            return (name.id, name.reference, previous)
        }
    }
}
