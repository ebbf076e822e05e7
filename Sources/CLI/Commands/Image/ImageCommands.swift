import Client
import EngineAPI
import Errors
import Glibc
import Linux

/// `berth rmi`.
struct ImageRemoveCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] IMAGE [IMAGE...]", "Remove images", .atLeast(1))
    static let flags: [Flag<ImageRemoveCommand>] = [
        .bool(\.force, "force", "f", "Remove it even if it has several names or is used by stopped containers"),
        .bool(\.noPrune, "no-prune", nil, "Keep parents that have no name"),
        .ignored("platform", takesValue: true),
    ]

    var force = false
    var noPrune = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        var failed = false
        for name in arguments {
            do {
                for item in try await session.client.removeImage(name, force: force, prune: !noPrune) {
                    if !item.untagged.isEmpty { Console.print("Untagged: \(item.untagged)") }
                    if !item.deleted.isEmpty { Console.print("Deleted: \(item.deleted)") }
                }
            } catch {
                Console.note(Report.message(error))
                if let error = error as? BerthError, error.code == .notFound, force { continue }
                failed = true
            }
        }
        if failed { throw ExitCode(1) }
    }
}

/// `berth tag`.
struct TagCommand: Command {
    static let syntax = CommandSyntax(
        "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give an image a further name", .exactly(2),
        interspersed: false)

    var arguments: [String] = []

    func run(in session: Session) async throws {
        let (repository, tag) = EngineClient.split(arguments[1])
        try await session.client.tagImage(arguments[0], repository: repository, tag: tag ?? "latest")
    }
}

/// `berth image inspect`.
struct ImageInspectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] IMAGE [IMAGE...]", "Show all that is known of images", .atLeast(1))
    static let flags: [Flag<ImageInspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp),
        .ignored("platform", takesValue: true),
    ]

    var options = InspectOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await options.run(arguments, [.image], session) }
}

/// `berth image prune`.
struct ImagePruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove images that nothing uses", .none)
    static let flags: [Flag<ImagePruneCommand>] = [
        .bool(\.all, "all", "a", "All that no container uses, not only those without a name"),
        .list(\.filters, "filter", nil, "Only those that match (such as until=24h)", value: "filter"),
        .bool(\.force, "force", "f", "Do not ask first"),
    ]

    var all = false
    var filters: [String] = []
    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let warning =
            all
            ? "WARNING! This will remove all images without at least one container associated to them."
            : "WARNING! This will remove all dangling images."
        guard try force || Confirmation.ask(warning) else { return }
        var filters = try FilterSpec.parse(filters)
        filters.add("dangling", all ? "false" : "true")
        let report = try await session.client.pruneImages(filters: filters)
        let lines = report.imagesDeleted.map {
            $0.untagged.isEmpty ? "deleted: \($0.deleted)" : "untagged: \($0.untagged)"
        }
        PruneReport.tell("Deleted Images:", lines, reclaimed: report.spaceReclaimed)
    }
}

/// `berth save`.
struct SaveCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] IMAGE [IMAGE...]", "Write images to a tar archive",
        .atLeast(1))
    static let flags: [Flag<SaveCommand>] = [
        .string(\.output, "output", "o", "File to write instead of standard output"),
        .string(\.platform, "platform", nil, "Only this platform (os/arch)"),
    ]

    var output: String?
    var platform: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if output == nil, Console.output.isTerminal {
            throw BerthError.invalidArgument("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        }
        try await OutputFile.write(try await session.client.saveImages(arguments, platform: platform), to: output)
    }
}

/// `berth export`.
struct ExportCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER", "Write a container's files to a tar archive", .exactly(1))
    static let flags: [Flag<ExportCommand>] = [
        .string(\.output, "output", "o", "File to write instead of standard output")
    ]

    var output: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if output == nil, Console.output.isTerminal {
            throw BerthError.invalidArgument("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        }
        try await OutputFile.write(try await session.client.exportContainer(arguments[0]), to: output)
    }
}

