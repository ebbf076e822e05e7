import Compose
import Errors

extension ComposeMember {
    /// Does something to the project as it runs, with or without its files.
    func withRunner(_ session: Session, quiet: Bool = false, _ work: (ProjectRunner) async throws -> Void) async throws
    {
        let loaded = try project.loadOrName(session)
        let console = project.console(loaded, quiet: quiet)
        try await work(project.runner(loaded, session, console))
        console.settle()
    }
}

/// `berth compose start`.
struct ComposeStartCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Start services that were stopped", .any)
    static let flags: [Flag<ComposeStartCommand>] = [
        .bool(\.waits, "wait", nil, "Wait until services run and are healthy"),
        .int(\.waitTimeout, "wait-timeout", nil, "Most seconds to wait for that"),
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
        .int(\.timeout, "timeout", "t", "Seconds until a container is killed")
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Restart services", .any)
    static let flags: [Flag<ComposeRestartCommand>] = [
        .bool(\.noDependencies, "no-deps", nil, "Leave alone what depends on them"),
        .int(\.timeout, "timeout", "t", "Seconds until a container is killed"),
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Kill services", .any)
    static let flags: [Flag<ComposeKillCommand>] = [
        .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers of services that the files no longer have"),
        .string(\.signal, "signal", "s", "Signal to send", fallback: "\"SIGKILL\""),
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
    static let syntax = CommandSyntax("[SERVICE...]", "Let paused services go on", .any)

    var project = ComposeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await withRunner(session) { try await $0.unpause(arguments) } }
}

/// `berth compose rm`.
struct ComposeRemoveCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Remove stopped containers of services", .any)
    static let flags: [Flag<ComposeRemoveCommand>] = [
        .bool(\.force, "force", "f", "Do not ask first"),
        .bool(\.stop, "stop", "s", "Stop running containers first"),
        .bool(\.volumes, "volumes", "v", "Remove their anonymous volumes too"),
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Build the images of services", .any)
    static let flags: [Flag<ComposeBuildCommand>] = [
        .list(\.buildArguments, "build-arg", nil, "Value of a build argument (NAME=value)", value: "stringArray"),
        .bool(\.noCache, "no-cache", nil, "Run every step, whatever is cached"),
        .bool(\.pull, "pull", nil, "Ask registries for newer base images"),
        .bool(\.push, "push", nil, "Push the images of services"),
        .bool(\.quiet, "quiet", "q", "Print nothing while building"),
        .bool(\.withDependencies, "with-dependencies", nil, "Build what the services need as well"),
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Pull the images of services", .any)
    static let flags: [Flag<ComposePullCommand>] = [
        .bool(\.options.skipsBuildable, "ignore-buildable", nil, "Leave out what can be built"),
        .bool(\.options.ignoresFailures, "ignore-pull-failures", nil, "Go on when an image cannot be pulled"),
        .bool(\.options.includesDependencies, "include-deps", nil, "Pull what the services need as well"),
        .custom(\.options.policy, "policy", nil, "Which images (\"missing\"|\"always\")", value: "string") { text in
            switch text {
            case "missing": .missing
            case "always": .always
            default: throw BerthError.invalidArgument("must be \"missing\" or \"always\"")
            }
        },
        .bool(\.quiet, "quiet", "q", "Print nothing while pulling"),
        .ignored("parallel", takesValue: false),
    ]

    var project = ComposeOptions()
    var options = PullOptions()
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session, depth: .structure)
        let console = project.console(loaded, quiet: quiet)
        var options = options
        options.services = arguments
        try await project.runner(loaded, session, console).pull(options)
        console.settle()
    }
}

/// `berth compose push`.
struct ComposePushCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Push the images of services", .any)
    static let flags: [Flag<ComposePushCommand>] = [
        .bool(\.options.ignoresFailures, "ignore-push-failures", nil, "Go on when an image cannot be pushed"),
        .bool(\.options.includesDependencies, "include-deps", nil, "Push what the services need as well"),
        .bool(\.quiet, "quiet", "q", "Print nothing while pushing"),
    ]

    var project = ComposeOptions()
    var options = PushOptions()
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session, depth: .structure)
        let console = project.console(loaded, quiet: quiet)
        var options = options
        options.services = arguments
        try await project.runner(loaded, session, console).push(options)
        console.settle()
    }
}
