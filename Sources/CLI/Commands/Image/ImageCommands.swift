import Client
import EngineAPI
import Errors

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
                if let advice = await ImageConflict.advice(error, name, session) { Console.note(advice) }
                failed = true
            }
        }
        if failed { throw ExitCode(1) }
    }
}

/// What holds an image that could not be removed, by name.
enum ImageConflict {
    static func advice(_ error: any Error, _ image: String, _ session: Session) async -> String? {
        guard let error = error as? BerthError, error.code == .conflict else { return nil }
        let program = session.program.name
        if let id = containerID(in: error.message) {
            guard let container = try? await session.client.inspectContainer(id) else { return nil }
            let name = container.name.hasPrefix("/") ? String(container.name.dropFirst()) : container.name
            let force = container.state.running ? " -f" : ""
            return "Container \(id) is called \(name); it can be removed first: \(program) rm\(force) \(name)"
        }
        guard error.message.contains("referenced in"),
            let names = try? await session.client.inspectImage(image).repoTags,
            names.count > 1
        else { return nil }
        return "Its names are \(names.sorted().joined(separator: ", ")); "
            + "\(program) rmi takes them one by one, and rmi -f \(image) all at once"
    }

    /// The short ID behind the word `container`.
    static func containerID(in message: String) -> String? {
        guard let range = message.firstRange(of: "container ") else { return nil }
        let id = message[range.upperBound...].prefix { $0.isHexDigit }
        return id.count >= 12 ? String(id) : nil
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
        let target = ImageName.withTag(arguments[1])
        let former = try? await session.client.inspectImage(target).id
        try await session.client.tagImage(arguments[0], repository: repository, tag: tag ?? "latest")
        // A name that moves leaves an image behind, perhaps without any.
        guard let former, let now = try? await session.client.inspectImage(target).id, former != now else { return }
        Console.note("\(target) was \(Human.shortID(former)) until now")
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
        .filters(\.filters, "filter", nil, "Only those that match (such as until=24h)"),
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

    var signals: [Int32] { OutputFile.signals(output) }

    func run(in session: Session) async throws {
        let file = try OutputFile(output, failure: "failed to save image", session)
        try await file.write(try await session.client.saveImages(arguments, platform: platform))
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

    var signals: [Int32] { OutputFile.signals(output) }

    func run(in session: Session) async throws {
        let file = try OutputFile(output, failure: "failed to export container", session)
        try await file.write(try await session.client.exportContainer(arguments[0]))
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
        let source = try InputFile(input)
        let display = ProgressDisplay(to: Console.output, showsBytes: !quiet)
        defer { display.finish() }
        let messages = try await session.client.loadImages(
            source.body(shownBy: display, as: "Loading"), quiet: quiet || !Console.output.isTerminal,
            platform: platform)
        var nameless: [String] = []
        try await display.show(messages) { message in
            let heading = "Loaded image ID: "
            guard message.stream.hasPrefix(heading) else { return }
            nameless.append(Human.shortID(message.stream.dropFirst(heading.count).trimmingSpaces()))
        }
        for id in nameless {
            Console.note("It has no name; this gives it one: \(session.program.name) tag \(id) NAME:TAG")
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
        let display = ProgressDisplay(to: Console.output)
        defer { display.finish() }
        let messages = try await session.client.importImage(
            source: isRemote ? source : "-",
            body: isRemote ? .empty : try InputFile(source).body(shownBy: display, as: "Importing"),
            reference: arguments.count > 1 ? arguments[1] : nil, message: message, changes: changes, platform: platform)
        try await display.show(messages)
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
        let id: String
        do {
            id = try await session.client.commit(
                container: arguments[0], repository: target?.repository, tag: target?.tag, comment: message,
                author: author, pause: (pause ?? true) && !noPause, changes: changes)
        } catch let error as BerthError where error.code == .notFound && arguments.count == 1 {
            // `-m` takes the message alone, so that what was meant as the image's name stands for the container.
            Console.note(Report.message(error))
            Console.note("The form is: \(session.program.name) commit -m MESSAGE CONTAINER IMAGE[:TAG]")
            throw ExitCode(1)
        }
        Console.print(id)
        await tellWhatIsLeftOut(session)
    }

    /// Volumes are no part of an image, which is noticed when it is too late.
    private func tellWhatIsLeftOut(_ session: Session) async {
        guard let container = try? await session.client.inspectContainer(arguments[0]) else { return }
        let mounts = container.mounts.filter { ["volume", "bind"].contains($0.type) }.map { mount in
            let source = mount.type == "volume" ? "volume \(Human.ellipsis(mount.name, 20))" : mount.source
            return "\(mount.destination) (\(source))"
        }
        if !mounts.isEmpty { Console.note("Not in the image, since it is mounted: \(mounts.joined(separator: ", "))") }
    }
}
