import Client
import EngineAPI
import Errors
import Glibc
import Linux

/// The daemon that commands talk to, as far as it can be seen from here: its process, its settings, its answer.
struct DaemonFacts: Sendable {
    enum Answer: Sendable {
        case version(SystemVersion)
        case refused(String)
        case late
    }

    let host: EngineHost
    let answer: Answer
    /// Its process; nil when it does not run or is not of this host.
    let pid: Int32?
    /// How it was started; empty when that is not seen.
    let commandLine: [String]
    let settings: DaemonSettings
    /// nil when it does not run, or when this user may not see it.
    let environment: [String: String]?
    /// A command that finds nobody listening starts the daemon.
    let startsByItself: Bool

    var answers: Bool { if case .version = answer { true } else { false } }

    /// The command that has it read its settings anew, or be of the version that is installed.
    var restart: String {
        if host.origin == .standard, DaemonStart.usesSystemd { return "systemctl restart berthd.service" }
        guard let pid, !commandLine.isEmpty else { return DaemonStart.command(host) }
        // The next one must find the socket and the data free.
        return "kill \(pid) && tail --pid=\(pid) -f /dev/null && \(ShellQuoting.line(commandLine)) &"
    }

    /// Where its socket is; nil for TCP.
    var socket: String? { if case .unix(let path) = host.address { path } else { nil } }

    static func gather(_ host: EngineHost, environment: [String: String]) async -> DaemonFacts {
        // Never started from here: what is to be told is how things are.
        let client = EngineClient(host: host)
        async let answered = Deadline.run { () -> Answer in
            do { return .version(try await client.version()) } catch { return .refused(Report.message(error)) }
        }
        let answer = await answered ?? .late
        var pid: Int32?
        if case .unix(let path) = host.address {
            // Where the queue of a daemon that hangs is full, one more connection would wait for ever.
            if case .late = answer { pid = onlyProcess } else { pid = process(listeningOn: path) }
        }
        let commandLine = pid.flatMap { words("/proc/\($0)/cmdline") } ?? []
        let promised = environment["BERTH_DAEMON_FLAGS"].map { $0.split(separator: " ").map(String.init) }
        let flags = pid == nil ? promised ?? [] : commandLine
        return DaemonFacts(
            host: host, answer: answer, pid: pid, commandLine: commandLine,
            settings: DaemonSettings.read(DaemonFlags(words: flags)),
            environment: pid.flatMap { words("/proc/\($0)/environ") }.map(variables),
            startsByItself: DaemonLauncher(for: host, environment: environment, announce: { _ in }) != nil)
    }

    /// Who made the socket listen; behind systemd's, the only daemon of this host.
    private static func process(listeningOn path: String) -> Int32? {
        guard let socket = try? UnixSocket.connect(path) else { return nil }
        // struct ucred: pid, uid, gid.
        var peer: [Int32] = [0, 0, 0]
        var length = socklen_t(12)
        let peerCredentials: Int32 = 17  // SO_PEERCRED
        guard getsockopt(socket.rawValue, SOL_SOCKET, peerCredentials, &peer, &length) == 0 else { return nil }
        if isDaemon(peer[0]) { return peer[0] }
        return onlyProcess
    }

    private static var onlyProcess: Int32? {
        let all = HostProcesses.named("berthd")
        return all.count == 1 ? all.first : nil
    }

    private static func isDaemon(_ pid: Int32) -> Bool {
        kernelValue("/proc/\(pid)/comm") == "berthd"
    }

    /// Words that end in zero bytes.
    private static func words(_ path: String) -> [String]? {
        guard let bytes = try? Files.read(path), !bytes.isEmpty else { return nil }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func variables(_ words: [String]) -> [String: String] {
        Dictionary(words.map { Parse.pair($0) }.map { ($0.key, $0.value ?? "") }, uniquingKeysWith: { $1 })
    }
}

enum HostProcesses {
    static func named(_ name: String) -> [Int32] {
        let entries = (try? FileDescriptor.openDirectory("/proc").entries()) ?? []
        return entries.compactMap { Int32($0) }.filter { kernelValue("/proc/\($0)/comm") == name }
    }
}

/// The flags of a running daemon.
struct DaemonFlags: Sendable {
    let words: [String]

    /// All values of a flag, as `--flag=value` or `--flag value`.
    func values(_ flag: String) -> [String] {
        words.indices.compactMap { index in
            if words[index].hasPrefix(flag + "=") { return String(words[index].dropFirst(flag.count + 1)) }
            return words[index] == flag && index + 1 < words.count ? words[index + 1] : nil
        }
    }
}

/// What of a daemon's settings concerns its host.
struct DaemonSettings: Sendable, Equatable {
    var file = "/etc/berth/daemon.json"
    /// Why the file cannot be used.
    var complaint: String?
    var dataRoot = "/var/lib/berth"
    var bridge = "berth0"
    /// Of Docker Hub, and of other registries; as they are written.
    var mirrors: [String] = []
    /// Registries of the settings by name, and those that are in another's place.
    var registries: [String] = []
    /// Proxies of the settings; those of the environment are not among them.
    var httpProxy: String?
    var httpsProxy: String?

    static func read(_ flags: DaemonFlags) -> DaemonSettings {
        let path = flags.values("--config-file").last ?? "/etc/berth/daemon.json"
        let text: [UInt8]?
        do throws(SystemError) {
            text = try Files.read(path)
        } catch {
            text = nil
            if error.errno != ENOENT {
                var settings = DaemonSettings(flags, file: path, nil)
                if geteuid() == 0 { settings.complaint = "\(path): \(error.reason)" }
                return settings
            }
        }
        return DaemonSettings(flags, file: path, text)
    }

    /// - Parameter text: the file's; nil when there is none.
    init(_ flags: DaemonFlags, file: String, _ text: [UInt8]?) {
        self.file = file
        let json = text.flatMap { try? JSONReader.read($0) }
        if text != nil {
            if case .object? = json {} else { complaint = "\(file) is not a JSON object" }
        }
        func string(_ value: TemplateValue?) -> String? { if case .string(let text)? = value { text } else { nil } }
        func strings(_ value: TemplateValue?) -> [String] {
            if case .list(let items)? = value { items.compactMap { string($0) } } else { [] }
        }
        dataRoot = flags.values("--data-root").last ?? string(json?.field("data-root")) ?? dataRoot
        bridge = flags.values("--bridge").last ?? string(json?.field("bridge")) ?? bridge
        mirrors = flags.values("--registry-mirror") + strings(json?.field("registry-mirrors"))
        registries = flags.values("--insecure-registry") + strings(json?.field("insecure-registries"))
        if case .object(let entries)? = json?.field("registries") {
            for entry in entries {
                mirrors += strings(entry.value.field("mirrors"))
                registries.append(string(entry.value.field("server")) ?? entry.name)
            }
        }
        httpProxy = string(json?.field("proxies")?.field("http-proxy"))
        httpsProxy = string(json?.field("proxies")?.field("https-proxy"))
    }
}
