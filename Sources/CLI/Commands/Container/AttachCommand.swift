import Client
import Errors

/// `berth attach`.
struct AttachCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER", "Attach this terminal to a running container",
        .exactly(1))
    static let flags: [Flag<AttachCommand>] = [
        .string(\.detachKeys, "detach-keys", nil, "Keys that leave the container without stopping it"),
        .bool(\.noStdin, "no-stdin", nil, "Leave the container's input alone"),
        .bool(\.signalProxy, "sig-proxy", nil, "Hand signals on to the container", fallback: "true"),
    ]

    var detachKeys: String?
    var noStdin = false
    var signalProxy: Bool?
    var arguments: [String] = []

    var signals: [Int32] { SignalProxy.forwarded }

    func run(in session: Session) async throws {
        let client = session.client
        let container = try await client.inspectContainer(arguments[0])
        guard container.state.running else {
            throw BerthError.conflict("You cannot attach to a stopped container, start it first")
        }
        guard !container.state.paused else {
            throw BerthError.conflict("You cannot attach to a paused container, unpause it first")
        }
        guard !container.state.restarting else {
            throw BerthError.conflict("You cannot attach to a restarting container, wait until it is running")
        }
        let isTerminal = container.config.tty
        let takesInput = !noStdin && container.config.openStdin
        if isTerminal, takesInput, !Console.input.isTerminal {
            throw BerthError.invalidArgument("the input device is not a TTY")
        }
        let keys = try detachKeys.map { try DetachKeys(parsing: $0) } ?? .standard
        let wait = try await client.wait(container.id)
        let stream = try await client.attach(
            container.id, streams: AttachedStreams(input: takesInput, output: true, error: true), detachKeys: detachKeys
        )
        let attachment = ContainerAttachment(
            client: client, id: container.id, isTerminal: isTerminal,
            forwardsSignals: (signalProxy ?? true) && !isTerminal)
        attachment.followSignals(session.signals)
        try attachment.takeTerminal(forInput: takesInput)
        await attachment.applySize()
        let end = try await StreamRelay(
            stream: stream, isTerminal: isTerminal, forwardsInput: takesInput, detachKeys: keys
        ).run()
        Exit.restoreTerminal()
        if end == .detached {
            Console.note("read escape sequence")
            return
        }
        throw ExitCode(Int32(truncatingIfNeeded: try await wait.exitCode()))
    }
}

/// `berth start`.
struct StartCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Start containers that are stopped", .atLeast(1))
    static let flags: [Flag<StartCommand>] = [
        .bool(\.attach, "attach", "a", "Attach to the output and hand signals on"),
        .bool(\.interactive, "interactive", "i", "Attach to the input as well"),
        .string(\.detachKeys, "detach-keys", nil, "Keys that leave the container without stopping it"),
    ]

    var attach = false
    var interactive = false
    var detachKeys: String?
    var arguments: [String] = []

    var signals: [Int32] { attach || interactive ? SignalProxy.forwarded : [] }

    func run(in session: Session) async throws {
        guard attach || interactive else {
            try await session.forEach(arguments, failure: "failed to start containers") {
                try await session.client.startContainer($0)
            }
            return
        }
        guard arguments.count == 1 else {
            throw BerthError.invalidArgument("you cannot start and attach multiple containers at once")
        }
        try await startAttached(arguments[0], session)
    }

    private func startAttached(_ name: String, _ session: Session) async throws {
        let client = session.client
        let container = try await client.inspectContainer(name)
        let isTerminal = container.config.tty
        let keys = try detachKeys.map { try DetachKeys(parsing: $0) } ?? .standard
        try await AttachedRun(
            id: container.id, isTerminal: isTerminal,
            streams: AttachedStreams(
                input: interactive && container.config.openStdin, output: true, error: true),
            detachKeys: keys, forwardsSignals: !isTerminal, endsRemoved: container.hostConfig.autoRemove,
            session: session
        ).run { try await client.startContainer(container.id, detachKeys: detachKeys) }
    }
}
