/// Query of `GET /events`.
public struct EventsOptions: QueryOptions {
    public var since: UnixTime?
    public var until: UnixTime?
    public var filters: Filters

    public init(since: UnixTime? = nil, until: UnixTime? = nil, filters: Filters = Filters()) {
        self.since = since
        self.until = until
        self.filters = filters
    }

    public init(_ query: Query) throws {
        since = try query.time("since")
        until = try query.time("until")
        filters = try Filters(query)
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("since", since?.description)
        query.add("until", until?.description)
        try query.add(filters)
        return query
    }
}

/// Query of `GET /system/df`.
public struct DiskUsageOptions: QueryOptions {
    /// Any of `container`, `image`, `volume` and `build-cache`; empty is all.
    public var types: [String]

    public init(types: [String] = []) {
        self.types = types
    }

    public init(_ query: Query) throws {
        types = query.all("type")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("type", types)
        return query
    }
}

/// Query of `GET /networks/{id}`.
public struct NetworkInspectOptions: QueryOptions {
    public var verbose: Bool
    public var scope: String?

    public init(verbose: Bool = false, scope: String? = nil) {
        self.verbose = verbose
        self.scope = scope
    }

    public init(_ query: Query) throws {
        verbose = query.bool("verbose")
        scope = query.string("scope")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("verbose", verbose)
        query.add("scope", scope)
        return query
    }
}
