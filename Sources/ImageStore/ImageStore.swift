import Errors
import GRDB
import Linux
import Logging
import OCI

/// Images of one daemon: blobs in an OCI layout, unpacked layers, and in the database which name is
/// which image and which image is made of what.
///
/// Every method blocks and may be called from any thread. No lock is held across I/O: what is under
/// way is protected by pins (see `ContentPins`). Whatever a method has answered survives a power cut.
/// Errors are `BerthError`.
public final class ImageStore: Sendable {
    let root: String
    let content: ContentStore
    let layers: LayerDirectories
    let database: any DatabaseWriter
    let logger: Logger
    let pins = ContentPins()
    let index: IndexWriter
    private let useProviders = Monitor<[@Sendable () throws -> Uses]>([])

    /// Opens the store at `root`, creating it where it does not exist, and clears what a crash left.
    /// - Parameter database: holds the tables `image_…`; they are created here.
    public init(root: String, database: any DatabaseWriter, logger: Logger) throws {
        self.root = root
        self.database = database
        self.logger = logger
        do {
            try Files.makeDirectories(root, mode: 0o711)
            content = try ContentStore(root: root + "/content")
            try Schema.migrator.migrate(database)
            let records = try database.read { try LayerRecord.fetchAll($0) }
            layers = try LayerDirectories(root: root, known: records.map(\.directory), logger: logger)
            index = IndexWriter(path: content.indexPath)
        } catch let error as SystemError {
            throw BerthError("opening the image store \(root)", error)
        } catch let error as DatabaseError {
            throw BerthError.internal("opening the image store \(root): \(error)", cause: error)
        }
        try adoptLayout()
        try writeIndex()
    }

    /// Registers what has to be asked before anything is removed: what it names stays. A provider that
    /// throws stops the collection.
    public func registerUses(_ provider: @escaping @Sendable () throws -> Uses) {
        useProviders.update { $0.append(provider) }
    }

    var hasUseProviders: Bool { useProviders.update { !$0.isEmpty } }

    func currentUses() throws -> Uses {
        var uses = Uses()
        for provider in useProviders.update({ $0 }) {
            let more = try provider()
            uses.images.formUnion(more.images)
            uses.layers.formUnion(more.layers)
        }
        return uses
    }

    /// Makes everything written so far durable.
    func sync() throws {
        try FileDescriptor.openDirectory(root).syncFileSystem()
    }

    /// `index.json` follows the database.
    func writeIndex() throws {
        try index.write { try self.layoutIndex() }
    }
}

/// Runs `body`, with errors of the system or the database told in the words of `task`.
func naming<Result>(_ task: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as SystemError {
        throw BerthError(task(), error)
    } catch let error as DatabaseError {
        throw BerthError.internal("\(task()): \(error)", cause: error)
    }
}
