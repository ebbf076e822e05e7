/// Query of `GET /images/json`.
public struct ImageListOptions: QueryOptions {
    /// Intermediate images too.
    public var all: Bool
    public var filters: Filters
    public var sharedSize: Bool
    public var digests: Bool
    public var manifests: Bool

    public init(
        all: Bool = false, filters: Filters = Filters(), sharedSize: Bool = false, digests: Bool = false,
        manifests: Bool = false
    ) {
        self.all = all
        self.filters = filters
        self.sharedSize = sharedSize
        self.digests = digests
        self.manifests = manifests
    }

    public init(_ query: Query) throws {
        all = query.bool("all")
        filters = try Filters(query)
        sharedSize = query.bool("shared-size")
        digests = query.bool("digests")
        manifests = query.bool("manifests")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("all", all)
        try query.add(filters)
        query.add("shared-size", sharedSize)
        query.add("digests", digests)
        query.add("manifests", manifests)
        return query
    }
}

/// Query of `POST /images/create` with `fromImage`.
public struct ImagePullOptions: QueryOptions {
    /// A reference, with or without tag or digest.
    public var fromImage: String
    /// A tag, or a digest; `nil` and no tag in `fromImage` is all tags.
    public var tag: String?
    /// `os/architecture[/variant]`.
    public var platform: String?

    public init(fromImage: String, tag: String? = nil, platform: String? = nil) {
        self.fromImage = fromImage
        self.tag = tag
        self.platform = platform
    }

    public init(_ query: Query) throws {
        fromImage = try query.required("fromImage")
        tag = query.string("tag")
        platform = query.string("platform")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("fromImage", fromImage)
        query.add("tag", tag)
        query.add("platform", platform)
        return query
    }
}

/// Query of `POST /images/create` with `fromSrc`.
public struct ImageImportOptions: QueryOptions {
    /// `-` for the request's body, or a URL.
    public var fromSrc: String
    public var repo: String?
    public var tag: String?
    public var message: String?
    /// Dockerfile instructions.
    public var changes: [String]
    /// `os/architecture[/variant]`.
    public var platform: String?

    public init(
        fromSrc: String, repo: String? = nil, tag: String? = nil, message: String? = nil,
        changes: [String] = [], platform: String? = nil
    ) {
        self.fromSrc = fromSrc
        self.repo = repo
        self.tag = tag
        self.message = message
        self.changes = changes
        self.platform = platform
    }

    public init(_ query: Query) throws {
        fromSrc = try query.required("fromSrc")
        repo = query.string("repo")
        tag = query.string("tag")
        message = query.string("message")
        changes = query.all("changes")
        platform = query.string("platform")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("fromSrc", fromSrc)
        query.add("repo", repo)
        query.add("tag", tag)
        query.add("message", message)
        query.add("changes", changes)
        query.add("platform", platform)
        return query
    }
}

/// Query of `POST /images/{name}/push`.
public struct ImagePushOptions: QueryOptions {
    /// `nil` is all tags.
    public var tag: String?
    public var platform: OCIPlatform?

    public init(tag: String? = nil, platform: OCIPlatform? = nil) {
        self.tag = tag
        self.platform = platform
    }

    public init(_ query: Query) throws {
        tag = query.string("tag")
        platform = try query.json("platform")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("tag", tag)
        if let platform { try query.add("platform", json: platform) }
        return query
    }
}

/// Query of `GET /images/{name}/json`.
public struct ImageInspectOptions: QueryOptions {
    public var manifests: Bool
    public var platform: OCIPlatform?

    public init(manifests: Bool = false, platform: OCIPlatform? = nil) {
        self.manifests = manifests
        self.platform = platform
    }

    public init(_ query: Query) throws {
        manifests = query.bool("manifests")
        platform = try query.json("platform")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("manifests", manifests)
        if let platform { try query.add("platform", json: platform) }
        return query
    }
}

/// Query of `POST /images/{name}/tag`.
public struct ImageTagOptions: QueryOptions {
    public var repo: String?
    public var tag: String?

    public init(repo: String? = nil, tag: String? = nil) {
        self.repo = repo
        self.tag = tag
    }

    public init(_ query: Query) throws {
        repo = query.string("repo")
        tag = query.string("tag")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("repo", repo)
        query.add("tag", tag)
        return query
    }
}

/// Query of `DELETE /images/{name}`.
public struct ImageRemoveOptions: QueryOptions {
    public var force: Bool
    /// Keep untagged parents.
    public var noprune: Bool
    /// Each a platform in JSON.
    public var platforms: [String]

    public init(force: Bool = false, noprune: Bool = false, platforms: [String] = []) {
        self.force = force
        self.noprune = noprune
        self.platforms = platforms
    }

    public init(_ query: Query) throws {
        force = query.bool("force")
        noprune = query.bool("noprune")
        platforms = query.all("platforms")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("force", force)
        query.add("noprune", noprune)
        query.add("platforms", platforms)
        return query
    }
}

/// Query of `POST /images/load`.
public struct ImageLoadOptions: QueryOptions {
    public var quiet: Bool
    /// Each a platform in JSON.
    public var platforms: [String]

    public init(quiet: Bool = false, platforms: [String] = []) {
        self.quiet = quiet
        self.platforms = platforms
    }

    public init(_ query: Query) throws {
        quiet = query.bool("quiet")
        platforms = query.all("platform")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("quiet", quiet)
        query.add("platform", platforms)
        return query
    }
}

/// Query of `GET /images/search`.
public struct ImageSearchOptions: QueryOptions {
    public var term: String
    public var limit: Int?
    public var filters: Filters

    public init(term: String, limit: Int? = nil, filters: Filters = Filters()) {
        self.term = term
        self.limit = limit
        self.filters = filters
    }

    public init(_ query: Query) throws {
        term = try query.required("term")
        limit = try query.integer("limit")
        filters = try Filters(query)
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("term", term)
        query.add("limit", limit)
        try query.add(filters)
        return query
    }
}
