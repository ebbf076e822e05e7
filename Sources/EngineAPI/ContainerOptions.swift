import Errors

/// Query of `GET /containers/json`.
public struct ContainerListOptions: QueryOptions {
    /// Stopped containers too.
    public var all: Bool
    /// The most recently created ones only.
    public var limit: Int?
    /// With the sizes, which take time.
    public var size: Bool
    public var filters: Filters

    public init(all: Bool = false, limit: Int? = nil, size: Bool = false, filters: Filters = Filters()) {
        self.all = all
        self.limit = limit
        self.size = size
        self.filters = filters
    }

    public init(_ query: Query) throws {
        all = query.bool("all")
        limit = try query.integer("limit")
        size = query.bool("size")
        filters = try Filters(query)
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("all", all)
        query.add("limit", limit)
        query.add("size", size)
        try query.add(filters)
        return query
    }
}

/// Query of `GET /containers/{id}/logs`.
public struct LogsOptions: QueryOptions {
    public var follow: Bool
    public var stdout: Bool
    public var stderr: Bool
    public var since: UnixTime?
    public var until: UnixTime?
    public var timestamps: Bool
    /// A number of lines, or `all`, which `nil` means too.
    public var tail: String?
    public var details: Bool

    public init(
        follow: Bool = false, stdout: Bool = false, stderr: Bool = false, since: UnixTime? = nil,
        until: UnixTime? = nil, timestamps: Bool = false, tail: String? = nil, details: Bool = false
    ) {
        self.follow = follow
        self.stdout = stdout
        self.stderr = stderr
        self.since = since
        self.until = until
        self.timestamps = timestamps
        self.tail = tail
        self.details = details
    }

    public init(_ query: Query) throws {
        follow = query.bool("follow")
        stdout = query.bool("stdout")
        stderr = query.bool("stderr")
        since = try query.time("since")
        until = try query.time("until")
        timestamps = query.bool("timestamps")
        tail = query.string("tail")
        details = query.bool("details")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("follow", follow)
        query.add("stdout", stdout)
        query.add("stderr", stderr)
        query.add("since", since?.description)
        query.add("until", until?.description)
        query.add("timestamps", timestamps)
        query.add("tail", tail)
        query.add("details", details)
        return query
    }
}

/// Query of `POST /containers/{id}/attach`.
public struct AttachOptions: QueryOptions {
    public var stream: Bool
    public var stdin: Bool
    public var stdout: Bool
    public var stderr: Bool
    /// First what was written before.
    public var logs: Bool
    public var detachKeys: String?
    /// Without frames, for clients that speak WebSocket; not part of the query.
    public var isRaw = false

    public init(
        stream: Bool = false, stdin: Bool = false, stdout: Bool = false, stderr: Bool = false,
        logs: Bool = false, detachKeys: String? = nil
    ) {
        self.stream = stream
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.logs = logs
        self.detachKeys = detachKeys
    }

    public init(_ query: Query) throws {
        stream = query.bool("stream")
        stdin = query.bool("stdin")
        stdout = query.bool("stdout")
        stderr = query.bool("stderr")
        logs = query.bool("logs")
        detachKeys = query.string("detachKeys")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("stream", stream)
        query.add("stdin", stdin)
        query.add("stdout", stdout)
        query.add("stderr", stderr)
        query.add("logs", logs)
        query.add("detachKeys", detachKeys)
        return query
    }
}

/// Query of `POST /containers/{id}/stop` and `/restart`. `nil` takes the container's settings.
public struct StopOptions: QueryOptions {
    public var signal: String?
    /// Seconds until SIGKILL; negative waits for ever.
    public var timeout: Int?

    public init(signal: String? = nil, timeout: Int? = nil) {
        self.signal = signal
        self.timeout = timeout
    }

    public init(_ query: Query) throws {
        signal = query.string("signal")
        timeout = try query.integer("t")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("signal", signal)
        query.add("t", timeout)
        return query
    }
}

/// Query of `DELETE /containers/{id}`.
public struct ContainerRemoveOptions: QueryOptions {
    /// Its anonymous volumes too.
    public var volumes: Bool
    /// Kill it first.
    public var force: Bool
    /// Remove a link, not the container.
    public var link: Bool
    /// `berth-logs-to`, which only Berth knows: the container that takes its log over, as far as it is of the same
    /// project, service and file-based log driver and has none yet.
    public var logsTo: String?