/// An archive on its way to a file or to stdout.
enum OutputFile {
    /// A file appears under its name only when it is whole.
    static func write(_ body: ResponseBody, to path: String?) async throws {
        guard let path else {
            for try await bytes in body { Console.write(bytes, to: Console.output) }
            return
        }
        // Devices and pipes are written to as they are.
        let isSpecial = (try? Files.status(path)).map { $0.kind != .file } ?? false
        let target = isSpecial ? path : path + ".part"
        do {
            let file = try FileDescriptor.open(target, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            for try await bytes in body { try file.writeAll(bytes) }
            if !isSpecial { try Files.rename(target, to: path) }
        } catch {
            if !isSpecial { _ = try? Files.unlink(target) }
            if let error = error as? SystemError { throw BerthError("writing \(path)", error) }
            throw error
        }
    }
}

/// `berth load`.
struct LoadCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS]", "Take images from a tar archive", .none)
    static let flags: [Flag<LoadCommand>] = [
        .string(\.input, "input", "i", "File to read instead of standard input"),
        .string(\.platform, "platform", nil, "Only this platform (os/arch)"),
        .bool(\.quiet, "quiet", "q", "Print only what was loaded"),
    ]

    var input: String?
    var platform: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if input == nil, Console.input.isTerminal {
            throw BerthError.invalidArgument("requested load from stdin, but stdin is empty")
        }
        let source = try InputFile.open(input)
        let messages = try await session.client.loadImages(
            .descriptor(source, contentType: "application/x-tar"), quiet: quiet || !Console.output.isTerminal,
            platform: platform)
        try await PullProgress(to: Console.output).show(messages)
    }
}

enum InputFile {
    static func open(_ path: String?) throws -> FileDescriptor {
        guard let path, path != "-" else { return Console.input }
        do throws(SystemError) {
            return try FileDescriptor.open(path, O_RDONLY)
        } catch {
            throw BerthError(
                error.errno == ENOENT ? .notFound : .invalidArgument, "open \(path): \(error.reason.lowercased())")
        }
    }
}

/// `berth import`.
struct ImportCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]", "Make an image from a tar archive of files",
        .between(1, 2))
    static let flags: [Flag<ImportCommand>] = [
        .list(\.changes, "change", "c", "Dockerfile instruction for the image's configuration (repeatable)"),
        .string(\.message, "message", "m", "Message in the image's history"),
        .string(\.platform, "platform", nil, "Platform to choose (os/arch)"),
    ]

    var changes: [String] = []
    var message: String?
    var platform: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let source = arguments[0]
        let isRemote = source.hasPrefix("http://") || source.hasPrefix("https://")
        let messages = try await session.client.importImage(
            source: isRemote ? source : "-",
            body: isRemote ? .empty : .descriptor(try InputFile.open(source), contentType: "application/x-tar"),
            reference: arguments.count > 1 ? arguments[1] : nil, message: message, changes: changes, platform: platform)
        try await PullProgress(to: Console.output).show(messages)
    }
}

/// `berth commit`.
struct CommitCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]", "Make an image from what a container changed", .between(1, 2),
        interspersed: false)
    static let flags: [Flag<CommitCommand>] = [
        .string(\.author, "author", "a", "Author of the image (such as \"Li Wei <li.wei@example.com>\")"),
        .list(\.changes, "change", "c", "Dockerfile instruction for the image's configuration (repeatable)"),
        .string(\.message, "message", "m", "Message in the image's history"),
        .bool(\.noPause, "no-pause", nil, "Let the container run on meanwhile"),
        .bool(\.pause, "pause", "p", "Pause the container meanwhile", fallback: "true"),
    ]

    var author: String?
    var changes: [String] = []
    var message: String?
    var noPause = false
    var pause: Bool?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let target = arguments.count > 1 ? EngineClient.split(arguments[1]) : nil
        let id = try await session.client.commit(
            container: arguments[0], repository: target?.repository, tag: target?.tag, comment: message,
            author: author, pause: (pause ?? true) && !noPause, changes: changes)
        Console.print(id)
    }
}
