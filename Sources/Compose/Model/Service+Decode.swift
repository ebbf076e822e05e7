import Errors
import OrderedCollections

extension Service {
    /// Reads one entry of `services`. `extends` must be resolved before.
    static func decode(name: String, _ tree: Tree, _ path: String) throws(BerthError) -> Service {
        var fields = try Fields(tree, path)
        var service = Service(name: name)
        service.location = tree.location
        try service.decodeImage(&fields)
        try service.decodeProcess(&fields)
        try service.decodeIdentity(&fields)
        try service.decodeRelations(&fields)
        try service.decodeNetwork(&fields)
        try service.decodeStorage(&fields)
        try service.decodeIsolation(&fields)
        service.resources = try Resources.decode(&fields)
        service.deploy = try fields.read("deploy", Deploy.decode)
        service.logging = try fields.read("logging", ServiceLogging.decode)
        service.develop = fields.value("develop")
        try Self.refuseUnsupported(&fields)
        try fields.finish()
        return service
    }

    private mutating func decodeImage(_ fields: inout Fields) throws(BerthError) {
        image = try fields.text("image")
        build = try fields.read("build", Build.decode)
        platform = try fields.text("platform")
        if try fields.text("pull_policy") != nil { pullPolicy = try fields.read("pull_policy", PullPolicy.decode) }
        if let refresh = try fields.duration("pull_refresh_after") { pullPolicy = .every(refresh) }
    }

    private mutating func decodeProcess(_ fields: inout Fields) throws(BerthError) {
        command = try fields.read("command") { t, p throws(BerthError) in try t.asCommand(p) }
        entrypoint = try fields.read("entrypoint") { t, p throws(BerthError) in try t.asCommand(p) }
        environment = try fields.keyValues("environment") ?? [:]
        envFiles = try fields.read("env_file", EnvFile.decodeAll) ?? []
        workingDirectory = try fields.text("working_dir")
        user = try fields.text("user")
        groupAdd = try fields.strings("group_add") ?? []
        tty = try fields.bool("tty") ?? false
        stdinOpen = try fields.bool("stdin_open") ?? false
        initProcess = try fields.bool("init")
        stopSignal = try fields.text("stop_signal")
        stopGracePeriod = try fields.duration("stop_grace_period")
        healthcheck = try fields.read("healthcheck", Healthcheck.decode)
        if try fields.text("restart") != nil { restart = try fields.read("restart", Self.decodeRestart) }
        postStart = try fields.each("post_start", Hook.decode) ?? []
        preStop = try fields.each("pre_stop", Hook.decode) ?? []
        preStart = try fields.each("pre_start", Hook.decode) ?? []
    }

    private mutating func decodeIdentity(_ fields: inout Fields) throws(BerthError) {
        containerName = try fields.text("container_name")
        hostname = try fields.text("hostname")
        domainname = try fields.text("domainname")
        labels = try fields.labels("labels") ?? [:]
        if let files = fields.value("label_file") {
            labelFiles =
                files.sequence == nil
                ? [try files.asPath("\(fields.path).label_file")]
                : try files.items("\(fields.path).label_file") { t, p throws(BerthError) in try t.asPath(p) }
        }
        annotations = try fields.labels("annotations") ?? [:]
        profiles = try fields.strings("profiles") ?? []
        scale = try fields.int("scale")
        attach = try fields.bool("attach") ?? true
        if let scale, scale < 0 { throw fields.tree.invalid("\(fields.path).scale must be 0 or more") }
        if let name = containerName, !Project.isContainerName(name) {
            throw fields.tree.invalid(
                "\(fields.path).container_name \"\(name)\" does not match [a-zA-Z0-9][a-zA-Z0-9_.-]+")
        }
    }

    private mutating func decodeRelations(_ fields: inout Fields) throws(BerthError) {
        dependsOn = try fields.read("depends_on", Dependency.decodeAll) ?? [:]
        links = try fields.strings("links") ?? []
        externalLinks = try fields.strings("external_links") ?? []
        volumesFrom = try fields.strings("volumes_from") ?? []
    }

