import Errors
import Glibc
import Linux
import OCI

extension SeccompFilter {
    /// Compiles `linux.seccomp` of `config.json`.
    public init(_ spec: RuntimeSpec.Seccomp) throws(BerthError) {
        var rules: [Rule] = []
        for rule in spec.syscalls ?? [] {
            let action = try Self.action(rule.action, errno: rule.errnoRet)
            let arguments = try (rule.args ?? []).map { argument throws(BerthError) in
                Argument(
                    index: argument.index, comparison: try Self.comparison(argument.op), value: argument.value,
                    second: argument.valueTwo ?? 0)
            }
            // All conditions must hold; but one argument asked twice, which libseccomp refuses, has always
            // meant: either.
            let isEither = Set(arguments.map(\.index)).count < arguments.count
            let alternatives = isEither ? arguments.map { [$0] } : [arguments]
            rules += alternatives.map { Rule(names: rule.names, action: action, arguments: $0) }
        }
        let defaultAction = try Self.action(spec.defaultAction, errno: spec.defaultErrnoRet)
        let filter = try SeccompFilter(
            defaultAction: defaultAction, architectures: spec.architectures ?? [], rules: rules)
        if case .errno(let number) = defaultAction, number != UInt16(ENOSYS), !rules.isEmpty {
            self = filter.refusingCallsNewer(than: rules.flatMap(\.names))
        } else {
            self = filter
        }
    }

    private static func action(_ name: String, errno: UInt32?) throws(BerthError) -> Action {
        switch name {
        case "SCMP_ACT_ALLOW": .allow
        case "SCMP_ACT_ERRNO": .errno(UInt16(clamping: errno ?? 1))
        case "SCMP_ACT_LOG": .log
        case "SCMP_ACT_TRAP": .trap
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": .killThread
        case "SCMP_ACT_KILL_PROCESS": .killProcess
        case "SCMP_ACT_TRACE": .trace(UInt16(clamping: errno ?? 1))
        case "SCMP_ACT_NOTIFY": .notify
        default: throw .invalidArgument("seccomp: unknown action \(name)")
        }
    }

    private static func comparison(_ name: String) throws(BerthError) -> Comparison {
        switch name {
        case "SCMP_CMP_NE": .notEqual
        case "SCMP_CMP_LT": .less
        case "SCMP_CMP_LE": .lessOrEqual
        case "SCMP_CMP_EQ": .equal
        case "SCMP_CMP_GE": .greaterOrEqual
        case "SCMP_CMP_GT": .greater
        case "SCMP_CMP_MASKED_EQ": .maskedEqual
        default: throw .invalidArgument("seccomp: unknown operator \(name)")
        }
    }
}

extension RuntimeSpec.Seccomp {
    /// `SECCOMP_FILTER_FLAG_*` for `seccomp(2)`.
    public func filterFlags() throws(BerthError) -> UInt32 {
        var bits: UInt32 = 0
        for name in flags ?? [] {
            guard let bit = Self.flagBits.first(where: { $0.name == name })?.bit else {
                throw .invalidArgument("seccomp: unknown flag \(name)")
            }
            bits |= bit
        }
        return bits
    }

    static let flagBits: [(name: String, bit: UInt32)] = [
        ("SECCOMP_FILTER_FLAG_TSYNC", 1 << 0), ("SECCOMP_FILTER_FLAG_LOG", 1 << 1),
        ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1 << 2), ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1 << 5),
    ]

    /// Whether some call is to be decided by a listener.
    public var asksListener: Bool {
        defaultAction == "SCMP_ACT_NOTIFY" || (syscalls ?? []).contains { $0.action == "SCMP_ACT_NOTIFY" }
    }
}

/// What `features` tells of seccomp.
public enum KnownSeccomp {
    public static let actions = [
        "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
    ]
    public static let operators = [
        "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
    ]
    public static let architectures = [
        "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_X32",
        "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
    ]
    public static var flags: [String] { RuntimeSpec.Seccomp.flagBits.map(\.name) }
}
