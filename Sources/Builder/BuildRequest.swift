public import Linux
public import OCI

/// What to build. The defaults are those of `docker build`.
public struct BuildRequest: Sendable {
    /// Where COPY and ADD find their files.
    public enum Context: Sendable {
        /// A directory of the host. It is only read.
        case directory(String)
        /// A tar, plain or compressed, read from this descriptor to its end.
        case archive(FileDescriptor)
        /// A URL of a tar, or of a Dockerfile that needs no files.
        case remote(String)
        /// No files at all.
        case empty
    }

    public enum DockerfileSource: Sendable {
        /// A path in the context. Nil looks for `Dockerfile`, then `dockerfile`.
        case path(String?)
        case text(String)
    }

    public var context: Context
    public var dockerfile: DockerfileSource
    public var tags: [Reference] = []
    public var arguments: [String: String] = [:]
    public var labels: [String: String] = [:]
    /// A stage's name or index; nil is the last stage.
    public var target: String?
    public var noCache = false
    /// Fetch base images even if they are here.
    public var pull = false
    public var network = RunStep.Network.standard
    /// Nil is the host's, and for images that are here whatever they are.
    public var platform: Platform?
    public var extraHosts: [String] = []
    public var shmSize: Int64?
    public var ulimits: [Ulimit] = []
    public var cgroupParent: String?
    public var handsCABundle = false
    /// By id, for `RUN --mount=type=secret`.
    public var secrets: [String: [UInt8]] = [:]

    public init(context: Context, dockerfile: DockerfileSource = .path(nil)) {
        self.context = context
        self.dockerfile = dockerfile
    }
}