    private mutating func decodeNetwork(_ fields: inout Fields) throws(BerthError) {
        networks = try fields.read("networks", NetworkAttachment.decodeAll) ?? [:]
        networkMode = try fields.text("network_mode")
        ports = try (fields.each("ports", PublishedPort.decode) ?? []).flatMap { $0 }
        expose = try fields.strings("expose") ?? []
        dns = try fields.stringOrList("dns") ?? []
        dnsOptions = try fields.stringOrList("dns_opt") ?? []
        dnsSearch = try fields.stringOrList("dns_search") ?? []
        extraHosts = try fields.read("extra_hosts", ExtraHost.decodeAll) ?? []
        macAddress = try fields.text("mac_address")
    }

    private mutating func decodeStorage(_ fields: inout Fields) throws(BerthError) {
        volumes = try fields.each("volumes", ServiceMount.decode) ?? []
        tmpfs = try fields.stringOrList("tmpfs") ?? []
        devices = try fields.each("devices", ServiceDevice.decode) ?? []
        deviceCgroupRules = try fields.strings("device_cgroup_rules") ?? []
        secrets = try fields.each("secrets", FileReference.decode) ?? []
        configs = try fields.each("configs", FileReference.decode) ?? []
        readOnly = try fields.bool("read_only") ?? false
    }

    private mutating func decodeIsolation(_ fields: inout Fields) throws(BerthError) {
        privileged = try fields.bool("privileged") ?? false
        capAdd = try fields.strings("cap_add") ?? []
        capDrop = try fields.strings("cap_drop") ?? []
        securityOpt = try fields.strings("security_opt") ?? []
        usernsMode = try fields.text("userns_mode")
        uts = try fields.text("uts")
        ipc = try fields.text("ipc")
        pid = try fields.text("pid")
        cgroup = try fields.text("cgroup")
        cgroupParent = try fields.text("cgroup_parent")
        runtime = try fields.text("runtime")
        sysctls = try fields.labels("sysctls") ?? [:]
        isolation = try fields.text("isolation")
    }

    /// Keys of the specification that this engine cannot honour: saying so beats ignoring them.
    private static func refuseUnsupported(_ fields: inout Fields) throws(BerthError) {
        for key in ["provider", "models"] {
            if let value = fields.value(key) {
                throw value.invalid("\(fields.path).\(key) is not supported by this engine")
            }
        }
        // Windows containers only, and a convenience for tools inside containers: nothing to do.
        _ = fields.value("credential_spec")
        _ = fields.value("use_api_socket")
    }

    private static func decodeRestart(_ tree: Tree, _ path: String) throws(BerthError) -> String {
        let policy = try tree.asString(path)
        let parts = policy.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch policy {
        case "no", "always", "unless-stopped", "on-failure": return policy
        case _ where parts.count == 2 && parts[0] == "on-failure" && Int(parts[1]) != nil: return policy
        default:
            throw tree.invalid(
                "\(path) must be \"no\", always, unless-stopped or on-failure[:max-retries], not \"\(policy)\"")
        }
    }
}

extension PullPolicy {
    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> PullPolicy {
        let word = try tree.asString(path)
        switch word {
        case "always": return .always
        case "never": return .never
        case "missing", "if_not_present": return .missing
        case "build": return .build
        // Every call asks the registry; what has not changed is not fetched again.
        case "refresh": return .always
        case "daily": return .every(.seconds(86_400))
        case "weekly": return .every(.seconds(7 * 86_400))
        default:
            if word.hasPrefix("every_"), let interval = Self.interval(word.dropFirst("every_".count)) {
                return .every(interval)
            }
            throw tree.invalid(
                "\(path) must be always, never, missing, build, daily, weekly or every_<duration>, not \"\(word)\"")
        }
    }

    /// A duration that may count in days and weeks.
    private static func interval(_ text: Substring) -> Duration? {
        if text.hasSuffix("w"), let weeks = Int(text.dropLast()) { return .seconds(weeks * 7 * 86_400) }
        return Values.duration(String(text))
    }

    /// As written in a Compose file.
    public var word: String {
        switch self {
        case .always: "always"
        case .never: "never"
        case .missing: "missing"
        case .build: "build"
        case .every(let interval): "every_\(interval.goText)"
        }
    }
}
