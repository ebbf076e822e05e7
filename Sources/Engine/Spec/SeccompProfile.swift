import Errors
import FoundationEssentials
import Linux

/// A seccomp profile in Docker's format: rules, each for some architectures, kernels and
/// capabilities only. What is left of them for one container is compiled to a filter.
struct SeccompProfile: Codable, Sendable {
    var defaultAction: String
    var defaultErrnoRet: UInt32?
    /// `SCMP_ARCH_…` names; only one of this and `archMap` is set.
    var architectures: [String]?
    var archMap: [Architecture]?
    var listenerPath: String?
    var syscalls: [Rule]?

    struct Architecture: Codable, Sendable {
        var architecture: String
        var subArchitectures: [String]?
    }

    struct Rule: Codable, Sendable {
        var names: [String]?
        /// The old form of `names`.
        var name: String?
        var action: String
        var errnoRet: UInt32?
        var args: [Argument]?
        /// When the rule applies: any of the architectures, all of the capabilities.
        var includes: Condition?
        /// When it does not: any of these.
        var excludes: Condition?
    }

    struct Argument: Codable, Sendable {
        var index: UInt32
        var value: UInt64
        var valueTwo: UInt64?
        var op: String
    }

    struct Condition: Codable, Sendable {
        /// `CAP_…` names.
        var caps: [String]?
        /// Go's names: `amd64`, `arm64`.
        var arches: [String]?
        /// `major.minor`.
        var minKernel: String?
    }

    init(defaultAction: String, defaultErrnoRet: UInt32?, archMap: [Architecture], syscalls: [Rule]) {
        self.defaultAction = defaultAction
        self.defaultErrnoRet = defaultErrnoRet
        self.archMap = archMap
        self.syscalls = syscalls
    }

    /// From the JSON text of `--security-opt seccomp=…`.
    init(json text: String) throws(BerthError) {
        do {
            self = try JSONDecoder().decode(SeccompProfile.self, from: Data(text.utf8))
        } catch {
            throw .invalidArgument("Decoding seccomp profile failed: \(error)", cause: error)
        }
        guard (architectures ?? []).isEmpty || (archMap ?? []).isEmpty else {
            throw .invalidArgument(
                "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'"
            )
        }
        guard (listenerPath ?? "").isEmpty else {
            throw .invalidArgument("the seccomp profile names a listener, which this engine does not offer")
        }
    }
}

// MARK: - Compiling

extension SeccompProfile {
    /// The machine that a filter is for.
    struct Machine: Sendable {
        /// `SCMP_ARCH_…`.
        var architecture: String
        /// Go's name.
        var goName: String
        var kernel: (major: Int, minor: Int)

        static let current: Machine = {
            #if arch(arm64)
                let names = ("SCMP_ARCH_AARCH64", "arm64")
            #else
                let names = ("SCMP_ARCH_X86_64", "amd64")
            #endif
            let release = (try? Files.readText("/proc/sys/kernel/osrelease")) ?? ""
            return Machine(architecture: names.0, goName: names.1, kernel: version(release) ?? (0, 0))
        }()

        static func version(_ text: String) -> (major: Int, minor: Int)? {
            let parts = text.split(separator: ".").map { Int($0.prefix { $0.isNumber }) }
            guard parts.count >= 2, let major = parts[0], let minor = parts[1] else { return nil }
            return (major, minor)
        }
    }

    func compile(capabilities: CapabilitySet, machine: Machine = .current) throws(BerthError) -> SeccompFilter {
        let fallback = try Self.action(defaultAction, defaultErrnoRet)
        let architectures = architectures(for: machine)
        var rules: [SeccompFilter.Rule] = []
        for rule in syscalls ?? [] where try applies(rule, capabilities, machine) {
            let names = (rule.names ?? []) + (rule.name.map { [$0] } ?? [])
            let action = try Self.action(rule.action, rule.errnoRet)
            for arguments in try Self.alternatives(rule.args ?? []) {
                rules.append(SeccompFilter.Rule(names: names, action: action, arguments: arguments))
            }
        }
        let compiled = try SeccompFilter(defaultAction: fallback, architectures: architectures, rules: rules)
        // A profile that forbids nothing by default has no calls that are denied for being unknown.
        if fallback == .allow || fallback == .log { return compiled }
        return NewSystemCalls(rules: rules, architectures: architectures).prefix(compiled)
    }

