import Client
import EngineAPI
import Errors
import Linux

/// `berth run`: create, attach, wait, start, in the order that loses neither output nor exit code.
struct RunCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container from an image and run it", .atLeast(1),
        interspersed: false)
    static let failureCode: Int32 = 125

    static var flags: [Flag<RunCommand>] {
        ContainerOptions.flags.map { $0.lifted(to: \.options) } + [
            .bool(\.detached, "detach", "d", "Leave it running in the background and print its ID"),
            .string(\.detachKeys, "detach-keys", nil, "Keys that leave the container without stopping it"),
            .bool(\.signalProxy, "sig-proxy", nil, "Hand signals on to the container", fallback: "true"),
        ]
    }

    var options = ContainerOptions()
    var detached = false
    var detachKeys: String?
    var signalProxy: Bool?
    var clusters: [FlagCluster] = []
    var arguments: [String] = []

    mutating func typed(_ clusters: [FlagCluster]) { self.clusters = clusters }

    var signals: [Int32] { detached ? [] : SignalProxy.forwarded }

    func run(in session: Session) async throws {
        SloppyFlags.tell(of: clusters, session.environment)
        let keys = try detachKeys.map { try DetachKeys(parsing: $0) } ?? .standard
        if options.tty, options.interactive, !detached, !Console.input.isTerminal {
            Console.note("the input device is not a TTY")
            throw ExitCode(1)
        }
        let created = try await ContainerCreation(options: options, session: session).create(
            image: arguments[0], command: Array(arguments.dropFirst()), detached: detached)
        if detached {
            try await start(created.id, session)
            Console.print(created.id)
            return
        }
        try await AttachedRun(
            id: created.id, isTerminal: options.tty, streams: try options.attachedStreams(detached: false),
            detachKeys: keys, forwardsSignals: signalProxy ?? true, endsRemoved: options.autoRemove, session: session
        ).run { try await start(created.id, session) }
    }

    /// - Throws: `ExitCode` 126 or 127 after telling why, when the program itself cannot be run.
    private func start(_ id: String, _ session: Session) async throws {
        do {
            try await session.client.startContainer(id, detachKeys: detachKeys)
        } catch let error as BerthError {
            Exit.restoreTerminal()
            let code = Self.exitCode(forStartFailure: error.message)
            Console.note("\(session.program.name): \(Report.message(error))")
            if let advice = await advice(id, code, error.message, session) { Console.note(advice) }
            Console.note("\nRun '\(session.path) --help' for more information")
            throw ExitCode(code)
        }
    }

    /// What probably went wrong when the program was not there.
    private func advice(_ id: String, _ code: Int32, _ message: String, _ session: Session) async -> String? {
        guard code == 127 || code == 126 else { return nil }
        if let first = arguments.dropFirst().first, first.hasPrefix("-"), message.contains("\"\(first)\"") {
            return "What stands behind the image is the command to run: put \(first) before \(arguments[0])."
        }
        guard let program = options.entrypoint ?? arguments.dropFirst().first else { return nil }
        return await Shells.advice(insteadOf: program, in: id, of: arguments[0], session.client)
    }

    /// 127 when the program is not there, 126 when it cannot be executed, 125 for all else.
    static func exitCode(forStartFailure message: String) -> Int32 {
        let text = message.lowercased()
        if text.contains("executable file not found") || text.contains("no such file or directory")
            || text.contains("system cannot find the file specified")
        {
            return 127
        }
        if text.contains("permission denied") || text.contains("not a directory") || text.contains("is a directory")
            || text.contains("exec format error")
        {
            return 126
        }
        return 125
    }
}

/// `berth create`.
struct CreateCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container without starting it", .atLeast(1), interspersed: false
    )

    static var flags: [Flag<CreateCommand>] { ContainerOptions.flags.map { $0.lifted(to: \.options) } }

    var options = ContainerOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let created = try await ContainerCreation(options: options, session: session).create(
            image: arguments[0], command: Array(arguments.dropFirst()), detached: false)
        Console.print(created.id)
    }
}

/// Creates a container, and pulls its image first where the policy says so.
struct ContainerCreation: Sendable {
    let options: ContainerOptions
    let session: Session

    func create(image: String, command: [String], detached: Bool) async throws -> ContainerCreateResponse {
        if let path = options.cidFile, Files.exists(path) {
            throw BerthError.conflict(
                "container ID file found, make sure the other container isn't running or delete \(path)")
        }
        var request = try options.request(
            image: image, command: command, detached: detached, in: session.requestContext)
        request.hostConfig.consoleSize = options.tty ? consoleSize() : nil
        if options.pull == .always { try await pull(image) }
        let response = try await createPullingIfAbsent(request, image)
        for warning in response.warnings { Console.note("WARNING: \(warning)") }
        if let path = options.cidFile {
            do throws(SystemError) { try Files.write(path, response.id) } catch {
                throw BerthError("writing the container ID", error)
            }
        }
        return response
    }

    private func createPullingIfAbsent(
        _ request: ContainerCreateRequest, _ image: String
    ) async throws -> ContainerCreateResponse {
        do {
            return try await send(request)
        } catch let error as BerthError
            where error.code == .notFound && (options.pull ?? .missing) == .missing
            && error.message.contains("o such image")
        {
            if !options.quiet { Console.note("Unable to find image '\(ImageName.familiar(image))' locally") }
            try await pull(image)
            return try await send(request)
        }
    }

    private func send(_ request: ContainerCreateRequest) async throws -> ContainerCreateResponse {
        try await session.client.createContainer(
            request, name: options.name, platform: options.platform, caBundle: options.caBundle)
    }

    private func pull(_ image: String) async throws {
        try await session.tellingHowToLogIn(to: image) {
            let progress = try await session.client.pullImage(
                ImageName.withTag(image), platform: options.platform,
                auth: try RegistryCredentials(session).auth(forImage: image))
            try await ProgressDisplay(to: Console.error, quiet: options.quiet).show(progress)
        }
    }
}

extension Session {
    var requestContext: RequestContext {
        RequestContext(folder: workingFolder, environment: environment, proxies: proxyVariables) { path in
            do throws(SystemError) {
                return try Files.readText(path)
            } catch {
                throw BerthError.invalidArgument("open \(path): \(error.reason.lowercased())")
            }
        }
    }

    var workingFolder: WorkingFolder {
        WorkingFolder(
            path: (try? FileDescriptor.openDirectory("/proc/self").readLink("cwd")) ?? "/",
            home: environment["HOME"] ?? "/root")
    }
}

/// Names of images as users write them.
enum ImageName {
    /// With `:latest` where there is neither tag nor digest.
    static func withTag(_ name: String) -> String {
        EngineClient.split(name).tag == nil ? name + ":latest" : name
    }

    static func familiar(_ name: String) -> String {
        var name = withTag(name)
        for prefix in ["docker.io/library/", "docker.io/"] where name.hasPrefix(prefix) {
            name.removeFirst(prefix.count)
        }
        return name
    }

    /// The registry that a name belongs to; Docker Hub when it names none.
    static func registry(of name: String) -> String {
        guard let slash = name.firstIndex(of: "/") else { return "docker.io" }
        let first = String(name[..<slash])
        let isHost = first.contains(".") || first.contains(":") || first == "localhost"
        return isHost ? first : "docker.io"
    }
}
