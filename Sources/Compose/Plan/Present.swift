import EngineAPI

/// A container of the project as the engine has it.
public struct PresentContainer: Sendable, Equatable {
    public enum State: String, Sendable {
        case created, running, paused, restarting, removing, exited, dead
    }

    public var id: String
    /// Without the leading slash.
    public var name: String
    /// Empty for a container that only carries the project's label.
    public var service: String
    public var number: Int
    public var isOneOff: Bool
    public var state: State
    public var configHash: String
    /// The image's ID that the container was made from.
    public var imageID: String
    /// ID by name of the networks it is attached to.
    public var networks: [String: String]
    public var labels: [String: String]
    public var mounts: [MountPoint]
    public var ports: [EngineAPI.Port]

    public init(
        id: String, name: String, service: String, number: Int = 1, isOneOff: Bool = false, state: State = .running,
        configHash: String = "", imageID: String = "", networks: [String: String] = [:], labels: [String: String] = [:],
        mounts: [MountPoint] = [], ports: [EngineAPI.Port] = []
    ) {
        self.id = id
        self.name = name
        self.service = service
        self.number = number
        self.isOneOff = isOneOff
        self.state = state
        self.configHash = configHash
        self.imageID = imageID
        self.networks = networks
        self.labels = labels
        self.mounts = mounts
        self.ports = ports
    }

    init(_ summary: ContainerSummary) {
        let labels = summary.labels
        self.init(
            id: summary.id,
            name: String((summary.names.first ?? summary.id).drop { $0 == "/" }),
            service: labels[Labels.service] ?? "",
            number: labels[Labels.containerNumber].flatMap { Int($0) } ?? 1,
            isOneOff: labels[Labels.oneOff] == Labels.flag(true),
            state: State(rawValue: summary.state) ?? .exited,
            configHash: labels[Labels.configHash] ?? "",
            imageID: labels[Labels.image] ?? summary.imageID,
            networks: (summary.networkSettings?.networks ?? [:]).mapValues(\.networkID),
            labels: labels,
            mounts: summary.mounts,
            ports: summary.ports)
    }

    public var isRunning: Bool { state == .running || state == .paused || state == .restarting }
    var shortID: String { String(id.prefix(12)) }
}

/// A network with a name that the project uses.
public struct PresentNetwork: Sendable, Equatable {
    public var id: String
    public var name: String
    public var labels: [String: String]

    public init(id: String, name: String, labels: [String: String] = [:]) {
        self.id = id
        self.name = name
        self.labels = labels
    }
}

/// What is there when a plan is made.
public struct Present: Sendable {
    /// The project's containers, stopped ones included.
    public var containers: [PresentContainer]
    /// By name: those that carry the project's label and those that the project refers to.
    public var networks: [String: PresentNetwork]
    /// Labels by name of the volumes, chosen in the same way.
    public var volumes: [String: [String: String]]
    /// The ID of each service's image, for those that are there.
    public var imageIDs: [String: String]

    public init(
        containers: [PresentContainer] = [], networks: [String: PresentNetwork] = [:],
        volumes: [String: [String: String]] = [:], imageIDs: [String: String] = [:]
    ) {
        self.containers = containers
        self.networks = networks
        self.volumes = volumes
        self.imageIDs = imageIDs
    }

    /// A service's containers in the order of their numbers, without one-off ones.
    func containers(of service: String) -> [PresentContainer] {
        containers.filter { $0.service == service && !$0.isOneOff }.sorted { $0.number < $1.number }
    }
}
