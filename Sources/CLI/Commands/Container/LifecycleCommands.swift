import Client
import EngineAPI
import Errors
import Glibc

/// A failure that is told but does not make the command fail, since what was wanted is so.
struct ForgivenFailure: Error {
    var cause: any Error
}

extension Session {
    /// Does the same to several things at once and names each one that worked, in the order given;
    /// errors are told as well, and the command then fails.
    func forEach(
        _ names: [String], failure code: Int32 = 1, quiet: Bool = false,
        _ action: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        let failed = try await withThrowingTaskGroup(of: (Int, (any Error)?).self) { group in
            for (index, name) in names.enumerated() {
                group.addTask {
                    do {
                        try await action(name)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            var outcomes: [Int: (any Error)?] = [:]
            var next = 0
            var failed = false
            for try await (index, error) in group {
                outcomes[index] = .some(error)
                while let outcome = outcomes[next] {
                    if let error = outcome {
                        Console.note(Report.message((error as? ForgivenFailure)?.cause ?? error))
                        failed = failed || !(error is ForgivenFailure)
                    } else if !quiet {
                        Console.print(names[next])
                    }
                    next += 1
                }
            }
            return failed
        }
        if failed { throw ExitCode(code) }
    }

    /// As `forEach`, with a last line that says what failed.
    func forEach(
        _ names: [String], failure: String, _ action: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        do {
            try await forEach(names, action)
        } catch let code as ExitCode {
            Console.note("Error: \(failure): \(names.joined(separator: ", "))")
            throw code
        }
    }
}

/// `berth stop`.
struct StopCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Stop running containers", .atLeast(1))
    static let flags: [Flag<StopCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send"),
        .int(\.timeout, "timeout", "t", "Seconds until it is killed"),
        .int(\.timeout, "time", nil, "Seconds until it is killed").hidden(),
    ]

    var signal: String?
    var timeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [signal, timeout] name in
            let start = ContinuousClock.now
            let stopped = try await session.client.stopContainer(name, signal: signal, timeout: timeout)
            let seconds = start.duration(to: .now).seconds
            // A short wait cannot have been a grace period that ran out, so nothing is asked then.
            guard stopped, seconds >= 0.9, timeout != 0 else { return }
            guard let container = try? await session.client.inspectContainer(name) else { return }
            if let note = StubbornContainer.note(
                name, container, signal: signal, timeout: timeout, took: seconds, session.program)
            {
                Console.note(note)
            }
        }
    }
}

/// A container that had to be killed, since it took no notice of the signal.
enum StubbornContainer {
    /// Seconds that a container has by default.
    private static let grace = 10

    /// - Parameter took: seconds from the request to its end.
    /// - Returns: why the stop took so long; nil when the container ended by itself.
    static func note(
        _ name: String, _ container: ContainerInspect, signal: String?, timeout: Int?, took: Double,
        _ program: Program
    ) -> String? {
        let grace = timeout ?? container.config.stopTimeout ?? grace
        guard container.state.exitCode == 137, !container.state.running, grace > 0, took >= Double(grace) - 0.2 else {
            return nil
        }
        let named = signal ?? (container.config.stopSignal.isEmpty ? "SIGTERM" : container.config.stopSignal)
        let sent = named.uppercased().hasPrefix("SIG") || Int(named) != nil ? named : "SIG\(named)"
        let killed = "\(name) did not end within \(grace) second\(grace == 1 ? "" : "s") of \(sent) and was killed"
        guard !(container.hostConfig.initProcess ?? false) else { return killed }
        return "\(killed): its program runs as PID 1, which ignores signals that it does not handle; "
            + "\(program.name) run --init puts an init in front of it"
    }
}

/// `berth restart`.
struct RestartCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Stop containers and start them again", .atLeast(1))
    static let flags: [Flag<RestartCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send"),
        .int(\.timeout, "timeout", "t", "Seconds until it is killed"),
        .int(\.timeout, "time", nil, "Seconds until it is killed").hidden(),
    ]

    var signal: String?
    var timeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [signal, timeout] in
            try await session.client.restartContainer($0, signal: signal, timeout: timeout)
        }
    }
}

/// `berth kill`.
struct KillCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Kill running containers", .atLeast(1))
    static let flags: [Flag<KillCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send")
    ]

    var signal: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [signal] in
            try await session.client.killContainer($0, signal: signal)
        }
    }
}

/// `berth rm`.
struct RemoveCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Remove containers", .atLeast(1))
    static let flags: [Flag<RemoveCommand>] = [
        .bool(\.force, "force", "f", "Kill the container first if it runs"),
        .bool(\.link, "link", "l", "Remove the link of that name, not the container"),
        .bool(\.volumes, "volumes", "v", "Remove its anonymous volumes too"),
    ]

    var force = false
    var link = false
    var volumes = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [force, link, volumes] name in
            do {
                try await session.client.removeContainer(name, volumes: volumes, force: force, link: link)
            } catch let error as BerthError where error.code == .notFound && force {
                throw ForgivenFailure(cause: error)
            }
        }
    }
}

