import Client
import Errors
import Glibc
import Linux
import Synchronization

/// `berth image bootstrap`: a base image straight from a distribution's package mirror.
struct BootstrapCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] -t NAME[:TAG]", "Build a base image from the packages of a Debian or Ubuntu mirror", .none)
    static let flags: [Flag<BootstrapCommand>] = [
        .string(\.architecture, "arch", nil, "Architecture of the packages (default: this host's)"),
        .list(\.command, "cmd", nil, "Default command of the image (default [\"bash\"])"),
        .list(\.components, "components", nil, "Archive components", value: "list"),
        .list(
            \.customize, "customize", nil, "Shell command to run in the new root at the end (repeatable)",
            value: "command"),
        .list(\.environment, "env", "e", "Set an environment variable of the image"),
        .list(\.include, "include", nil, "Further packages, separated by commas"),
        .list(\.labels, "label", "l", "Set metadata for the image"),
        .string(
            \.mirror, "mirror", nil, "Address of the package mirror (default: the distribution's own)", value: "url"),
        .bool(\.quiet, "quiet", "q", "Only print the image ID"),
        .string(\.suite, "suite", nil, "Release to install", fallback: "\"bookworm\""),
        .string(\.tag, "tag", "t", "Name of the image"),
        .string(\.variant, "variant", nil, "Package selection (minbase, apt, buildd, …)", fallback: "\"minbase\""),
        .string(\.workingDirectory, "workdir", "w", "Working directory of the image"),
    ]

    var architecture: String?
    var command: [String] = []
    var components: [String] = []
    var customize: [String] = []
    var environment: [String] = []
    var include: [String] = []
    var labels: [String] = []
    var mirror: String?
    var quiet = false
    var suite: String?
    var tag: String?
    var variant: String?
    var workingDirectory: String?
    var arguments: [String] = []

    /// Heard, so that the new root is removed and the tool is not left behind.
    var signals: [Int32] { [SIGINT, SIGTERM, SIGHUP] }

    func run(in session: Session) async throws {
        guard let tag else { throw BerthError.invalidArgument("the image needs a name: -t NAME[:TAG]") }
        guard geteuid() == 0 else {
            throw BerthError(
                .permissionDenied, "image bootstrap must run as root: it installs packages into a new root")
        }
        let tool = try BootstrapTool.find(in: session.environment)
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let plan = BootstrapPlan(
            suite: suite ?? "bookworm", mirror: mirror, include: include, variant: variant ?? "minbase",
            architecture: architecture, components: components, customize: customize)

        let interruption = Interruption(session.signals)
        let start = ContinuousClock.now
        let archive = scratch.path + "/root.tar"
        for step in plan.steps(with: tool, root: scratch.path + "/root", archive: archive) {
            say("\(step.title)")
            try await ToolRun(step: step, environment: session.environment, shows: quiet ? .nothing : .stages)
                .run(interruption)
            try interruption.check()
        }
        let size = (try? Files.status(archive).size) ?? 0
        say("importing \(Human.size(size, digits: 3)) as \(ImageName.withTag(tag))")
        try await send(archive, tag, session)
        say("done in \(Decimal.fixed(start.duration(to: .now).seconds, places: 1))s")
    }

    private func send(_ archive: String, _ tag: String, _ session: Session) async throws {
        let display = ProgressDisplay(to: Console.output)
        defer { display.finish() }
        let messages = try await session.client.importImage(
            source: "-", body: try InputFile(archive).body(shownBy: display, as: "Importing"),
            reference: ImageName.withTag(tag),
            message: "bootstrapped from \(suite ?? "bookworm")", changes: changes)
        try await display.show(messages)
    }

    /// The image's configuration as Dockerfile instructions.
    private var changes: [String] {
        let words = command.isEmpty ? ["bash"] : command
        let list = TemplateValue.list(words.map { .string($0) }).json
        var changes = ["CMD \(words.count == 1 && words[0].hasPrefix("[") ? words[0] : list)"]
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        let setsPath = environment.contains { $0.hasPrefix("PATH=") }
        for pair in (setsPath ? [] : [path]) + environment {
            let (name, value) = Parse.pair(pair)
            changes.append("ENV \(name)=\(Self.word(value ?? ""))")
        }
        for label in labels {
            let (name, value) = Parse.pair(label)
            changes.append("LABEL \(Self.word(name))=\(Self.word(value ?? ""))")
        }
        if let workingDirectory { changes.append("WORKDIR \(workingDirectory)") }
        return changes
    }

    /// A word of a Dockerfile: in quotes only where something in it would otherwise mean something.
    static func word(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "-_./:,+@%=".contains($0) }
        return isPlain ? text : TemplateValue.quoted(text)
    }

    private func say(_ text: String) {
        if !quiet { Console.note("bootstrap: \(text)") }
    }
}

