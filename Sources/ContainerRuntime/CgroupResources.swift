import Errors
import Glibc
import Linux
import OCI

extension Cgroup {
    /// Applies limits, in the units of `config-linux.md`, to whichever cgroup version holds each
    /// controller. A limit whose controller the host lacks is an error: the user asked for it.
    public func apply(_ resources: RuntimeSpec.Resources) throws(BerthError) {
        if let memory = resources.memory { try apply(memory) }
        if let cpu = resources.cpu { try apply(cpu) }
        if let pids = resources.pids, pids.limit != 0 {
            try set("pids", "pids.max", pids.limit < 0 ? "max" : "\(pids.limit)")
        }
        if let blockIO = resources.blockIO { try apply(blockIO) }
        for huge in resources.hugepageLimits ?? [] {
            let end = isVersion2("hugetlb") ? "max" : "limit_in_bytes"
            try set("hugetlb", "hugetlb.\(huge.pageSize).\(end)", "\(huge.limit)")
            // Pages that are reserved and not used yet count too, where the kernel counts them.
            try setIfPresent("hugetlb", "hugetlb.\(huge.pageSize).rsvd.\(end)", "\(huge.limit)")
        }
        if let network = resources.network { try apply(network) }
        for (device, limit) in (resources.rdma ?? [:]).sorted(by: { $0.key < $1.key }) {
            let handles = limit.hcaHandles.map { " hca_handle=\($0)" } ?? ""
            let objects = limit.hcaObjects.map { " hca_object=\($0)" } ?? ""
            try set("rdma", "rdma.max", device + handles + objects)
        }
        if let rules = resources.devices { try apply(rules) }
        for (file, value) in (resources.unified ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard !file.contains("/"), let controller = file.split(separator: ".").first else {
                throw .invalidArgument("unified resource \"\(file)\" is not a cgroup v2 file name")
            }
            guard isVersion2(String(controller)) || controller == "cgroup" else {
                throw .invalidArgument("unified resource \"\(file)\" needs the \(controller) controller on cgroup v2")
            }
            try write(file, value, in: version2Directory)
        }
    }

    private func set(_ controller: String, _ file: String, _ value: String) throws(BerthError) {
        guard let directory = directory(of: controller) else {
            throw .invalidArgument("this host has no \(controller) cgroup controller, which \(file)=\(value) needs")
        }
        try write(file, value, in: directory)
    }

    private func write(_ file: String, _ value: String, in directory: String?) throws(BerthError) {
        guard let directory else { return }
        do throws(SystemError) {
            try Files.writeKernel("\(directory)/\(file)", value)
        } catch {
            throw BerthError("setting \(file) to \(value)", error)
        }
    }

    // MARK: Memory

    private func apply(_ memory: RuntimeSpec.Memory) throws(BerthError) {
        func text(_ bytes: Int64, unlimited: String) -> String { bytes < 0 ? unlimited : "\(bytes)" }
        if memory.checkBeforeUpdate == true, let limit = memory.limit, limit >= 0 {
            let usage = number(isVersion2("memory") ? "memory.current" : "memory.usage_in_bytes", of: "memory") ?? 0
            guard usage <= UInt64(limit) else {
                throw .conflict("memory limit \(limit) is below what is used now (\(usage))")
            }
        }
        if isVersion2("memory") {
            if let limit = memory.limit { try set("memory", "memory.max", text(limit, unlimited: "max")) }
            if let reservation = memory.reservation {
                try set("memory", "memory.low", text(reservation, unlimited: "max"))
            }
            if let swap = memory.swap, swap != 0 {
                // The specification counts memory and swap together, version 2 swap alone.
                let limit = memory.limit ?? number("memory.max", of: "memory").map { Int64(clamping: $0) } ?? 0
                guard swap < 0 || swap >= limit else {
                    throw .invalidArgument("memory and swap together (\(swap)) are less than memory alone (\(limit))")
                }
                try setIfPresent("memory", "memory.swap.max", text(swap < 0 ? -1 : swap - limit, unlimited: "max"))
            }
            return
        }
        if let limit = memory.limit, let swap = memory.swap, swap != 0 {
            try applyMemoryAndSwap(limit: limit, swap: swap)
        } else if let limit = memory.limit {
            try set("memory", "memory.limit_in_bytes", "\(limit)")
        }
        if let reservation = memory.reservation { try set("memory", "memory.soft_limit_in_bytes", "\(reservation)") }
        if let swappiness = memory.swappiness { try set("memory", "memory.swappiness", "\(swappiness)") }
        if let disabled = memory.disableOOMKiller, disabled { try set("memory", "memory.oom_control", "1") }
        if let tcp = memory.kernelTCP { try setIfPresent("memory", "memory.kmem.tcp.limit_in_bytes", "\(tcp)") }
    }

