import Client
import Errors
import Linux

/// This process's terminal and signals, lent to a running container.
struct ContainerAttachment: Sendable {
    let client: EngineClient
    let id: String
    let isTerminal: Bool
    let forwardsSignals: Bool

    /// Types go to the container byte by byte from here on.
    func takeTerminal(forInput: Bool) throws {
        guard isTerminal, forInput, Console.input.isTerminal else { return }
        do throws(SystemError) {
            try Exit.makeTerminalRaw()
        } catch {
            throw BerthError("setting the terminal to raw mode", error)
        }
    }

    /// Hands signals on until the process ends.
    func followSignals(_ signals: Signals) {
        let taken = signals.take()
        let sizer = TerminalSizer { try await client.resizeContainer(id, height: $0, width: $1) }
        Task {
            for await signal in taken {
                if signal == SignalProxy.windowChange {
                    if isTerminal { await sizer.apply() }
                } else if let name = SignalProxy.name(signal) {
                    await handle(signal, name)
                }
            }
        }
    }

    private func handle(_ signal: Int32, _ name: String) async {
        if forwardsSignals {
            do {
                try await client.killContainer(id, signal: name)
                return
            } catch {
                // Nobody is there to take it, so it means this command.
            }
        }
        if SignalProxy.ends(signal) { Exit.now(128 + signal) }
    }

    func applySize() async {
        guard isTerminal else { return }
        await TerminalSizer { try await client.resizeContainer(id, height: $0, width: $1) }.apply()
    }
}

/// A container that was created a moment ago, from its start to its exit code: attach, wait, start, in
/// the order that loses neither output nor code.
struct AttachedRun: Sendable {
    let id: String
    let isTerminal: Bool
    let streams: AttachedStreams
    let detachKeys: DetachKeys
    let forwardsSignals: Bool
    /// The daemon removes the container at its end (`--rm`).
    let endsRemoved: Bool
    let session: Session

    /// Returns when the user detached.
    /// - Throws: `ExitCode` with the container's code, `0` too; what `start` throws.
    func run(start: () async throws -> Void) async throws {
        let client = session.client
        let stream = try await client.attach(id, streams: streams)
        let wait = try await client.wait(id, condition: endsRemoved ? .removed : .nextExit)
        let attachment = ContainerAttachment(
            client: client, id: id, isTerminal: isTerminal, forwardsSignals: forwardsSignals)
        attachment.followSignals(session.signals)
        try attachment.takeTerminal(forInput: streams.input)

        let relay = StreamRelay(
            stream: stream, isTerminal: isTerminal, forwardsInput: streams.input, detachKeys: detachKeys)
        let running = Task { try await relay.run() }
        do {
            try await start()
        } catch {
            stream.close()
            // What could not be started does not end, so nothing else removes it.
            if endsRemoved { try? await client.removeContainer(id, volumes: true, force: true) }
            throw error
        }
        await attachment.applySize()
        let end = try await running.value
        Exit.restoreTerminal()
        if end == .detached { return }
        throw ExitCode(Int32(truncatingIfNeeded: try await wait.exitCode()))
    }
}
