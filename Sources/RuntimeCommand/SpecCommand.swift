import ContainerRuntime
import Errors
import Glibc
import Linux

/// `spec`: a configuration to begin with.
struct SpecCommand {
    static let flags = FlagTable(valued: ["bundle"], switches: ["rootless"], letters: ["b": "bundle"])

    func run(_ flags: ParsedFlags) throws {
        let path = (flags["bundle"] ?? ".") + "/config.json"
        guard !Files.exists(path) else { throw BerthError.conflict("file \(path) exists: remove it first") }
        try Files.write(
            path, Self.configuration(isRootless: flags.isOn("rootless")).text(indent: 4) + "\n", mode: 0o666)
    }

    static func configuration(isRootless: Bool) -> JSONValue {
        .object([
            ("ociVersion", .string(Features.versions.highest)), ("process", process),
            ("root", ["path": "rootfs", "readonly": true]), ("hostname", "berth"),
            ("mounts", .array(mounts(isRootless: isRootless))), ("linux", linux(isRootless: isRootless)),
        ])
    }

    private static var process: JSONValue {
        let capabilities: JSONValue = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        return .object([
            ("terminal", true), ("user", ["uid": 0, "gid": 0]), ("args", ["sh"]),
            ("env", ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]), ("cwd", "/"),
            ("capabilities", ["bounding": capabilities, "effective": capabilities, "permitted": capabilities]),
            ("rlimits", [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]]), ("noNewPrivileges", true),
        ])
    }

    private static func mount(_ path: String, _ type: String, _ source: String, _ options: [String]) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("destination", .string(path)), ("type", .string(type)), ("source", .string(source)),
        ]
        if !options.isEmpty { members.append(("options", .strings(options))) }
        return .object(members)
    }

    private static func mounts(isRootless: Bool) -> [JSONValue] {
        // The terminals' group is not mapped for an ordinary user, nor is a /sys without a network its own.
        let terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
        let restricted = ["nosuid", "noexec", "nodev"]
        return [
            mount("/proc", "proc", "proc", []),
            mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", "devpts", terminals + (isRootless ? [] : ["gid=5"])),
            mount("/dev/shm", "tmpfs", "shm", restricted + ["mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", "mqueue", restricted),
            isRootless
                ? mount("/sys", "none", "/sys", ["rbind"] + restricted + ["ro"])
                : mount("/sys", "sysfs", "sysfs", restricted + ["ro"]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", restricted + ["relatime", "ro"]),
        ].filter { !isRootless || $0.text().contains("/sys/fs/cgroup") == false }
    }

    private static func linux(isRootless: Bool) -> JSONValue {
        var members: [(String, JSONValue)] = []
        let kinds =
            isRootless
            ? ["pid", "ipc", "uts", "mount", "cgroup", "user"] : ["pid", "network", "ipc", "uts", "mount", "cgroup"]
        if isRootless {
            members.append(("uidMappings", [["containerID": 0, "hostID": .number(geteuid()), "size": 1]]))
            members.append(("gidMappings", [["containerID": 0, "hostID": .number(getegid()), "size": 1]]))
        } else {
            members.append(("resources", ["devices": [["allow": false, "access": "rwm"]]]))
        }
        members.append(("namespaces", .array(kinds.map { ["type": .string($0)] })))
        members.append(
            (
                "maskedPaths",
                [
                    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                    "/proc/timer_list",
                    "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
                ]
            ))
        members.append(
            ("readonlyPaths", ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]))
        return .object(members)
    }
}
