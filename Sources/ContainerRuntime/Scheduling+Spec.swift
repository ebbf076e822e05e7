import Glibc
import Linux
import OCI

extension RuntimeSpec.Scheduler {
    /// The kernel's numbers for it.
    func attributes() throws(SystemError) -> Scheduling.Attributes {
        guard let number = Self.policies[policy] else {
            throw SystemError("sched_setattr", errno: EINVAL, subject: "unknown policy \(policy)")
        }
        var attributes = Scheduling.Attributes(policy: number)
        for flag in flags ?? [] {
            guard let bit = Self.flagBits[flag] else {
                throw SystemError("sched_setattr", errno: EINVAL, subject: "unknown flag \(flag)")
            }
            attributes.flags |= bit
        }
        attributes.nice = nice ?? 0
        attributes.priority = UInt32(max(0, priority ?? 0))
        attributes.runtime = runtime ?? 0
        attributes.deadline = deadline ?? 0
        attributes.period = period ?? 0
        return attributes
    }

    private static let policies: [String: UInt32] = [
        "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
        "SCHED_DEADLINE": 6,
    ]

    private static let flagBits: [String: UInt64] = [
        "SCHED_FLAG_RESET_ON_FORK": 0x01, "SCHED_FLAG_RECLAIM": 0x02, "SCHED_FLAG_DL_OVERRUN": 0x04,
        "SCHED_FLAG_KEEP_POLICY": 0x08, "SCHED_FLAG_KEEP_PARAMS": 0x10, "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
        "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
    ]
}

extension RuntimeSpec.IOPriority {
    func apply() throws(SystemError) {
        let kinds = ["IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
        guard let kind = kinds[`class`], (0...7).contains(priority) else {
            throw SystemError("ioprio_set", errno: EINVAL, subject: "\(`class`) \(priority)")
        }
        try Scheduling.setIOPriority(class: kind, priority: priority)
    }
}

extension RuntimeSpec.Personality {
    func apply() throws(SystemError) {
        guard (flags ?? []).isEmpty else {
            throw SystemError("personality", errno: EINVAL, subject: "linux.personality.flags (there are none yet)")
        }
        switch domain {
        case "LINUX": try setPersonality(0)
        case "LINUX32": try setPersonality(8)
        default: throw SystemError("personality", errno: EINVAL, subject: "unknown domain \(domain)")
        }
    }
}
