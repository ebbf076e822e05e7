import EngineAPI
import Errors
import Linux
import ShimProtocol

extension Container {
    // MARK: It ended

    func ended(_ exit: Exit) async {
        guard let run = phase.run else { return }
        healthMonitor?.cancel()
        shim = nil
        execIDs = []
        let lived = exit.time - run.startedAt
        record.lastRun.finishedAt = exit.time
        record.lastRun.exitCode = exit.code
        record.lastRun.outOfMemory = record.lastRun.outOfMemory || exit.outOfMemory
        record.isSupposedToRun = false
        if exit.outOfMemory { await tellOutOfMemory() }
        if let outOfMemoryReason, exit.code == 137 { record.lastRun.error = outOfMemoryReason }
        await leaveNetworks(namespaceEnds: true)
        await releaseMounts()
        tellVolumes("unmount")
        let delay = restartDelay(exit, lived: lived)
        // A daemon that starts before the delay is over goes on with it.
        record.isSupposedToRun = delay != nil
        phase = delay.map { .restarting(at: Clock.now() + $0 * 1_000_000) } ?? .exited
        services.trace?.mark(id, "network and mounts left")
        publish()
        tell("die", ["exitCode": "\(exit.code)", "execDuration": "\(lived / 1_000_000_000)"])
        if delay == nil, record.hostConfig.autoRemove {
            answerExitWaiters()
            do {
                try await exclusively { try await remove(withVolumes: true) }
                services.trace?.mark(id, "removal")
            } catch {
                logger.error("removing container \(record.shortID): \(error)")
            }
            return
        }
        do {
            try await save()
        } catch {
            logger.error("keeping the end of container \(record.shortID): \(error)")
        }
        answerExitWaiters()
        if let delay { scheduleRestart(milliseconds: delay) }
    }

    // MARK: Restarting

    /// Milliseconds until the next start; nil when the policy wants none. The delay doubles from
    /// 100 ms to a minute while the container keeps ending within ten seconds.
    private func restartDelay(_ exit: Exit, lived: Int64) -> Int64? {
        guard !record.wasStoppedByUser, let policy = record.hostConfig.restartPolicy else { return nil }
        switch policy.name {
        case "always", "unless-stopped": break
        case "on-failure":
            guard exit.code != 0 else { return nil }
            if policy.maximumRetryCount > 0, record.restartCount >= policy.maximumRetryCount { return nil }
        default: return nil
        }
        quickEnds = lived > 10_000_000_000 ? 0 : quickEnds + 1
        return min(60_000, 100 << Int64(min(quickEnds, 10)) / 2)
    }

    private func scheduleRestart(milliseconds: Int64) {
        restartTimer?.cancel()
        restartTimer = Task {
            do {
                try await Task.sleep(for: .milliseconds(milliseconds))
            } catch {
                return
            }
            await self.restartAfterDelay()
        }
    }

    private func restartAfterDelay() async {
        do {
            try await exclusively {
                guard case .restarting = phase else { return }
                record.restartCount += 1
                try await run()
            }
        } catch {
            logger.warning("restarting container \(record.name): \(error)")
        }
    }

    // MARK: Stopping

    /// Asks the container to end and makes it end after its time-out. Throws `notModified` when it
    /// does not run.
    func stop(_ options: StopOptions) async throws {
        try await exclusively {
            if case .restarting = phase {
                restartTimer?.cancel()
                phase = .exited
                record.wasStoppedByUser = true
                publish()
                try await save()
                return
            }
            guard phase.run != nil else { throw BerthError(.notModified, "container \(id) is not running") }
            try await stopRunning(options)
            tell("stop")
        }
    }

    private func stopRunning(_ options: StopOptions) async throws {
        guard let run = phase.run else { return }
        record.wasStoppedByUser = true
        let signal = try options.signal.map { try ProcessSignal.parse($0) } ?? record.stopSignal
        if run.isPaused { try unpause() }
        try Linux.Process.signal(signal, to: run.process)
        tell("kill", ["signal": "\(signal)"])
        let patience = options.timeout ?? record.config.stopTimeout ?? 10
        if await ended(within: patience < 0 ? nil : patience) { return }
        try await killAndWait(run)
    }

