import Builder
import Distribution
import EngineAPI
import Errors
import GRDB
import Glibc
import ImageStore
import Linux
import Logging
import Networking
import ShimProtocol
import Synchronization

/// The engine of one host: containers, images, networks and volumes, behind the backend protocols
/// of `EngineAPI`.
///
/// It holds no state of its own besides what finds the parts: containers are actors, networks and
/// volumes registries, everything that must survive is in the record store and the image store.
public final class Engine: Sendable {
    let services: Services
    let builder: Builder
    let containers = Mutex<[String: Container]>([:])
    let execs = ExecRegistry()
    /// Names that a container under creation is about to take.
    let reservedNames = Mutex<Set<String>>([])
    let runningBuilds = Mutex<[String: Task<Void, any Error>]>([:])

    /// Opens everything at its place and takes over what runs. Blocking work happens here, once,
    /// before anyone is served.
    public init(_ configuration: EngineConfiguration, logger: Logger) async throws {
        for directory in [configuration.dataRoot, configuration.executionRoot] {
            try Files.makeDirectories(directory, mode: 0o711)
        }
        for directory in ["containers", "volumes", "build", "empty"] {
            try Files.makeDirectories("\(configuration.dataRoot)/\(directory)", mode: 0o711)
        }
        try Self.closeToOthers(configuration.dataRoot)
        let database = try Self.openDatabase(configuration.dataRoot + "/berth.db", logger: logger)
        let records = try RecordStore(database)
        let images = try ImageStore(root: configuration.dataRoot, database: database, logger: logger)
        let hierarchies = try CgroupHierarchies.detect()
        let networks = NetworkRegistry(
            driver: try BridgeDriver(
                defaultBridge: configuration.bridge, executionRoot: configuration.executionRoot,
                vethPrefix: Self.vethPrefix(configuration.bridge)),
            names: NameFiles(executionRoot: configuration.executionRoot))
        let volumes = VolumeRegistry(root: configuration.dataRoot + "/volumes")
        services = Services(
            configuration: configuration, records: records, images: images,
            registries: RegistryClient(configuration.registries), networks: networks,
            volumes: volumes, volumeMounts: VolumeMounts(volumes),
            events: EventBus(try EventJournal(directory: configuration.dataRoot + "/events")),
            board: SnapshotBoard(),
            specs: SpecBuilder(
                hierarchies: hierarchies, available: CapabilitySet.bounding(), openFiles: configuration.openFiles),
            hierarchies: hierarchies, seccomp: SeccompCache(directory: configuration.executionRoot + "/seccomp"),
            logWatcher: try DirectoryWatcher(),
            shimLog: try FileDescriptor.open(
                configuration.executionRoot + "/shims.log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600),
            logger: logger,
            trace: configuration.tracesRuns ? RunTrace(logger) : nil)
        builder = try Builder(
            store: images, executor: StepExecutor(services: services), database: database,
            temporaryDirectory: configuration.dataRoot + "/build/work",
            cacheMountDirectory: configuration.dataRoot + "/build/cache", logger: logger)
        let board = services.board
        images.registerUses { Uses(images: Set(board.all().flatMap(\.record.images))) }
        try await restore()
    }

    /// A database that cannot be opened is set aside under another name, never deleted.
    private static func openDatabase(_ path: String, logger: Logger) throws -> DatabasePool {
        var settings = GRDB.Configuration()
        settings.prepareDatabase { db in
            // What a user was told of must survive a power cut, not only a crash.
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            return try DatabasePool(path: path, configuration: settings)
        } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
            let aside = "\(path).damaged-\(Clock.now() / 1_000_000_000)"
            try Files.rename(path, to: aside)
            logger.error("the database \(path) is damaged (\(error)); it was set aside as \(aside) and a new one begun")
            return try DatabasePool(path: path, configuration: settings)
        }
    }

    /// Tells the host's ends of this daemon's cables from those of others.
    private static func vethPrefix(_ bridge: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in bridge.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return "vb" + String(String(hash, radix: 36).suffix(4)) + "-"
    }

    /// Ends connections to registries, and writes what is only in memory. Containers go on.
    public func close() async {
        await services.registries.shutDown()
        services.events.flush()
    }

    /// Other users of the host have no way into images and volumes: set-user-ID programs in them are
    /// the containers' business, and so is what they keep (CVE-2021-41091).
    private static func closeToOthers(_ directory: String) throws(SystemError) {
        let open = try FileDescriptor.openDirectory(directory)
        let permissions = try open.status().permissions
        if permissions & 0o027 != 0 { try open.changeMode(permissions & ~0o027) }
    }

    // MARK: Finding containers

    func container(_ nameOrID: String) throws -> Container {
        let snapshot = try services.board.find(nameOrID)
        guard let container = containers.withLock({ $0[snapshot.record.id] }) else {
            throw BerthError.notFound("No such container: \(nameOrID)")
        }
        return container
    }

    func makeContainer(_ record: ContainerRecord, phase: ContainerPhase) -> Container {
        let container = Container(
            record, phase: phase, services: services,
            onRemoved: { [weak self] id in
                self?.containers.withLock { _ = $0.removeValue(forKey: id) }
                self?.execs.removeAll(of: id)
            },
            onExecExit: { [weak self] exec, code in self?.execs.ended(exec, code: code) })
        containers.withLock { $0[record.id] = container }
        return container
    }
}
