import Client
import Glibc
import Linux
import Synchronization

/// What one look at the host found.
struct Finding: Sendable, Equatable {
    enum Level: String, Sendable { case ok, warning, problem }

    let level: Level
    /// The thing that was looked at, in a few words.
    let subject: String
    let fact: String
    /// The command that repairs it; empty for `ok`.
    let remedy: String

    static func ok(_ subject: String, _ fact: String) -> Finding {
        Finding(level: .ok, subject: subject, fact: fact, remedy: "")
    }

    static func warning(_ subject: String, _ fact: String, repair: String) -> Finding {
        Finding(level: .warning, subject: subject, fact: fact, remedy: repair)
    }

    static func problem(_ subject: String, _ fact: String, repair: String) -> Finding {
        Finding(level: .problem, subject: subject, fact: fact, remedy: repair)
    }

    /// One line, whatever an error's text has in it.
    var line: String {
        let text = level.rawValue.padded(to: 9) + subject.padded(to: 20) + fact + (remedy.isEmpty ? "" : "; repair: ")
        return (text + remedy).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    var row: TemplateValue {
        .row([
            "Level": .string(level.rawValue), "Subject": .string(subject), "Fact": .string(fact),
            "Remedy": .string(remedy),
        ])
    }
}

/// One look at the host. All of them run at the same time.
protocol HostCheck: Sendable {
    func findings() async -> [Finding]
}

/// A check that asks the kernel or other programs, and so gets a thread of its own.
protocol BlockingCheck: HostCheck {
    func examine() -> [Finding]
}

extension BlockingCheck {
    func findings() async -> [Finding] {
        do { return try await BlockingWork.run { examine() } } catch { return examine() }
    }
}

/// Work that may take longer than anybody wants to wait. What is late is left behind: this process ends soon.
enum Deadline {
    static let seconds = 3.0

    /// - Returns: nil when the time was over first.
    static func run<Value: Sendable>(
        seconds: Double = Deadline.seconds, _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        await withCheckedContinuation { continuation in
            let first = First(continuation)
            Task { first.tell(await work()) }
            Task {
                try? await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
                first.tell(nil)
            }
        }
    }

    /// Resumes its continuation with the first of several answers.
    private final class First<Value: Sendable>: Sendable {
        private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

        init(_ continuation: CheckedContinuation<Value?, Never>) { self.continuation = Mutex(continuation) }

        func tell(_ value: Value?) {
            let taken = continuation.withLock { held in
                defer { held = nil }
                return held
            }
            taken?.resume(returning: value)
        }
    }
}

/// Programs of the host.
struct HostPrograms: Sendable {
    let folders: [String]

    /// - Parameter path: the variable PATH. System programs are found without it, too: users have no sbin there.
    init(path: String?) {
        let own = (path ?? "").split(separator: ":").map(String.init)
        let system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        folders = own + system.filter { !own.contains($0) }
    }

    func locate(_ name: String) -> String? {
        folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The standard output of a program that succeeds; nil when it is not there or fails.
    func output(_ name: String, _ arguments: [String]) -> String? {
        guard let program = locate(name) else { return nil }
        do throws(SystemError) {
            let nothing = try FileDescriptor.open("/dev/null", O_RDWR)
            let output: FileDescriptor
            let pid: pid_t
            do {
                let pipe = try FileDescriptor.pipe()
                output = pipe.read
                pid = try Process.spawn(
                    program, [name] + arguments, environment: ["LC_ALL=C", "PATH=\(folders.joined(separator: ":"))"],
                    inheriting: [.init(nothing, as: 0), .init(pipe.write, as: 1), .init(nothing, as: 2)])
            }
            let text = try output.readToEnd()
            return try Process.wait(pid).code == 0 ? String(decoding: text, as: UTF8.self) : nil
        } catch {
            return nil
        }
    }
}

/// How this host gets packages.
struct PackageManager: Sendable, Equatable {
    let install: String
    /// The command that brings another kernel.
    let newKernel: String

    /// - Parameter text: `/etc/os-release`.
    init(osRelease text: String) {
        let pairs = text.split(separator: "\n").map { Parse.pair(String($0)) }
        let names = pairs.filter { $0.key == "ID" || $0.key == "ID_LIKE" }.flatMap {
            ($0.value ?? "").filter { $0 != "\"" }.split(separator: " ").map(String.init)
        }
        let debian = (["debian"], "apt-get install", "apt-get install linux-image-\(BerthVersion.architecture)")
        let known = [
            (["ubuntu"], "apt-get install", "apt-get install linux-image-generic"), debian,
            (["fedora", "rhel", "centos"], "dnf install", "dnf upgrade kernel"),
            (["suse", "opensuse", "sles"], "zypper install", "zypper update kernel-default"),
            (["alpine"], "apk add", "apk add linux-lts"), (["arch"], "pacman -S", "pacman -Syu linux"),
        ]
        let own = known.first { entry in names.contains { entry.0.contains($0) } } ?? debian
        install = own.1
        newKernel = own.2 + " && reboot"
    }

    static func ofHost() -> PackageManager {
        PackageManager(osRelease: (try? Files.readText("/etc/os-release")) ?? "")
    }

    func command(_ package: String) -> String {
        let others = package == "procps" && (install.hasPrefix("dnf") || install.hasPrefix("pacman"))
        return "\(install) \(others ? "procps-ng" : package)"
    }
}

/// The first line of a small file of the kernel's; nil when there is none.
func kernelValue(_ path: String) -> String? { (try? Files.readText(path))?.trimmingSpaces() }

extension ShellQuoting {
    /// A command line as one would type it: quotes only where they are needed.
    static func line(_ words: [String]) -> String {
        words.map { word in
            let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=,@%+".contains($0) }
            return isPlain ? word : quoted(word)
        }.joined(separator: " ")
    }
}