    /// The kernel keeps limit ≤ limit with swap at every moment, so growing and shrinking go in
    /// opposite orders. A kernel without swap accounting has no second file.
    private func applyMemoryAndSwap(limit: Int64, swap: Int64) throws(BerthError) {
        let swapFile = "memory.memsw.limit_in_bytes"
        let present = number(swapFile, of: "memory")
        let shrinks = present.map { limit >= 0 && UInt64(limit) > $0 } ?? false
        if shrinks { try setIfPresent("memory", swapFile, "\(swap)") }
        try set("memory", "memory.limit_in_bytes", "\(limit)")
        if !shrinks { try setIfPresent("memory", swapFile, "\(swap)") }
    }

    private func setIfPresent(_ controller: String, _ file: String, _ value: String) throws(BerthError) {
        guard let directory = directory(of: controller), Files.exists("\(directory)/\(file)") else { return }
        try set(controller, file, value)
    }

    // MARK: CPU

    private func apply(_ cpu: RuntimeSpec.CPU) throws(BerthError) {
        if isVersion2("cpu") {
            if let shares = cpu.shares, shares > 0 { try set("cpu", "cpu.weight", "\(Self.weight(shares: shares))") }
            if cpu.quota != nil || cpu.period != nil {
                // One file for two numbers: the one that is not given stays.
                let present = (self.text("cpu.max", of: "cpu") ?? "").split(whereSeparator: \.isWhitespace)
                let quota = cpu.quota.map { $0 > 0 ? "\($0)" : "max" } ?? present.first.map(String.init) ?? "max"
                let period = cpu.period.flatMap { $0 > 0 ? "\($0)" : nil } ?? present.last.map(String.init) ?? "100000"
                try set("cpu", "cpu.max", "\(quota) \(period)")
            }
            if let burst = cpu.burst { try set("cpu", "cpu.max.burst", "\(burst)") }
        } else {
            if let shares = cpu.shares, shares > 0 { try set("cpu", "cpu.shares", "\(shares)") }
            if let period = cpu.period, period > 0 { try set("cpu", "cpu.cfs_period_us", "\(period)") }
            if let quota = cpu.quota, quota != 0 { try set("cpu", "cpu.cfs_quota_us", "\(quota)") }
            if let burst = cpu.burst { try set("cpu", "cpu.cfs_burst_us", "\(burst)") }
            if let period = cpu.realtimePeriod, period > 0 { try set("cpu", "cpu.rt_period_us", "\(period)") }
            if let runtime = cpu.realtimeRuntime, runtime > 0 { try set("cpu", "cpu.rt_runtime_us", "\(runtime)") }
        }
        if let idle = cpu.idle { try set("cpu", "cpu.idle", "\(idle)") }
        if let cpus = cpu.cpus, !cpus.isEmpty { try set("cpuset", "cpuset.cpus", cpus) }
        if let mems = cpu.mems, !mems.isEmpty { try set("cpuset", "cpuset.mems", mems) }
    }

    /// Shares 2…262144 to weights 1…10000, as the specification's own note maps them.
    static func weight(shares: UInt64) -> UInt64 {
        let shares = min(max(shares, 2), 262_144)
        return 1 + ((shares - 2) * 9999) / 262_142
    }

    // MARK: Block I/O

