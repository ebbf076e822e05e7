/// One line of `GET /events`. `status`, `id` and `from` repeat a container's or image's event for
/// clients older than 1.22.
public struct EventMessage: Codable, Equatable, Sendable {
    @OmitZero public var status: String
    @OmitZero public var id: String
    @OmitZero public var from: String
    /// `container`, `image`, `network`, `volume`, `builder`, `daemon`.
    @Zero public var type: String
    @Zero public var action: String
    public var actor: EventActor
    @Zero public var scope: String
    /// Seconds since 1970.
    @Zero public var time: Int64
    /// Nanoseconds since 1970.
    @Zero public var timeNano: Int64

    public init(
        status: String = "", id: String = "", from: String = "", type: String = "", action: String = "",
        actor: EventActor = EventActor(), scope: String = "", time: Int64 = 0, timeNano: Int64 = 0
    ) {
        self.status = status
        self.id = id
        self.from = from
        self.type = type
        self.action = action
        self.actor = actor
        self.scope = scope
        self.time = time
        self.timeNano = timeNano
    }

    enum CodingKeys: String, CodingKey {
        // In Docker's order; the engine's journal finds the time at the end of a line.
        case status, id, from
        case type = "Type"
        case action = "Action"
        case actor = "Actor"
        case scope, time, timeNano
    }
}

/// The object that an event is about.
public struct EventActor: Codable, Equatable, Sendable {
    @Zero public var id: String
    @Zero public var attributes: [String: String]

    public init(id: String = "", attributes: [String: String] = [:]) {
        self.id = id
        self.attributes = attributes
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case attributes = "Attributes"
    }
}

/// One line of the progress of a build, pull, push, load or import.
public struct ProgressMessage: Codable, Equatable, Sendable {
    /// Text of a build step, with its line end.
    @OmitZero public var stream: String
    @OmitZero public var status: String
    public var progressDetail: ProgressDetail?
    /// The layer that `status` is about.
    @OmitZero public var id: String
    /// A bar drawn for clients that cannot draw.
    @OmitZero public var progress: String
    @OmitZero public var error: String
    public var errorDetail: ErrorDetail?
    public var aux: ProgressAux?

    public init(
        stream: String = "", status: String = "", progressDetail: ProgressDetail? = nil, id: String = "",
        progress: String = "", error: String = "", errorDetail: ErrorDetail? = nil, aux: ProgressAux? = nil
    ) {
        self.stream = stream
        self.status = status
        self.progressDetail = progressDetail
        self.id = id
        self.progress = progress
        self.error = error
        self.errorDetail = errorDetail
        self.aux = aux
    }
}

/// How far something is, in bytes or in `units`.
public struct ProgressDetail: Codable, Equatable, Sendable {
    @OmitZero public var current: Int64
    @OmitZero public var total: Int64
    @OmitZero public var start: Int64
    @OmitZero public var hideCounts: Bool
    @OmitZero public var units: String

    public init(
        current: Int64 = 0, total: Int64 = 0, start: Int64 = 0, hideCounts: Bool = false, units: String = ""
    ) {
        self.current = current
        self.total = total
        self.start = start
        self.hideCounts = hideCounts
        self.units = units
    }

    enum CodingKeys: String, CodingKey {
        case current, total, start, units
        case hideCounts = "hidecounts"
    }
}

/// A failure after the response began.
public struct ErrorDetail: Codable, Equatable, Sendable {
    @OmitZero public var code: Int
    @OmitZero public var message: String

    public init(code: Int = 0, message: String = "") {
        self.code = code
        self.message = message
    }
}

/// What came out: `ID` of a built image; tag, digest and size of a pushed manifest.
public struct ProgressAux: Codable, Equatable, Sendable {
    @OmitZero public var id: String
    @OmitZero public var tag: String
    @OmitZero public var digest: String
    public var size: Int64?
    /// Berth's own, for clients that ask for it with the header `X-Berth-Progress: 1`.
    public var berth: BuildStepEvent?

    public init(
        id: String = "", tag: String = "", digest: String = "", size: Int64? = nil, berth: BuildStepEvent? = nil
    ) {
        self.id = id
        self.tag = tag
        self.digest = digest
        self.size = size
        self.berth = berth
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case tag = "Tag"
        case digest = "Digest"
        case size = "Size"
        case berth
    }
}

/// A step of a build began, wrote something, or ended.
public struct BuildStepEvent: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
        case start, log, done, cached, error
    }

    public var event: Kind
    /// From 1; steps of stages that are built side by side interleave.
    public var step: Int
    public var total: Int?
    /// The instruction as written.
    public var name: String?
    public var text: String?
    /// Since the step's start.
    public var seconds: Double?

    public init(
        event: Kind, step: Int, total: Int? = nil, name: String? = nil, text: String? = nil, seconds: Double? = nil
    ) {
        self.event = event
        self.step = step
        self.total = total
        self.name = name
        self.text = text
        self.seconds = seconds
    }
}