    private func architectures(for machine: Machine) -> [String] {
        for entry in archMap ?? [] where entry.architecture == machine.architecture {
            return [entry.architecture] + (entry.subArchitectures ?? [])
        }
        return architectures ?? []
    }

    private func applies(
        _ rule: Rule, _ capabilities: CapabilitySet, _ machine: Machine
    ) throws(BerthError) -> Bool {
        func has(_ name: String) -> Bool { CapabilitySet(name: name).map(capabilities.contains) ?? false }
        func isAtLeast(_ text: String) throws(BerthError) -> Bool {
            guard let version = Machine.version(text) else {
                throw .invalidArgument("the seccomp profile has the invalid kernel version \"\(text)\"")
            }
            return machine.kernel >= version
        }
        if let excluded = rule.excludes {
            if excluded.arches?.contains(machine.goName) == true { return false }
            if excluded.caps?.contains(where: has) == true { return false }
            if let kernel = excluded.minKernel, try isAtLeast(kernel) { return false }
        }
        if let included = rule.includes {
            if let arches = included.arches, !arches.isEmpty, !arches.contains(machine.goName) { return false }
            if let caps = included.caps, !caps.allSatisfy(has) { return false }
            if let kernel = included.minKernel, try !isAtLeast(kernel) { return false }
        }
        return true
    }

    /// Comparisons of different arguments hold together; several of one argument are alternatives,
    /// as runc reads them.
    private static func alternatives(_ arguments: [Argument]) throws(BerthError) -> [[SeccompFilter.Argument]] {
        var converted: [SeccompFilter.Argument] = []
        for argument in arguments {
            guard let comparison = comparison(argument.op) else {
                throw .invalidArgument("the seccomp profile has the unknown operator \"\(argument.op)\"")
            }
            converted.append(
                SeccompFilter.Argument(
                    index: argument.index, comparison: comparison, value: argument.value,
                    second: argument.valueTwo ?? 0))
        }
        let repeats = Set(converted.map(\.index)).count < converted.count
        return repeats ? converted.map { [$0] } : [converted]
    }

    private static func comparison(_ name: String) -> SeccompFilter.Comparison? {
        switch name {
        case "SCMP_CMP_NE": .notEqual
        case "SCMP_CMP_LT": .less
        case "SCMP_CMP_LE": .lessOrEqual
        case "SCMP_CMP_EQ": .equal
        case "SCMP_CMP_GE": .greaterOrEqual
        case "SCMP_CMP_GT": .greater
        case "SCMP_CMP_MASKED_EQ": .maskedEqual
        default: nil
        }
    }

    private static func action(_ name: String, _ number: UInt32?) throws(BerthError) -> SeccompFilter.Action {
        let eperm: UInt32 = 1
        switch name {
        case "SCMP_ACT_ALLOW": return .allow
        case "SCMP_ACT_ERRNO": return .errno(UInt16(truncatingIfNeeded: number ?? eperm))
        case "SCMP_ACT_LOG": return .log
        case "SCMP_ACT_TRAP": return .trap
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return .killThread
        case "SCMP_ACT_KILL_PROCESS": return .killProcess
        case "SCMP_ACT_TRACE": return .trace(UInt16(truncatingIfNeeded: number ?? eperm))
        case "SCMP_ACT_NOTIFY":
            throw .invalidArgument("the seccomp profile notifies a listener, which this engine does not offer")
        default: throw .invalidArgument("the seccomp profile has the unknown action \"\(name)\"")
        }
    }
}

extension SpecBuilder {
    /// The compiled filter of a container and its execs; nil when it has none.
    func seccompFilter(for input: SpecInput) throws(BerthError) -> SeccompFilter? {
        let profile: SeccompProfile
        switch try SecurityOptions(input.hostConfig).seccomp {
        case .unconfined: return nil
        case .standard: profile = .standard
        case .profile(let text): profile = try SeccompProfile(json: text)
        }
        return try profile.compile(capabilities: try capabilities(input.hostConfig))
    }
}
