import EngineAPI
import Errors
import Glibc

/// What can be told wrong about a `HostConfig` before anything is made, in Docker's words.
enum HostConfigCheck {
    static func check(_ host: HostConfig, isUpdate: Bool = false) throws(BerthError) {
        try checkMemory(host, isUpdate: isUpdate)
        try checkCPU(host)
        if host.blkioWeight > 0, !(10...1000).contains(host.blkioWeight) {
            throw .invalidArgument("Range of blkio weight is from 10 to 1000")
        }
        if isUpdate { return }
        try checkModes(host)
        guard (-1000...1000).contains(host.oomScoreAdj) else {
            throw .invalidArgument(
                "Invalid value \(host.oomScoreAdj), range for oom score adj is [-1000, 1000]")
        }
        guard host.shmSize >= 0 else { throw .invalidArgument("SHM size can not be less than 0") }
        _ = try CapabilityChoice(host)
        _ = try SecurityOptions(host)
        _ = try SpecBuilder.resourceLimits(host.ulimits ?? [])
        for rule in host.deviceCgroupRules ?? [] { _ = try DevicePlan.parse(rule) }
        for options in (host.tmpfs ?? [:]).values {
            _ = try TmpfsMountOptions.merge(options.split(separator: ",").map(String.init))
        }
    }

    /// What Docker fills in when a container is made, so that inspect shows it.
    static func completed(_ host: HostConfig) -> HostConfig {
        var host = host
        if host.memory > 0, host.memorySwap == 0, host.memory <= Int64.max / 2 { host.memorySwap = host.memory * 2 }
        return host
    }

    private static func checkModes(_ host: HostConfig) throws(BerthError) {
        func check(_ mode: String, _ known: Set<String>, joins: Bool, _ what: String) throws(BerthError) {
            let isOther = joins && mode.hasPrefix("container:") && mode.utf8.count > "container:".utf8.count
            guard known.contains(mode) || isOther else { throw .invalidArgument("invalid \(what) mode: \(mode)") }
        }
        try check(host.ipcMode, ["", "none", "private", "shareable", "host"], joins: true, "IPC")
        try check(host.pidMode, ["", "host"], joins: true, "PID")
        try check(host.utsMode, ["", "host"], joins: false, "UTS")
        try check(host.usernsMode, ["", "host"], joins: false, "user namespace")
        try check(host.cgroupnsMode, ["", "private", "host"], joins: false, "cgroup namespace")
    }

    private static let leastMemory: Int64 = 6 << 20

    private static func checkMemory(_ host: HostConfig, isUpdate: Bool) throws(BerthError) {
        if host.memory != 0, host.memory < leastMemory {
            throw .invalidArgument("Minimum memory limit allowed is 6MB")
        }
        if host.memory > 0, host.memorySwap > 0, host.memorySwap < host.memory {
            throw .invalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        if host.memory == 0, host.memorySwap > 0, !isUpdate {
            throw .invalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        if let swappiness = host.memorySwappiness, !(-1...100).contains(swappiness) {
            throw .invalidArgument("Invalid value: \(swappiness), valid memory swappiness range is 0-100")
        }
        if host.memoryReservation != 0, host.memoryReservation < leastMemory {
            throw .invalidArgument("Minimum memory reservation allowed is 6MB")
        }
        if host.memory > 0, host.memoryReservation > host.memory {
            throw .invalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage")
        }
    }

    private static func checkCPU(_ host: HostConfig) throws(BerthError) {
        if host.nanoCpus > 0, host.cpuPeriod > 0 {
            throw .invalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set")
        }
        if host.nanoCpus > 0, host.cpuQuota > 0 {
            throw .invalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        }
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard (0...Int64(processors) * 1_000_000_000).contains(host.nanoCpus) else {
            throw .invalidArgument(
                "range of CPUs is from 0.01 to \(processors).00, as there are only \(processors) CPUs available")
        }
        guard host.cpuShares >= 0 else {
            throw .invalidArgument("invalid CPU shares (\(host.cpuShares)): value must be a positive integer")
        }
        if host.cpuPeriod != 0, !(1000...1_000_000).contains(host.cpuPeriod) {
            throw .invalidArgument(
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        if host.cpuQuota > 0, host.cpuQuota < 1000 {
            throw .invalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
        }
        try checkList(host.cpusetCpus, name: "cpuset cpus", most: sysconf(Int32(_SC_NPROCESSORS_CONF)) - 1)
        try checkList(host.cpusetMems, name: "cpuset mems", most: 1023)
    }

    /// `0-3,7`.
    private static func checkList(_ text: String, name: String, most: Int) throws(BerthError) {
        if text.isEmpty { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, 0 <= first, first <= last else {
                throw .invalidArgument("Invalid value \(text) for \(name)")
            }
            guard last <= most else {
                throw .invalidArgument(
                    "Requested \(name == "cpuset cpus" ? "CPUs" : "memory nodes") are not available - requested \(text), available: 0-\(most)"
                )
            }
        }
    }
}
