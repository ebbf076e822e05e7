/// The labels that Docker Compose v2 writes and finds its own things by. Tools read them, so they
/// are the same here.
public enum Labels {
    public static let project = "com.docker.compose.project"
    public static let service = "com.docker.compose.service"
    public static let version = "com.docker.compose.version"
    public static let configHash = "com.docker.compose.config-hash"
    public static let containerNumber = "com.docker.compose.container-number"
    public static let oneOff = "com.docker.compose.oneoff"
    public static let dependsOn = "com.docker.compose.depends_on"
    public static let image = "com.docker.compose.image"
    public static let workingDirectory = "com.docker.compose.project.working_dir"
    public static let configFiles = "com.docker.compose.project.config_files"
    public static let replace = "com.docker.compose.replace"
    public static let network = "com.docker.compose.network"
    public static let volume = "com.docker.compose.volume"
    public static let slug = "com.docker.compose.slug"

    /// The release of Docker Compose whose conventions these are.
    public static let compatibleVersion = "2.40.0"

    /// A filter for everything of a project.
    static func filter(project: String) -> String { "\(Self.project)=\(project)" }

    /// A filter for the containers of a project. An image that Compose built bears the project's label, and
    /// whatever is run from it by hand has it from there: that is nobody's but the user's. Only what
    /// Compose made itself has a hash.
    static func containers(project: String) -> [String] { [filter(project: project), configHash] }

    /// The project that made a container; nil when none did.
    static func project(of labels: [String: String]) -> String? {
        labels[configHash] == nil ? nil : labels[project]
    }

    /// Go's spelling, which Compose writes and filters by.
    static func flag(_ value: Bool) -> String { value ? "True" : "False" }
}
