import Client
import Compose
import Errors
import Linux

/// Flags of Compose before the command's name.
struct ComposeOptions: Sendable {
    var files: [String] = []
    var projectName: String?
    var projectDirectory: String?
    var profiles: [String] = []
    var environmentFiles: [String] = []
    var ansi: String?
    var progress: String?
    var isCompatible = false
    var printsVersion = false

    static let flags: [Flag<ComposeOptions>] = [
        .string(
            \.ansi, "ansi", nil, "When to use colours and redraw lines (\"never\", \"always\", \"auto\")",
            fallback: "\"auto\""),
        .bool(\.isCompatible, "compatibility", nil, "Name containers as Compose v1 did, with _"),
        .list(
            \.environmentFiles, "env-file", nil, "File of variables instead of .env (repeatable)", value: "stringArray"),
        .list(
            \.files, "file", "f", "Compose file (repeatable; later ones override earlier ones)", value: "stringArray"),
        .list(\.profiles, "profile", nil, "Profile to switch on (repeatable)", value: "stringArray"),
        .string(\.progress, "progress", nil, "How progress is shown (auto, tty, plain, quiet)"),
        .string(\.projectDirectory, "project-directory", nil, "Folder that relative paths start from"),
        .string(\.projectName, "project-name", "p", "Name of the project"),
        .bool(\.printsVersion, "version", "v", "Show the version"),
        .ignored("all-resources", takesValue: false), .ignored("no-ansi", takesValue: false),
        .ignored("parallel", takesValue: true), .ignored("verbose", takesValue: false),
    ]

    func loadOptions(_ session: Session) -> LoadOptions {
        var options = LoadOptions(environment: session.environment, currentDirectory: session.workingFolder.path)
        options.files = files
        options.projectDirectory = projectDirectory
        options.projectName = projectName
        options.profiles = profiles
        options.envFiles = environmentFiles
        options.standardInput = { String(decoding: try Console.input.readToEnd(), as: UTF8.self) }
        return options
    }

    /// The project as its files have it.
    func load(_ session: Session, depth: LoadOptions.Depth = .full) throws(BerthError) -> Project {
        var options = loadOptions(session)
        options.depth = depth
        return try Loader.load(options)
    }

    /// The project, by its name alone where there are no files: what runs can be seen and stopped
    /// without them.
    func loadOrName(_ session: Session) throws(BerthError) -> Project {
        do throws(BerthError) {
            return try load(session, depth: .structure)
        } catch {
            let name = projectName ?? session.environment["COMPOSE_PROJECT_NAME"] ?? ""
            guard error.code == .notFound, files.isEmpty, !name.isEmpty else { throw error }
            return Project(name: name)
        }
    }

    func runner(_ project: Project, _ session: Session, _ console: ComposeConsole) -> ProjectRunner {
        ProjectRunner(
            project, engine: engine(session),
            builder: ServiceBuilder(session: session, display: console.buildDisplay),
            locality: session.client.host.isLocal ? .local : .remote, separator: isCompatible ? "_" : "-",
            report: { console.show($0) })
    }

    func engine(_ session: Session) -> DaemonEngine {
        DaemonEngine(session.client) { image in
            (try? RegistryCredentials(session).auth(forImage: image)) ?? nil
        }
    }

    /// - Parameter project: gives the width of the log's prefix.
    func console(_ project: Project?, quiet: Bool = false, prefixes: Bool = true, colors: Bool = true) -> ComposeConsole
    {
        ComposeConsole(
            style: quiet ? .quiet : style, projectName: project?.name ?? "",
            prefixWidth: project?.longestContainerName ?? 0, prefixes: prefixes,
            colors: colors && ansi != "never" && (ansi == "always" || Console.output.isTerminal))
    }

    private var style: ComposeConsole.Style {
        switch progress {
        case "quiet": .quiet
        case "plain", "json": .plain
        case "tty": .live
        default: Console.error.isTerminal && ansi != "never" ? .live : .plain
        }
    }
}

extension EngineHost {
    /// Whether the daemon sees this machine's files and ports.
    var isLocal: Bool {
        switch address {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || host.hasPrefix("127.") || host == "::1"
        }
    }
}

extension Project {
    fileprivate var longestContainerName: Int {
        services.values.map { service in
            (service.containerName ?? "\(service.name)-\(max(1, service.replicas))").count
        }.max() ?? 0
    }
}

/// A command of Compose's, which knows the project that it is about.
protocol ComposeMember: Command {
    var project: ComposeOptions { get set }
}
