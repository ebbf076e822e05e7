import Client
import Compose
import Errors

/// `berth compose exec`.
struct ComposeExecCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE COMMAND [ARGS...]", "Execute a command in a running container", .atLeast(2),
        interspersed: false)
    static let flags: [Flag<ComposeExecCommand>] = [
        .bool(\.options.detached, "detach", "d", "Detached mode: Run command in the background"),
        .list(\.options.environment, "env", "e", "Set environment variables", value: "stringArray"),
        .int(\.index, "index", nil, "Index of the container if service has multiple replicas"),
        .bool(\.noTerminal, "no-tty", "T", "Disable pseudo-TTY allocation"),
        .bool(\.options.privileged, "privileged", nil, "Give extended privileges to the process"),
        .string(\.options.user, "user", "u", "Run the command as this user"),
        .string(\.options.workingDirectory, "workdir", "w", "Path to workdir directory for this command"),
        .ignored("interactive", "i", takesValue: false), .ignored("tty", "t", takesValue: false),
    ]

    var project = ComposeOptions()
    var options = ExecOptions()
    var index: Int?
    var noTerminal = false
    var arguments: [String] = []

    private var usesTerminal: Bool { !noTerminal && Console.input.isTerminal && Console.output.isTerminal }

    var signals: [Int32] { usesTerminal && !options.detached ? [SignalProxy.windowChange] : [] }

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        let runner = project.runner(loaded, session, project.console(loaded))
        let container = try await runner.container(of: arguments[0], index: index)
        var exec = options
        exec.tty = usesTerminal
        exec.interactive = !options.detached
        try await exec.run(in: container.id, Array(arguments.dropFirst()), session)
    }
}

/// `berth compose run`.
struct ComposeRunCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE [COMMAND] [ARGS...]", "Run a one-off command on a service", .atLeast(1),
        interspersed: false)
    static let flags: [Flag<ComposeRunCommand>] =
        ComposeImageOptions.flags.map { $0.lifted(to: \.images) } + [
            .list(\.capAdd, "cap-add", nil, "Add Linux capabilities"),
            .list(\.capDrop, "cap-drop", nil, "Drop Linux capabilities"),
            .bool(\.detached, "detach", "d", "Run container in background and print container ID"),
            .string(\.entrypoint, "entrypoint", nil, "Override the entrypoint of the image"),
            .list(\.environment, "env", "e", "Set environment variables", value: "stringArray"),
            .list(\.environmentFiles, "env-from-file", nil, "Set environment variables from file", value: "stringArray"),
            .bool(\.interactive, "interactive", "i", "Keep STDIN open even if not attached", fallback: "true"),
            .list(\.labels, "label", "l", "Add or override a label", value: "stringArray"),
            .string(\.name, "name", nil, "Assign a name to the container"),
            .bool(\.noDependencies, "no-deps", nil, "Don't start linked services"),
            .bool(\.noTerminal, "no-tty", "T", "Disable pseudo-TTY allocation"),
            .list(\.publish, "publish", "p", "Publish a container's port(s) to the host", value: "stringArray"),
            .bool(\.quiet, "quiet", "q", "Don't print anything to STDOUT"),
            .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers for services not defined in the Compose file"),
            .bool(\.removesAfter, "rm", nil, "Automatically remove the container when it exits"),
            .bool(\.servicePorts, "service-ports", "P", "Run command with all service's ports enabled and mapped to the host"),
            .bool(\.usesAliases, "use-aliases", nil, "Use the service's network useAliases in the network(s) the container connects to"),
            .string(\.user, "user", "u", "Run as specified username or uid"),
            .list(\.volumes, "volume", "v", "Bind mount a volume", value: "stringArray"),
            .string(\.workingDirectory, "workdir", "w", "Working directory inside the container"),
            .ignored("tty", "t", takesValue: false),
        ]

    var project = ComposeOptions()
    var images = ComposeImageOptions()
    var capAdd: [String] = []
    var capDrop: [String] = []
    var detached = false
    var entrypoint: String?
    var environment: [String] = []
    var environmentFiles: [String] = []
    var interactive: Bool?
    var labels: [String] = []
    var name: String?
    var noDependencies = false
    var noTerminal = false
    var publish: [String] = []
    var quiet = false
    var removeOrphans = false
    var removesAfter = false
    var servicePorts = false
    var usesAliases = false
    var user: String?
    var volumes: [String] = []
    var workingDirectory: String?
    var arguments: [String] = []

    private var usesTerminal: Bool {
        !noTerminal && !detached && Console.input.isTerminal && Console.output.isTerminal
    }

    var signals: [Int32] { detached ? [] : SignalProxy.forwarded }

    func run(in session: Session) async throws {
        let loaded = try project.load(session)
        let console = project.console(loaded, quiet: quiet)
        let runner = project.runner(loaded, session, console)
        let created = try await runner.createOneOff(try options(session))
        console.settle()
        if detached {
            try await session.client.startContainer(created.id)
            Console.print(created.name)
            return
        }
        try await AttachedRun(
            id: created.id, isTerminal: usesTerminal,
            streams: AttachedStreams(input: interactive ?? true, output: true, error: true), detachKeys: .standard,
            forwardsSignals: true, endsRemoved: removesAfter, session: session
        ).run { try await session.client.startContainer(created.id) }
    }

    private func options(_ session: Session) throws -> RunOptions {
        var options = RunOptions(service: arguments[0])
        options.command = Array(arguments.dropFirst())
        options.entrypoint = entrypoint.map { $0.isEmpty ? [] : $0.split(separator: " ").map(String.init) }
        let context = session.requestContext
        let files = try environmentFiles.map { (path: $0, text: try context.read(context.folder.absolute($0))) }
        options.environment = try EnvironmentSpec.merge(files: files, flags: [], environment: [:]) + environment
        options.user = user
        options.workingDirectory = workingDirectory
        options.labels = Parse.map(labels)
        options.name = name
        options.volumes = volumes
        options.publish = publish
        options.publishesServicePorts = servicePorts
        options.usesAliases = usesAliases
        options.capAdd = capAdd
        options.capDrop = capDrop
        options.tty = usesTerminal
        options.stdin = interactive ?? true
        options.removesAfter = removesAfter
        options.includesDependencies = !noDependencies
        options.removesOrphans = removeOrphans
        options.images = try images.policy()
        return options
    }
}
