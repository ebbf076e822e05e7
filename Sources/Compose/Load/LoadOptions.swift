/// What the command line and the process's surroundings say about which project to load.
public struct LoadOptions: Sendable {
    /// How far the model is resolved.
    public enum Depth: Sendable {
        /// Everything, `env_file` and `label_file` included: for what creates containers.
        case full
        /// Without reading the services' further files: for `down`, `ps`, `logs` and the like, which
        /// must work when such a file is gone.
        case structure
    }

    /// `-f`, in order; `-` is standard input. Empty means `COMPOSE_FILE`, then the usual names.
    public var files: [String] = []
    /// `--project-directory`.
    public var projectDirectory: String?
    /// `-p`.
    public var projectName: String?
    /// `--profile`; `*` is all.
    public var profiles: [String] = []
    /// `--env-file`, in order, instead of `.env`.
    public var envFiles: [String] = []
    /// The process's environment.
    public var environment: [String: String]
    /// The process's working directory.
    public var currentDirectory: String
    public var depth: Depth = .full
    /// Whether `$…` is substituted (`config --no-interpolate` turns it off).
    public var interpolates: Bool = true
    /// Reads standard input for `-f -`.
    public var standardInput: @Sendable () throws -> String = { "" }

    public init(environment: [String: String], currentDirectory: String) {
        self.environment = environment
        self.currentDirectory = currentDirectory
    }
}
