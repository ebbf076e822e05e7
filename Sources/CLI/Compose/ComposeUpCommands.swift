import Compose
import EngineAPI
import Errors
import Glibc

/// Flags that say what becomes of images before containers are made.
struct ComposeImageOptions: Sendable {
    var build = false
    var noBuild = false
    var pull: PullChoice?
    var quietPull = false

    enum PullChoice: String, Sendable {
        case always, missing, never, build
    }

    static let flags: [Flag<ComposeImageOptions>] = [
        .bool(\.build, "build", nil, "Build images before starting containers"),
        .bool(\.noBuild, "no-build", nil, "Don't build an image, even if it's policy"),
        .custom(
            \.pull, "pull", nil, "Pull image before running (\"always\"|\"missing\"|\"never\")", value: "string",
            parsePull),
        .bool(\.quietPull, "quiet-pull", nil, "Pull without printing progress information"),
        .ignored("quiet-build", takesValue: false),
    ]

    private static let parsePull: @Sendable (String) throws -> PullChoice = { text in
        guard let choice = PullChoice(rawValue: text) else {
            throw BerthError.invalidArgument("must be one of \"always\", \"missing\", \"never\" or \"build\"")
        }
        return choice
    }

    func policy() throws(BerthError) -> ImagePolicy {
        guard !(build && noBuild) else { throw .invalidArgument("--build and --no-build are incompatible") }
        var policy = ImagePolicy()
        policy.building = build ? .always : noBuild ? .never : .missing
        switch pull {
        case .always?: policy.pulling = .always
        case .missing?: policy.pulling = .missing
        case .never?: policy.pulling = .never
        case .build?: policy.pulling = .build
        case nil: break
        }
        return policy
    }
}

/// Flags that `up` and `create` share.
struct ComposeConvergeOptions: Sendable {
    var images = ComposeImageOptions()
    var forceRecreate = false
    var noRecreate = false
    var removeOrphans = false
    var scale: [String] = []

    static let flags: [Flag<ComposeConvergeOptions>] =
        ComposeImageOptions.flags.map { $0.lifted(to: \.images) } + [
            .bool(\.forceRecreate, "force-recreate", nil, "Recreate containers even if their configuration and image haven't changed"),
            .bool(\.noRecreate, "no-recreate", nil, "If containers already exist, don't recreate them. Incompatible with --force-recreate."),
            .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers for services not defined in the Compose file"),
            .list(\.scale, "scale", nil, "Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.", value: "stringArray"),
            .ignored("yes", "y", takesValue: false),
        ]

    func upOptions(_ services: [String], _ environment: [String: String]) throws(BerthError) -> UpOptions {
        guard !(forceRecreate && noRecreate) else {
            throw .invalidArgument("--force-recreate and --no-recreate are incompatible")
        }
        var options = UpOptions()
        options.services = services
        options.images = try images.policy()
        options.recreation = forceRecreate ? .always : noRecreate ? .never : .changed
        options.removesOrphans = removeOrphans || environment["COMPOSE_REMOVE_ORPHANS"].map { $0 == "1" || $0 == "true" } ?? false
        options.scale = try ScaleSpec.parse(scale)
        return options
    }
}

enum ScaleSpec {
    /// `SERVICE=NUM`.
    static func parse(_ texts: [String]) throws(BerthError) -> [String: Int] {
        var scale: [String: Int] = [:]
        for text in texts {
            let (name, value) = Parse.pair(text)
            guard let number = value.flatMap({ Int($0) }), number >= 0 else {
                throw .invalidArgument("invalid scale specifier \"\(text)\": expected SERVICE=NUM")
            }
            scale[name] = number
        }
        return scale
    }
}

