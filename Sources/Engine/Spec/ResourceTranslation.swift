import EngineAPI
import Errors
import FoundationEssentials
import Linux
import OCI

/// Limits of a `HostConfig` as those of `config.json`. Zero is "not set" on one side, absence on the
/// other.
struct ResourceTranslation {
    let hierarchies: CgroupHierarchies

    /// Everything but devices; for `update` as well.
    func resources(_ host: HostConfig) throws(BerthError) -> RuntimeSpec.Resources {
        var resources = RuntimeSpec.Resources()
        resources.memory = memory(host)
        resources.cpu = cpu(host)
        if let limit = host.pidsLimit, limit != 0 { resources.pids = RuntimeSpec.PIDs(limit: max(-1, limit)) }
        resources.blockIO = try blockIO(host)
        return resources
    }

    private func memory(_ host: HostConfig) -> RuntimeSpec.Memory? {
        var memory = RuntimeSpec.Memory()
        if host.memory != 0 { memory.limit = host.memory }
        if host.memoryReservation != 0 { memory.reservation = host.memoryReservation }
        if host.memorySwap != 0 {
            memory.swap = host.memorySwap
        } else if host.memory > 0 {
            // As much swap as memory, unless told otherwise.
            let doubled = host.memory.multipliedReportingOverflow(by: 2)
            memory.swap = doubled.overflow ? -1 : doubled.partialValue
        }
        // Version 2 has no such files: Docker drops these with a warning.
        if hierarchies.mountPoint(of: "memory") != nil {
            if let swappiness = host.memorySwappiness, swappiness >= 0 { memory.swappiness = UInt64(swappiness) }
            if host.oomKillDisable == true { memory.disableOOMKiller = true }
            if host.kernelMemoryTCP != 0 { memory.kernelTCP = host.kernelMemoryTCP }
        }
        let isEmpty =
            memory.limit == nil && memory.reservation == nil && memory.swap == nil
            && memory.swappiness == nil && memory.disableOOMKiller == nil && memory.kernelTCP == nil
        return isEmpty ? nil : memory
    }

    private func cpu(_ host: HostConfig) -> RuntimeSpec.CPU? {
        var cpu = RuntimeSpec.CPU()
        if host.cpuShares > 0 { cpu.shares = UInt64(host.cpuShares) }
        if host.nanoCpus > 0 {
            cpu.period = 100_000
            // At least what the kernel takes, one millisecond.
            cpu.quota = max(1000, host.nanoCpus / 10_000)
        } else {
            if host.cpuPeriod > 0 { cpu.period = UInt64(host.cpuPeriod) }
            if host.cpuQuota != 0 { cpu.quota = host.cpuQuota }
        }
        if host.cpuRealtimePeriod > 0 { cpu.realtimePeriod = UInt64(host.cpuRealtimePeriod) }
        if host.cpuRealtimeRuntime > 0 { cpu.realtimeRuntime = host.cpuRealtimeRuntime }
        if !host.cpusetCpus.isEmpty { cpu.cpus = host.cpusetCpus }
        if !host.cpusetMems.isEmpty { cpu.mems = host.cpusetMems }
        let isEmpty =
            cpu.shares == nil && cpu.period == nil && cpu.quota == nil && cpu.realtimePeriod == nil
            && cpu.realtimeRuntime == nil && cpu.cpus == nil && cpu.mems == nil
        return isEmpty ? nil : cpu
    }

    // MARK: Block devices

    private func blockIO(_ host: HostConfig) throws(BerthError) -> RuntimeSpec.BlockIO? {
        var io = RuntimeSpec.BlockIO()
        var isEmpty = true
        func limits(_ devices: [ThrottleDevice]?) throws(BerthError) -> [RuntimeSpec.ThrottleDevice]? {
            guard let devices, !devices.isEmpty else { return nil }
            isEmpty = false
            var converted: [RuntimeSpec.ThrottleDevice] = []
            for device in devices {
                let number = try Self.number(of: device.path)
                converted.append(try Self.value(["major": number.major, "minor": number.minor, "rate": device.rate]))
            }
            return converted
        }
        if host.blkioWeight > 0 {
            isEmpty = false
            io.weight = host.blkioWeight
        }
        if let devices = host.blkioWeightDevice, !devices.isEmpty {
            isEmpty = false
            var converted: [RuntimeSpec.WeightDevice] = []
            for device in devices {
                let number = try Self.number(of: device.path)
                converted.append(
                    try Self.value(["major": number.major, "minor": number.minor, "weight": UInt64(device.weight)]))
            }
            io.weightDevice = converted
        }
        io.throttleReadBpsDevice = try limits(host.blkioDeviceReadBps)
        io.throttleWriteBpsDevice = try limits(host.blkioDeviceWriteBps)
        io.throttleReadIOPSDevice = try limits(host.blkioDeviceReadIOps)
        io.throttleWriteIOPSDevice = try limits(host.blkioDeviceWriteIOps)
        return isEmpty ? nil : io
    }

    private static func number(of path: String) throws(BerthError) -> (major: UInt64, minor: UInt64) {
        let status: FileStatus
        do throws(SystemError) {
            status = try Files.status(path)
        } catch {
            throw .invalidArgument("block device \(path): \(error.reason.lowercased())", cause: error)
        }
        guard status.kind == .blockDevice else { throw .invalidArgument("\(path) is not a block device") }
        let number = status.specialDeviceParts
        return (UInt64(number.major), UInt64(number.minor))
    }

    /// These parts of the specification have no initialiser outside their module; they are made the
    /// way they arrive.
    private static func value<Value: Codable>(_ fields: [String: UInt64]) throws(BerthError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: try JSONEncoder().encode(fields))
        } catch {
            throw .internal("converting a block device limit failed", cause: error)
        }
    }
}