    private func apply(_ io: RuntimeSpec.BlockIO) throws(BerthError) {
        let unified = isVersion2("io")
        let controller = unified ? "io" : "blkio"
        if let weight = io.weight, weight > 0 { try applyWeight("\(weight)", weight, unified: unified) }
        for device in io.weightDevice ?? [] {
            guard let weight = device.weight, weight > 0 else { continue }
            try applyWeight("\(device.major):\(device.minor) \(weight)", weight, device: device, unified: unified)
        }
        if !unified {
            if let weight = io.leafWeight { try set("blkio", "blkio.leaf_weight", "\(weight)") }
            for device in io.weightDevice ?? [] {
                guard let weight = device.leafWeight else { continue }
                try set("blkio", "blkio.leaf_weight_device", "\(device.major):\(device.minor) \(weight)")
            }
        }
        let throttles: [([RuntimeSpec.ThrottleDevice]?, String, String)] = [
            (io.throttleReadBpsDevice, "rbps", "blkio.throttle.read_bps_device"),
            (io.throttleWriteBpsDevice, "wbps", "blkio.throttle.write_bps_device"),
            (io.throttleReadIOPSDevice, "riops", "blkio.throttle.read_iops_device"),
            (io.throttleWriteIOPSDevice, "wiops", "blkio.throttle.write_iops_device"),
        ]
        for (devices, key, file) in throttles {
            for device in devices ?? [] {
                let number = "\(device.major):\(device.minor)"
                if unified {
                    try set(controller, "io.max", "\(number) \(key)=\(device.rate)")
                } else {
                    try set(controller, file, "\(number) \(device.rate)")
                }
            }
        }
    }

    /// BFQ has files of its own, with the specification's numbers; else version 2 counts 1…10000.
    private func applyWeight(
        _ line: String, _ weight: UInt16, device: RuntimeSpec.WeightDevice? = nil, unified: Bool
    ) throws(BerthError) {
        let directory = directory(of: unified ? "io" : "blkio") ?? ""
        let controller = unified ? "io" : "blkio"
        let bfq = "\(controller).bfq.weight" + (!unified && device != nil ? "_device" : "")
        if Files.exists("\(directory)/\(bfq)") { return try set(controller, bfq, line) }
        guard unified else { return try set("blkio", device == nil ? "blkio.weight" : "blkio.weight_device", line) }
        let target = device.map { "\($0.major):\($0.minor)" } ?? "default"
        try set("io", "io.weight", "\(target) \(Self.ioWeight(weight))")
    }

    /// Weights 10…1000 to 1…10000.
    static func ioWeight(_ weight: UInt16) -> UInt64 {
        let weight = UInt64(min(max(weight, 10), 1000))
        return 1 + (weight - 10) * 9999 / 990
    }

    // MARK: Network

    /// Version 2 has nothing of the kind; packets are told apart there by the cgroup itself.
    private func apply(_ network: RuntimeSpec.Network) throws(BerthError) {
        if let number = network.classID { try set("net_cls", "net_cls.classid", "\(number)") }
        for item in network.priorities ?? [] {
            try set("net_prio", "net_prio.ifpriomap", "\(item.name) \(item.priority)")
        }
    }

    // MARK: Devices

    /// Which devices may be used: rules in order, the last that matches wins. On version 2 this is
    /// a BPF program attached to the cgroup.
    private func apply(_ rules: [RuntimeSpec.DeviceRule]) throws(BerthError) {
        guard hierarchies.mountPoint(of: "devices") == nil else {
            for rule in rules {
                let major = rule.major.map { $0 < 0 ? "*" : "\($0)" } ?? "*"
                let minor = rule.minor.map { $0 < 0 ? "*" : "\($0)" } ?? "*"
                let kind = rule.type ?? "a"
                let line =
                    kind == "a" && major == "*" && minor == "*"
                    ? "a" : "\(kind) \(major):\(minor) \(rule.access ?? "rwm")"
                try set("devices", rule.allow ? "devices.allow" : "devices.deny", line)
            }
            return
        }
        // Also where other controllers are on version 1.
        guard let directory = version2Directory else { return }
        do throws(SystemError) {
            try DeviceFilter(
                rules.map {
                    DeviceFilter.Rule(
                        allow: $0.allow, type: $0.type ?? "a", major: $0.major.flatMap { $0 < 0 ? nil : UInt32($0) },
                        minor: $0.minor.flatMap { $0 < 0 ? nil : UInt32($0) }, access: $0.access ?? "rwm")
                }
            ).attach(to: try FileDescriptor.openDirectory(directory))
        } catch {
            throw BerthError("limiting devices", error)
        }
    }
}
