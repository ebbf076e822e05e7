import EngineAPI
import Errors
import FoundationEssentials
import Linux
import Networking
import OCI
import ShimProtocol

extension Container {
    /// Starts the container. Throws `notModified` when it runs already.
    func start() async throws {
        try await exclusively {
            switch phase {
            case .running(let run):
                if run.isPaused { throw BerthError.conflict("cannot start a paused container, try unpause instead") }
                throw BerthError(.notModified, "container \(id) is running")
            case .removing, .dead:
                throw BerthError.conflict("container is marked for removal and cannot be started")
            case .created, .exited, .restarting: break
            }
            restartTimer?.cancel()
            record.wasStoppedByUser = false
            // Who starts it by hand gives it all its tries again.
            record.restartCount = 0
            quickEnds = 0
            do {
                try await run()
            } catch {
                // What was to go with its end goes with a start that came to nothing, too.
                if record.hostConfig.autoRemove { try? await remove(withVolumes: true) }
                throw error
            }
        }
    }

    /// One run, from a stopped container to a running program. On failure everything made for it is
    /// gone again, and the reason is kept.
    func run() async throws {
        services.trace?.mark(id, "client")
        do {
            try await joinNetworks()
            try await acquireVolumes()
            let (launch, connection) = try await launchShim()
            do {
                try await complete(launch, connection)
            } catch {
                connection.close()
                throw error
            }
        } catch {
            throw await failedToStart(error)
        }
    }

    private func launchShim() async throws -> (Launch, ShimConnection) {
        let run = try RunPlan(record, services: services)
        let launch = try await blocking { try run.write() }
        services.trace?.mark(id, "start: plan")
        let connection = try await ShimConnection.launch(
            launch, shim: services.configuration.shimPath, log: services.shimLog)
        return (launch, connection)
    }

    private func complete(_ launch: Launch, _ connection: ShimConnection) async throws {
        let pid = try await expect(connection) { event in
            if case .created(let pid) = event { return pid }
            return nil
        }
        services.trace?.mark(id, "shim and clone")
        let process = try Linux.Process.openPidfd(pid)
        // The file system is built meanwhile.
        do {
            try await connectNetworks(pid: pid)
        } catch {
            // A process that could not build its file system is gone, and its network with it: that it is
            // gone is then not the reason.
            try await expectReady(connection)
            throw error
        }
        services.trace?.mark(id, "network")
        try await expectReady(connection)
        services.trace?.mark(id, "root file system")
        let mounts = HostMounts(record, configuration: services.configuration)
        if !mounts.isEmpty { try await blocking { mounts.releaseSubpaths() } }
        for (attach, descriptor) in waitingAttaches { try connection.send(.attach(attach), descriptor: descriptor) }
        waitingAttaches = []
        try connection.send(.start)
        let startedAt = try await expect(connection) { event in
            if case .started(let time) = event { return time }
            return nil
        }
        services.trace?.mark(id, "exec")
        shim = connection
        phase = .running(ContainerPhase.Run(pid: pid, process: process, startedAt: startedAt))
        record.lastRun = ContainerRecord.LastRun(startedAt: startedAt)
        hasToldOutOfMemory = false
        outOfMemoryReason = nil
        record.isSupposedToRun = true
        publish()
        follow(connection)
        // A container that removes itself leaves nothing that a row could be needed for.
        if !record.hostConfig.autoRemove { try await save() }
        tellVolumes("mount")
        tell("start")
        services.trace?.mark(id, "started told")
        startHealthMonitor()
    }

    private func expectReady(_ connection: ShimConnection) async throws {
        try await expect(connection) { event in
            if case .ready = event { return true }
            return nil
        }
    }

    /// The next event, which must be the one looked for.
    @discardableResult
    private func expect<Value: Sendable>(
        _ connection: ShimConnection, _ match: (ShimEvent) -> Value?
    ) async throws -> Value {
        for await event in connection.events {
            if let value = match(event) { return value }
            if case .failed(let failure) = event { throw failure }
        }
        throw BerthError.internal("the container's shim ended while it started the container")
    }

    private func failedToStart(_ error: any Error) async -> any Error {
        services.trace?.end(id)
        for (_, descriptor) in waitingAttaches { withExtendedLifetime(descriptor) {} }
        waitingAttaches = []
        await leaveNetworks(namespaceEnds: true)
        await releaseMounts()
        let message: String
        var code = BerthError.Code.internal
        record.lastRun.exitCode = 128
        switch error {
        case let failure as Failure:
            message = await explain(failure)
            switch failure.kind {
            case .notFound:
                record.lastRun.exitCode = 127
                code = .invalidArgument
            case .notExecutable:
                record.lastRun.exitCode = 126
                code = .invalidArgument
            case .portTaken: code = .internal
            case .setup: code = .internal
            }
        case let error as BerthError:
            message = error.message
            code = error.code
        default:
            message = "\(error)"
        }
        record.lastRun.error = message
        if case .restarting = phase { phase = .exited }
        publish()
        try? await save()
        return BerthError(code, message, cause: error)
    }

