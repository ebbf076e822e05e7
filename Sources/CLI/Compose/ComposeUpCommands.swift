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
        .bool(\.build, "build", nil, "Build images first"),
        .bool(\.noBuild, "no-build", nil, "Do not build images"),
        .custom(
            \.pull, "pull", nil, "When to pull images (\"always\", \"missing\", \"never\", \"build\")", value: "string",
            parsePull),
        .bool(\.quietPull, "quiet-pull", nil, "Print nothing while pulling"),
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
        policy.pullsQuietly = quietPull
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
            .bool(\.forceRecreate, "force-recreate", nil, "Replace containers even if nothing changed"),
            .bool(\.noRecreate, "no-recreate", nil, "Keep containers that are there, whatever changed"),
            .bool(
                \.removeOrphans, "remove-orphans", nil, "Remove containers of services that the files no longer have"),
            .list(\.scale, "scale", nil, "Number of containers of a service (SERVICE=NUM)", value: "stringArray"),
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
        options.removesOrphans =
            removeOrphans || environment["COMPOSE_REMOVE_ORPHANS"].map { $0 == "1" || $0 == "true" } ?? false
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Create and start services", .any)
    static let flags: [Flag<ComposeUpCommand>] =
        ComposeConvergeOptions.flags.map { $0.lifted(to: \.converge) } + [
            .bool(\.abortOnExit, "abort-on-container-exit", nil, "Stop all when one container ends"),
            .bool(\.abortOnFailure, "abort-on-container-failure", nil, "Stop all when one container fails"),
            .bool(\.alwaysRecreateDependencies, "always-recreate-deps", nil, "Replace what the services need as well"),
            .list(\.attach, "attach", nil, "Show only the output of this service (repeatable)", value: "stringArray"),
            .bool(\.attachDependencies, "attach-dependencies", nil, "Show the output of what the services need, too"),
            .bool(\.detached, "detach", "d", "Leave the containers running in the background"),
            .string(
                \.exitCodeFrom, "exit-code-from", nil, "Exit with the code of this service, stopping all when it ends"),
            .list(
                \.noAttach, "no-attach", nil, "Do not show the output of this service (repeatable)",
                value: "stringArray"),
            .bool(\.noColor, "no-color", nil, "No colours"),
            .bool(\.noDependencies, "no-deps", nil, "Leave alone what the services need"),
            .bool(\.noPrefix, "no-log-prefix", nil, "No names before lines"),
            .bool(\.noStart, "no-start", nil, "Create the containers only"),
            .bool(\.renewVolumes, "renew-anon-volumes", "V", "Make anonymous volumes anew instead of keeping them"),
            .int(\.timeout, "timeout", "t", "Seconds until a container that is stopped is killed"),
            .bool(\.timestamps, "timestamps", nil, "Put the time before each line"),
            .bool(\.waits, "wait", nil, "Wait until services run and are healthy, then return"),
            .int(\.waitTimeout, "wait-timeout", nil, "Most seconds to wait for that"),
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
                "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --exit-code-from or --attach"
            )
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
        let signals = session.signals.take()
        let listener = Task {
            for await _ in signals {
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Create the containers of services", .any)
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
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE=REPLICAS...", "Change the number of containers of services", .atLeast(1))
    static let flags: [Flag<ComposeScaleCommand>] = [
        .bool(\.noDependencies, "no-deps", nil, "Leave alone what the services need")
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICES]", "Stop and remove containers and networks", .any)
    static let flags: [Flag<ComposeDownCommand>] = [
        .bool(\.removeOrphans, "remove-orphans", nil, "Remove containers of services that the files no longer have"),
        .string(\.images, "rmi", nil, "Remove the images too: \"local\" those without a name of their own, or \"all\""),
        .int(\.timeout, "timeout", "t", "Seconds until a container is killed"),
        .bool(\.volumes, "volumes", "v", "Remove the project's volumes too"),
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
