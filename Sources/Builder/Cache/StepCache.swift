import Errors
import FoundationEssentials
import GRDB
import OCI

/// What is remembered of steps: key → layer, in tables of the builder's own.
///
/// A key holds all that a step depends on, so a record stays true for ever; it is only useless
/// once its layer is gone.
struct StepCache: Sendable {
    /// What a step came to.
    struct Record: Hashable, Sendable {
        /// The layer it made; nil if it changed no file.
        var layer: Digest?
        /// RFC 3339, as in an image's history.
        var created: String
        /// The instruction, for lists.
        var description: String
        /// Bytes of the unpacked layer.
        var size: Int64
    }

    private let database: any DatabaseWriter

    init(_ database: any DatabaseWriter) throws(BerthError) {
        self.database = database
        // The identifiers share one table with other migrators on this database: hence the prefix.
        var migrator = DatabaseMigrator()
        migrator.registerMigration("build_1") { database in
            try database.create(table: "build_steps") { table in
                table.primaryKey("key", .text)
                table.column("layer", .text).indexed()
                table.column("created", .text).notNull()
                table.column("description", .text).notNull()
                table.column("size", .integer).notNull()
                table.column("used_at", .double).notNull()
                table.column("uses", .integer).notNull()
            }
            try database.create(table: "build_mounts") { table in
                table.primaryKey("name", .text)
                table.column("id", .text).notNull()
                table.column("created_at", .double).notNull()
                table.column("used_at", .double).notNull()
                table.column("uses", .integer).notNull()
            }
        }
        do {
            try migrator.migrate(database)
        } catch {
            throw .internal("preparing the build cache: \(error)", cause: error)
        }
    }

    func record(_ key: Digest) async throws(BerthError) -> Record? {
        try await look { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT layer, created, description, size FROM build_steps WHERE key = ?",
                arguments: [key.description])
            guard let row else { return nil }
            return Record(
                layer: try (row["layer"] as String?).map { try Digest($0) }, created: row["created"],
                description: row["description"], size: row["size"])
        }
    }

    /// Counts a use of each record, for pruning by age.
    func touch(_ keys: Set<Digest>) async throws(BerthError) {
        guard !keys.isEmpty else { return }
        try await use { database in
            for key in keys {
                try database.execute(
                    sql: "UPDATE build_steps SET used_at = ?, uses = uses + 1 WHERE key = ?",
                    arguments: [Date().timeIntervalSince1970, key.description])
            }
        }
    }

    /// Remembers what a step came to and returns what is remembered from now on. A build that ran the
    /// same step at the same time and came to the same layer was first: its time stands, so that the
    /// next build gives both images the identity they have.
    func store(_ record: Record, for key: Digest) async throws(BerthError) -> Record {
        try await use { database in
            try database.execute(
                sql: """
                    INSERT INTO build_steps (key, layer, created, description, size, used_at, uses)
                    VALUES (?, ?, ?, ?, ?, ?, 0)
                    ON CONFLICT (key) DO UPDATE SET
                        layer = excluded.layer, created = excluded.created, description = excluded.description,
                        size = excluded.size
                    WHERE build_steps.layer IS NOT excluded.layer
                    """,
                arguments: [
                    key.description, record.layer?.description, record.created, record.description, record.size,
                    Date().timeIntervalSince1970,
                ])
            var stored = record
            stored.created =
                try String.fetchOne(
                    database, sql: "SELECT created FROM build_steps WHERE key = ?", arguments: [key.description])
                ?? record.created
            return stored
        }
    }

    /// All layers that records name. Blocks.
    func layers() throws -> Set<Digest> {
        try database.read { database in
            let layers = try String.fetchAll(
                database, sql: "SELECT DISTINCT layer FROM build_steps WHERE layer IS NOT NULL")
            return Set(try layers.map { try Digest($0) })
        }
    }

    func remove(_ keys: [String]) async throws(BerthError) {
        try await use { database in
            for key in keys { try database.execute(sql: "DELETE FROM build_steps WHERE key = ?", arguments: [key]) }
        }
    }

    /// A record as lists show it.
    struct Entry: Sendable {
        let key: String
        let record: Record
        let used: Date
        let uses: Int
    }

    /// All records, the longest unused first.
    func entries() async throws(BerthError) -> [Entry] {
        try await look { database in
            try Row.fetchAll(database, sql: "SELECT * FROM build_steps ORDER BY used_at").map { row in
                Entry(
                    key: row["key"],
                    record: Record(
                        layer: try (row["layer"] as String?).map { try Digest($0) }, created: row["created"],
                        description: row["description"], size: row["size"]),
                    used: Date(timeIntervalSince1970: row["used_at"]), uses: row["uses"])
            }
        }
    }

    // MARK: Cache mounts

    struct MountEntry: Sendable {
        /// Of its directory.
        let name: String
        let id: String
        let created: Date
        let used: Date
        let uses: Int
    }

    func useMount(name: String, id: String) async throws(BerthError) {
        let now = Date().timeIntervalSince1970
        try await use { database in
            try database.execute(
                sql: """
                    INSERT INTO build_mounts (name, id, created_at, used_at, uses) VALUES (?, ?, ?, ?, 1)
                    ON CONFLICT (name) DO UPDATE SET used_at = excluded.used_at, uses = uses + 1
                    """,
                arguments: [name, id, now, now])
        }
    }

    func mounts() async throws(BerthError) -> [MountEntry] {
        try await look { database in
            try Row.fetchAll(database, sql: "SELECT * FROM build_mounts ORDER BY used_at").map { row in
                MountEntry(
                    name: row["name"], id: row["id"], created: Date(timeIntervalSince1970: row["created_at"]),
                    used: Date(timeIntervalSince1970: row["used_at"]), uses: row["uses"])
            }
        }
    }

    func removeMount(_ name: String) async throws(BerthError) {
        try await use { database in
            try database.execute(sql: "DELETE FROM build_mounts WHERE name = ?", arguments: [name])
        }
    }

    private func look<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BerthError) -> Value {
        do {
            return try await database.read(body)
        } catch {
            throw .internal("reading the build cache: \(error)", cause: error)
        }
    }

    private func use<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BerthError) -> Value {
        do {
            return try await database.write(body)
        } catch {
            throw .internal("writing the build cache: \(error)", cause: error)
        }
    }
}
