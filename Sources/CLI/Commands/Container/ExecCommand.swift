import Client
import EngineAPI
import Errors
import Linux

/// `berth exec`.
struct ExecCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", .atLeast(2),
        interspersed: false)
    static let flags: [Flag<ExecCommand>] = [
        .bool(\.options.detached, "detach", "d", "Detached mode: run command in the background"),
        .string(\.options.detachKeys, "detach-keys", nil, "Override the key sequence for detaching a container"),
        .list(\.options.environment, "env", "e", "Set environment variables"),
        .list(\.options.environmentFiles, "env-file", nil, "Read in a file of environment variables"),
        .bool(\.options.interactive, "interactive", "i", "Keep STDIN open even if not attached"),
        .bool(\.options.privileged, "privileged", nil, "Give extended privileges to the command"),
        .bool(\.options.tty, "tty", "t", "Allocate a pseudo-TTY"),
        .string(\.options.user, "user", "u", "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
        .string(\.options.workingDirectory, "workdir", "w", "Working directory inside the container"),
    ]

    var options = ExecOptions()
    var arguments: [String] = []

    var signals: [Int32] { options.tty && !options.detached ? [SignalProxy.windowChange] : [] }

    func run(in session: Session) async throws {
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
        let stream = try await client.startExec(id, tty: tty, consoleSize: tty ? consoleSize() : nil)
        if tty, interactive {
            do throws(SystemError) { try Exit.makeTerminalRaw() } catch { throw BerthError("setting the terminal to raw mode", error) }
        }
        followWindow(id, session)
        let end = try await StreamRelay(
            stream: stream, isTerminal: tty, forwardsInput: interactive, detachKeys: keys
        ).run()
        Exit.restoreTerminal()
        if end == .detached { return }
        let code = try await client.inspectExec(id).exitCode ?? 0
        if code != 0 { throw ExitCode(Int32(truncatingIfNeeded: code)) }
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
        Task {
            await sizer.apply()
            for await signal in session.signals.values where signal == SignalProxy.windowChange { await sizer.apply() }
        }
    }
}
