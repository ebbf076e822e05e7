import Client
import EngineAPI
import Errors
import Glibc

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
                        Console.note(Report.message(error))
                        failed = true
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
            Console.note("\(failure): \(names.joined(separator: ", "))")
            throw code
        }
    }
}

/// `berth stop`.
struct StopCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", .atLeast(1))
    static let flags: [Flag<StopCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send to the container"),
        .int(\.timeout, "timeout", "t", "Seconds to wait before killing the container"),
        .int(\.timeout, "time", nil, "Seconds to wait before killing the container").hidden(),
    ]

    var signal: String?
    var timeout: Int?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [signal, timeout] in
            try await session.client.stopContainer($0, signal: signal, timeout: timeout)
        }
    }
}

/// `berth restart`.
struct RestartCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", .atLeast(1))
    static let flags: [Flag<RestartCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send to the container"),
        .int(\.timeout, "timeout", "t", "Seconds to wait before killing the container"),
        .int(\.timeout, "time", nil, "Seconds to wait before killing the container").hidden(),
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
        "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", .atLeast(1))
    static let flags: [Flag<KillCommand>] = [
        .string(\.signal, "signal", "s", "Signal to send to the container")
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
        "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", .atLeast(1))
    static let flags: [Flag<RemoveCommand>] = [
        .bool(\.force, "force", "f", "Force the removal of a running container (uses SIGKILL)"),
        .bool(\.link, "link", "l", "Remove the specified link"),
        .bool(\.volumes, "volumes", "v", "Remove anonymous volumes associated with the container"),
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
                // Forced: that it is gone is what was wanted. Docker says so nonetheless.
                throw error
            }
        }
    }
}

/// `berth pause`.
struct PauseCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", .atLeast(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { try await session.client.pauseContainer($0) }
    }
}

/// `berth unpause`.
struct UnpauseCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", .atLeast(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { try await session.client.unpauseContainer($0) }
    }
}

/// `berth rename`.
struct RenameCommand: Command {
    static let syntax = CommandSyntax("CONTAINER NEW_NAME", "Rename a container", .exactly(2))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.client.renameContainer(arguments[0], to: arguments[1])
    }
}

/// `berth wait`.
struct WaitCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes",
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
        "[OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", .atLeast(1))
    static let flags: [Flag<UpdateCommand>] = [
        .int(\.blkioWeight, "blkio-weight", nil, "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
        .int(\.cpuPeriod, "cpu-period", nil, "Limit CPU CFS (Completely Fair Scheduler) period"),
        .int(\.cpuQuota, "cpu-quota", nil, "Limit CPU CFS (Completely Fair Scheduler) quota"),
        .int(\.cpuShares, "cpu-shares", "c", "CPU shares (relative weight)"),
        .custom(\.cpus, "cpus", nil, "Number of CPUs", value: "decimal", Parse.nanoCPUs),
        .string(\.cpusetCPUs, "cpuset-cpus", nil, "CPUs in which to allow execution (0-3, 0,1)"),
        .string(\.cpusetMemory, "cpuset-mems", nil, "MEMs in which to allow execution (0-3, 0,1)"),
        .bytes(\.memory, "memory", "m", "Memory limit"),
        .bytes(\.memoryReservation, "memory-reservation", nil, "Memory soft limit"),
        .custom(
            \.memorySwap, "memory-swap", nil, "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
            value: "bytes", Parse.bytesOrUnlimited),
        .int(\.pidsLimit, "pids-limit", nil, "Tune container pids limit (set -1 for unlimited)"),
        .string(\.restart, "restart", nil, "Restart policy to apply when a container exits"),
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
    static let syntax = CommandSyntax("[OPTIONS]", "Remove all stopped containers", .none)
    static let flags: [Flag<ContainerPruneCommand>] = [
        .list(\.filters, "filter", nil, "Provide filter values (e.g. \"until=<timestamp>\")", value: "filter"),
        .bool(\.force, "force", "f", "Do not prompt for confirmation"),
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
