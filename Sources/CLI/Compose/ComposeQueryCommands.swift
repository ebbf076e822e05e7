import Client
import Compose
import EngineAPI
import Errors
import Linux

/// `berth compose ps`.
struct ComposeListCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "List containers", .any)
    static let flags: [Flag<ComposeListCommand>] = [
        .bool(\.all, "all", "a", "Include containers that do not run, and those of run"),
        .list(\.filters, "filter", nil, "Only those in a state (status=running)", value: "string"),
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template", fallback: "\"table\""),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
        .bool(\.orphans, "orphans", nil, "Include containers of services that the files do not have", fallback: "true"),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
        .bool(\.services, "services", nil, "Print the names of services"),
        .list(\.states, "status", nil, "Only those in this state", value: "stringArray"),
    ]

    var project = ComposeOptions()
    var all = false
    var filters: [String] = []
    var format: String?
    var noTruncation = false
    var orphans: Bool?
    var quiet = false
    var services = false
    var states: [String] = []
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        let runner = project.runner(loaded, session, project.console(loaded))
        let wanted =
            try states
            + filters.map { text in
                guard text.hasPrefix("status=") else { throw BerthError.invalidArgument("unknown filter \(text)") }
                return String(text.dropFirst("status=".count))
            }
        var containers = try await runner.ps(arguments, all: all || !wanted.isEmpty, orphans: orphans ?? true)
        if !wanted.isEmpty { containers.removeAll { !wanted.contains($0.state) } }
        if quiet {
            Console.write(containers.map { $0.id + "\n" }.joined())
        } else if services {
            var seen: Set<String> = []
            let names = containers.compactMap { $0.labels[Labels.service] }.filter { seen.insert($0).inserted }
            Console.write(names.map { $0 + "\n" }.joined())
        } else {
            let now = Human.now()
            let rows = containers.map { ComposeRow.row($0, truncated: !noTruncation, now: now) }
            Console.write(
                try ListFormat(format, standard: ComposeRow.table).render(rows, headings: ComposeRow.headings))
        }
    }
}

/// A project's container as a row of a listing.
enum ComposeRow {
    static let table = "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"

    static let headings: TemplateValue = {
        guard case .object(let fields) = ContainerRow.headings else { return ContainerRow.headings }
        return .object(
            fields + [
                .init(name: "Name", value: "NAME"), .init(name: "Service", value: "SERVICE"),
                .init(name: "Project", value: "PROJECT"), .init(name: "Health", value: "HEALTH"),
                .init(name: "ExitCode", value: "EXIT CODE"),
            ])
    }()

    static func row(_ container: ContainerSummary, truncated: Bool, now: Int64) -> TemplateValue {
        let base = ContainerRow.row(container, truncated: truncated, now: now)
        guard case .object(let fields) = base else { return base }
        let name = base.field("Names") ?? ""
        return .object(
            fields + [
                .init(name: "Name", value: name),
                .init(name: "Service", value: .string(container.labels[Labels.service] ?? "")),
                .init(name: "Project", value: .string(container.labels[Labels.project] ?? "")),
                .init(name: "Health", value: .string(health(container.status))),
                .init(name: "ExitCode", value: .int(exitCode(container.status))),
                .init(name: "Publishers", value: .list(container.ports.map(publisher))),
            ])
    }

    private static func publisher(_ port: Port) -> TemplateValue {
        .row([
            "URL": .string(port.ip), "TargetPort": .int(Int(port.privatePort)),
            "PublishedPort": .int(Int(port.publicPort ?? 0)), "Protocol": .string(port.type),
        ])
    }

    /// Out of `Up 2 minutes (healthy)` and `Up 3 seconds (health: starting)`.
    static func health(_ status: String) -> String {
        for state in ["unhealthy", "healthy", "starting"] where status.hasSuffix("\(state))") { return state }
        return ""
    }

    /// Out of `Exited (1) 2 minutes ago`.
    static func exitCode(_ status: String) -> Int {
        guard status.hasPrefix("Exited ("), let end = status.firstIndex(of: ")") else { return 0 }
        return Int(status[status.index(status.startIndex, offsetBy: 8)..<end]) ?? 0
    }
}

