import FoundationEssentials
import Linux

/// What the present run of a container has besides its record: kept in its bundle from before the shim starts, and so
/// known to the next daemon whenever this one dies. The row in the database follows only when the program runs.
struct RunRecord: Codable, Sendable {
    private let endpoints: [EndpointRecord]
    private let publishedPorts: [PortRecord]

    init(_ record: ContainerRecord) {
        endpoints = record.endpoints
        publishedPorts = record.publishedPorts
    }

    private static func path(_ bundle: String) -> String { bundle + "/run.json" }

    /// Blocking. Not synced: it is worth nothing after a reboot.
    func write(to bundle: String) throws {
        try Files.writeAtomically(Self.path(bundle), JSONEncoder().encode(self), durable: false)
    }

    /// Nil when there is none that can be read.
    static func read(from bundle: String) -> RunRecord? {
        guard let bytes = try? Files.read(path(bundle)) else { return nil }
        return try? JSONDecoder().decode(RunRecord.self, from: Data(bytes))
    }

    /// The record as it is in this run.
    func applied(to record: ContainerRecord) -> ContainerRecord {
        var record = record
        record.publishedPorts = publishedPorts
        record.endpoints = endpoints
        return record
    }
}