    private func killAndWait(_ run: ContainerPhase.Run) async throws {
        try Linux.Process.signal(ProcessSignal.kill, to: run.process)
        tell("kill", ["signal": "\(ProcessSignal.kill)"])
        if run.isPaused { try? services.cgroup(of: id).thaw() }
        if await ended(within: 10) { return }
        // The process is gone or going; who should say so is stopped or hung.
        logger.error("the shim of container \(record.name) does not say that it ended: it is killed")
        shim?.kill()
        guard await ended(within: 5) else {
            throw BerthError(
                .deadlineExceeded,
                "container \(record.name) did not end 15 seconds after SIGKILL: its process \(run.pid) is stuck in the kernel"
            )
        }
    }

    func restart(_ options: StopOptions) async throws {
        try await exclusively {
            if phase.run != nil {
                try await stopRunning(options)
                tell("stop")
            }
            restartTimer?.cancel()
            record.wasStoppedByUser = false
            guard !record.hostConfig.autoRemove || phase.run == nil else { return }
            try await run()
            tell("restart")
        }
    }

    // MARK: Removing

    /// - Parameter successor: takes the log over; see `LogHandover`.
    func remove(_ options: ContainerRemoveOptions, logsTo successor: ContainerRecord? = nil) async throws {
        try await exclusively {
            switch phase {
            case .running(let run):
                guard options.force else {
                    let state = run.isPaused ? "paused" : "running"
                    throw BerthError.conflict(
                        "cannot remove container \"/\(record.name)\": container is \(state): "
                            + (run.isPaused
                                ? "unpause and then stop the container before removing or force remove"
                                : "stop the container before removing or force remove"))
                }
                record.wasStoppedByUser = true
                try await killAndWait(run)
            case .restarting:
                guard options.force else {
                    throw BerthError.conflict(
                        "cannot remove container \"/\(record.name)\": container is restarting: stop the container before removing or force remove"
                    )
                }
            case .removing:
                throw BerthError.conflict("removal of container \(id) is already in progress")
            case .created, .exited, .dead: break
            }
            // One that removes itself may have done so while it was killed.
            guard services.board[id] != nil else { return }
            try await remove(withVolumes: options.volumes || record.hostConfig.autoRemove, logsTo: successor)
        }
    }

    /// Removes all there is of a container that does not run. The row goes last, so that a removal
    /// that was cut short can be done again.
    func remove(withVolumes: Bool, logsTo successor: ContainerRecord? = nil) async throws {
        if case .removing = phase { return }
        restartTimer?.cancel()
        phase = .removing
        publish()
        let configuration = services.configuration
        let record = record
        let cgroup = services.cgroup(of: id)
        do {
            await leaveNetworks(namespaceEnds: true)
            await releaseMounts()
            await logCompression?.value
            let handover = successor.flatMap { LogHandover(of: record, to: $0, configuration) }
            if let handover { try await blocking { try handover.announce() } }
            // First of all it is no container any more: a daemon that is killed after this leaves files without a
            // record, which the next one takes away, and never a record without its files.
            try await services.records.delete(id, from: .container)
            if handover != nil { logEnd.set(Clock.now()) }
            try await blocking {
                try handover?.carryOut()
                // What a daemon that was killed half-way may have left in it.
                if cgroup.exists { try cgroup.killAll() }
                try cgroup.remove()
                try Files.removeTree(configuration.bundle(of: record.id))
                try Files.removeTree(record.workspace.root)
                try Files.removeTree(configuration.directory(of: record.id))
            }
            if withVolumes { await removeAnonymousVolumes() }
        } catch {
            phase = .dead
            self.record.lastRun.error = "\(error)"
            publish()
            throw error
        }
        services.board.remove(id)
        tell("destroy")
        answerRemovalWaiters()
        answerExitWaiters()
        onRemoved(id)
    }

    private func removeAnonymousVolumes() async {
        for name in record.anonymousVolumes {
            let isUsed = services.board.all().contains { other in
                other.record.id != id && other.record.mounts.contains { $0.kind == .volume && $0.name == name }
            }
            guard !isUsed else { continue }
            do {
                try services.volumes.remove(name)
                try await services.records.delete(name, from: .volume)
                services.events.publish("volume", "destroy", id: name, attributes: ["driver": "local"])
            } catch {
                logger.warning("removing volume \(name): \(error)")
            }
        }
    }
}
