import EngineAPI
import Errors
import Linux
import OCI

extension SpecBuilder {
    /// The container's first program.
    func process(_ input: SpecInput, _ security: SecurityOptions) throws(BerthError) -> RuntimeSpec.Process {
        var process = RuntimeSpec.Process()
        let command = (input.config.entrypoint ?? []) + (input.config.cmd ?? [])
        guard let program = command.first, !program.isEmpty || command.count > 1 else {
            throw .invalidArgument("no command specified")
        }
        process.args = (Self.usesInit(input) ? [InitProgram.path, "--"] : []) + command
        process.cwd = Self.workingDirectory(input.config.workingDir)
        process.env = environment(input, tty: input.config.tty).entries
        process.terminal = input.config.tty
        process.consoleSize = Self.consoleSize(input.hostConfig.consoleSize)
        process.capabilities = Self.sets(try capabilities(input.hostConfig))
        process.rlimits = try resourceLimits(input.hostConfig.ulimits ?? [])
        process.noNewPrivileges = security.noNewPrivileges ? true : nil
        process.oomScoreAdj = input.hostConfig.oomScoreAdj
        return process
    }

    /// A further program in the container. Its user is looked up in the container by the shim.
    func execProcess(request: ExecCreateRequest, input: SpecInput) throws(BerthError) -> RuntimeSpec.Process {
        guard let command = request.cmd, command.first?.isEmpty == false else {
            throw .invalidArgument("No exec command specified")
        }
        let security = try SecurityOptions(input.hostConfig)
        var process = RuntimeSpec.Process()
        process.args = command
        process.cwd = Self.workingDirectory(request.workingDir.isEmpty ? input.config.workingDir : request.workingDir)
        var environment = environment(input, tty: request.tty)
        for entry in request.env { environment.apply(entry) }
        process.env = environment.entries
        process.terminal = request.tty
        process.consoleSize = Self.consoleSize(request.consoleSize)
        process.capabilities = Self.sets(request.privileged ? available : try capabilities(input.hostConfig))
        process.rlimits = try resourceLimits(input.hostConfig.ulimits ?? [])
        process.noNewPrivileges = security.noNewPrivileges ? true : nil
        process.oomScoreAdj = input.hostConfig.oomScoreAdj
        return process
    }

    /// What the host's configuration asks for, as far as the host has it.
    func capabilities(_ host: HostConfig) throws(BerthError) -> CapabilitySet {
        try CapabilityChoice(host).capabilities.intersection(available)
    }

    /// An init makes sense only as the first process of its own PID namespace.
    static func usesInit(_ input: SpecInput) -> Bool { input.initPath != nil && input.pid == .new }

    private func environment(_ input: SpecInput, tty: Bool) -> EnvironmentList {
        var list = EnvironmentList()
        list.apply("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        list.apply("HOSTNAME=\(input.hostname)")
        if tty { list.apply("TERM=xterm") }
        if MountPlan.handsCertificates(input) {
            for name in CertificateBundle.variables { list.apply("\(name)=\(CertificateBundle.path)") }
        }
        for entry in input.extraEnvironment + input.config.env { list.apply(entry) }
        return list
    }

    private static func workingDirectory(_ path: String) -> String {
        path.isEmpty ? "/" : path.hasPrefix("/") ? path : "/" + path
    }

    private static func consoleSize(_ size: [Int]?) -> RuntimeSpec.ConsoleSize? {
        guard let size, size.count == 2, size[0] > 0, size[1] > 0 else { return nil }
        return RuntimeSpec.ConsoleSize(height: UInt(size[0]), width: UInt(size[1]))
    }

    /// Nothing inheritable and nothing ambient: a program without file capabilities that root starts
    /// as another user must not keep any.
    private static func sets(_ capabilities: CapabilitySet) -> RuntimeSpec.Capabilities {
        var sets = RuntimeSpec.Capabilities()
        sets.bounding = capabilities.names
        sets.effective = capabilities.names
        sets.permitted = capabilities.names
        return sets
    }

    private func resourceLimits(_ limits: [Ulimit]) throws(BerthError) -> [RuntimeSpec.ResourceLimit]? {
        var converted = try Self.resourceLimits(limits) ?? []
        if let openFiles, !converted.contains(where: { $0.type == "RLIMIT_NOFILE" }) {
            converted.append(
                RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: openFiles.soft, hard: openFiles.hard))
        }
        return converted.isEmpty ? nil : converted
    }

    static func resourceLimits(_ limits: [Ulimit]) throws(BerthError) -> [RuntimeSpec.ResourceLimit]? {
        if limits.isEmpty { return nil }
        var converted: [RuntimeSpec.ResourceLimit] = []
        for limit in limits {
            guard ResourceLimits.number(of: limit.name) != nil else {
                throw .invalidArgument("invalid ulimit type: \(limit.name)")
            }
            // -1 is "unlimited" to users and to the kernel, whose type has no sign.
            let soft = UInt64(bitPattern: limit.soft)
            let hard = UInt64(bitPattern: limit.hard)
            guard soft <= hard else {
                throw .invalidArgument(
                    "ulimit soft limit must be less than or equal to hard limit: \(limit.soft) > \(limit.hard)")
            }
            converted.append(
                RuntimeSpec.ResourceLimit(type: "RLIMIT_\(limit.name.uppercased())", soft: soft, hard: hard))
        }
        return converted
    }
}

/// Where the init program appears in a container.
enum InitProgram {
    static let path = "/sbin/docker-init"
}

/// Environment variables in the order of their first mention.
struct EnvironmentList: Sendable {
    private(set) var entries: [String] = []
    private var places: [Substring: Int] = [:]

    init() {}

    /// `NAME=value` sets or replaces; `NAME` alone removes.
    mutating func apply(_ entry: String) {
        let name = entry.prefix { $0 != "=" }
        let removes = name.endIndex == entry.endIndex
        switch (places[name], removes) {
        case (let index?, false): entries[index] = entry
        case (nil, false):
            places[name] = entries.count
            entries.append(entry)
        case (_?, true):
            entries.removeAll { $0.hasPrefix(name + "=") }
            places = [:]
            for (index, entry) in entries.enumerated() { places[entry.prefix { $0 != "=" }] = index }
        case (nil, true): break
        }
    }
}
