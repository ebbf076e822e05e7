import Client
import EngineAPI
import Errors
import Linux

/// `berth build`.
struct BuildCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] PATH | URL | -", "Build an image from a Dockerfile and its context", .exactly(1))

    static let flags: [Flag<BuildCommand>] = [
        .list(
            \.extraHosts, "add-host", nil, "Let build steps resolve a name to an address (name:address)",
            value: "strings"),
        .list(
            \.buildArguments, "build-arg", nil, "Value of an ARG of the Dockerfile (NAME=value)", value: "stringArray"),
        .bool(\.caBundle, "ca-bundle", nil, "Give the build's steps this host's certificate authorities"),
        .list(\.cacheFrom, "cache-from", nil, "Image whose layers may be used as cache", value: "stringArray"),
        .string(\.dockerfile, "file", "f", "Path of the Dockerfile (default: PATH/Dockerfile)"),
        .string(\.imageIDFile, "iidfile", nil, "File that receives the ID of the image"),
        .list(\.labels, "label", nil, "Label of the image (key=value)", value: "stringArray"),
        .bytes(\.memory, "memory", "m", "Most memory it may use"),
        .string(\.network, "network", nil, "Network of the RUN instructions", fallback: "\"default\""),
        .bool(\.noCache, "no-cache", nil, "Run every step, whatever is cached"),
        .string(\.platform, "platform", nil, "Platform to build for (os/arch)"),
        .custom(
            \.progress, "progress", nil, "How progress is shown (\"auto\", \"plain\", \"tty\", \"quiet\")",
            value: "string", fallback: "\"auto\"", BuildProgressStyle.parse),
        .bool(\.pull, "pull", nil, "Ask registries for newer base images"),
        .bool(\.push, "push", nil, "Push the image once it is built"),
        .bool(\.quiet, "quiet", "q", "Print nothing but the ID of the image"),
        .bytes(\.shmSize, "shm-size", nil, "Size of /dev/shm in build steps"),
        .list(\.tags, "tag", "t", "Name of the image (name[:tag], repeatable)", value: "stringArray"),
        .string(\.target, "target", nil, "Stage of the Dockerfile to stop at"),
        .ignored("builder", takesValue: true), .ignored("cache-to", takesValue: true),
        .ignored("compress", takesValue: false), .ignored("force-rm", takesValue: false),
        .ignored("load", takesValue: false), .ignored("provenance", takesValue: true),
        .ignored("rm", takesValue: false), .ignored("sbom", takesValue: true),
        .ignored("attest", takesValue: true), .ignored("disable-content-trust", takesValue: false),
        .ignored("ulimit", takesValue: true), .ignored("cgroup-parent", takesValue: true),
        .ignored("cpu-period", takesValue: true), .ignored("cpu-quota", takesValue: true),
        .ignored("cpu-shares", "c", takesValue: true), .ignored("cpuset-cpus", takesValue: true),
        .ignored("cpuset-mems", takesValue: true), .ignored("memory-swap", takesValue: true),
        .ignored("isolation", takesValue: true), .ignored("security-opt", takesValue: true),
    ]

    var extraHosts: [String] = []
    var buildArguments: [String] = []
    var caBundle = false
    var cacheFrom: [String] = []
    var dockerfile: String?
    var imageIDFile: String?
    var labels: [String] = []
    var memory: Int64?
    var network: String?
    var noCache = false
    var platform: String?
    var progress: BuildProgressStyle?
    var pull = false
    var push = false
    var quiet = false
    var shmSize: Int64?
    var tags: [String] = []
    var target: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let display = BuildDisplays.make(quiet ? .quiet : progress ?? .auto)
        var options = try options(session)
        let sent = SizeCounter()
        let entries = ContextEntries()
        let body: EngineRequest.Body
        let context = arguments[0]
        if Self.isRemote(context) {
            options.remote = context
            options.dockerfile = dockerfile
            body = .empty
        } else if context == "-" {
            guard !Console.input.isTerminal else {
                throw BerthError.invalidArgument("the build context \"-\" is read from stdin, which is a terminal")
            }
            if dockerfile == "-" {
                throw BerthError.invalidArgument(
                    "invalid argument: can't use stdin for both build context and dockerfile")
            }
            options.dockerfile = dockerfile
            body = try await StandardInputContext.body()
        } else {
            let source = try BuildContextSource(
                context: context, dockerfile: dockerfile, in: session.workingFolder)
            options.dockerfile = source.dockerfile
            body = source.body(entries) { sent.add($0) }
        }
        let id = try await BuildRun(
            display: display, sent: sent, entries: entries, credentials: try RegistryCredentials(session).all
        )
        .perform(options, body, session.client)
        try await finish(id, session)
    }

    private func finish(_ id: String?, _ session: Session) async throws {
        if let path = imageIDFile, let id {
            do throws(SystemError) { try Files.write(path, id) } catch {
                throw BerthError("writing the image ID", error)
            }
        }
        if quiet, let id { Console.print(id) }
        guard push else { return }
        for tag in tags {
            let (repository, name) = EngineClient.split(tag)
            let messages = try await session.client.pushImage(
                repository, tag: name ?? "latest", auth: try RegistryCredentials(session).auth(forImage: tag))
            try await ProgressDisplay(to: Console.output, quiet: quiet).show(messages)
        }
    }

    private func options(_ session: Session) throws -> BuildOptions {
        var options = BuildOptions()
        options.tags = tags
        for text in buildArguments {
            let (name, value) = Parse.pair(text)
            // Without a value it is the environment's, and left to its default where there is none.
            if let value = value ?? session.environment[name] { options.buildArgs[name] = .some(value) }
        }
        for (name, value) in session.proxyVariables where options.buildArgs[name] == nil {
            options.buildArgs[name] = .some(value)
        }
        options.target = target
        options.labels = Parse.map(labels)
        options.noCache = noCache
        options.pull = pull
        options.quiet = quiet
        options.networkMode = network
        options.extraHosts = try extraHosts.map { try NetworkSpec.extraHost($0) }
        options.platform = platform
        options.memory = memory
        options.shmSize = shmSize
        options.cacheFrom = cacheFrom
        options.caBundle = caBundle
        return options
    }

    private static func isRemote(_ context: String) -> Bool {
        ["http://", "https://", "git://", "git@", "github.com/"].contains { context.hasPrefix($0) }
    }
}