/// `berth compose logs`.
struct ComposeLogsCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "Show what services wrote", .any)
    static let flags: [Flag<ComposeLogsCommand>] = [
        .bool(\.follow, "follow", "f", "Go on with new output as it comes"),
        .int(\.index, "index", nil, "Number of the container among the service's"),
        .bool(\.noColor, "no-color", nil, "No colours"),
        .bool(\.noPrefix, "no-log-prefix", nil, "No names before lines"),
        .string(\.since, "since", nil, "Only from this time on (RFC 3339, or a duration such as 42m)"),
        .string(\.tail, "tail", "n", "Number of lines from the end of each log, or \"all\"", fallback: "\"all\""),
        .bool(\.timestamps, "timestamps", "t", "Put the time before each line"),
        .string(\.until, "until", nil, "Only up to this time (RFC 3339, or a duration such as 42m)"),
    ]

    var project = ComposeOptions()
    var follow = false
    var index: Int?
    var noColor = false
    var noPrefix = false
    var since: String?
    var tail: String?
    var timestamps = false
    var until: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        let console = project.console(loaded, prefixes: !noPrefix, colors: !noColor)
        var options = LogOptions()
        options.services = arguments
        options.index = index
        options.request = LogRequest(
            follow: follow, timestamps: timestamps, since: try since.map { try TimeSpec.parse($0) },
            until: try until.map { try TimeSpec.parse($0) }, tail: tail)
        try await project.runner(loaded, session, console).logs(options)
    }
}

/// `berth compose images`.
struct ComposeImagesCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "List the images that containers were made from", .any)
    static let flags: [Flag<ComposeImagesCommand>] = [
        .string(\.format, "format", nil, "What to print: table or json", fallback: "\"table\""),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
    ]

    var project = ComposeOptions()
    var format: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        let images = try await project.runner(loaded, session, project.console(loaded)).images(arguments)
        if quiet {
            var seen: Set<String> = []
            let ids = images.map(\.image.id).filter { seen.insert($0).inserted }
            Console.write(ids.map { $0 + "\n" }.joined())
            return
        }
        let now = Human.now()
        let rows = images.map { item in
            let (repository, tag) = EngineClient.split(item.image.repoTags.first ?? "<none>")
            let created = Human.seconds(rfc3339: item.image.created)
            return TemplateValue.row([
                "ContainerName": .string(String((item.container.names.first ?? "").drop { $0 == "/" })),
                "CreatedSince": .string(created.map { Human.ago($0, now: now) } ?? "N/A"),
                "ID": .string(Human.shortID(item.image.id)),
                "Platform": .string("\(item.image.os)/\(item.image.architecture)"),
                "Repository": .string(repository),
                "Size": .string(Human.size(item.image.size, digits: 3)),
                "Tag": .string(tag ?? "<none>"),
            ])
        }
        let standard =
            "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}\t{{.CreatedSince}}"
        Console.write(
            try ListFormat(format, standard: standard).render(
                rows,
                headings: .row([
                    "ContainerName": "CONTAINER", "Repository": "REPOSITORY", "Tag": "TAG", "Platform": "PLATFORM",
                    "ID": "IMAGE ID", "Size": "SIZE", "CreatedSince": "CREATED",
                ])))
    }
}

/// `berth compose top`.
struct ComposeTopCommand: ComposeMember {
    static let syntax = CommandSyntax("[SERVICES...]", "Show the processes of services", .any)

    var project = ComposeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        for (container, processes) in try await project.runner(loaded, session, project.console(loaded)).top(arguments)
        {
            Console.write(
                container + "\n" + Table.render([processes.titles] + processes.processes, narrowest: 10) + "\n")
        }
    }
}

/// `berth compose port`.
struct ComposePortCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE PRIVATE_PORT", "Show where a port is published", .exactly(2))
    static let flags: [Flag<ComposePortCommand>] = [
        .int(\.index, "index", nil, "Number of the container among the service's"),
        .string(\.proto, "protocol", nil, "tcp or udp", fallback: "\"tcp\""),
    ]

    var project = ComposeOptions()
    var index: Int?
    var proto: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        guard let port = Int(arguments[1]), (1...65535).contains(port) else {
            throw BerthError.invalidArgument("invalid port \"\(arguments[1])\"")
        }
        let loaded = try project.loadOrName(session)
        Console.print(
            try await project.runner(loaded, session, project.console(loaded))
                .port(arguments[0], port, proto: proto ?? "tcp", index: index))
    }
}

