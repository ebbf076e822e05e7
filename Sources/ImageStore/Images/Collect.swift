import Errors
import GRDB
import Linux
import OCI

extension ImageStore {
    /// What a collection removed.
    struct Collected {
        var layers: [Digest] = []
        /// On disk.
        var bytes: Int64 = 0
    }

    /// Removes blobs and layers that no image, no operation under way and nothing registered by
    /// `registerUses` needs. Safe at any time, beside anything else.
    /// - Returns: bytes freed.
    @discardableResult
    public func collectGarbage() throws -> Int64 {
        try naming("collecting garbage") { try collect().bytes }
    }

    func collect(reporting image: Image) throws -> [Removal] {
        let own = Set(image.config.rootfs.diffIDs)
        return try collect().layers.filter(own.contains).map { .deleted($0) }
    }

    func collect() throws -> Collected {
        let uses = try currentUses()
        let onDisk = try content.blobs()
        let (layers, blobs) = try database.write { database in
            if hasUseProviders { try dropHidden(except: uses.images, database) }
            return try releaseUnneeded(uses, onDisk.map(\.digest), database)
        }
        defer { pins.endRemoving(Set(layers.map(\.key)).union(blobs)) }

        var collected = Collected()
        for layer in layers {
            try self.layers.remove(layer.directory)
            collected.layers.append(layer.diffID)
            collected.bytes += layer.size
        }
        for blob in onDisk where blobs.contains(blob.digest) {
            try content.remove(blob.digest)
            collected.bytes += blob.size
        }
        return collected
    }

    /// Images that were removed while they were in use and are not any more. Not to be asked before
    /// anybody registered uses: then all of them may be in use.
    private func dropHidden(except used: Set<Digest>, _ database: Database) throws {
        for id in try String.fetchAll(database, sql: "SELECT id FROM image_images WHERE hidden") {
            guard !used.contains(try Digest(id)) else { continue }
            try database.execute(sql: "DELETE FROM image_images WHERE id = ?", arguments: [id])
        }
    }

    /// Deletes the records of what nobody needs, and marks it as being removed.
    private func releaseUnneeded(
        _ uses: Uses, _ onDisk: [Digest], _ database: Database
    ) throws -> (layers: [LayerRecord], blobs: Set<Digest>) {
        let usedKeys = Set(try String.fetchAll(database, sql: "SELECT DISTINCT layer_key FROM image_image_layers"))
        let all = try LayerRecord.fetchAll(database)
        let unused = all.filter { !usedKeys.contains($0.key.description) && !uses.layers.contains($0.diffID) }

        var needed: Set<Digest> = []
        for image in try ImageRecord.fetchAll(database) {
            needed.formUnion([image.id, image.manifestDigest])
            needed.formUnion(try image.decodedManifest().layers.map(\.digest))
        }
        // Indexes that images came by.
        for name in try String.fetchAll(database, sql: "SELECT name FROM image_digests") {
            if let digest = try Reference(name).digest { needed.insert(digest) }
        }
        var kept = Set(all.map(\.diffID))
        kept.subtract(unused.map(\.diffID))
        // A layer that is unpacked in several forms stays as long as one of them does.
        kept.formUnion(all.filter { layer in !unused.contains { $0.key == layer.key } }.map(\.diffID))
        let layerBlobs = try Row.fetchAll(database, sql: "SELECT * FROM image_layer_blobs").map(LayerBlob.init(row:))
        for blob in layerBlobs where kept.contains(blob.diffID) { needed.insert(blob.digest) }

        let candidates = Set(unused.map(\.key)).union(onDisk.filter { !needed.contains($0) })
        let free = pins.beginRemoving(candidates)
        do {
            let layers = unused.filter { free.contains($0.key) }
            for layer in layers {
                try database.execute(sql: "DELETE FROM image_layers WHERE key = ?", arguments: [layer.key.description])
            }
            for blob in layerBlobs where free.contains(blob.digest) {
                try database.execute(
                    sql: "DELETE FROM image_layer_blobs WHERE diff_id = ?", arguments: [blob.diffID.description])
            }
            return (layers, free.intersection(onDisk).subtracting(needed))
        } catch {
            pins.endRemoving(free)
            throw error
        }
    }

    /// What the store occupies, for `system df`.
    public func usage() throws -> StoreUsage {
        try naming("measuring the image store") {
            let images = try images()
            let (records, layersOf) = try database.read { database in
                (
                    try LayerRecord.fetchAll(database),
                    try Dictionary(
                        uniqueKeysWithValues: images.map { ($0.id, try Self.layers(of: $0.id, database)) })
                )
            }
            var users: [Digest: Int] = [:]
            for layer in layersOf.values.joined() { users[layer.key, default: 0] += 1 }
            return StoreUsage(
                images: images.map { image in
                    let shared = (layersOf[image.id] ?? []).filter { users[$0.key, default: 0] > 1 }
                    return StoreUsage.ImageUsage(image: image, sharedSize: shared.reduce(0) { $0 + $1.size })
                },
                layersSize: records.reduce(0) { $0 + $1.size },
                contentSize: try content.blobs().reduce(0) { $0 + $1.size })
        }
    }
}
