import Errors
import FoundationEssentials
import GRDB
import OCI

/// A row of an image.
struct ImageRecord: Sendable {
    let id: Digest
    let manifestDigest: Digest
    let manifest: [UInt8]
    let config: [UInt8]
    let size: Int64
    let isHidden: Bool

    init(row: Row) throws {
        id = try Digest(row["id"] as String)
        manifestDigest = try Digest(row["manifest_digest"] as String)
        manifest = Array(row["manifest"] as Data)
        config = Array(row["config"] as Data)
        size = row["size"]
        isHidden = row["hidden"]
    }

    static func fetch(_ database: Database, id: Digest) throws -> ImageRecord? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM image_images WHERE id = ?", arguments: [id.description]
        ).map(ImageRecord.init(row:))
    }

    static func fetchAll(_ database: Database) throws -> [ImageRecord] {
        try Row.fetchAll(database, sql: "SELECT * FROM image_images ORDER BY id").map(ImageRecord.init(row:))
    }

    func decodedManifest() throws -> Manifest { try decode(Manifest.self, manifest, "manifest \(manifestDigest)") }

    /// The image with the names it has at this moment.
    func image(_ database: Database) throws -> Image {
        let names = try String.fetchAll(
            database, sql: "SELECT name FROM image_references WHERE image_id = ? ORDER BY name",
            arguments: [id.description])
        let digests = try String.fetchAll(
            database, sql: "SELECT name FROM image_digests WHERE image_id = ? ORDER BY name",
            arguments: [id.description])
        return Image(
            id: id, manifestDigest: manifestDigest, config: try decode(ImageConfig.self, config, "image \(id)"),
            references: try names.map { text throws(BerthError) in try Reference(text) },
            knownDigests: try digests.map { text throws(BerthError) in try Reference(text) }, size: size,
            lastNamed: try Int64.fetchOne(
                database, sql: "SELECT max(given_at) FROM image_references WHERE image_id = ?",
                arguments: [id.description]) ?? 0)
    }
}

/// Decodes a JSON document of an image.
/// - Throws: `BerthError.invalidArgument`, naming it.
func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], _ what: String) throws -> Value {
    do {
        return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
        throw BerthError.invalidArgument("the \(what) cannot be read: \(error)", cause: error)
    }
}

/// JSON with sorted keys: the same value always has the same digest.
func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
}
