import Errors
import Glibc
import Linux

/// Starts the daemon for a command that found nobody listening on a Unix socket of Berth's own.
public struct DaemonLauncher: Sendable {
    /// Flags of the daemon, as a user gives them.
    private let flags: [String]
    /// `KEY=value`, handed on to the daemon.
    private let environment: [String]
    private let searchPath: String
    /// Says on stderr that a daemon was started.
    private let announce: @Sendable (String) -> Void

    /// How long a daemon may take until it listens.
    private static let patience = 10.0

    /// A launcher when the host is one whose daemon we may start: the default socket, or a socket
    /// named by `BERTH_HOST` together with `BERTH_DAEMON_FLAGS`.
    public init?(
        for host: EngineHost, environment: [String: String], announce: @escaping @Sendable (String) -> Void
    ) {
        guard case .unix(let socket) = host.address else { return nil }
        let named = environment["BERTH_DAEMON_FLAGS"].map { $0.split(separator: " ").map(String.init) }
        switch host.origin {
        case .standard: flags = named ?? []
        case .berthHost:
            guard let named else { return nil }
            let namesHost = named.contains { $0 == "-H" || $0.hasPrefix("-H") || $0.hasPrefix("--host") }
            flags = namesHost ? named : named + ["--host", "unix://\(socket)"]
        case .flag, .dockerHost: return nil
        }
        self.environment = environment.map { "\($0.key)=\($0.value)" }
        searchPath = environment["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.announce = announce
    }

    /// Starts the daemon and returns a connection to it.
    /// - Throws: `unavailable` with the last lines of its log when it ends or does not listen in time.
    func launch(_ host: EngineHost) async throws -> Connection {
        guard let program = locate() else {
            throw BerthError.unavailable(
                "Cannot connect to the Berth daemon at \(host). Is the berth daemon running? "
                    + "(berthd was not found beside this program nor in PATH, so it could not be started)")
        }
        let log = try openLog()
        let pid: pid_t
        do throws(SystemError) {
            let nothing = try FileDescriptor.open("/dev/null", O_RDONLY)
            pid = try Process.spawn(
                program, [program] + flags, environment: environment,
                inheriting: [
                    .init(nothing, as: 0), .init(log.descriptor, as: 1), .init(log.descriptor, as: 2),
                ], newSession: true)
        } catch {
            throw BerthError("starting the Berth daemon", error)
        }
        announce("Berth's daemon was not running; started berthd (pid \(pid))")
        return try await connection(to: host, pid: pid, log: log)
    }

    private func connection(to host: EngineHost, pid: pid_t, log: Log) async throws -> Connection {
        var deadline = ContinuousClock.now + .seconds(Self.patience)
        var ended: ExitStatus?
        while ContinuousClock.now < deadline {
            if let connection = try? await Connection.open(host.address) { return connection }
            if ended == nil, let child = Process.reapAny(), child.pid == pid {
                ended = child.status
                // Another command may have started one at the same moment, which then wins the socket.
                deadline = min(deadline, ContinuousClock.now + .seconds(1))
            }
            try await Task.sleep(for: .milliseconds(4))
        }
        let failure =
            ended.map { "ended with status \($0.code) right after its start" }
            ?? "(pid \(pid)) did not listen on \(host) within \(Int(Self.patience)) seconds"
        throw BerthError.unavailable(
            "the Berth daemon \(failure). Its log (\(log.path)) ends with:\n\(log.lastLines())")
    }

    private func locate() -> String? {
        if let own = try? FileDescriptor.openDirectory("/proc/self").readLink("exe") {
            let beside = Files.parent(of: own) + "/berthd"
            if access(beside, X_OK) == 0 { return beside }
        }
        return searchPath.split(separator: ":").map { "\($0)/berthd" }.first { access($0, X_OK) == 0 }
    }

    // MARK: Log

    private struct Log {
        let path: String
        let descriptor: FileDescriptor
        /// Where this start's lines begin.
        let start: Int64

        func lastLines() -> String {
            guard let bytes = try? descriptor.read(upTo: 64 * 1024, at: start), !bytes.isEmpty else {
                return "(nothing was written)"
            }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(10)
                .map { "  \($0)" }.joined(separator: "\n")
        }
    }

    private func openLog() throws -> Log {
        var failure: SystemError?
        for folder in [dataRoot, "/run/berth"] {
            let path = folder + "/berthd.log"
            do throws(SystemError) {
                try Files.makeDirectories(folder, mode: 0o711)
                let descriptor = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_APPEND, mode: 0o640)
                return Log(path: path, descriptor: descriptor, start: try descriptor.seek(0, from: .end))
            } catch {
                failure = failure ?? error
            }
        }
        throw failure.map { BerthError("opening the log of the Berth daemon", $0) }
            ?? BerthError.internal("no place for the daemon's log")
    }

    /// The daemon's data folder, as its flags have it.
    private var dataRoot: String {
        for (index, flag) in flags.enumerated() {
            if let value = flag.hasPrefix("--data-root=") ? flag.dropFirst("--data-root=".count) : nil {
                return String(value)
            }
            if flag == "--data-root", index + 1 < flags.count { return flags[index + 1] }
        }
        return "/var/lib/berth"
    }
}
