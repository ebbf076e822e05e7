/// Query of `POST /build`, the classic builder.
public struct BuildOptions: QueryOptions {
    /// Path in the context; `nil` is `Dockerfile`.
    public var dockerfile: String?
    public var tags: [String]
    /// `name:address`.
    public var extraHosts: [String]
    /// A Git or HTTP URL to take the context from.
    public var remote: String?
    public var quiet: Bool
    public var noCache: Bool
    public var cacheFrom: [String]
    /// Look for newer base images.
    public var pull: Bool
    public var remove: Bool
    public var forceRemove: Bool
    /// Bytes.
    public var memory: Int64?
    /// Bytes with memory; -1 is no limit.
    public var memorySwap: Int64?
    public var cpuShares: Int64?
    public var cpusetCpus: String?
    public var cpusetMems: String?
    /// Microseconds.
    public var cpuPeriod: Int64?
    /// Microseconds.
    public var cpuQuota: Int64?
    /// `nil` takes the value of the client's environment, which the engine does not have.
    public var buildArgs: [String: String?]
    /// Bytes.
    public var shmSize: Int64?
    public var ulimits: [Ulimit]
    public var squash: Bool
    public var labels: [String: String]
    public var networkMode: String?
    public var cgroupParent: String?
    public var securityOpt: [String]
    /// `os/architecture[/variant]`.
    public var platform: String?
    /// The stage to stop at.
    public var target: String?
    /// BuildKit's outputs in JSON.
    public var outputs: String?
    /// `1` is the classic builder, `2` BuildKit.
    public var version: String?
    /// A name for `POST /build/cancel`.
    public var buildID: String?
    /// BuildKit's session.
    public var session: String?
    /// Berth's own: make the host's CA certificates known to the steps.
    public var caBundle: Bool
    /// Send `BuildStepEvent`s besides the classic builder's lines (header `X-Berth-Progress`).
    public var reportsSteps = false

    public init(
        dockerfile: String? = nil, tags: [String] = [], extraHosts: [String] = [], remote: String? = nil,
        quiet: Bool = false, noCache: Bool = false, cacheFrom: [String] = [], pull: Bool = false,
        remove: Bool = true, forceRemove: Bool = false, memory: Int64? = nil, memorySwap: Int64? = nil,
        cpuShares: Int64? = nil, cpusetCpus: String? = nil, cpusetMems: String? = nil,
        cpuPeriod: Int64? = nil, cpuQuota: Int64? = nil, buildArgs: [String: String?] = [:],
        shmSize: Int64? = nil, ulimits: [Ulimit] = [], squash: Bool = false, labels: [String: String] = [:],
        networkMode: String? = nil, cgroupParent: String? = nil, securityOpt: [String] = [],
        platform: String? = nil, target: String? = nil, outputs: String? = nil, version: String? = nil,
        buildID: String? = nil, session: String? = nil, caBundle: Bool = false
    ) {
        self.dockerfile = dockerfile
        self.tags = tags
        self.extraHosts = extraHosts
        self.remote = remote
        self.quiet = quiet
        self.noCache = noCache
        self.cacheFrom = cacheFrom
        self.pull = pull
        self.remove = remove
        self.forceRemove = forceRemove
        self.memory = memory
        self.memorySwap = memorySwap
        self.cpuShares = cpuShares
        self.cpusetCpus = cpusetCpus
        self.cpusetMems = cpusetMems
        self.cpuPeriod = cpuPeriod
        self.cpuQuota = cpuQuota
        self.buildArgs = buildArgs
        self.shmSize = shmSize
        self.ulimits = ulimits
        self.squash = squash
        self.labels = labels
        self.networkMode = networkMode
        self.cgroupParent = cgroupParent
        self.securityOpt = securityOpt
        self.platform = platform
        self.target = target
        self.outputs = outputs
        self.version = version
        self.buildID = buildID
        self.session = session
        self.caBundle = caBundle
    }

