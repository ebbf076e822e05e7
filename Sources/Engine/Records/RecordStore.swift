import Errors
import FoundationEssentials
import GRDB

/// Rows of containers, networks and volumes. A row is JSON beside the columns that must be unique;
/// a row that cannot be read is set aside with its text, never dropped.
struct RecordStore: Sendable {
    let database: any DatabaseWriter

    init(_ database: any DatabaseWriter) throws {
        self.database = database
        var migrator = DatabaseMigrator()
        migrator.registerMigration("engine_1") { db in
            for table in ["engine_container", "engine_network", "engine_volume"] {
                try db.create(table: table) { table in
                    table.primaryKey("id", .text)
                    table.column("name", .text).notNull().unique()
                    table.column("record", .blob).notNull()
                }
            }
            try db.create(table: "engine_damaged") { table in
                table.autoIncrementedPrimaryKey("number")
                table.column("origin", .text).notNull()
                table.column("id", .text).notNull()
                table.column("record", .blob).notNull()
                table.column("reason", .text).notNull()
            }
        }
        try migrator.migrate(database)
    }

    enum Table: String {
        case container = "engine_container"
        case network = "engine_network"
        case volume = "engine_volume"
    }

    func save(_ record: some Encodable & Sendable, id: String, name: String, in table: Table) async throws {
        let data = try JSONEncoder().encode(record)
        try await database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO \(table.rawValue) (id, name, record) VALUES (?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record
                    """,
                arguments: [id, name, data])
        }
    }

    func delete(_ id: String, from table: Table) async throws {
        try await database.write { db in
            try db.execute(sql: "DELETE FROM \(table.rawValue) WHERE id = ?", arguments: [id])
        }
    }

    /// All rows that can be read. The others go to `engine_damaged`, and their reasons are returned.
    func load<Record: Decodable>(_ type: Record.Type, from table: Table) throws -> (
        records: [Record], damaged: [String]
    ) {
        try database.write { db in
            var records: [Record] = []
            var damaged: [String] = []
            for row in try Row.fetchAll(db, sql: "SELECT id, record FROM \(table.rawValue) ORDER BY rowid") {
                let id: String = row["id"]
                let data: Data = row["record"]
                do {
                    records.append(try JSONDecoder().decode(Record.self, from: data))
                } catch {
                    damaged.append("\(table.rawValue) \(id): \(error)")
                    try db.execute(
                        sql: "INSERT INTO engine_damaged (origin, id, record, reason) VALUES (?, ?, ?, ?)",
                        arguments: [table.rawValue, id, data, "\(error)"])
                    try db.execute(sql: "DELETE FROM \(table.rawValue) WHERE id = ?", arguments: [id])
                }
            }
            return (records, damaged)
        }
    }

    /// What rows that could not be read were about, now or at an earlier start.
    func damagedIDs() throws -> Set<String> {
        try database.read { db in Set(try String.fetchAll(db, sql: "SELECT id FROM engine_damaged")) }
    }
}
