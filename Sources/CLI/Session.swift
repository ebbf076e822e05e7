import Client
import Errors
import FoundationEssentials

/// Flags before the command's name.
struct GlobalOptions: Sendable {
    var host: String?
    var context: String?
    var configFolder: String?
    var debug = false
    var logLevel: String?
    var printsVersion = false

    static let flags: [Flag<GlobalOptions>] = [
        .string(\.host, "host", "H", "Daemon to talk to (unix:///path or tcp://host:port)"),
        .string(
            \.context, "context", "c", "Accepted for the sake of scripts; there is only the context \"default\""),
        .string(\.configFolder, "config", nil, "Folder of the client's settings", fallback: "\"~/.docker\""),
        .bool(\.debug, "debug", "D", "Say more"),
        .string(
            \.logLevel, "log-level", "l", "How much to say (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")",
            fallback: "\"info\""),
        .bool(\.printsVersion, "version", "v", "Print the version and end"),
    ]
}

/// What a command may use: the daemon, the environment, the signals that it asked for.
struct Session: Sendable {
    let client: EngineClient
    let environment: [String: String]
    let configFolder: String
    let program: Program
    /// As the user typed it: `berth container ls`, for messages that name the command.
    let path: String
    let signals: Signals
    let debug: Bool

    init(
        _ options: GlobalOptions, environment: [String: String], program: Program, path: String, signals: Signals
    ) throws {
        if let context = options.context ?? environment["DOCKER_CONTEXT"], context != "default", !context.isEmpty {
            throw BerthError.notFound(
                "context \"\(context)\": context not found; use -H or BERTH_HOST to choose a daemon")
        }
        let host = try EngineHost.choose(flag: options.host, environment: environment)
        let launcher = DaemonLauncher(for: host, environment: environment) { Console.note($0) }
        client = EngineClient(host: host, launcher: launcher)
        self.environment = environment
        configFolder =
            options.configFolder ?? environment["DOCKER_CONFIG"] ?? (environment["HOME"] ?? "/root") + "/.docker"
        self.program = program
        self.path = path
        self.signals = signals
        debug = options.debug
    }
}
