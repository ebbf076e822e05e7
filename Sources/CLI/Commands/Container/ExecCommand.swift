import Client
import EngineAPI
import Errors
import Linux

/// `berth exec`.
struct ExecCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container", .atLeast(2),
        interspersed: false)
    static let flags: [Flag<ExecCommand>] = [
        .bool(\.options.detached, "detach", "d", "Leave the command running in the background"),
        .string(\.options.detachKeys, "detach-keys", nil, "Keys that leave the container without stopping it"),
        .list(
            \.options.environment, "env", "e", "Variable of the environment (NAME=value, or NAME to pass on one's own)"),
        .list(\.options.environmentFiles, "env-file", nil, "File with variables of the environment, one a line"),
        .bool(\.options.interactive, "interactive", "i", "Keep the input open"),
        .bool(\.options.privileged, "privileged", nil, "Run the command with all privileges"),
        .bool(\.options.tty, "tty", "t", "Give it a terminal"),
        .string(\.options.user, "user", "u", "User, and perhaps group, to run as (name or number)"),
        .string(\.options.workingDirectory, "workdir", "w", "Working directory in the container"),
    ]

    var options = ExecOptions()
    var clusters: [FlagCluster] = []
    var arguments: [String] = []

    /// `ID/bin/bash`, of which the blank is missing. No container's name has a slash.
    static func complaint(about arguments: [String]) -> String? {
        guard let first = arguments.first?.drop(while: { $0 == "/" }), let slash = first.firstIndex(of: "/") else {
            return nil
        }
        return "No such container: \(first): did you mean \"\(first[..<slash]) \(first[slash...])\"?"
    }

    mutating func typed(_ clusters: [FlagCluster]) { self.clusters = clusters }

    var signals: [Int32] { options.tty && !options.detached ? [SignalProxy.windowChange] : [] }

    func run(in session: Session) async throws {
        SloppyFlags.tell(of: clusters, session.environment)
        try await options.run(in: arguments[0], Array(arguments.dropFirst()), session)
    }
}

/// A program to run in a container that runs already.
struct ExecOptions: Sendable {
    var detached = false
    var detachKeys: String?
    var environment: [String] = []
    var environmentFiles: [String] = []
    var interactive = false
    var privileged = false
    var tty = false
    var user: String?
    var workingDirectory: String?

    /// Runs it, and ends with its exit code.
    func run(in container: String, _ command: [String], _ session: Session) async throws {
        if tty, interactive, !detached, !Console.input.isTerminal {
            throw BerthError.invalidArgument("the input device is not a TTY")
        }
        let keys = try detachKeys.map { try DetachKeys(parsing: $0) } ?? .standard
        let client = session.client
        let id = try await client.createExec(container, try request(command, session))
        if detached {
            try await client.startExecDetached(id, tty: tty)
            return
        }
        let stream = try await start(id, of: container, command, client)
        if tty, interactive {
            do throws(SystemError) { try Exit.makeTerminalRaw() } catch {
                throw BerthError("setting the terminal to raw mode", error)
            }
        }
        followWindow(id, session)
        let end = try await StreamRelay(
            stream: stream, isTerminal: tty, forwardsInput: interactive, detachKeys: keys
        ).run()
        Exit.restoreTerminal()
        if end == .detached { return }
        let code = try await exitCode(of: id, client)
        guard code != 0 else { return }
        // A daemon may tell in the stream that the program could not be started.
        if code == 127, let advice = await Shells.advice(insteadOf: command[0], in: container, client) {
            Console.note(advice)
        }
        throw ExitCode(Int32(truncatingIfNeeded: code))
    }

    /// The streams may end a moment before the daemon has seen the end of the program.
    private func exitCode(of id: String, _ client: EngineClient) async throws -> Int {
        let deadline = ContinuousClock.now + .seconds(5)
        while true {
            let state = try await client.inspectExec(id)
            if let code = state.exitCode, !state.running { return code }
            // A program that closed its streams and runs on is left to itself.
            guard ContinuousClock.now < deadline else { return state.exitCode ?? 0 }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// - Throws: `ExitCode` 126 or 127 after telling why, when the program itself cannot be run.
    private func start(
        _ id: String, of container: String, _ command: [String], _ client: EngineClient
    ) async throws -> RawStream {
        do {
            return try await client.startExec(id, tty: tty, consoleSize: tty ? consoleSize() : nil)
        } catch let error as BerthError {
            let code = RunCommand.exitCode(forStartFailure: error.message)
            guard code != 125 else { throw error }
            Console.note(Report.message(error))
            if code == 127, let advice = await Shells.advice(insteadOf: command[0], in: container, client) {
                Console.note(advice)
            }
            throw ExitCode(code)
        }
    }

    private func request(_ command: [String], _ session: Session) throws -> ExecCreateRequest {
        let context = session.requestContext
        let files = try environmentFiles.map { (path: $0, text: try context.read(context.folder.absolute($0))) }
        return ExecCreateRequest(
            user: user ?? "", privileged: privileged, tty: tty, consoleSize: tty ? consoleSize() : nil,
            attachStdin: interactive && !detached, attachStderr: !detached, attachStdout: !detached,
            detachKeys: detachKeys ?? "",
            env: try EnvironmentSpec.merge(files: files, flags: environment, environment: session.environment),
            workingDir: workingDirectory ?? "", cmd: command)
    }

    private func followWindow(_ id: String, _ session: Session) {
        guard tty else { return }
        let sizer = TerminalSizer { try await session.client.resizeExec(id, height: $0, width: $1) }
        let signals = session.signals.take()
        Task {
            await sizer.apply()
            for await signal in signals where signal == SignalProxy.windowChange { await sizer.apply() }
        }
    }
}

/// Flags that were drawn together by habit and mean something else than they seem to.
enum SloppyFlags {
    /// `-iter`, whose `-e r` passes on a variable `r` that nobody has.
    static func tell(of clusters: [FlagCluster], _ environment: [String: String]) {
        for cluster in clusters {
            if let note = note(cluster, environment) { Console.note(note) }
        }
    }

    static func note(_ cluster: FlagCluster, _ environment: [String: String]) -> String? {
        guard cluster.flag == "e", !cluster.switches.isEmpty, !cluster.value.contains("="),
            environment[cluster.value] == nil
        else { return nil }
        let switches = cluster.switches.map { "-\($0)" }.joined(separator: " ")
        return "\(cluster.word) means \(switches) -e \(cluster.value); -\(String(cluster.switches)) is enough"
    }
}
