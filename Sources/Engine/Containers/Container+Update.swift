import ContainerRuntime
import EngineAPI
import Errors
import Linux

extension Container {
    /// Changes limits and the restart policy, of a running container at once.
    func update(_ request: ContainerUpdateRequest) async throws {
        try await exclusively {
            switch phase {
            case .removing, .dead:
                throw BerthError.conflict("container \(id) is marked for removal and cannot be updated")
            default: break
            }
            let host = try HostConfigUpdate(record.hostConfig, request).applied()
            if phase.run != nil {
                let cgroup = services.cgroup(of: id)
                let resources = try ResourceTranslation(hierarchies: services.hierarchies).resources(host)
                try await blocking { try cgroup.apply(resources) }
            }
            record.hostConfig = host
            publish()
            try await save()
            tell("update")
        }
    }
}

/// A container's settings with those of an update over them, as far as Docker lets them be updated.
struct HostConfigUpdate {
    private let present: HostConfig
    private let request: ContainerUpdateRequest

    init(_ present: HostConfig, _ request: ContainerUpdateRequest) {
        self.present = present
        self.request = request
    }

    func applied() throws(BerthError) -> HostConfig {
        try checkConflicts()
        var host = present
        takeMemory(&host)
        takeCPU(&host)
        takeBlockIO(&host)
        if let pids = request.pidsLimit { host.pidsLimit = pids }
        if let policy = request.restartPolicy, !policy.name.isEmpty {
            try Creation.check(policy)
            if present.autoRemove, policy.name != "no" {
                throw .conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
            }
            host.restartPolicy = policy
        }
        try HostConfigCheck.check(host, isUpdate: true)
        return HostConfigCheck.completed(host)
    }

    private func checkConflicts() throws(BerthError) {
        let nanoCpus = request.nanoCpus ?? 0
        if nanoCpus > 0, present.cpuPeriod > 0 {
            throw .conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
        }
        if nanoCpus > 0, present.cpuQuota > 0 {
            throw .conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set")
        }
        if request.cpuPeriod ?? 0 > 0, present.nanoCpus > 0 {
            throw .conflict("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
        }
        if request.cpuQuota ?? 0 > 0, present.nanoCpus > 0 {
            throw .conflict("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
        }
        if let memory = request.memory, present.memorySwap > 0, memory > present.memorySwap,
            request.memorySwap ?? 0 == 0
        {
            throw .invalidArgument(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
            )
        }
    }

    private func takeMemory(_ host: inout HostConfig) {
        if let memory = request.memory, memory != 0 { host.memory = memory }
        if let swap = request.memorySwap, swap != 0 { host.memorySwap = swap }
        if let reservation = request.memoryReservation, reservation != 0 { host.memoryReservation = reservation }
        if let swappiness = request.memorySwappiness { host.memorySwappiness = swappiness }
        if let disable = request.oomKillDisable { host.oomKillDisable = disable }
    }

    private func takeCPU(_ host: inout HostConfig) {
        if let shares = request.cpuShares, shares != 0 { host.cpuShares = shares }
        if let cpus = request.nanoCpus, cpus != 0 { host.nanoCpus = cpus }
        if let quota = request.cpuQuota, quota != 0 { host.cpuQuota = quota }
        if let period = request.cpuPeriod, period != 0 { host.cpuPeriod = period }
        if let period = request.cpuRealtimePeriod, period != 0 { host.cpuRealtimePeriod = period }
        if let runtime = request.cpuRealtimeRuntime, runtime != 0 { host.cpuRealtimeRuntime = runtime }
        if let cpus = request.cpusetCpus, !cpus.isEmpty { host.cpusetCpus = cpus }
        if let mems = request.cpusetMems, !mems.isEmpty { host.cpusetMems = mems }
    }

    private func takeBlockIO(_ host: inout HostConfig) {
        if let weight = request.blkioWeight, weight != 0 { host.blkioWeight = weight }
        func take<Limit>(_ new: [Limit]?, _ old: inout [Limit]?) { if let new, !new.isEmpty { old = new } }
        take(request.blkioWeightDevice, &host.blkioWeightDevice)
        take(request.blkioDeviceReadBps, &host.blkioDeviceReadBps)
        take(request.blkioDeviceWriteBps, &host.blkioDeviceWriteBps)
        take(request.blkioDeviceReadIOps, &host.blkioDeviceReadIOps)
        take(request.blkioDeviceWriteIOps, &host.blkioDeviceWriteIOps)
    }
}
