import Errors
import FoundationEssentials
import GRDB
import Linux
import OCI

/// The compressed form of a layer.
struct LayerBlob: Sendable {
    let diffID: Digest
    let digest: Digest
    let mediaType: String
    let size: Int64
    let implicitDirectories: [RawPath]

    var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: size) }
}

/// A row of an unpacked layer.
struct LayerRecord: Sendable {
    let key: Digest
    let diffID: Digest
    /// Relative to the directory of layers.
    let directory: String
    let size: Int64
}

extension LayerBlob {
    static func fetch(_ database: Database, _ diffID: Digest) throws -> LayerBlob? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM image_layer_blobs WHERE diff_id = ?", arguments: [diffID.description]
        ).map(LayerBlob.init(row:))
    }

    static func fetch(_ database: Database, blob digest: Digest) throws -> LayerBlob? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM image_layer_blobs WHERE digest = ?", arguments: [digest.description]
        ).map(LayerBlob.init(row:))
    }

    init(row: Row) throws {
        let implicit: [UInt8] = Array(row["implicit_directories"] as Data)
        self.init(
            diffID: try Digest(row["diff_id"] as String), digest: try Digest(row["digest"] as String),
            mediaType: row["media_type"], size: row["size"],
            implicitDirectories: implicit.split(separator: 0).map { RawPath($0) })
    }

    /// The first form of a layer that is known stays the one that new manifests name.
    func insert(_ database: Database) throws {
        let implicit: [UInt8] = implicitDirectories.flatMap { Array($0.bytes) + [0] }
        try database.execute(
            sql: """
                INSERT INTO image_layer_blobs (diff_id, digest, media_type, size, implicit_directories)
                VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """,
            arguments: [diffID.description, digest.description, mediaType, size, Data(implicit)])
    }
}

extension LayerRecord {
    static func fetch(_ database: Database, key: Digest) throws -> LayerRecord? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM image_layers WHERE key = ?", arguments: [key.description]
        ).map(LayerRecord.init(row:))
    }

    static func fetchAll(_ database: Database) throws -> [LayerRecord] {
        try Row.fetchAll(database, sql: "SELECT * FROM image_layers").map(LayerRecord.init(row:))
    }

    /// Any unpacked form of the layer: its contents are the same in all.
    static func fetch(_ database: Database, diffID: Digest) throws -> LayerRecord? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM image_layers WHERE diff_id = ? ORDER BY key = diff_id DESC LIMIT 1",
            arguments: [diffID.description]
        ).map(LayerRecord.init(row:))
    }

    init(row: Row) throws {
        self.init(
            key: try Digest(row["key"] as String), diffID: try Digest(row["diff_id"] as String),
            directory: row["directory"], size: row["size"])
    }

    /// - Returns: false when another made the same layer first; its record stays.
    func insert(_ database: Database) throws -> Bool {
        try database.execute(
            sql: """
                INSERT INTO image_layers (key, diff_id, directory, size) VALUES (?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
            arguments: [key.description, diffID.description, directory, size])
        return database.changesCount > 0
    }
}
