import Errors
import GRDB
import OCI

extension ImageStore {
    /// The image that a user means by `name[:tag]`, `name@digest`, an ID or a beginning of one, each
    /// with or without `sha256:`. A name goes before an ID that reads the same.
    /// - Throws: `BerthError.notFound` with Docker's text, `invalidArgument` for a malformed name and
    ///   for a beginning that several IDs have.
    public func image(_ nameOrID: String) throws -> Image {
        try naming("looking up the image \(nameOrID)") {
            try database.read { database in
                try Self.resolve(database, nameOrID).image(database)
            }
        }
    }

    /// The image with this very ID. Images that were removed while containers use them are found too.
    public func image(id: Digest) throws -> Image {
        try naming("looking up the image \(id)") {
            try database.read { database in
                guard let record = try ImageRecord.fetch(database, id: id) else {
                    throw BerthError.notFound("No such image: \(id)")
                }
                return try record.image(database)
            }
        }
    }

    /// All images, ordered by ID.
    public func images() throws -> [Image] {
        try naming("listing images") {
            try database.read { database in
                try ImageRecord.fetchAll(database).filter { !$0.isHidden }.map { try $0.image(database) }
            }
        }
    }

    /// Directories of an image's layers, lowest first.
    public func layerPaths(of image: Image) throws -> [String] {
        try naming("looking up the layers of \(image.id)") {
            let records = try database.read { try Self.layers(of: image.id, $0) }
            guard records.count == image.config.rootfs.diffIDs.count else {
                throw BerthError.notFound("No such image: \(image.id)")
            }
            return records.map(layers.path)
        }
    }

    /// The manifest that names the image's blobs, as it is stored.
    public func manifest(of image: Image) throws -> (digest: Digest, bytes: [UInt8]) {
        try naming("looking up the manifest of \(image.id)") {
            guard let record = try database.read({ try ImageRecord.fetch($0, id: image.id) }) else {
                throw BerthError.notFound("No such image: \(image.id)")
            }
            return (record.manifestDigest, record.manifest)
        }
    }

    static func layers(of id: Digest, _ database: Database) throws -> [LayerRecord] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT image_layers.* FROM image_image_layers JOIN image_layers ON key = layer_key
                WHERE image_id = ? ORDER BY position
                """,
            arguments: [id.description]
        ).map(LayerRecord.init(row:))
    }

    static func owner(of reference: Reference, _ database: Database) throws -> Digest? {
        try String.fetchOne(
            database, sql: "SELECT image_id FROM image_references WHERE name = ?",
            arguments: [reference.description]
        ).map { try Digest($0) }
    }

    /// How a user named an image.
    enum Naming {
        case reference(Reference)
        /// By ID, or a beginning of it.
        case id
    }

    static func resolve(_ database: Database, _ text: String) throws -> ImageRecord {
        try resolveNaming(database, text).record
    }

    static func resolveNaming(
        _ database: Database, _ text: String
    ) throws -> (record: ImageRecord, naming: Naming) {
        let absent = { (name: String) in BerthError.notFound("No such image: \(name)") }
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        let isHex =
            !digits.isEmpty && digits.utf8.count <= 64
            && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }

        // 64 digits are never a name.
        if isHex, digits.utf8.count == 64 {
            if let record = try whole(database, "sha256:" + digits) { return (record, .id) }
            throw absent(text)
        }
        if !text.hasPrefix("sha256:") {
            let reference: Reference?
            do throws(BerthError) {
                reference = try Reference(text)
            } catch {
                guard isHex else { throw error }
                reference = nil
            }
            if let reference {
                if let record = try named(database, reference) { return (record, .reference(reference)) }
                if !isHex { throw absent(reference.familiar) }
            }
        }
        guard isHex else { throw absent(text) }
        let rows = try Row.fetchAll(
            database, sql: "SELECT * FROM image_images WHERE id GLOB ? AND NOT hidden",
            arguments: ["sha256:\(digits)*"])
        guard let row = rows.first else { throw absent(text + (text.hasPrefix("sha256:") ? "" : ":latest")) }
        guard rows.count == 1 else {
            let ids = rows.prefix(5).map { String(($0["id"] as String).dropFirst(7).prefix(12 + digits.count)) }
            throw BerthError.invalidArgument(
                "the image ID \"\(text)\" is ambiguous: it is the beginning of \(ids.joined(separator: ", "))")
        }
        return (try ImageRecord(row: row), .id)
    }

    /// By image ID, or by the digest of the manifest.
    private static func whole(_ database: Database, _ digest: String) throws -> ImageRecord? {
        try Row.fetchOne(
            database,
            sql:
                "SELECT * FROM image_images WHERE (id = ?1 OR manifest_digest = ?1) AND NOT hidden ORDER BY id = ?1 DESC",
            arguments: [digest]
        ).map(ImageRecord.init(row:))
    }

    private static func named(_ database: Database, _ reference: Reference) throws -> ImageRecord? {
        if let id = try owner(of: reference, database) { return try ImageRecord.fetch(database, id: id) }
        guard let digest = reference.digest else { return nil }
        let known = Reference(
            registry: reference.registry, repository: reference.repository, tag: nil, digest: digest)
        if let id = try String.fetchOne(
            database, sql: "SELECT image_id FROM image_digests WHERE name = ?", arguments: [known.description])
        {
            return try ImageRecord.fetch(database, id: try Digest(id))
        }
        // An image with that manifest (or ID) and any name in the repository.
        guard let record = try whole(database, digest.description) else { return nil }
        let image = try record.image(database)
        let isInRepository = image.references.contains {
            $0.registry == reference.registry && $0.repository == reference.repository
        }
        return isInRepository ? record : nil
    }
}