/// `berth compose ls`.
struct ComposeProjectsCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS]", "List projects", .none)
    static let flags: [Flag<ComposeProjectsCommand>] = [
        .bool(\.all, "all", "a", "Include projects that do not run"),
        .list(\.filters, "filter", nil, "Only those that match (key=value, repeatable)", value: "filter"),
        .string(\.format, "format", nil, "What to print: table or json", fallback: "\"table\""),
        .bool(\.quiet, "quiet", "q", "Print names only"),
    ]

    var project = ComposeOptions()
    var all = false
    var filters: [String] = []
    var format: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        var projects = try await ProjectRunner.list(project.engine(session), all: all)
        for filter in filters {
            let (key, value) = Parse.pair(filter)
            guard key == "name", let value else { throw BerthError.invalidArgument("unknown filter \(filter)") }
            projects.removeAll { !$0.name.contains(value) }
        }
        if quiet {
            Console.write(projects.map { $0.name + "\n" }.joined())
            return
        }
        let rows = projects.map { project in
            TemplateValue.row([
                "Name": .string(project.name), "Status": .string(project.status),
                "ConfigFiles": .string(project.configFiles.joined(separator: ",")),
            ])
        }
        if format == "json" {
            Console.print(TemplateValue.list(rows).json)
            return
        }
        Console.write(
            try ListFormat(format, standard: "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}").render(
                rows, headings: .row(["Name": "NAME", "Status": "STATUS", "ConfigFiles": "CONFIG FILES"])))
    }
}

/// `berth compose config`.
struct ComposeConfigCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] [SERVICE...]", "Check the files and print what they amount to", .any)
    static let flags: [Flag<ComposeConfigCommand>] = [
        .bool(\.environment, "environment", nil, "Print the variables that interpolation sees"),
        .string(\.format, "format", nil, "What to print: yaml or json"),
        .string(\.hash, "hash", nil, "Print fingerprints of services (\"*\" for all)"),
        .bool(\.images, "images", nil, "Print the names of images"),
        .bool(\.networks, "networks", nil, "Print the names of networks"),
        .bool(\.noInterpolation, "no-interpolate", nil, "Leave variables as they are written"),
        .string(\.output, "output", "o", "File to write instead of standard output"),
        .bool(\.profiles, "profiles", nil, "Print the names of profiles"),
        .bool(\.quiet, "quiet", "q", "Only check the files"),
        .bool(\.services, "services", nil, "Print the names of services"),
        .bool(\.volumes, "volumes", nil, "Print the names of volumes"),
        .ignored("no-consistency", takesValue: false), .ignored("no-normalize", takesValue: false),
        .ignored("no-path-resolution", takesValue: false), .ignored("no-env-resolution", takesValue: false),
        .ignored("resolve-image-digests", takesValue: false),
    ]

    var project = ComposeOptions()
    var environment = false
    var format: String?
    var hash: String?
    var images = false
    var networks = false
    var noInterpolation = false
    var output: String?
    var profiles = false
    var quiet = false
    var services = false
    var volumes = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        var options = project.loadOptions(session)
        options.interpolates = !noInterpolation
        let loaded = try Loader.load(options).enabling(arguments)
        for warning in loaded.warnings { Console.note("WARN: \(warning)") }
        if quiet { return }
        let text = try text(loaded)
        guard let output else {
            Console.write(text)
            return
        }
        do throws(SystemError) {
            try Files.writeAtomically(output, Array(text.utf8))
        } catch {
            throw BerthError("writing the configuration", error)
        }
    }

    private func text(_ loaded: Project) throws -> String {
        func lines(_ names: [String]) -> String { names.map { $0 + "\n" }.joined() }
        if services { return lines(try loaded.serviceNames()) }
        if images { return lines(loaded.imageNames()) }
        if volumes { return lines(loaded.volumeNames()) }
        if networks { return lines(loaded.networkNames()) }
        if profiles { return lines(loaded.profiles) }
        if environment { return lines(loaded.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) }
        if let hash {
            let names = hash == "*" ? [] : hash.split(separator: ",").map(String.init)
            return lines(try loaded.hashes(names).map { "\($0.key) \($0.value)" })
        }
        let text = format == "json" ? try loaded.json() : try loaded.yaml()
        return text.hasSuffix("\n") ? text : text + "\n"
    }
}

/// `berth compose version`.
struct ComposeVersionCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS]", "Show the version", .none)
    static let flags: [Flag<ComposeVersionCommand>] = [
        .string(\.format, "format", "f", "What to print: pretty or json"),
        .bool(\.short, "short", nil, "Print the number only"),
    ]

    var project = ComposeOptions()
    var format: String?
    var short = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if short {
            Console.print(BerthVersion.version)
        } else if format == "json" {
            Console.print(TemplateValue.row(["version": .string("v\(BerthVersion.version)")]).json)
        } else {
            Console.write(session.program.composeVersionLine)
        }
    }
}