    /// Words for a failure that the shim only has a number for.
    private func explain(_ failure: Failure) async -> String {
        guard failure.kind == .portTaken, let port = failure.port else {
            return "failed to create task for container: \(failure.message)"
        }
        let holder = await owner(of: port)
        return "driver failed programming external connectivity on endpoint \(record.name) ("
            + "\(record.endpoints.first?.endpointID.prefix(12) ?? "")): Bind for \(port.hostAddress):\(port.hostPort) failed: "
            + "port is already allocated" + (holder.map { " (\($0))" } ?? "")
    }

    private func owner(of port: PublishedPort) async -> String? {
        for other in services.board.all() where other.record.id != id && other.phase.run != nil {
            let holds = other.record.publishedPorts.contains {
                $0.hostPort == port.hostPort && $0.transport == port.transport.rawValue
            }
            if holds { return "held by container \(other.record.name) (\(other.record.shortID))" }
        }
        guard let address = IPAddress(port.hostAddress),
            let transport = TransportProtocol(rawValue: port.transport.rawValue)
        else { return nil }
        let owner = try? await blocking { PortOwner.find(transport, address, port: port.hostPort) }
        return owner?.description
    }

    // MARK: Following a running container

    /// Listens to the shim until it is gone.
    func follow(_ connection: ShimConnection) {
        Task {
            for await event in connection.events { await self.handle(event) }
            await self.shimIsGone(connection)
        }
    }

    private func handle(_ event: ShimEvent) async {
        switch event {
        case .exited(let exit):
            services.trace?.mark(id, "the program")
            await ended(exit)
            services.trace?.end(id)
        case .execStarted(let exec, let pid):
            if let waiting = startingExecs.removeValue(forKey: exec) {
                waiting.resume(returning: pid)
            } else if let process = try? Linux.Process.openPidfd(pid) {
                // Too late: whoever wanted it was told that it failed.
                try? Linux.Process.signal(ProcessSignal.kill, to: process)
            }
        case .execFailed(let exec, let failure):
            startingExecs.removeValue(forKey: exec)?.resume(throwing: failure)
        case .execExited(let exec, let code):
            execIDs.remove(exec)
            onExecExit(exec, code)
            execWaiters.removeValue(forKey: exec)?.yield(code)
            tell("exec_die", ["execID": exec, "exitCode": "\(code)"])
            publish()
        case .failed(let failure):
            logger.error("container \(record.shortID): \(failure.message)")
        case .logRotated: compressLog()
        case .outOfMemory: await killedForMemory()
        case .created, .ready, .started, .snapshot: break
        }
    }

    private func compressLog() {
        guard let driver = try? LogDriver(record.hostConfig.logConfig, defaults: services.configuration) else { return }
        let (record, configuration, logger) = (record, services.configuration, logger)
        let before = logCompression
        logCompression = Task {
            await before?.value
            do {
                try await blocking { try driver.compressOlderFiles(of: record, configuration) }
            } catch {
                logger.warning("compressing the log of container \(record.name): \(error)")
            }
        }
    }

    /// The shim ended without a word: killed, most likely. Its container went with it.
    private func shimIsGone(_ connection: ShimConnection) async {
        for (_, continuation) in startingExecs {
            continuation.resume(throwing: BerthError.unavailable("the container's shim is gone"))
        }
        startingExecs = [:]
        guard shim === connection, phase.run != nil else { return }
        await ended(await lastWords())
    }

    /// How a container ended whose shim can no longer say it.
    func lastWords() async -> Exit {
        let bundle = services.configuration.bundle(of: id)
        let cgroup = services.cgroup(of: id)
        let exit = try? await blocking { () -> Exit in
            try? cgroup.killAll()
            try? cgroup.remove()
            if let text = try? Files.readText(bundle + "/exit") {
                let words = text.split(whereSeparator: \.isWhitespace)
                if words.count == 3, let code = Int32(words[0]), let time = Int64(words[2]) {
                    return Exit(code: code, outOfMemory: words[1] == "1", time: time)
                }
            }
            return Exit(code: 137, outOfMemory: false, time: Clock.now())
        }
        return exit ?? Exit(code: 137, outOfMemory: false, time: Clock.now())
    }
}
