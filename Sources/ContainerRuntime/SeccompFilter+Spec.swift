import Errors
import Linux
import OCI

extension SeccompFilter {
    /// Compiles `linux.seccomp` of `config.json`.
    public init(_ spec: RuntimeSpec.Seccomp) throws(BerthError) {
        let rules = try spec.syscalls?.map { rule throws(BerthError) in
            Rule(
                names: rule.names, action: try Self.action(rule.action, errno: rule.errnoRet),
                arguments: try (rule.args ?? []).map { argument throws(BerthError) in
                    Argument(
                        index: argument.index, comparison: try Self.comparison(argument.op), value: argument.value,
                        second: argument.valueTwo ?? 0)
                })
        }
        try self.init(
            defaultAction: try Self.action(spec.defaultAction, errno: spec.defaultErrnoRet),
            architectures: spec.architectures ?? [], rules: rules ?? [])
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
