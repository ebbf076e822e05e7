import Errors
import FoundationEssentials
import GRDB
import Linux
import OCI

extension ImageStore {
    /// Makes an image of layers that the store has.
    /// - Parameters:
    ///   - config: with `rootfs.diffIDs` of layers from `commit`, `load` and so on.
    ///   - references: names for it, taken from other images that have them.
    /// - Throws: `BerthError.notFound` for a layer that the store does not have.
    public func createImage(config: ImageConfig, references: [Reference]) throws -> Image {
        try naming("creating an image") {
            let assembly = ImageAssembly(self)
            let bytes = try encode(config)
            assembly.pin(config.rootfs.diffIDs + [Digest(of: bytes)])
            let blobs = try config.rootfs.diffIDs.map { diffID in
                guard let blob = try database.read({ try LayerBlob.fetch($0, diffID) }) else {
                    throw BerthError.notFound("the image store does not have the layer \(diffID)")
                }
                return blob
            }
            let manifest = Manifest(
                config: Descriptor(mediaType: MediaType.config, digest: Digest(of: bytes), size: Int64(bytes.count)),
                layers: blobs.map(\.descriptor))
            let id = try assembly.add(config: bytes, manifest: try encode(manifest), blobs: blobs)
            try assembly.commit(names: references.map { (id, $0, .take) })
            return try image(id: id)
        }
    }

    /// Gives an image another name.
    /// - Returns: the image that had the name before, if it was another one.
    /// - Throws: `BerthError.invalidArgument` for a reference with a digest.
    @discardableResult
    public func tag(_ image: Image, as reference: Reference) throws -> Digest? {
        guard reference.digest == nil, reference.tag != nil else {
            throw BerthError.invalidArgument("refusing to create a tag with a digest reference")
        }
        return try naming("tagging \(reference.familiar)") {
            let previous = try database.write { database in
                guard try ImageRecord.fetch(database, id: image.id) != nil else {
                    throw BerthError.notFound("No such image: \(image.id)")
                }
                return try Self.setOwner(of: reference, to: image.id, database)
            }
            try writeIndex()
            return previous
        }
    }

    /// - Returns: the image that had the name before, if it was another one.
    static func setOwner(of reference: Reference, to id: Digest, _ database: Database) throws -> Digest? {
        let previous = try owner(of: reference, database)
        try database.execute(
            sql: "INSERT OR REPLACE INTO image_references (name, image_id, given_at) VALUES (?, ?, ?)",
            arguments: [reference.description, id.description, Clock.now()])
        // A removed image that gets a name again is an image like any other.
        try database.execute(
            sql: "UPDATE image_images SET hidden = 0 WHERE id = ?", arguments: [id.description])
        return previous == id ? nil : previous
    }
}
