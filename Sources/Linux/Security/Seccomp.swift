import CLinux
import CSeccomp
import Errors
import Glibc

/// Seccomp filters: rules compiled by libseccomp to a BPF program, which is bytes that can be kept
/// and loaded without the library.
public struct SeccompFilter: Sendable {
    public enum Action: Sendable, Equatable {
        case allow, log, trap, killThread, killProcess, notify
        case errno(UInt16)
        case trace(UInt16)

        var code: UInt32 {
            switch self {
            case .allow: 0x7fff_0000
            case .log: 0x7ffc_0000
            case .trap: 0x0003_0000
            case .killThread: 0x0000_0000
            case .killProcess: 0x8000_0000
            case .notify: 0x7fc0_0000
            case .errno(let number): 0x0005_0000 | UInt32(number)
            case .trace(let data): 0x7ff0_0000 | UInt32(data)
            }
        }
    }

    public enum Comparison: UInt32, Sendable {
        case notEqual = 1
        case less, lessOrEqual, equal, greaterOrEqual, greater, maskedEqual
    }

    public struct Argument: Sendable {
        public let index: UInt32
        public let comparison: Comparison
        public let value: UInt64
        /// The second operand of `maskedEqual`: `(argument & value) == second`.
        public let second: UInt64

        public init(index: UInt32, comparison: Comparison, value: UInt64, second: UInt64 = 0) {
            self.index = index
            self.comparison = comparison
            self.value = value
            self.second = second
        }
    }

    public struct Rule: Sendable {
        public let names: [String]
        public let action: Action
        public let arguments: [Argument]

        public init(names: [String], action: Action, arguments: [Argument] = []) {
            self.names = names
            self.action = action
            self.arguments = arguments
        }
    }

    /// The program, an array of `struct sock_filter`.
    public let program: [UInt8]

    public init(program: [UInt8]) { self.program = program }

    /// Compiles rules. Names that this kernel's libseccomp does not know are left out: such a call
    /// then gets the default action. `architectures` are OCI's `SCMP_ARCH_…` names; the native one
    /// is always in.
    public init(defaultAction: Action, architectures: [String] = [], rules: [Rule]) throws(BerthError) {
        guard let context = seccomp_init(defaultAction.code) else {
            throw .internal("seccomp: the default action was refused")
        }
        defer { seccomp_release(context) }
        // no_new_privs is the container's choice, not the filter's.
        seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0)
        // A balanced tree instead of one comparison per call: the filter runs at every system call.
        seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for name in architectures {
            let token = seccomp_arch_resolve_name(
                String(name.hasPrefix("SCMP_ARCH_") ? name.dropFirst(10) : name[...]).lowercased())
            guard token != 0 else { throw .invalidArgument("seccomp: unknown architecture \(name)") }
            let code = seccomp_arch_add(context, token)
            guard code == 0 || code == -EEXIST else {
                throw .internal("seccomp: architecture \(name): \(errnoText(-code))")
            }
        }
        for rule in rules where rule.action != defaultAction {
            for name in rule.names {
                let number = seccomp_syscall_resolve_name(name)
                if number == -1 { continue }  // __NR_SCMP_ERROR
                let comparisons = rule.arguments.map {
                    scmp_arg_cmp(
                        arg: $0.index, op: scmp_compare(rawValue: $0.comparison.rawValue), datum_a: $0.value,
                        datum_b: $0.second)
                }
                let code = seccomp_rule_add_array(
                    context, rule.action.code, number, UInt32(comparisons.count), comparisons)
                guard code == 0 || code == -EEXIST else {
                    throw .internal("seccomp: rule for \(name): \(errnoText(-code))")
                }
            }
        }
        program = try Self.export(context)
    }

    /// The same filter, but that calls newer than all `names` fail with `ENOSYS`. Who wrote the rules did not
    /// know them, and programs take a refusal of another kind for final, where they would fall back.
    public func refusingCallsNewer(than names: some Sequence<String>) -> SeccompFilter {
        let newest = names.map { seccomp_syscall_resolve_name($0) }.max() ?? -1
        guard newest >= 0 else { return self }
        // struct seccomp_data: the call's number at 0, the architecture at 4.
        let prelude = [
            sock_filter(code: 0x20, jt: 0, jf: 0, k: 4),  // load
            sock_filter(code: 0x15, jt: 0, jf: 3, k: seccomp_arch_native()),  // equal
            sock_filter(code: 0x20, jt: 0, jf: 0, k: 0),
            sock_filter(code: 0x25, jt: 0, jf: 1, k: UInt32(newest)),  // greater
            sock_filter(code: 0x06, jt: 0, jf: 0, k: Action.errno(UInt16(ENOSYS)).code),  // return
        ]
        return SeccompFilter(program: prelude.withUnsafeBytes { Array($0) } + program)
    }

    private static func export(_ context: scmp_filter_ctx) throws(BerthError) -> [UInt8] {
        // libseccomp writes to a descriptor only; a pipe holds less than a large program.
        let fd = "seccomp".withCString {
            Int32(linux_syscall(LINUX_SYS_memfd_create, Int(bitPattern: $0), 1, 0, 0, 0, 0))
        }
        guard fd >= 0 else { throw .internal("seccomp: memfd_create: \(errnoText(errno))") }
        let file = FileDescriptor(owning: fd)
        let code = seccomp_export_bpf(context, fd)
        guard code == 0 else { throw .internal("seccomp: compiling the filter: \(errnoText(-code))") }
        do {
            try file.seek(0)
            return try file.readToEnd()
        } catch {
            throw BerthError("seccomp", error)
        }
    }

    /// Loads the filter for this thread and what it executes. Needs `no_new_privs` or CAP_SYS_ADMIN.
    public func load(flags: UInt32 = 0) throws(SystemError) { try install(flags) }

    /// Loads a filter that has `notify` among its actions and returns the descriptor that its questions
    /// come from.
    public func loadWithListener(flags: UInt32 = 0) throws(SystemError) -> FileDescriptor {
        // With TSYNC the kernel wants to be told how it shall report a thread that cannot follow.
        let synchronizes = flags & 1 != 0
        let newListener: UInt32 = 1 << 3
        let reportsNoThread: UInt32 = 1 << 4
        return FileDescriptor(
            owning: Int32(try install(flags | newListener | (synchronizes ? reportsNoThread : 0))))
    }

    @discardableResult
    private func install(_ flags: UInt32) throws(SystemError) -> Int {
        var program = program
        return try systemCall("seccomp") {
            program.withUnsafeMutableBytes { bytes in
                var prog = sock_fprog(
                    len: UInt16(bytes.count / MemoryLayout<sock_filter>.size),
                    filter: bytes.bindMemory(to: sock_filter.self).baseAddress)
                return withUnsafeMutablePointer(to: &prog) {
                    linux_syscall(LINUX_SYS_seccomp, 1, Int(flags), Int(bitPattern: $0), 0, 0, 0)
                }
            }
        }
    }
}
