import EngineAPI
import Errors
import Glibc
import Linux

/// The processes of a container as `ps` lists them, with the host's numbers.
struct ProcessTable: Sendable {
    let cgroup: Cgroup

    /// - Parameter arguments: of ps(1); none is `-ef`, which needs no program. Blocks.
    func list(_ arguments: [String]) throws(BerthError) -> TopResponse {
        let processes: [pid_t]
        do throws(SystemError) {
            processes = try cgroup.processes()
        } catch {
            throw BerthError("listing the container's processes", error)
        }
        if arguments.isEmpty || arguments == ["-ef"] { return Self.standard(processes.sorted()) }
        return try HostPS(arguments).list(Set(processes))
    }

    static func standard(_ processes: [pid_t]) -> TopResponse {
        let clock = HostClock()
        return TopResponse(
            titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            processes: processes.compactMap { ProcessStatus(pid: $0)?.row(clock) })
    }
}

/// When the host started, and what time it is.
struct HostClock: Sendable {
    /// Seconds.
    let uptime: Double
    let now: Int64

    init() {
        uptime = ((try? Files.readText("/proc/uptime")) ?? "").split(separator: " ").first.flatMap { Double($0) } ?? 0
        now = Clock.now() / 1_000_000_000
    }
}

/// What `/proc/PID` tells of a process.
struct ProcessStatus {
    private let pid: pid_t
    private let parent: pid_t
    private let terminal: UInt64
    /// Ticks of CPU time, and of the clock from the host's start to the process'.
    private let used: UInt64
    private let started: UInt64
    private let userID: UInt32
    private let command: String

    /// Nil when the process is gone.
    init?(pid: pid_t) {
        guard let text = try? Files.readText("/proc/\(pid)/stat"), let user = try? Files.status("/proc/\(pid)").userID,
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
        else { return nil }
        // The name may hold anything, blanks and parentheses too: fields are counted from its end.
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let parent = pid_t(fields[1]), let terminal = UInt64(fields[4]),
            let user1 = UInt64(fields[11]), let system = UInt64(fields[12]), let started = UInt64(fields[19])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.terminal = terminal
        used = user1 + system
        self.started = started
        userID = user
        let line = (try? Files.read("/proc/\(pid)/cmdline")) ?? []
        let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        command = words.isEmpty ? "[\(text[text.index(after: open)..<close])]" : words.joined(separator: " ")
    }

    func row(_ clock: HostClock) -> [String] {
        let perSecond = 1_000_000_000 / HostCPU.tick
        let age = max(0, clock.uptime - Double(started) / Double(perSecond))
        let share = age > 0 ? min(99, Int(Double(used) / Double(perSecond) / age * 100)) : 0
        return [
            HostUsers.name(of: userID), "\(pid)", "\(parent)", "\(share)", Self.startTime(clock, age: age),
            terminalName, Self.duration(used / perSecond), command,
        ]
    }

    private var terminalName: String {
        if terminal == 0 { return "?" }
        let number = splitDeviceNumber(terminal)
        switch number.major {
        case 136...143: return "pts/\((number.major - 136) * 256 + number.minor)"
        case 4: return "tty\(number.minor)"
        case 5 where number.minor == 1: return "console"
        default: return "?"
        }
    }

    /// The hour on the same day, the day in the same year, else the year.
    private static func startTime(_ clock: HostClock, age: Double) -> String {
        func parts(_ seconds: Int64) -> tm {
            var seconds = time_t(seconds)
            var parts = tm()
            localtime_r(&seconds, &parts)
            return parts
        }
        let now = parts(clock.now)
        let start = parts(clock.now - Int64(age))
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if start.tm_year != now.tm_year { return "\(start.tm_year + 1900)" }
        if start.tm_yday == now.tm_yday { return "\(two(start.tm_hour)):\(two(start.tm_min))" }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return months[Int(start.tm_mon)] + two(start.tm_mday)
    }

    static func duration(_ seconds: UInt64) -> String {
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        return seconds >= 86400 ? "\(seconds / 86400)-\(clock)" : clock
    }
}

/// Names of the host's users.
enum HostUsers {
    /// The number, where there is no name or one that is too long for ps.
    static func name(of userID: UInt32) -> String {
        for line in ((try? Files.readText("/etc/passwd")) ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, UInt32(fields[2]) == userID {
                return fields[0].count <= 8 ? String(fields[0]) : "\(userID)"
            }
        }
        return "\(userID)"
    }
}