/// The program that fetches and installs packages.
enum BootstrapTool: Equatable {
    case mmdebstrap(String)
    /// Needs a further step for the archive and one for each customisation.
    case debootstrap(String, tar: String, chroot: String)

    static func find(in environment: [String: String]) throws -> BootstrapTool {
        let path = (environment["PATH"] ?? "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
        func locate(_ name: String) -> String? {
            path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
        }
        if let found = locate("mmdebstrap") { return .mmdebstrap(found) }
        if let found = locate("debootstrap"), let tar = locate("tar"), let chroot = locate("chroot") {
            return .debootstrap(found, tar: tar, chroot: chroot)
        }
        throw BerthError.notFound(
            "image bootstrap needs mmdebstrap or debootstrap, and this host has neither: apt-get install mmdebstrap")
    }
}

/// What is to be installed, and the commands that do it.
struct BootstrapPlan: Sendable {
    var suite: String
    var mirror: String?
    /// Each may hold several packages separated by commas.
    var include: [String]
    var variant: String
    var architecture: String?
    var components: [String]
    var customize: [String]

    struct Step: Sendable, Equatable {
        var title: String
        var command: [String]
    }

    /// What keeps an image small and quiet: no recommended packages kept in lists, no caches, and no
    /// services started while packages are configured in it.
    private static let cleaning = "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/bootstrap.log"

    func steps(with tool: BootstrapTool, root: String, archive: String) -> [Step] {
        let packages = include.joined(separator: ",")
        switch tool {
        case .mmdebstrap(let program):
            var command = [program, "--variant=\(variant)", "--format=tar"]
            if !packages.isEmpty { command.append("--include=\(packages)") }
            if let architecture { command.append("--architectures=\(architecture)") }
            if !components.isEmpty { command.append("--components=\(components.joined(separator: ","))") }
            // The hook gets the new root as its argument; the command runs in it.
            for script in customize {
                command.append("--customize-hook=chroot \"$1\" sh -c \(ShellQuoting.quoted(script))")
            }
            command += [suite, archive]
            if let mirror { command.append(mirror) }
            return [Step(title: "installing \(suite) with mmdebstrap", command: command)]
        case .debootstrap(let program, let tar, let chroot):
            var command = [program]
            if variant != "apt" { command.append("--variant=\(variant)") }
            if !packages.isEmpty { command.append("--include=\(packages)") }
            if let architecture { command.append("--arch=\(architecture)") }
            if !components.isEmpty { command.append("--components=\(components.joined(separator: ","))") }
            command += [suite, root]
            if let mirror { command.append(mirror) }
            var steps = [Step(title: "installing \(suite) with debootstrap", command: command)]
            steps += (customize + ["apt-get clean; " + Self.cleaning]).map {
                Step(title: "customizing", command: [chroot, root, "sh", "-c", $0])
            }
            steps.append(
                Step(
                    title: "packing",
                    command: [
                        tar, "--create", "--file=\(archive)", "--directory=\(root)", "--numeric-owner", "--xattrs",
                        "--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*", ".",
                    ]))
            return steps
        }
    }
}

enum ShellQuoting {
    /// One word for a POSIX shell.
    static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}

/// A folder of this process, removed with all that is in it.
struct ScratchFolder: Sendable {
    let path: String

