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
    func followSignals(_ signals: SignalStream) {
        let sizer = TerminalSizer { try await client.resizeContainer(id, height: $0, width: $1) }
        Task {
            for await signal in signals.values {
                if signal == SignalProxy.windowChange {
                    if isTerminal { await sizer.apply() }
                } else if forwardsSignals, let name = SignalProxy.name(signal) {
                    try? await client.killContainer(id, signal: name)
                } else if !forwardsSignals, signal != SignalProxy.windowChange, SignalProxy.name(signal) != "CONT" {
                    Exit.now(128 + signal)
                }
            }
        }
    }

    func applySize() async {
        guard isTerminal else { return }
        await TerminalSizer { try await client.resizeContainer(id, height: $0, width: $1) }.apply()
    }
}
