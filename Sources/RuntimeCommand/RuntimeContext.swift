import Errors
import Glibc
import Linux

/// What the global flags say.
struct RuntimeContext {
    let store: StateStore
    let log: Log
    /// No root of the host: an ordinary user, or root of a user namespace.
    let isRootless: Bool

    static let flags = FlagTable(
        valued: ["root", "log", "log-format", "rootless", "criu"],
        switches: ["systemd-cgroup", "debug", "version", "help"], letters: ["v": "version", "h": "help"],
        stopsAtFirstWord: true)

    init(_ flags: ParsedFlags, _ log: Log) throws(BerthError) {
        self.log = log
        guard !flags.isOn("systemd-cgroup") else {
            throw .invalidArgument(
                "--systemd-cgroup is not supported: cgroups are made by berth-runtime itself (cgroup manager \"cgroupfs\")"
            )
        }
        isRootless = Self.isRootless
        store = try StateStore(flags["root"], isRootless: isRootless)
    }

    private static var isRootless: Bool {
        guard geteuid() == 0 else { return true }
        guard let map = try? Files.readText("/proc/self/uid_map") else { return false }
        let fields = map.split(whereSeparator: \.isWhitespace)
        return fields != ["0", "0", "4294967295"]
    }
}

extension Log {
    init(_ flags: ParsedFlags) throws(BerthError) {
        isDebug = flags.isOn("debug")
        if let name = flags["log-format"] {
            guard let format = Format(rawValue: name) else {
                throw .invalidArgument("--log-format: \"\(name)\" is neither text nor json")
            }
            self.format = format
        }
        guard let path = flags["log"], !path.isEmpty, path != "/dev/stderr" else { return }
        do throws(SystemError) {
            file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        } catch {
            throw BerthError("opening the log", error)
        }
    }
}
