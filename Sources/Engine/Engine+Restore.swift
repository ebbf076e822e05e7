import Errors
import Linux
import Networking
import ShimProtocol

/// What a starting daemon does with what the last one left.
extension Engine {
    func restore() async throws {
        let networks = try services.records.load(NetworkRecord.self, from: .network)
        let volumes = try services.records.load(VolumeRecord.self, from: .volume)
        let containers = try services.records.load(ContainerRecord.self, from: .container)
        for reason in networks.damaged + volumes.damaged + containers.damaged {
            services.logger.error("a record cannot be read and was set aside: \(reason)")
        }
        services.volumes.restore(volumes.records)
        try services.networks.driver.start(
            ipv6: networks.records.contains { $0.pools.contains { $0.subnet.contains(":") } })
        for record in networks.records { try services.networks.add(record) }
        try await ensureBuiltInNetworks()
        // The files of a container whose record cannot be read are all that is left of it.
        await removeOrphans(
            except: try services.records.damagedIDs().union(containers.records.map(\.id)), of: containers.records)
        await withTaskGroup(of: Void.self) { group in
            for record in containers.records { group.addTask { await self.restore(record) } }
        }
        for volume in volumes.records where !volume.options.isEmpty {
            do {
                try await services.volumeMounts.settle(volume)
            } catch {
                services.logger.warning("mounting or unmounting volume \(volume.name): \(error)")
            }
        }
        try reconcileNetworks()
        await startThoseThatShouldRun()
    }

    /// Takes away files and processes of containers that are none any more, whose removal was cut short, or not yet,
    /// whose creation was.
    private func removeOrphans(except known: Set<String>, of records: [ContainerRecord]) async {
        let configuration = services.configuration
        let places = [configuration.dataRoot, configuration.executionRoot].map { $0 + "/containers" }
        var orphans: Set<String> = []
        for place in places {
            guard let names = try? FileDescriptor.openDirectory(place).entries() else { continue }
            orphans.formUnion(names.filter { !known.contains($0) })
        }
        for id in orphans {
            let cgroup = Cgroup("\(configuration.cgroupParent)/\(id)", in: services.hierarchies)
            do {
                try await blocking {
                    if cgroup.exists { try cgroup.killAll() }
                    try cgroup.remove()
                    try LogHandover.resume(of: id, among: records, configuration)
                    for place in places { try Files.removeTree("\(place)/\(id)") }
                }
                services.logger.notice("removed what was left of the container \(id.prefix(12))")
            } catch {
                services.logger.warning("removing what is left of the container \(id.prefix(12)): \(error)")
            }
        }
    }

    /// Takes over a container's shim, or finds out how it ended.
    private func restore(_ stored: ContainerRecord) async {
        var record = stored
        var phase: ContainerPhase = record.lastRun.startedAt == 0 ? .created : .exited
        var connection: ShimConnection?
        var missed: Exit?
        if let (shim, snapshot) = await takeOver(record) {
            switch snapshot.phase {
            case .running:
                if let process = try? Linux.Process.openPidfd(snapshot.pid) {
                    phase = .running(
                        ContainerPhase.Run(pid: snapshot.pid, process: process, startedAt: snapshot.startedAt))
                    connection = shim
                    let bundle = services.configuration.bundle(of: record.id)
                    if let run = RunRecord.read(from: bundle) { record = run.applied(to: record) }
                    if record.lastRun.startedAt != snapshot.startedAt {
                        record.lastRun = ContainerRecord.LastRun(startedAt: snapshot.startedAt)
                    }
                    for endpoint in record.endpoints where endpoint.address != nil || endpoint.addressIPv6 != nil {
                        services.networks.rejoin(record.id, name: record.name, endpoint: endpoint)
                    }
                }
            case .exited: missed = snapshot.exit
            case .created:
                // Its daemon was killed before it could start it. Nobody has it yet, so it goes.
                let cgroup = services.cgroup(of: record.id)
                try? await blocking { try cgroup.killAll() }
                shim.close()
            }
        }
        let container = makeContainer(record, phase: phase)
        await container.adopt(connection, missedEnd: missed)
    }