/// `berth pause`.
struct PauseCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Freeze all processes of containers", .atLeast(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { try await session.client.pauseContainer($0) }
    }
}

/// `berth unpause`.
struct UnpauseCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Let paused containers go on", .atLeast(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { try await session.client.unpauseContainer($0) }
    }
}

/// `berth rename`.
struct RenameCommand: Command {
    static let syntax = CommandSyntax("CONTAINER NEW_NAME", "Give a container another name", .exactly(2))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        do {
            try await session.client.renameContainer(arguments[0], to: arguments[1])
        } catch {
            Console.note(Report.message(error))
            throw BerthError(.internal, "Error: failed to rename container named \(arguments[0])")
        }
    }
}

/// `berth wait`.
struct WaitCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Wait for containers to stop and print their exit codes",
        .atLeast(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        var failed = false
        for name in arguments {
            do {
                Console.print(String(try await session.client.wait(name).exitCode()))
            } catch {
                Console.note(Report.message(error))
                failed = true
            }
        }
        if failed { throw ExitCode(1) }
    }
}

/// `berth update`.
struct UpdateCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Change limits and restart policy of containers", .atLeast(1))
    static let flags: [Flag<UpdateCommand>] = [
        .int(\.blkioWeight, "blkio-weight", nil, "Weight of its block I/O (10 to 1000, 0 for none)"),
        .int(\.cpuPeriod, "cpu-period", nil, "Period of the CPU quota in microseconds"),
        .int(\.cpuQuota, "cpu-quota", nil, "Microseconds of CPU time in each period"),
        .int(\.cpuShares, "cpu-shares", "c", "Weight of its CPU time"),
        .custom(\.cpus, "cpus", nil, "Number of CPUs it may use", value: "decimal", Parse.nanoCPUs),
        .string(\.cpusetCPUs, "cpuset-cpus", nil, "CPUs it may run on (0-3, or 0,1)"),
        .string(\.cpusetMemory, "cpuset-mems", nil, "Memory nodes it may use (0-3, or 0,1)"),
        .bytes(\.memory, "memory", "m", "Most memory it may use"),
        .bytes(\.memoryReservation, "memory-reservation", nil, "Memory it is cut back to when the host runs short"),
        .custom(
            \.memorySwap, "memory-swap", nil, "Most memory and swap together (-1 for unlimited swap)",
            value: "bytes", Parse.bytesOrUnlimited),
        .int(\.pidsLimit, "pids-limit", nil, "Most processes it may have (-1 for any number)"),
        .string(\.restart, "restart", nil, "When to start it again after it exits"),
    ]

    var blkioWeight: Int?
    var cpuPeriod: Int?
    var cpuQuota: Int?
    var cpuShares: Int?
    var cpus: Int64?
    var cpusetCPUs: String?
    var cpusetMemory: String?
    var memory: Int64?
    var memoryReservation: Int64?
    var memorySwap: Int64?
    var pidsLimit: Int?
    var restart: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let request = ContainerUpdateRequest(
            cpuShares: cpuShares.map { Int64($0) }, memory: memory, nanoCpus: cpus,
            blkioWeight: blkioWeight.map { UInt16(clamping: $0) }, cpuPeriod: cpuPeriod.map { Int64($0) },
            cpuQuota: cpuQuota.map { Int64($0) }, cpusetCpus: cpusetCPUs, cpusetMems: cpusetMemory,
            memoryReservation: memoryReservation, memorySwap: memorySwap, pidsLimit: pidsLimit.map { Int64($0) },
            restartPolicy: try RestartSpec.parse(restart))
        guard request != ContainerUpdateRequest() else {
            throw BerthError.invalidArgument("you must provide one or more flags when using this command")
        }
        try await session.forEach(arguments) {
            let response = try await session.client.updateContainer($0, request)
            for warning in response.warnings ?? [] { Console.note("WARNING: \(warning)") }
        }
    }
}

/// `berth container prune`.
struct ContainerPruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove all containers that are stopped", .none)
    static let flags: [Flag<ContainerPruneCommand>] = [
        .filters(\.filters, "filter", nil, "Only those that match (such as until=24h)"),
        .bool(\.force, "force", "f", "Do not ask first"),
    ]

    var filters: [String] = []
    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        guard try force || Confirmation.ask("WARNING! This will remove all stopped containers.") else { return }
        let report = try await session.client.pruneContainers(filters: try FilterSpec.parse(filters))
        PruneReport.tell("Deleted Containers:", report.containersDeleted, reclaimed: report.spaceReclaimed)
    }
}
