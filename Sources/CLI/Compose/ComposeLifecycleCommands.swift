import Compose
import Errors

extension ComposeMember {
    /// Does something to the project as it runs, with or without its files.
    func withRunner(_ session: Session, quiet: Bool = false, _ work: (ProjectRunner) async throws -> Void) async throws {
        let loaded = try project.loadOrName(session)
        let console = project.console(loaded, quiet: quiet)
        try await work(project.runner(loaded, session, console))
        console.settle()
    }
}

/// `berth compose start`.
struct ComposeStartCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Start services", .any)
    static let flags: [Flag<ComposeStartCommand>] = [
        .bool(\.waits, "wait", nil, "Wait for services to be running|healthy"),
        .int(\.waitTimeout, "wait-timeout", nil, "Maximum duration in seconds to wait for the project to be running|healthy"),
    ]

    var project = ComposeOptions()
    var waits = false
    var waitTimeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await withRunner(session) {
            try await $0.start(arguments, waits: waits, waitTimeout: waitTimeout.map { .seconds($0) })
        }
    }
}

/// `berth compose stop`.
struct ComposeStopCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Stop services", .any)
    static let flags: [Flag<ComposeStopCommand>] = [
        .int(\.timeout, "timeout", "t", "Specify a shutdown timeout in seconds")
    ]

    var project = ComposeOptions()
    var timeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await withRunner(session) { try await $0.stop(arguments, timeout: timeout) }
    }
}

/// `berth compose restart`.
struct ComposeRestartCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Restart service containers", .any)
    static let flags: [Flag<ComposeRestartCommand>] = [
        .bool(\.noDependencies, "no-deps", nil, "Don't restart dependent services"),
        .int(\.timeout, "timeout", "t", "Specify a shutdown timeout in seconds"),
    ]

    var project = ComposeOptions()
    var noDependencies = false
    var timeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await withRunner(session) {
            try await $0.restart(arguments, timeout: timeout, includesDependents: !noDependencies)
        }
    }
}

/// `berth compose kill`.
struct ComposeKillCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Force stop service containers", .any)
    static let flags: [Flag<ComposeKillCommand>] = [
        .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers for services not defined in the Compose file"),
        .string(\.signal, "signal", "s", "SIGNAL to send to the container", fallback: "\"SIGKILL\""),
    ]

    var project = ComposeOptions()
    var removeOrphans = false
    var signal: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await withRunner(session) {
            try await $0.kill(arguments, signal: signal, removesOrphans: removeOrphans)
        }
    }
}

/// `berth compose pause`.
struct ComposePauseCommand: ComposeMember {
    static let syntax = CommandSyntax("[SERVICE...]", "Pause services", .any)

    var project = ComposeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await withRunner(session) { try await $0.pause(arguments) } }
}

/// `berth compose unpause`.
struct ComposeUnpauseCommand: ComposeMember {
    static let syntax = CommandSyntax("[SERVICE...]", "Unpause services", .any)

    var project = ComposeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await withRunner(session) { try await $0.unpause(arguments) } }
}

/// `berth compose rm`.
struct ComposeRemoveCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Removes stopped service containers", .any)
    static let flags: [Flag<ComposeRemoveCommand>] = [
        .bool(\.force, "force", "f", "Don't ask to confirm removal"),
        .bool(\.stop, "stop", "s", "Stop the containers, if required, before removing"),
        .bool(\.volumes, "volumes", "v", "Remove any anonymous volumes attached to containers"),
    ]

    var project = ComposeOptions()
    var force = false
    var stop = false
    var volumes = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await withRunner(session) { runner in
            if !force {
                let names = try await runner.removable(arguments, stopsFirst: stop)
                guard !names.isEmpty else {
                    Console.note("No stopped containers")
                    return
                }
                guard try Confirmation.ask("Going to remove \(names.joined(separator: ", "))") else { return }
            }
            try await runner.remove(arguments, stopsFirst: stop, volumes: volumes)
        }
    }
}

/// `berth compose build`.
struct ComposeBuildCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Build or rebuild services", .any)
    static let flags: [Flag<ComposeBuildCommand>] = [
        .list(\.buildArguments, "build-arg", nil, "Set build-time variables for services", value: "stringArray"),
        .bool(\.noCache, "no-cache", nil, "Do not use cache when building the image"),
        .bool(\.pull, "pull", nil, "Always attempt to pull a newer version of the image"),
        .bool(\.push, "push", nil, "Push service images"),
        .bool(\.quiet, "quiet", "q", "Suppress the build output"),
        .bool(\.withDependencies, "with-dependencies", nil, "Also build dependencies (transitively)"),
        .ignored("memory", "m", takesValue: true), .ignored("builder", takesValue: true),
        .ignored("progress", takesValue: true),
    ]

    var project = ComposeOptions()
    var buildArguments: [String] = []
    var noCache = false
    var pull = false
    var push = false
    var quiet = false
    var withDependencies = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session)
        let console = project.console(loaded, quiet: quiet)
        var settings = BuildSettings()
        settings.noCache = noCache
        settings.pull = pull
        settings.push = push
        for text in buildArguments {
            let (name, value) = Parse.pair(text)
            settings.arguments[name] = .some(value ?? session.environment[name])
        }
        try await project.runner(loaded, session, console)
            .build(arguments, settings, dependencies: withDependencies)
        console.settle()
    }
}

/// `berth compose pull`.
struct ComposePullCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Pull service images", .any)
    static let flags: [Flag<ComposePullCommand>] = [
        .bool(\.ignoreBuildable, "ignore-buildable", nil, "Ignore images that can be built"),
        .bool(\.ignoreFailures, "ignore-pull-failures", nil, "Pull what it can and ignores images with pull failures"),
        .bool(\.includeDependencies, "include-deps", nil, "Also pull services declared as dependencies"),
        .bool(\.quiet, "quiet", "q", "Pull without printing progress information"),
        .ignored("policy", takesValue: true), .ignored("parallel", takesValue: false),
    ]

    var project = ComposeOptions()
    var ignoreBuildable = false
    var ignoreFailures = false
    var includeDependencies = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session, depth: .structure)
        let console = project.console(loaded, quiet: quiet)
        try await project.runner(loaded, session, console).pull(
            arguments, dependencies: includeDependencies, skipsBuildable: ignoreBuildable,
            onFailure: ignoreFailures ? .warns : .fails)
        console.settle()
    }
}

/// `berth compose push`.
struct ComposePushCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Push service images", .any)
    static let flags: [Flag<ComposePushCommand>] = [
        .bool(\.ignoreFailures, "ignore-push-failures", nil, "Push what it can and ignores images with push failures"),
        .bool(\.includeDependencies, "include-deps", nil, "Also push images of services declared as dependencies"),
        .bool(\.quiet, "quiet", "q", "Push without printing progress information"),
    ]

    var project = ComposeOptions()
    var ignoreFailures = false
    var includeDependencies = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session, depth: .structure)
        let console = project.console(loaded, quiet: quiet)
        try await project.runner(loaded, session, console).push(
            arguments, dependencies: includeDependencies, onFailure: ignoreFailures ? .warns : .fails)
        console.settle()
    }
}