    /// The shim of a container, with what it says of it; nil when there is none.
    private func takeOver(_ record: ContainerRecord) async -> (ShimConnection, Snapshot)? {
        let bundle = services.configuration.bundle(of: record.id)
        guard Files.exists(bundle + "/shim.sock"), let shim = try? await ShimConnection.takeOver(bundle: bundle) else {
            return nil
        }
        // A shim that is stopped must not hold up the others.
        let snapshot = await withTaskGroup(of: Snapshot?.self) { group in
            group.addTask {
                for await event in shim.events { if case .snapshot(let snapshot) = event { return snapshot } }
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(5))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let snapshot else {
            services.logger.error("the shim of container \(record.name) does not answer")
            shim.close()
            return nil
        }
        return (shim, snapshot)
    }

    private func reconcileNetworks() throws {
        let networks = services.networks.all().compactMap(\.record.bridgeNetwork)
        var members: [BridgeDriver.Member] = []
        for snapshot in services.board.all() where snapshot.phase.run != nil {
            for (endpoint, network) in try snapshot.record.members(services.networks) {
                members.append(BridgeDriver.Member(endpoint, of: network))
            }
        }
        let leftovers = try services.networks.driver.reconcile(networks: networks, members: members)
        if !leftovers.isEmpty { services.logger.notice("removed what an earlier daemon left: \(leftovers)") }
        for entry in services.networks.all() { try services.networks.publishNames(ofNetwork: entry.record.id) }
    }

    private func startThoseThatShouldRun() async {
        for snapshot in services.board.all().sorted(by: { $0.record.created < $1.record.created }) {
            guard snapshot.phase.run == nil, snapshot.record.shouldRunAtStart else { continue }
            Task {
                do {
                    try await self.container(snapshot.record.id).start()
                } catch {
                    self.services.logger.warning("starting container \(snapshot.record.name): \(error)")
                }
            }
        }
    }
}

extension ContainerRecord {
    /// Whether the restart policy wants the container when the daemon starts and finds it stopped.
    var shouldRunAtStart: Bool {
        switch hostConfig.restartPolicy?.name {
        case "always": true
        case "unless-stopped": !wasStoppedByUser && lastRun.startedAt != 0
        case "on-failure":
            isSupposedToRun && lastRun.exitCode != 0
                && (hostConfig.restartPolicy?.maximumRetryCount ?? 0 == 0
                    || restartCount < hostConfig.restartPolicy?.maximumRetryCount ?? 0)
        default: false
        }
    }
}

extension Container {
    /// The first word on a container after the daemon started.
    func adopt(_ connection: ShimConnection?, missedEnd: Exit?) async {
        if let connection {
            shim = connection
            record.isSupposedToRun = true
            for volume in record.mountedVolumes(services) {
                try? await services.volumeMounts.acquire(volume, for: id)
            }
            publish()
            follow(connection)
            startHealthMonitor()
            return
        }
        if record.isSupposedToRun {
            // It ended while nobody listened.
            let exit: Exit
            if let missedEnd { exit = missedEnd } else { exit = await lastWords() }
            record.lastRun.exitCode = exit.code
            record.lastRun.outOfMemory = record.lastRun.outOfMemory || exit.outOfMemory
            record.lastRun.finishedAt = exit.time
            if !record.shouldRunAtStart { record.isSupposedToRun = false }
        }
        await releaseMounts()
        for index in record.endpoints.indices {
            record.endpoints[index].address = nil
            record.endpoints[index].addressIPv6 = nil
        }
        publish()
        try? await save()
        if record.hostConfig.autoRemove, record.lastRun.startedAt != 0 || phase.run == nil {
            try? await remove(.init(volumes: true, force: true))
        }
    }
}

extension Engine {
    /// Takes away what the engine made on the host outside of its own directories: for uninstalling.
    /// Containers must not run.
    public func tearDown() async throws {
        let running = services.board.all().filter { $0.phase.run != nil }.map(\.record.name)
        guard running.isEmpty else {
            throw BerthError.conflict("containers still run: \(running.sorted().joined(separator: ", "))")
        }
        let networks = services.networks.all().compactMap(\.record.bridgeNetwork)
        let driver = services.networks.driver
        let parent = Cgroup(services.configuration.cgroupParent, in: services.hierarchies)
        try await blocking {
            try driver.tearDown(networks)
            try parent.remove()
        }
    }
}
