import Glibc
import Linux
import OCI

extension RuntimeSpec.Process {
    /// Limits a process, or this one.
    func applyLimits(to pid: pid_t = 0) throws(SystemError) {
        for limit in rlimits ?? [] {
            guard let resource = ResourceLimits.number(of: limit.type) else {
                throw SystemError("setrlimit", errno: EINVAL, subject: limit.type)
            }
            try ResourceLimits.set(resource, soft: limit.soft, hard: limit.hard, name: limit.type, of: pid)
        }
    }

    /// Sets how likely this process, and what it becomes, is to be killed for want of memory.
    func applyOutOfMemoryScore() throws(SystemError) {
        guard let score = oomScoreAdj else { return }
        do throws(SystemError) {
            try Files.writeKernel("/proc/self/oom_score_adj", "\(score)")
        } catch {
            // Lowering takes CAP_SYS_RESOURCE, which a host may withhold from us: then it stays.
            if error.errno != EACCES && error.errno != EPERM { throw error }
        }
    }
}