    public init(volumes: Bool = false, force: Bool = false, link: Bool = false, logsTo: String? = nil) {
        self.volumes = volumes
        self.force = force
        self.link = link
        self.logsTo = logsTo
    }

    public init(_ query: Query) throws {
        volumes = query.bool("v")
        force = query.bool("force")
        link = query.bool("link")
        logsTo = query.string("berth-logs-to")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("v", volumes)
        query.add("force", force)
        query.add("link", link)
        query.add("berth-logs-to", logsTo)
        return query
    }
}

/// Query of `GET /containers/{id}/stats`.
public struct StatsOptions: QueryOptions {
    public var stream: Bool
    /// A single sample without the one before it.
    public var oneShot: Bool

    public init(stream: Bool = true, oneShot: Bool = false) {
        self.stream = stream
        self.oneShot = oneShot
    }

    public init(_ query: Query) throws {
        stream = query.bool("stream", default: true)
        oneShot = query.bool("one-shot")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("stream", stream, default: true)
        query.add("one-shot", oneShot)
        return query
    }
}

/// Query of the `resize` operations, in characters.
public struct ResizeOptions: QueryOptions {
    public var height: Int?
    public var width: Int?

    public init(height: Int? = nil, width: Int? = nil) {
        self.height = height
        self.width = width
    }

    public init(_ query: Query) throws {
        height = try query.integer("h")
        width = try query.integer("w")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("h", height)
        query.add("w", width)
        return query
    }
}

/// Query of `PUT /containers/{id}/archive`.
public struct ArchivePutOptions: QueryOptions {
    public var path: String
    public var noOverwriteDirNonDir: Bool
    public var copyUIDGID: Bool

    public init(path: String, noOverwriteDirNonDir: Bool = false, copyUIDGID: Bool = false) {
        self.path = path
        self.noOverwriteDirNonDir = noOverwriteDirNonDir
        self.copyUIDGID = copyUIDGID
    }

    public init(_ query: Query) throws {
        path = try query.required("path")
        noOverwriteDirNonDir = query.bool("noOverwriteDirNonDir")
        copyUIDGID = query.bool("copyUIDGID")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("path", path)
        query.add("noOverwriteDirNonDir", noOverwriteDirNonDir)
        query.add("copyUIDGID", copyUIDGID)
        return query
    }
}

/// Query of `POST /commit`.
public struct CommitOptions: QueryOptions {
    public var container: String
    public var repo: String?
    public var tag: String?
    public var comment: String?
    public var author: String?
    public var pause: Bool
    /// Dockerfile instructions.
    public var changes: [String]

    public init(
        container: String, repo: String? = nil, tag: String? = nil, comment: String? = nil,
        author: String? = nil, pause: Bool = true, changes: [String] = []
    ) {
        self.container = container
        self.repo = repo
        self.tag = tag
        self.comment = comment
        self.author = author
        self.pause = pause
        self.changes = changes
    }

    public init(_ query: Query) throws {
        container = try query.required("container")
        repo = query.string("repo")
        tag = query.string("tag")
        comment = query.string("comment")
        author = query.string("author")
        pause = query.bool("pause", default: true)
        changes = query.all("changes")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("container", container)
        query.add("repo", repo)
        query.add("tag", tag)
        query.add("comment", comment)
        query.add("author", author)
        query.add("pause", pause, default: true)
        query.add("changes", changes)
        return query
    }
}

/// What `POST /containers/{id}/wait` waits for.
public enum WaitCondition: String, Sendable, CaseIterable {
    /// Now, if the container is not running.
    case notRunning = "not-running"
    /// The next exit, even if the container is not running yet.
    case nextExit = "next-exit"
    case removed

    public init(_ query: Query) throws {
        guard let name = query.string("condition") else {
            self = .notRunning
            return
        }
        guard let condition = WaitCondition(rawValue: name) else {
            throw BerthError.invalidArgument("invalid condition: \"\(name)\"")
        }
        self = condition
    }
}
