import EngineAPI
import Errors
import FoundationEssentials
import Linux
import OCI
import ShimProtocol

extension Engine: ExecBackend {
    public func createExec(container name: String, _ request: ExecCreateRequest) async throws -> ExecCreateResponse {
        let snapshot = try services.board.find(name)
        guard let run = snapshot.phase.run else {
            throw BerthError.conflict("container \(snapshot.record.id) is not running")
        }
        guard !run.isPaused else {
            throw BerthError.conflict("container \(name) is paused, unpause the container before exec")
        }
        _ = try DetachKeys.parse(request.detachKeys)
        guard let words = request.cmd, !words.isEmpty else {
            throw BerthError.invalidArgument("No exec command specified")
        }
        let record = ExecRegistry.Record(id: randomID(), containerID: snapshot.record.id, request: request)
        execs.add(record)
        try await container(snapshot.record.id).tell(
            "exec_create: \(words.joined(separator: " "))", ["execID": record.id])
        return ExecCreateResponse(id: record.id)
    }

    public func startExec(_ id: String, _ request: ExecStartRequest) async throws -> HijackedStream? {
        let exec = try execs.find(id)
        let container = try container(exec.containerID)
        try execs.begin(exec.id)
        do {
            let size = request.consoleSize ?? exec.request.consoleSize
            let (stream, pid) = try await container.run(exec, consoleSize: size, isDetached: request.detach)
            execs.started(exec.id, pid: pid)
            return stream
        } catch let failure as Failure {
            execs.ended(exec.id, code: failure.kind == .notFound ? 127 : 126)
            let text = "failed to exec in container: \(failure.message)"
            if !request.detach { return try Self.stream(telling: text, tty: exec.request.tty) }
            throw BerthError(failure.kind == .setup ? .internal : .invalidArgument, text, cause: failure)
        } catch {
            execs.ended(exec.id, code: 126)
            throw error
        }
    }

    /// What a client gets that waits for the output of a program that could not be started. Docker's clients
    /// look at no error in the place of the stream that they asked for.
    private static func stream(telling text: String, tty: Bool) throws -> HijackedStream {
        let (ours, theirs) = try UnixSocket.pair()
        let line = Array((text + (tty ? "\r\n" : "\n")).utf8)
        // The frame of standard error, with the length in network order.
        let head: [UInt8] = tty ? [] : [2, 0, 0, 0] + withUnsafeBytes(of: UInt32(line.count).bigEndian) { Array($0) }
        try theirs.writeAll(head + line)
        return HijackedStream(descriptor: ours, tty: tty)
    }

    public func resizeExec(_ id: String, height: Int, width: Int) async throws {
        let exec = try execs.find(id)
        guard case .running = exec.state else { throw BerthError.conflict("exec \(id) is not running") }
        try await container(exec.containerID).resize(exec: exec.id, rows: height, columns: width)
    }

    public func inspectExec(_ id: String) async throws -> ExecInspect {
        let exec = try await settled(id)
        let words = exec.request.cmd ?? []
        var inspect = ExecInspect(
            id: exec.id,
            processConfig: ExecProcessConfig(
                tty: exec.request.tty, entrypoint: words.first ?? "", arguments: Array(words.dropFirst()),
                privileged: exec.request.privileged, user: exec.request.user),
            openStdin: exec.request.attachStdin, openStderr: exec.request.attachStderr,
            openStdout: exec.request.attachStdout, containerID: exec.containerID)
        switch exec.state {
        case .created: inspect.running = false
        case .running(let pid):
            inspect.running = true
            inspect.pid = Int(pid)
        case .ended(let code): inspect.exitCode = Int(code)
        }
        return inspect
    }
}

extension Engine {
    /// An exec whose end, if it has ended, is known: clients ask for the exit code the moment their
    /// stream ends, which may be before the shim's word has arrived.
    private func settled(_ id: String) async throws -> ExecRegistry.Record {
        for _ in 0..<200 {
            let exec = try execs.find(id)
            guard case .running(let pid) = exec.state, pid > 0, !Files.exists("/proc/\(pid)/exe") else { return exec }
            try await Task.sleep(for: .milliseconds(2))
        }
        return try execs.find(id)
    }
}

extension Container {
    /// Runs an exec; returns when its program runs.
    func run(
        _ exec: ExecRegistry.Record, consoleSize: [Int]?, isDetached: Bool
    ) async throws -> (HijackedStream?, pid: Int32) {
        let run = try requireRun("exec")
        guard !run.isPaused, let shim else {
            throw BerthError.conflict("container \(id) is paused, unpause the container before exec")
        }
        var request = exec.request
        if let consoleSize { request.consoleSize = consoleSize }
        let input = try SpecInput(record, services: services, joins: false)
        let process = try services.specs.execProcess(request: request, input: input)
        let (ours, theirs) = try UnixSocket.pair()
        let message = Exec(
            id: exec.id, process: String(decoding: try JSONEncoder().encode(process), as: UTF8.self),
            user: request.user.isEmpty ? record.config.user : request.user,
            additionalGroups: record.hostConfig.groupAdd ?? [],
            // The container's own, also for a privileged exec: more capabilities, not more of the kernel.
            seccompFile: try SeccompKey.file(input, services),
            input: request.attachStdin && !isDetached, output: request.attachStdout, error: request.attachStderr)
        execIDs.insert(exec.id)
        let id = exec.id
        let deadline = Task {
            try await Task.sleep(for: Self.execPatience)
            self.execIsLate(id)
        }
        defer { deadline.cancel() }
        let pid: Int32
        do {
            pid = try await withCheckedThrowingContinuation { continuation in
                startingExecs[exec.id] = continuation
                do {
                    try shim.send(.exec(message), descriptor: theirs)
                } catch {
                    startingExecs.removeValue(forKey: exec.id)?.resume(throwing: error)
                }
            }
        } catch {
            execIDs.remove(exec.id)
            throw error
        }
        publish()
        tell("exec_start: \((request.cmd ?? []).joined(separator: " "))", ["execID": exec.id])
        guard !isDetached else { return (nil, pid) }
        var stream = HijackedStream(descriptor: ours, tty: request.tty)
        if request.tty, request.attachStdin { stream.detachKeys = try DetachKeys.parse(request.detachKeys) }
        let (events, record) = (services.events, record)
        stream.onDetach = { events.publish("exec_detach", of: record, ["execID": exec.id]) }
        return (stream, pid)
    }

    /// How long a shim may take to start an exec's program.
    private static let execPatience = Duration.seconds(10)

    private func execIsLate(_ id: String) {
        startingExecs.removeValue(forKey: id)?.resume(
            throwing: BerthError(
                .deadlineExceeded,
                "the shim of container \(record.name) does not answer: it is stopped or hung; `rm -f` or `kill` ends it"
            ))
    }
}
