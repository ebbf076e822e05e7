import Client
import Compose
import Errors

/// `berth compose exec`.
struct ComposeExecCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE COMMAND [ARGS...]", "Run a command in a running container", .atLeast(2),
        interspersed: false)
    static let flags: [Flag<ComposeExecCommand>] = [
        .bool(\.options.detached, "detach", "d", "Leave the command running in the background"),
        .list(
            \.options.environment, "env", "e", "Variable of the environment (NAME=value, or NAME to pass on one's own)",
            value: "stringArray"),
        .int(\.index, "index", nil, "Number of the container among the service's"),
        .bool(\.noTerminal, "no-tty", "T", "No terminal"),
        .bool(\.options.privileged, "privileged", nil, "Run the command with all privileges"),
        .string(\.options.user, "user", "u", "User to run as"),
        .string(\.options.workingDirectory, "workdir", "w", "Working directory in the container"),
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
        "[OPTIONS] SERVICE [COMMAND] [ARGS...]", "Run a command once, in a container of a service", .atLeast(1),
        interspersed: false)
    static let flags: [Flag<ComposeRunCommand>] =
        ComposeImageOptions.flags.map { $0.lifted(to: \.images) } + [
            .list(\.capAdd, "cap-add", nil, "Capability to add"),
            .list(\.capDrop, "cap-drop", nil, "Capability to take away"),
            .bool(\.detached, "detach", "d", "Leave it running in the background and print its ID"),
            .string(\.entrypoint, "entrypoint", nil, "Program to run instead of the image's"),
            .list(
                \.environment, "env", "e", "Variable of the environment (NAME=value, or NAME to pass on one's own)",
                value: "stringArray"),
            .list(
                \.environmentFiles, "env-from-file", nil, "File with variables of the environment, one a line",
                value: "stringArray"),
            .bool(\.interactive, "interactive", "i", "Keep the input open", fallback: "true"),
            .list(\.labels, "label", "l", "Label of the container (key=value)", value: "stringArray"),
            .string(\.name, "name", nil, "Name of the container"),
            .bool(\.noDependencies, "no-deps", nil, "Leave alone what the services need"),
            .bool(\.noTerminal, "no-tty", "T", "No terminal"),
            .list(
                \.publish, "publish", "p", "Publish a port ([address:][host:]container[/protocol])",
                value: "stringArray"),
            .bool(\.quiet, "quiet", "q", "Print nothing but the command's output"),
            .bool(
                \.removeOrphans, "remove-orphans", nil, "Remove containers of services that the files no longer have"),
            .bool(\.removesAfter, "rm", nil, "Remove the container when it exits"),
            .bool(\.servicePorts, "service-ports", "P", "Publish the service's own ports"),
            .bool(\.usesAliases, "use-aliases", nil, "Make it known on networks by the service's names"),
            .string(\.user, "user", "u", "User to run as (name or number)"),
            .list(\.volumes, "volume", "v", "Volume or path to mount (source:target[:options])", value: "stringArray"),
            .string(\.workingDirectory, "workdir", "w", "Working directory in the container"),
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
        do {
            try await AttachedRun(
                id: created.id, isTerminal: usesTerminal,
                streams: AttachedStreams(input: interactive ?? true, output: true, error: true),
                detachKeys: .standard, forwardsSignals: true, endsRemoved: false, session: session
            ).run { try await session.client.startContainer(created.id) }
        } catch {
            // A service may have a restart policy, with which the daemon removes nothing by itself.
            if removesAfter { try? await session.client.removeContainer(created.id, volumes: true, force: true) }
            throw error
        }
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
