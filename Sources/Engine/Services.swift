import Distribution
import EngineAPI
import Errors
import ImageStore
import Linux
import Logging
import Networking
import Synchronization

/// NIO has a protocol of this name.
typealias FileDescriptor = Linux.FileDescriptor

/// What every container works with. Made once, by `Engine`.
struct Services: Sendable {
    let configuration: EngineConfiguration
    let records: RecordStore
    let images: ImageStore
    let registries: RegistryClient
    let transfers = BlobTransfers()
    let stoppedRoots = StoppedRoots()
    let uploads = BlobUploads()
    let networks: NetworkRegistry
    let volumes: VolumeRegistry
    let volumeMounts: VolumeMounts
    let events: EventBus
    let board: SnapshotBoard
    let specs: SpecBuilder
    let hierarchies: CgroupHierarchies
    let seccomp: SeccompCache
    let logWatcher: DirectoryWatcher
    /// Where shims and their runtime errors write.
    let shimLog: FileDescriptor
    let logger: Logger
    /// Only when asked for.
    let trace: RunTrace?

    func cgroup(of container: String) -> Cgroup {
        let parent = board[container]?.record.hostConfig.cgroupParent ?? ""
        return Cgroup("\(parent.isEmpty ? configuration.cgroupParent : parent)/\(container)", in: hierarchies)
    }
}

/// The latest state of every container, for whoever only reads. A container publishes after each
/// change, so that no list and no inspect ever waits for one.
final class SnapshotBoard: Sendable {
    private let snapshots = Mutex<[String: ContainerSnapshot]>([:])

    func publish(_ snapshot: ContainerSnapshot) { snapshots.withLock { $0[snapshot.record.id] = snapshot } }

    func remove(_ id: String) { snapshots.withLock { _ = $0.removeValue(forKey: id) } }

    func all() -> [ContainerSnapshot] { snapshots.withLock { Array($0.values) } }

    subscript(_ id: String) -> ContainerSnapshot? { snapshots.withLock { $0[id] } }

    /// By ID, name with or without its slash, or unique prefix of the ID.
    func find(_ nameOrID: String) throws(BerthError) -> ContainerSnapshot {
        let name = nameOrID.hasPrefix("/") ? String(nameOrID.dropFirst()) : nameOrID
        let result = snapshots.withLock { snapshots -> Result<ContainerSnapshot, BerthError> in
            if let exact = snapshots[name] ?? snapshots.values.first(where: { $0.record.name == name }) {
                return .success(exact)
            }
            let matches = name.isEmpty ? [] : snapshots.values.filter { $0.record.id.hasPrefix(name) }
            switch matches.count {
            case 1: return .success(matches[0])
            case 0: return .failure(.notFound("No such container: \(nameOrID)"))
            default: return .failure(.invalidArgument("multiple IDs found with provided prefix: \(nameOrID)"))
            }
        }
        return try result.get()
    }
}

/// A container at one moment.
struct ContainerSnapshot: Sendable {
    let record: ContainerRecord
    let phase: ContainerPhase
    let health: Health?
    let execIDs: [String]
}

/// Where a container is in its life.
enum ContainerPhase: Sendable {
    case created
    case running(Run)
    /// It ended and will be started again at this time (nanoseconds since 1970).
    case restarting(at: Int64)
    case exited
    case removing
    /// Its removal failed half-way; it can be removed again.
    case dead

    struct Run: Sendable {
        let pid: Int32
        let process: FileDescriptor
        let startedAt: Int64
        var isPaused = false
    }

    var run: Run? {
        if case .running(let run) = self { return run }
        return nil
    }

    /// Docker's word for it.
    var name: String {
        switch self {
        case .created: "created"
        case .running(let run): run.isPaused ? "paused" : "running"
        case .restarting: "restarting"
        case .exited: "exited"
        case .removing: "removing"
        case .dead: "dead"
        }
    }
}

/// Compiled filters by what they were compiled from, on disk where shims read them: compiling takes
/// longer than starting a container.
final class SeccompCache: Sendable {
    private let directory: String
    private let known = Mutex<[String: String]>([:])

    init(directory: String) { self.directory = directory }

    /// The file with the filter for `key`, made by `compile` when it is not there yet.
    func file(for key: String, compile: () throws -> SeccompFilter?) throws -> String {
        if let file = known.withLock({ $0[key] }) { return file }
        guard let filter = try compile() else {
            known.withLock { $0[key] = "" }
            return ""
        }
        try Files.makeDirectories(directory)
        let file = "\(directory)/\(known.withLock { $0.count }).\(Clock.monotonic()).bpf"
        try Files.writeAtomically(file, filter.program, durable: false)
        known.withLock { $0[key] = file }
        return file
    }
}