    init() throws {
        // Not in memory: a root with its packages may be larger than that.
        path = "/var/tmp/berth-bootstrap.\(getpid()).\(UInt32.random(in: 0 ... .max))"
        do throws(SystemError) { try Files.makeDirectory(path, mode: 0o755) } catch {
            throw BerthError("making a scratch folder", error)
        }
    }

    func remove() { _ = try? Files.removeTree(path) }
}

/// Signals of this process, handed on to the program that it waits for.
final class Interruption: Sendable {
    private struct State {
        var program: pid_t?
        var signal: Int32?
    }

    private let state = Mutex(State())

    init(_ signals: Signals) {
        let taken = signals.take()
        Task { [weak self] in
            for await signal in taken { self?.take(signal) }
        }
    }

    var program: pid_t? {
        get { state.withLock { $0.program } }
        set { state.withLock { $0.program = newValue } }
    }

    private func take(_ signal: Int32) {
        state.withLock { state in
            state.signal = signal
            if let program = state.program { kill(program, signal) }
        }
    }

    /// - Throws: `ExitCode` when a signal has come.
    func check() throws {
        if let signal = state.withLock({ $0.signal }) { throw ExitCode(128 + signal) }
    }
}

/// Runs a program and shows what it says as a moving line on a terminal, or as lines in a pipe.
struct ToolRun: Sendable {
    enum Shown: Sendable {
        case nothing, stages
    }

    let step: BootstrapPlan.Step
    let environment: [String: String]
    let shows: Shown

    private static let keptLines = 30

    /// - Throws: `internal` with the program's last lines when it fails.
    func run(_ interruption: Interruption) async throws {
        let (reader, pid) = try spawn()
        interruption.program = pid
        defer { interruption.program = nil }
        var pending = ""
        var last: [String] = []
        while let bytes = try await BlockingWork.read(reader, upTo: 64 * 1024) {
            let (lines, rest) = LogLines.split(pending + String(decoding: bytes, as: UTF8.self))
            pending = rest
            for line in lines where !line.isEmpty { show(line) }
            last = (last + lines).suffix(Self.keptLines)
        }
        clear()
        let status = try await BlockingWork.run { try Process.wait(pid) }
        try interruption.check()
        guard status.code == 0 else {
            throw BerthError.internal(
                "\(step.command[0]) failed with status \(status.code):\n"
                    + (last + [pending]).filter { !$0.isEmpty }.map { "  \($0)" }.joined(separator: "\n"))
        }
    }

    /// - Returns: what reads the program's output, which ends with it, and the program's ID.
    private func spawn() throws -> (FileDescriptor, pid_t) {
        do throws(SystemError) {
            let (reader, writer) = try FileDescriptor.pipe()
            let nothing = try FileDescriptor.open("/dev/null", O_RDONLY)
            var variables = environment
            variables["DEBIAN_FRONTEND"] = "noninteractive"
            let pid = try Process.spawn(
                step.command[0], step.command, environment: variables.map { "\($0.key)=\($0.value)" },
                inheriting: [.init(nothing, as: 0), .init(writer, as: 1), .init(writer, as: 2)])
            return (reader, pid)
        } catch {
            throw BerthError("starting \(step.command[0])", error)
        }
    }

    private func show(_ line: String) {
        guard case .stages = shows else { return }
        if Console.error.isTerminal {
            let text = DisplayWidth.cut(LogLines.plain(line), (Console.width ?? 80) - 4)
            Console.write(Array("\r\u{1B}[K  \u{1B}[2m\(text)\u{1B}[0m".utf8), to: Console.error)
        } else {
            Console.note("  " + line)
        }
    }

    private func clear() {
        if case .stages = shows, Console.error.isTerminal {
            Console.write(Array("\r\u{1B}[K".utf8), to: Console.error)
        }
    }
}
