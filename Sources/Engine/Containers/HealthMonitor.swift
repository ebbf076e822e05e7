import EngineAPI
import Errors
import Linux
import ShimProtocol

extension Container {
    /// Begins to look after a container that has a health check.
    func startHealthMonitor() {
        guard let check = record.config.healthcheck, let test = check.test, !test.isEmpty, test[0] != "NONE" else {
            return
        }
        let words: [String]
        switch test[0] {
        case "CMD": words = Array(test.dropFirst())
        case "CMD-SHELL":
            words = (record.config.shell ?? ["/bin/sh", "-c"]) + [test.dropFirst().joined(separator: " ")]
        default: words = test
        }
        health = Health(status: "starting")
        publish()
        healthMonitor?.cancel()
        healthMonitor = Task {
            await self.watchHealth(words, check, startedAt: Clock.now())
        }
    }

    private func watchHealth(_ words: [String], _ check: HealthConfig, startedAt: Int64) async {
        let second: Int64 = 1_000_000_000
        let interval = check.interval > 0 ? check.interval : 30 * second
        let startInterval = check.startInterval > 0 ? check.startInterval : 5 * second
        while !Task.isCancelled, phase.run != nil {
            let isStarting = health?.status == "starting" && Clock.now() - startedAt < check.startPeriod
            do {
                try await Task.sleep(for: .nanoseconds(isStarting ? min(startInterval, interval) : interval))
            } catch {
                return
            }
            guard let run = phase.run, !run.isPaused else { continue }
            let result = await probe(words, timeout: check.timeout > 0 ? check.timeout : 30 * second)
            if Task.isCancelled { return }
            take(result, check, inStartPeriod: Clock.now() - startedAt < check.startPeriod)
        }
    }

    /// Runs the check once.
    private func probe(_ words: [String], timeout: Int64) async -> HealthcheckResult {
        let start = Clock.rfc3339(Clock.now())
        let exec = ExecRegistry.Record(
            id: randomID(), containerID: id,
            request: ExecCreateRequest(attachStderr: true, attachStdout: true, cmd: words))
        tell("exec_create: \(words.joined(separator: " "))", ["execID": exec.id])
        // Before the start: a quick check may end before the start is known here.
        let (codes, continuation) = AsyncStream.makeStream(of: Int32?.self)
        execWaiters[exec.id] = continuation
        defer { execWaiters[exec.id] = nil }
        do {
            let (stream, pid) = try await self.run(exec, consoleSize: nil, isDetached: false)
            guard let stream else { throw BerthError.internal("the health check has no output") }
            let process = try? Linux.Process.openPidfd(pid)
            let descriptor = stream.descriptor
            let output = Task { await HealthOutput.read(descriptor) }
            let code = await first(of: codes, continuation, within: timeout)
            if code == nil, let process { try? Linux.Process.signal(ProcessSignal.kill, to: process) }
            let text = await output.value
            return HealthcheckResult(
                start: start, end: Clock.rfc3339(Clock.now()), exitCode: code.map(Int.init) ?? -1,
                output: code == nil ? "Health check exceeded timeout (\(timeout / 1_000_000) ms)" : text)
        } catch {
            return HealthcheckResult(start: start, end: Clock.rfc3339(Clock.now()), exitCode: -1, output: "\(error)")
        }
    }

    private func first(
        of codes: AsyncStream<Int32?>, _ continuation: AsyncStream<Int32?>.Continuation, within nanoseconds: Int64
    ) async -> Int32? {
        let timer = Task {
            try await Task.sleep(for: .nanoseconds(nanoseconds))
            continuation.yield(nil)
        }
        defer { timer.cancel() }
        for await code in codes { return code }
        return nil
    }

    private func take(_ result: HealthcheckResult, _ check: HealthConfig, inStartPeriod: Bool) {
        guard var health else { return }
        let before = health.status
        health.log = Array((health.log + [result]).suffix(5))
        if result.exitCode == 0 {
            health.failingStreak = 0
            health.status = "healthy"
        } else if !(inStartPeriod && health.status == "starting") {
            health.failingStreak += 1
            if health.failingStreak >= (check.retries > 0 ? check.retries : 3) { health.status = "unhealthy" }
        }
        self.health = health
        publish()
        if health.status != before { tell("health_status: \(health.status)") }
    }
}

/// What a health check prints, at most 4096 bytes of it.
private enum HealthOutput {
    static func read(_ stream: any ConnectedStream) async -> String {
        var text: [UInt8] = []
        try? await SocketStream.frames(of: stream.rawValue) { _, payload in
            if text.count < 4096 { text += payload }
        }
        withExtendedLifetime(stream) {}
        return String(decoding: text.prefix(4096), as: UTF8.self)
    }
}
