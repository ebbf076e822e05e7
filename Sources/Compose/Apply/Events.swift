import EngineAPI

/// What happens while Compose works, for whoever shows it.
public enum ComposeEvent: Sendable {
    /// A thing changed its state.
    case progress(ComposeResource, ComposeActivity)
    /// Progress of a pull or push.
    case transfer(service: String, image: String, ProgressMessage)
    /// A line that a container wrote.
    case log(LogLine)
    /// A container that `up` or `logs` follows ended.
    case exited(container: String, service: String, code: Int)
    /// What the user should know although nothing failed.
    case warning(String)
}

/// A thing that Compose works on.
public struct ComposeResource: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case container = "Container"
        case network = "Network"
        case volume = "Volume"
        case image = "Image"
        case service = "Service"
    }

    public var kind: Kind
    public var name: String

    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }
}

/// What is being done, or was done, to a thing.
public enum ComposeActivity: Sendable, Equatable {
    case creating, created
    case recreating, recreated
    case starting, started
    case running
    case waiting, healthy
    /// A container that others wait for ended well.
    case completed
    case stopping, stopped
    case restarting, restarted
    case killing, killed
    case pausing, paused
    case unpausing, unpaused
    case removing, removed
    case building, built
    case pulling, pulled
    case pushing, pushed
    case skipped(reason: String)
    case failed(message: String)

    /// As Docker Compose shows it.
    public var text: String {
        switch self {
        case .skipped(let reason): "Skipped - \(reason)"
        case .failed(let message): "Error \(message)"
        default: "\(self)".prefix(1).uppercased() + "\(self)".dropFirst()
        }
    }

    /// Whether something is still to come for the thing.
    public var isOngoing: Bool {
        switch self {
        case .creating, .recreating, .starting, .waiting, .stopping, .restarting, .killing, .pausing, .unpausing,
            .removing, .building, .pulling, .pushing:
            true
        default: false
        }
    }
}

/// A line of a container's output.
public struct LogLine: Sendable, Equatable {
    public enum Stream: Sendable { case output, error }

    public var service: String
    /// The container's name.
    public var container: String
    public var stream: Stream
    /// RFC 3339 with nanoseconds, when it was asked for.
    public var timestamp: String?
    /// Without the line end.
    public var text: String

    public init(service: String, container: String, stream: Stream, timestamp: String? = nil, text: String) {
        self.service = service
        self.container = container
        self.stream = stream
        self.timestamp = timestamp
        self.text = text
    }
}

/// Builds images. The CLI packs contexts and shows the builder's output, so it is the CLI that
/// provides this.
public protocol ImageBuilder: Sendable {
    /// Builds one service's image and gives it all of the request's tags.
    func build(_ request: ImageBuildRequest) async throws
}

/// What an image of a service is built from.
public struct ImageBuildRequest: Sendable {
    public var service: String
    public var build: Build
    /// The image's names, the service's own first.
    public var tags: [String]
    /// Compose's labels and those of `build.labels`.
    public var labels: [String: String]
    /// `build.args` and those of the command line, with the values that the environment gave.
    public var arguments: [String: String]
    public var platform: String?
    public var noCache: Bool
    public var pull: Bool
    /// The secrets that `build.secrets` names: ID, and where the content is.
    public var secrets: [(id: String, origin: ProjectFile.Origin)]
}

/// Settings of `build` that come from the command line.
public struct BuildSettings: Sendable {
    public var noCache = false
    public var pull = false
    public var arguments: [String: String?] = [:]
    public var push = false

    public init() {}
}