/// `berth compose up`.
struct ComposeUpCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Create and start containers", .any)
    static let flags: [Flag<ComposeUpCommand>] =
        ComposeConvergeOptions.flags.map { $0.lifted(to: \.converge) } + [
            .bool(\.abortOnExit, "abort-on-container-exit", nil, "Stops all containers if any container was stopped. Incompatible with -d"),
            .bool(\.abortOnFailure, "abort-on-container-failure", nil, "Stops all containers if any container exited with failure. Incompatible with -d"),
            .bool(\.alwaysRecreateDependencies, "always-recreate-deps", nil, "Recreate dependent containers. Incompatible with --no-recreate."),
            .list(\.attach, "attach", nil, "Restrict attaching to the specified services", value: "stringArray"),
            .bool(\.attachDependencies, "attach-dependencies", nil, "Automatically attach to log output of dependent services"),
            .bool(\.detached, "detach", "d", "Detached mode: Run containers in the background"),
            .string(\.exitCodeFrom, "exit-code-from", nil, "Return the exit code of the selected service container. Implies --abort-on-container-exit"),
            .list(\.noAttach, "no-attach", nil, "Do not attach (stream logs) to the specified services", value: "stringArray"),
            .bool(\.noColor, "no-color", nil, "Produce monochrome output"),
            .bool(\.noDependencies, "no-deps", nil, "Don't start linked services"),
            .bool(\.noPrefix, "no-log-prefix", nil, "Don't print prefix in logs"),
            .bool(\.noStart, "no-start", nil, "Don't start the services after creating them"),
            .bool(\.renewVolumes, "renew-anon-volumes", "V", "Recreate anonymous volumes instead of retrieving data from the previous containers"),
            .int(\.timeout, "timeout", "t", "Use this timeout in seconds for container shutdown when attached or when containers are already running"),
            .bool(\.timestamps, "timestamps", nil, "Show timestamps"),
            .bool(\.waits, "wait", nil, "Wait for services to be running|healthy. Implies detached mode."),
            .int(\.waitTimeout, "wait-timeout", nil, "Maximum duration in seconds to wait for the project to be running|healthy"),
            .ignored("menu", takesValue: false),
        ]

    var project = ComposeOptions()
    var converge = ComposeConvergeOptions()
    var abortOnExit = false
    var abortOnFailure = false
    var alwaysRecreateDependencies = false
    var attach: [String] = []
    var attachDependencies = false
    var detached = false
    var exitCodeFrom: String?
    var noAttach: [String] = []
    var noColor = false
    var noDependencies = false
    var noPrefix = false
    var noStart = false
    var renewVolumes = false
    var timeout: Int?
    var timestamps = false
    var waits = false
    var waitTimeout: Int?
    var arguments: [String] = []

    private var isInFront: Bool { !detached && !waits && !noStart }

    var signals: [Int32] { isInFront ? [SIGINT, SIGTERM] : [] }

    func run(in session: Session) async throws {
        if detached, abortOnExit || abortOnFailure || exitCodeFrom != nil || !attach.isEmpty {
            throw BerthError.invalidArgument(
                "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --exit-code-from or --attach")
        }
        let loaded = try project.load(session)
        let console = project.console(loaded, prefixes: !noPrefix, colors: !noColor)
        let runner = project.runner(loaded, session, console)
        let options = try options(session)
        guard isInFront else {
            try await runner.up(options)
            console.settle()
            return
        }
        try await follow(UpSession(runner, options, front), session, console)
    }

    private func options(_ session: Session) throws -> UpOptions {
        var options = try converge.upOptions(arguments, session.environment)
        options.includesDependencies = !noDependencies
        options.recreatesDependencies = alwaysRecreateDependencies
        options.renewsVolumes = renewVolumes
        options.timeout = timeout
        options.starts = !noStart
        options.waits = waits
        options.waitTimeout = waitTimeout.map { .seconds($0) }
        return options
    }

    private var front: FrontOptions {
        var front = FrontOptions()
        front.onExit = abortOnExit ? .abort : abortOnFailure ? .abortOnFailure : .goOn
        front.exitCodeFrom = exitCodeFrom
        front.attach = Set(attach)
        front.noAttach = Set(noAttach)
        front.attachesDependencies = attachDependencies
        front.timestamps = timestamps
        return front
    }

    private func follow(_ up: UpSession, _ session: Session, _ console: ComposeConsole) async throws {
        let listener = Task {
            for await _ in session.signals.values {
                console.settle()
                Console.note("Gracefully Stopping... press Ctrl+C again to force")
                // Not waited for, so that a second signal is heard meanwhile.
                Task { await up.interrupt() }
            }
        }
        defer { listener.cancel() }
        switch try await up.run() {
        case .interrupted: throw ExitCode(130)
        case .ended(let code): if code != 0 { throw ExitCode(Int32(truncatingIfNeeded: code)) }
        }
    }
}

/// `berth compose create`.
struct ComposeCreateCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Creates containers for a service", .any)
    static let flags: [Flag<ComposeCreateCommand>] = ComposeConvergeOptions.flags.map { $0.lifted(to: \.converge) }

    var project = ComposeOptions()
    var converge = ComposeConvergeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session)
        let console = project.console(loaded)
        var options = try converge.upOptions(arguments, session.environment)
        options.starts = false
        try await project.runner(loaded, session, console).up(options)
        console.settle()
    }
}

/// `berth compose scale`.
struct ComposeScaleCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] SERVICE=REPLICAS...", "Scale services", .atLeast(1))
    static let flags: [Flag<ComposeScaleCommand>] = [
        .bool(\.noDependencies, "no-deps", nil, "Don't start linked services")
    ]

    var project = ComposeOptions()
    var noDependencies = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.load(session)
        let console = project.console(loaded)
        var options = UpOptions()
        options.scale = try ScaleSpec.parse(arguments)
        options.services = options.scale.keys.sorted()
        options.includesDependencies = !noDependencies
        options.recreation = .never
        try await project.runner(loaded, session, console).up(options)
        console.settle()
    }
}

/// `berth compose down`.
struct ComposeDownCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICES]", "Stop and remove containers, networks", .any)
    static let flags: [Flag<ComposeDownCommand>] = [
        .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers for services not defined in the Compose file"),
        .string(\.images, "rmi", nil, "Remove images used by services. \"local\" remove only images that don't have a custom tag (\"local\"|\"all\")"),
        .int(\.timeout, "timeout", "t", "Specify a shutdown timeout in seconds"),
        .bool(\.volumes, "volumes", "v", "Remove named volumes declared in the \"volumes\" section of the Compose file and anonymous volumes attached to containers"),
    ]

    var project = ComposeOptions()
    var removeOrphans = false
    var images: String?
    var timeout: Int?
    var volumes = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        let console = project.console(loaded)
        var options = DownOptions()
        options.services = arguments
        options.removesOrphans = removeOrphans
        options.removesVolumes = volumes
        options.timeout = timeout
        switch images {
        case nil, ""?: options.images = .kept
        case "local"?: options.images = .local
        case "all"?: options.images = .all
        case let other?: throw BerthError.invalidArgument("invalid value for --rmi: \"\(other)\"")
        }
        try await project.runner(loaded, session, console).down(options)
        console.settle()
    }
}
