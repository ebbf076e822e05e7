import Linux

/// System calls that are newer than the libseccomp that compiles filters.
///
/// To it they do not exist, so they would get the default action, which is "not permitted". C
/// libraries try a new call first and fall back to the old one only when the kernel says that it
/// has no such call (`ENOSYS`): with "not permitted", `fchmodat` of a new glibc simply fails. So a
/// few instructions go before the compiled program: they carry out the profile's rules for the
/// calls named here, and answer `ENOSYS` for whatever is newer still.
///
/// From number 424 on a call has the same number on every architecture.
struct NewSystemCalls {
    private static let numbers: [(name: String, number: UInt32)] = [
        ("cachestat", 451), ("fchmodat2", 452), ("map_shadow_stack", 453), ("futex_wake", 454), ("futex_wait", 455),
        ("futex_requeue", 456), ("statmount", 457), ("listmount", 458), ("lsm_get_self_attr", 459),
        ("lsm_set_self_attr", 460), ("lsm_list_modules", 461), ("mseal", 462), ("setxattrat", 463),
        ("getxattrat", 464), ("listxattrat", 465), ("removexattrat", 466), ("open_tree_attr", 467),
        ("file_getattr", 468), ("file_setattr", 469),
    ]
    private static let first: UInt32 = 451
    private static let last: UInt32 = 469

    private let answers: [(number: UInt32, result: UInt32)]
    private let auditArchitectures: [UInt32]

    init(rules: [SeccompFilter.Rule], architectures: [String]) {
        var byName: [String: SeccompFilter.Action] = [:]
        // Rules that look at arguments are libseccomp's to compile, if it knows the call.
        for rule in rules where rule.arguments.isEmpty {
            for name in rule.names where byName[name] == nil { byName[name] = rule.action }
        }
        answers = Self.numbers.compactMap { call in byName[call.name].map { (call.number, Self.result(of: $0)) } }
        let native = SeccompProfile.Machine.current.architecture
        auditArchitectures = Set([native] + architectures).compactMap { Self.auditArchitecture($0) }.sorted()
    }

    /// The filter with these answers before it.
    func prefix(_ filter: SeccompFilter) -> SeccompFilter {
        var program = BPFProgram()
        program.load(4)  // seccomp_data.arch
        for (index, architecture) in auditArchitectures.enumerated() {
            // Past the other comparisons and the jump that ends this program.
            program.jump(.equal, architecture, then: UInt8(auditArchitectures.count - index), otherwise: 0)
        }
        let leave = program.reserveJump()
        program.load(0)  // seccomp_data.nr
        program.and(~0x4000_0000)  // the bit that marks calls of the x32 ABI
        program.jump(.greaterOrEqual, Self.first, then: 1, otherwise: 0)
        let leaveToo = program.reserveJump()
        for answer in answers {
            program.jump(.equal, answer.number, then: 0, otherwise: 1)
            program.return(answer.result)
        }
        program.jump(.greater, Self.last, then: 0, otherwise: 1)
        program.return(Self.result(of: .errno(38)))  // ENOSYS
        program.fillJump(leave)
        program.fillJump(leaveToo)
        return SeccompFilter(program: program.bytes + filter.program)
    }

    /// `SECCOMP_RET_…` of an action.
    private static func result(of action: SeccompFilter.Action) -> UInt32 {
        switch action {
        case .allow: 0x7fff_0000
        case .log: 0x7ffc_0000
        case .notify: 0x7fc0_0000
        case .trace(let data): 0x7ff0_0000 | UInt32(data)
        case .errno(let number): 0x0005_0000 | UInt32(number)
        case .trap: 0x0003_0000
        case .killThread: 0
        case .killProcess: 0x8000_0000
        }
    }

    /// `AUDIT_ARCH_…` of `<linux/audit.h>`; x32 has that of x86-64.
    private static func auditArchitecture(_ name: String) -> UInt32? {
        switch name {
        case "SCMP_ARCH_X86_64", "SCMP_ARCH_X32": 0xc000_003e
        case "SCMP_ARCH_X86": 0x4000_0003
        case "SCMP_ARCH_AARCH64": 0xc000_00b7
        case "SCMP_ARCH_ARM": 0x4000_0028
        default: nil
        }
    }
}

/// Classic BPF, as far as it is needed: `struct sock_filter` after `struct sock_filter`.
private struct BPFProgram {
    private var instructions: [(code: UInt16, ifTrue: UInt8, ifFalse: UInt8, value: UInt32)] = []

    enum Test: UInt16 {
        case equal = 0x15
        case greater = 0x25
        case greaterOrEqual = 0x35
    }

    /// 32 bits of `seccomp_data` at an offset.
    mutating func load(_ offset: UInt32) { instructions.append((0x20, 0, 0, offset)) }
    mutating func and(_ mask: UInt32) { instructions.append((0x54, 0, 0, mask)) }
    mutating func `return`(_ value: UInt32) { instructions.append((0x06, 0, 0, value)) }

    mutating func jump(_ test: Test, _ value: UInt32, then: UInt8, otherwise: UInt8) {
        instructions.append((test.rawValue, then, otherwise, value))
    }

    /// A jump to where the program ends.
    mutating func reserveJump() -> Int {
        instructions.append((0x05, 0, 0, 0))
        return instructions.count - 1
    }

    mutating func fillJump(_ index: Int) { instructions[index].value = UInt32(instructions.count - index - 1) }

    var bytes: [UInt8] {
        instructions.flatMap { instruction in
            withUnsafeBytes(of: instruction.code) { Array($0) } + [instruction.ifTrue, instruction.ifFalse]
                + withUnsafeBytes(of: instruction.value) { Array($0) }
        }
    }
}
