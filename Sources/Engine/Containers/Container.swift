import EngineAPI
import Errors
import Linux
import Logging
import Networking
import ShimProtocol

/// One container: its record, where it is in its life, and the shim that runs it.
///
/// Everything that changes it goes through this actor; operations that take time queue up behind
/// one another (`exclusively`), except signals, which must always get through. Whoever only reads
/// takes the snapshot that is published after each change.
actor Container {
    nonisolated let id: String
    let services: Services
    var record: ContainerRecord
    var phase: ContainerPhase
    var shim: ShimConnection?
    var health: Health?
    private var operations = OperationQueue()

    /// Clients that attached before the start.
    var waitingAttaches: [(Attach, FileDescriptor)] = []
    var execIDs: Set<String> = []
    var startingExecs: [String: CheckedContinuation<Int32, any Error>] = [:]
    /// Who waits for an exec to end.
    var execWaiters: [String: AsyncStream<Int32?>.Continuation] = [:]
    var exitWaiters: [Int: Waiter] = [:]
    var removalWaiters: [Int: Waiter] = [:]
    var nextWaiter = 0
    var restartTimer: Task<Void, Never>?
    var healthMonitor: Task<Void, Never>?
    /// The last of the compressions of the log, which follow one another.
    var logCompression: Task<Void, Never>?
    /// Of this run: whether the event was told, and what is said of its end.
    var hasToldOutOfMemory = false
    var outOfMemoryReason: String?
    /// For whoever still reads the log when it was handed on.
    nonisolated let logEnd = LogEnd()
    /// Consecutive quick ends, for the restart delay.
    var quickEnds = 0
    /// Told by the engine: forget this container.
    let onRemoved: @Sendable (String) -> Void
    let onExecExit: @Sendable (String, Int32) -> Void

    typealias Waiter = AsyncStream<WaitResponse>.Continuation

    init(
        _ record: ContainerRecord, phase: ContainerPhase, services: Services,
        onRemoved: @escaping @Sendable (String) -> Void, onExecExit: @escaping @Sendable (String, Int32) -> Void
    ) {
        id = record.id
        self.record = record
        self.phase = phase
        self.services = services
        self.onRemoved = onRemoved
        self.onExecExit = onExecExit
    }

    // MARK: State

    func publish() {
        services.board.publish(
            ContainerSnapshot(record: record, phase: phase, health: health, execIDs: execIDs.sorted()))
    }

    func save() async throws {
        try await services.records.save(record, id: id, name: record.name, in: .container)
    }

    func tell(_ action: String, _ more: [String: String] = [:]) {
        services.events.publish(action, of: record, more)
    }

    /// `mount` or `unmount` of each volume of this container.
    func tellVolumes(_ action: String) {
        for mount in record.mounts where mount.kind == .volume {
            var attributes = ["container": id, "driver": mount.driver ?? "local"]
            if action == "mount" {
                attributes["destination"] = mount.destination
                attributes["propagation"] = mount.propagation
                attributes["read/write"] = "\(!mount.isReadOnly)"
            }
            services.events.publish("volume", action, id: mount.name ?? "", attributes: attributes)
        }
    }

    var logger: Logger { services.logger }

    /// Runs one operation at a time.
    func exclusively<Result: Sendable>(_ operation: () async throws -> Result) async throws -> Result {
        if !operations.tryEnter() { await withCheckedContinuation { operations.enqueue($0) } }
        defer { operations.leave() }
        return try await operation()
    }

    /// The process of a running container.
    func requireRun(_ verb: String) throws(BerthError) -> ContainerPhase.Run {
        guard let run = phase.run else { throw .conflict("container \(id) is not running") }
        return run
    }

    // MARK: Waiting

    /// Registers a wait before it returns, so that an end right after it is not missed.
    func wait(_ condition: WaitCondition) -> Pending<WaitResponse> {
        let (stream, continuation) = AsyncStream.makeStream(of: WaitResponse.self)
        let number = nextWaiter
        nextWaiter += 1
        switch (condition, phase) {
        case (.notRunning, .created), (.notRunning, .exited), (.notRunning, .dead):
            continuation.yield(exitResponse)
        case (.removed, _):
            removalWaiters[number] = continuation
        default:
            exitWaiters[number] = continuation
        }
        continuation.onTermination = { _ in Task { await self.forgetWaiter(number) } }
        return Pending {
            for await response in stream { return response }
            throw CancellationError()
        }
    }

    private func forgetWaiter(_ number: Int) {
        exitWaiters[number] = nil
        removalWaiters[number] = nil
    }

    var exitResponse: WaitResponse { WaitResponse(statusCode: Int(record.lastRun.exitCode)) }

    func answerExitWaiters() {
        let waiters = exitWaiters.values
        exitWaiters = [:]
        for waiter in waiters { waiter.yield(exitResponse) }
    }

    func answerRemovalWaiters() {
        let waiters = removalWaiters.values
        removalWaiters = [:]
        for waiter in waiters { waiter.yield(exitResponse) }
    }

    /// Whether the container ended within this time; nil waits for ever.
    func ended(within seconds: Int?) async -> Bool {
        guard phase.run != nil else { return true }
        let pending = wait(.nextExit)
        guard let seconds, seconds >= 0 else { return (try? await pending.value()) != nil }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await pending.value()) != nil }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }

    // MARK: Signals

    /// Returns, like Docker, when a container that was sent SIGKILL has ended.
    func kill(_ number: Int32) async throws {
        let run = try requireRun("kill")
        if number == ProcessSignal.kill || number == ProcessSignal.named["TERM"] || number == record.stopSignal {
            record.wasStoppedByUser = true
        }
        try Linux.Process.signal(number, to: run.process)
        // A frozen process takes even SIGKILL only when it is thawed.
        if number == ProcessSignal.kill, run.isPaused { try services.cgroup(of: id).thaw() }
        tell("kill", ["signal": "\(number)"])
        if number == ProcessSignal.kill, await !ended(within: 10) {
            logger.error("the shim of container \(record.name) does not say that it ended: it is killed")
            shim?.kill()
            _ = await ended(within: 5)
        }
    }

    func pause() throws {
        guard var run = phase.run else { throw BerthError.conflict("container \(id) is not running") }
        guard !run.isPaused else { throw BerthError.conflict("Container \(id) is already paused") }
        try services.cgroup(of: id).freeze()
        run.isPaused = true
        phase = .running(run)
        publish()
        tell("pause")
    }

    func unpause() throws {
        guard var run = phase.run, run.isPaused else { throw BerthError.conflict("Container \(id) is not paused") }
        try services.cgroup(of: id).thaw()
        run.isPaused = false
        phase = .running(run)
        publish()
        tell("unpause")
    }

    func resize(exec: String = "", rows: Int, columns: Int) throws {
        guard phase.run != nil, let shim else { throw BerthError.conflict("container \(id) is not running") }
        try shim.send(.resize(exec: exec, rows: UInt16(clamping: rows), columns: UInt16(clamping: columns)))
        if exec.isEmpty { tell("resize", ["height": "\(rows)", "width": "\(columns)"]) }
    }
}

/// Signals by number and by the names that Docker takes.
enum ProcessSignal {
    static let kill: Int32 = 9
    static let term: Int32 = 15

    static let named: [String: Int32] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9,
        "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17,
        "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25,
        "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31, "RTMIN": 34, "RTMAX": 64,
    ]

    /// From `9`, `KILL`, `SIGKILL`, `RTMIN+3`.
    static func parse(_ text: String) throws(BerthError) -> Int32 {
        if let number = Int32(text), (1...64).contains(number) { return number }
        let upper = text.uppercased()
        let bare = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let number = named[bare] { return number }
        if bare.hasPrefix("RTMIN+"), let offset = Int32(bare.dropFirst(6)), (0...30).contains(offset) {
            return 34 + offset
        }
        throw .invalidArgument("invalid signal: \(text)")
    }
}

extension ContainerRecord {
    var stopSignal: Int32 { (try? ProcessSignal.parse(config.stopSignal)) ?? ProcessSignal.term }
}