/// A build context on stdin: an archive, or a Dockerfile alone.
enum StandardInputContext {
    static func body() async throws -> EngineRequest.Body {
        var head: [UInt8] = []
        while head.count < 512, let more = try await BlockingWork.read(Console.input, upTo: 64 * 1024) {
            head += more
        }
        guard isArchive(head) else {
            while let more = try await BlockingWork.read(Console.input) { head += more }
            return TarPipe.upload { [head] writer in try writer.add(file: "Dockerfile", head) }
        }
        return .stream(contentType: "application/x-tar") { [head] writer in
            try await writer.write(head)
            while let more = try await BlockingWork.read(Console.input) { try await writer.write(more) }
        }
    }

    /// Whether bytes begin a tar archive or a compressed file.
    static func isArchive(_ head: [UInt8]) -> Bool {
        let magics: [[UInt8]] = [
            [0x1F, 0x8B], [0x42, 0x5A, 0x68], [0xFD, 0x37, 0x7A, 0x58, 0x5A], [0x28, 0xB5, 0x2F, 0xFD],
        ]
        if magics.contains(where: { head.starts(with: $0) }) { return true }
        return head.count >= 262 && head[257..<262].elementsEqual("ustar".utf8)
    }
}

/// One build, from its first byte to its image.
struct BuildRun: Sendable {
    let display: any BuildDisplay
    let sent: SizeCounter
    let entries: ContextEntries
    /// By registry, for base images.
    let credentials: [String: AuthConfig]

    /// - Returns: the image's ID, where the daemon told it.
    /// - Throws: what made the build fail.
    func perform(
        _ options: BuildOptions, _ body: EngineRequest.Body, _ client: EngineClient, name: String? = nil
    ) async throws -> String? {
        let start = ContinuousClock.now
        var result = BuildOutcome(tags: options.tags)
        display.sendingContext(sent, of: name)
        do {
            let messages = try await client.build(options, credentials: credentials, context: body)
            var reader = BuildMessageReader(display: display, name: name)
            for try await message in messages {
                if reader.isFirst {
                    display.sentContext(bytes: sent.total, seconds: start.duration(to: .now).seconds, of: name)
                    if let advice = entries.advice { display.show(text: advice + "\n") }
                }
                try reader.take(message)
            }
            result.imageID = reader.finish()
        } catch {
            display.failed(of: name)
            throw error
        }
        result.seconds = start.duration(to: .now).seconds
        display.finished(result, of: name)
        return result.imageID
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}

/// Tells Berth's events from the classic builder's text, of which only one is shown.
struct BuildMessageReader {
    let display: any BuildDisplay
    let name: String?
    private var imageID: String?
    private var mode = Mode.undecided([])
    private(set) var isFirst = true

    private enum Mode {
        /// Text that came before anything told which kind of daemon this is.
        case undecided([String])
        case events
        case text
    }

    /// A daemon that sends events sends one with its first step: this much text alone means none will come.
    private static let patience = 3

    init(display: any BuildDisplay, name: String?) {
        self.display = display
        self.name = name
    }

    mutating func take(_ message: ProgressMessage) throws {
        isFirst = false
        if !message.error.isEmpty { throw BerthError(.internal, message.error) }
        if let id = message.aux?.id, !id.isEmpty { imageID = id }
        if let event = message.aux?.berth {
            mode = .events
            display.show(event, of: name)
            return
        }
        if !message.status.isEmpty, !message.id.isEmpty { return display.showPull(message, of: name) }
        let text = message.stream.isEmpty && !message.status.isEmpty ? message.status + "\n" : message.stream
        guard !text.isEmpty else { return }
        // What the builder thinks of the Dockerfile is no part of any step, and is news either way.
        if text.hasPrefix("[Warning] ") { return display.show(text: text) }
        switch mode {
        case .events: break
        case .text: display.show(text: text)
        case .undecided(let held) where held.count < Self.patience: mode = .undecided(held + [text])
        case .undecided(let held):
            mode = .text
            for text in held + [text] { display.show(text: text) }
        }
    }

    /// - Returns: the image's ID.
    mutating func finish() -> String? {
        if case .undecided(let held) = mode { for text in held { display.show(text: text) } }
        return imageID
    }
}