    public init(_ query: Query) throws {
        dockerfile = query.string("dockerfile")
        tags = query.all("t")
        // The Python SDK joins them by commas.
        extraHosts = query.all("extrahosts").flatMap { $0.split(separator: ",").map(String.init) }
        remote = query.string("remote")
        quiet = query.bool("q")
        noCache = query.bool("nocache")
        cacheFrom = try query.json("cachefrom") ?? []
        pull = query.bool("pull")
        remove = query.bool("rm", default: true)
        forceRemove = query.bool("forcerm")
        memory = try query.integer("memory")
        memorySwap = try query.integer("memswap")
        cpuShares = try query.integer("cpushares")
        cpusetCpus = query.string("cpusetcpus")
        cpusetMems = query.string("cpusetmems")
        cpuPeriod = try query.integer("cpuperiod")
        cpuQuota = try query.integer("cpuquota")
        buildArgs = try query.json("buildargs") ?? [:]
        shmSize = try query.integer("shmsize")
        ulimits = try query.json("ulimits") ?? []
        squash = query.bool("squash")
        labels = try query.json("labels") ?? [:]
        networkMode = query.string("networkmode")
        cgroupParent = query.string("cgroupparent")
        securityOpt = query.all("securityopt")
        platform = query.string("platform")
        target = query.string("target")
        outputs = query.string("outputs")
        version = query.string("version")
        buildID = query.string("buildid")
        session = query.string("session")
        caBundle = query.bool("cabundle")
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("dockerfile", dockerfile)
        query.add("t", tags)
        query.add("extrahosts", extraHosts)
        query.add("remote", remote)
        query.add("q", quiet)
        query.add("nocache", noCache)
        if !cacheFrom.isEmpty { try query.add("cachefrom", json: cacheFrom) }
        query.add("pull", pull)
        query.add("rm", remove, default: true)
        query.add("forcerm", forceRemove)
        query.add("memory", memory)
        query.add("memswap", memorySwap)
        query.add("cpushares", cpuShares)
        query.add("cpusetcpus", cpusetCpus)
        query.add("cpusetmems", cpusetMems)
        query.add("cpuperiod", cpuPeriod)
        query.add("cpuquota", cpuQuota)
        if !buildArgs.isEmpty { try query.add("buildargs", json: buildArgs) }
        query.add("shmsize", shmSize)
        if !ulimits.isEmpty { try query.add("ulimits", json: ulimits) }
        query.add("squash", squash)
        if !labels.isEmpty { try query.add("labels", json: labels) }
        query.add("networkmode", networkMode)
        query.add("cgroupparent", cgroupParent)
        query.add("securityopt", securityOpt)
        query.add("platform", platform)
        query.add("target", target)
        query.add("outputs", outputs)
        query.add("version", version)
        query.add("buildid", buildID)
        query.add("session", session)
        query.add("cabundle", caBundle)
        return query
    }
}

/// Query of `POST /build/prune`. Sizes are bytes.
public struct BuildPruneOptions: QueryOptions {
    /// Before API 1.48; now `reservedSpace`.
    public var keepStorage: Int64?
    public var reservedSpace: Int64?
    public var maxUsedSpace: Int64?
    public var minFreeSpace: Int64?
    public var all: Bool
    public var filters: Filters

    public init(
        keepStorage: Int64? = nil, reservedSpace: Int64? = nil, maxUsedSpace: Int64? = nil,
        minFreeSpace: Int64? = nil, all: Bool = false, filters: Filters = Filters()
    ) {
        self.keepStorage = keepStorage
        self.reservedSpace = reservedSpace
        self.maxUsedSpace = maxUsedSpace
        self.minFreeSpace = minFreeSpace
        self.all = all
        self.filters = filters
    }

    public init(_ query: Query) throws {
        keepStorage = try query.integer("keep-storage")
        reservedSpace = try query.integer("reserved-space")
        maxUsedSpace = try query.integer("max-used-space")
        minFreeSpace = try query.integer("min-free-space")
        all = query.bool("all")
        filters = try Filters(query)
    }

    public func query() throws -> Query {
        var query = Query()
        query.add("keep-storage", keepStorage)
        query.add("reserved-space", reservedSpace)
        query.add("max-used-space", maxUsedSpace)
        query.add("min-free-space", minFreeSpace)
        query.add("all", all)
        try query.add(filters)
        return query
    }
}
