import CLinux
import Glibc

/// The device rules of a cgroup v2, as a BPF program of type `cgroup_device`. The kernel calls it
/// with `struct bpf_cgroup_dev_ctx { access_type (access << 16 | kind), major, minor }` and denies
/// the use of the device when it returns 0.
public struct DeviceFilter: Sendable {
    public struct Rule: Sendable {
        public let allow: Bool
        /// `a`, `b` or `c`.
        public let type: String
        public let major: UInt32?
        public let minor: UInt32?
        /// Any of `rwm`.
        public let access: String

        public init(allow: Bool, type: String, major: UInt32?, minor: UInt32?, access: String) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }

        fileprivate var accessBits: Int32 {
            access.reduce(0) { $0 | ($1 == "m" ? 1 : $1 == "r" ? 2 : $1 == "w" ? 4 : 0) }
        }
    }

    let program: [UInt64]

    /// Rules in order; the last one that matches a request decides, none denies. So the program
    /// asks them from the last to the first.
    public init(_ rules: [Rule]) {
        var code = Assembler()
        // r2 = kind, r3 = access, r4 = major, r5 = minor
        code.load(2, from: 0)
        code.move(3, from: 2)
        code.and(2, 0xffff)
        code.shiftRight(3, 16)
        code.load(4, from: 4)
        code.load(5, from: 8)
        for rule in rules.reversed() {
            var tests: [Assembler.Test] = []
            if rule.type == "b" { tests.append(.notEqual(2, 1)) }
            if rule.type == "c" { tests.append(.notEqual(2, 2)) }
            // An allowance must cover all of what is asked; a ban matches when any of it is asked.
            if rule.accessBits != 7 {
                tests.append(rule.allow ? .anyOutside(3, rule.accessBits) : .noneWithin(3, rule.accessBits))
            }
            if let major = rule.major { tests.append(.notEqual(4, Int32(bitPattern: major))) }
            if let minor = rule.minor { tests.append(.notEqual(5, Int32(bitPattern: minor))) }
            code.unlessAny(tests, return: rule.allow ? 1 : 0)
            // A rule for all devices decides for good, and the kernel refuses code that is never reached.
            if tests.isEmpty {
                program = code.instructions
                return
            }
        }
        code.return(0)
        program = code.instructions
    }

    /// Loads the program and attaches it in place of one attached before.
    public func attach(to cgroup: FileDescriptor) throws(SystemError) {
        let loaded = try load()
        var attributes = [UInt32](repeating: 0, count: 16)
        attributes[0] = UInt32(bitPattern: cgroup.rawValue)
        attributes[1] = UInt32(bitPattern: loaded.rawValue)
        attributes[2] = 6  // BPF_CGROUP_DEVICE
        attributes[3] = 2  // BPF_F_ALLOW_MULTI: programs of cgroups above keep their say
        try systemCall("bpf BPF_PROG_ATTACH") {
            attributes.withUnsafeMutableBytes {
                linux_syscall(LINUX_SYS_bpf, 8, Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
            }
        }
    }

    private func load() throws(SystemError) -> FileDescriptor {
        let license = Array("Apache-2.0".utf8) + [0]
        let fd = try systemCall("bpf BPF_PROG_LOAD") {
            program.withUnsafeBytes { program in
                license.withUnsafeBytes { license in
                    var attributes = [UInt64](repeating: 0, count: 16)
                    // prog_type BPF_PROG_TYPE_CGROUP_DEVICE = 15, insn_cnt
                    attributes[0] = 15 | UInt64(program.count / 8) << 32
                    attributes[1] = UInt64(UInt(bitPattern: program.baseAddress))
                    attributes[2] = UInt64(UInt(bitPattern: license.baseAddress))
                    return attributes.withUnsafeMutableBytes {
                        linux_syscall(LINUX_SYS_bpf, 5, Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
                    }
                }
            }
        }
        return FileDescriptor(owning: Int32(fd))
    }
}

/// The few eBPF instructions a device filter needs. An instruction is 8 bytes: opcode, registers
/// (source << 4 | destination), 16-bit jump offset, 32-bit immediate.
private struct Assembler {
    var instructions: [UInt64] = []

    /// When it holds, the rule does not apply.
    enum Test {
        case notEqual(UInt8, Int32)
        /// Bits of the register outside the mask.
        case anyOutside(UInt8, Int32)
        /// No bit of the register inside the mask.
        case noneWithin(UInt8, Int32)

        var length: Int16 {
            if case .notEqual = self { return 1 }
            return 3
        }
    }

    private mutating func emit(
        _ opcode: UInt8, destination: UInt8, source: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0
    ) {
        instructions.append(
            UInt64(opcode) | UInt64(source << 4 | destination) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
                | UInt64(UInt32(bitPattern: immediate)) << 32)
    }

    /// 32 bits of the context, whose address is in r1.
    mutating func load(_ register: UInt8, from offset: Int16) {
        emit(0x61, destination: register, source: 1, offset: offset)
    }
    mutating func move(_ register: UInt8, from source: UInt8) { emit(0xbc, destination: register, source: source) }
    mutating func and(_ register: UInt8, _ value: Int32) { emit(0x54, destination: register, immediate: value) }
    mutating func shiftRight(_ register: UInt8, _ bits: Int32) { emit(0x74, destination: register, immediate: bits) }

    mutating func `return`(_ value: Int32) {
        emit(0xb4, destination: 0, immediate: value)
        emit(0x95, destination: 0)
    }

    mutating func unlessAny(_ tests: [Test], return value: Int32) {
        var remaining = tests.reduce(0) { $0 + $1.length }
        for test in tests {
            remaining -= test.length
            let skip = remaining + 2  // past the other tests and the return
            switch test {
            case .notEqual(let register, let number):
                emit(0x56, destination: register, offset: skip, immediate: number)  // jne32
            case .anyOutside(let register, let mask):
                move(1, from: register)
                and(1, ~mask & 7)
                emit(0x56, destination: 1, offset: skip, immediate: 0)
            case .noneWithin(let register, let mask):
                move(1, from: register)
                and(1, mask)
                emit(0x16, destination: 1, offset: skip, immediate: 0)  // jeq32
            }
        }
        self.return(value)
    }
}
