import CLinux
import Glibc

/// How a process is scheduled: `sched_setattr(2)`, `ioprio_set(2)`, `sched_setaffinity(2)`.
public enum Scheduling {
    /// `struct sched_attr` in its first version. `flags` are `SCHED_FLAG_*`; times in nanoseconds.
    public struct Attributes: Sendable {
        public var policy: UInt32
        public var flags: UInt64 = 0
        public var nice: Int32 = 0
        public var priority: UInt32 = 0
        public var runtime: UInt64 = 0
        public var deadline: UInt64 = 0
        public var period: UInt64 = 0

        public init(policy: UInt32) { self.policy = policy }
    }

    public static func set(_ attributes: Attributes) throws(SystemError) {
        struct Raw {
            var size: UInt32 = 48
            var policy: UInt32
            var flags: UInt64
            var nice: Int32
            var priority: UInt32
            var runtime: UInt64
            var deadline: UInt64
            var period: UInt64
        }
        var raw = Raw(
            policy: attributes.policy, flags: attributes.flags, nice: attributes.nice, priority: attributes.priority,
            runtime: attributes.runtime, deadline: attributes.deadline, period: attributes.period)
        try systemCall("sched_setattr") {
            withUnsafeMutablePointer(to: &raw) {
                linux_syscall(Int(SYS_sched_setattr), 0, Int(bitPattern: $0), 0, 0, 0, 0)
            }
        }
    }

    /// Class 1 is real time, 2 best effort, 3 idle; within a class 0 is first and 7 last.
    public static func setIOPriority(class kind: Int, priority: Int) throws(SystemError) {
        let process = 1  // IOPRIO_WHO_PROCESS
        try rawSystemCall("ioprio_set", "", LINUX_SYS_ioprio_set, process, 0, kind << 13 | priority)
    }

    /// Keeps this process to these CPUs.
    public static func setAffinity(_ cpus: Set<Int>) throws(SystemError) {
        var mask = [UInt64](repeating: 0, count: (cpus.max() ?? 0) / 64 + 1)
        for cpu in cpus where cpu >= 0 { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
        try systemCall("sched_setaffinity") {
            mask.withUnsafeBytes {
                linux_syscall(Int(SYS_sched_setaffinity), 0, $0.count, Int(bitPattern: $0.baseAddress), 0, 0, 0)
            }
        }
    }

    /// A list such as `0-3,7`, as in cpusets; nil for anything else.
    public static func parseCPUs(_ text: String) -> Set<Int>? {
        var cpus: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            switch ends.count {
            case 1:
                guard let cpu = ends[0], cpu >= 0 else { return nil }
                cpus.insert(cpu)
            case 2:
                guard let low = ends[0], let high = ends[1], low >= 0, low <= high, high < 1 << 16 else { return nil }
                cpus.formUnion(low...high)
            default: return nil
            }
        }
        return cpus
    }
}

/// `personality(2)` of this process and what it executes.
public func setPersonality(_ persona: UInt) throws(SystemError) {
    try rawSystemCall("personality", "", Int(SYS_personality), Int(persona))
}
