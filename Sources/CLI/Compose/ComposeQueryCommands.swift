import Client
import Compose
import EngineAPI
import Errors
import Linux

/// `berth compose ps`.
struct ComposeListCommand: ComposeMember {
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "List containers", .any)
    static let flags: [Flag<ComposeListCommand>] = [
        .bool(\.all, "all", "a", "Show all stopped containers (including those created by the run command)"),
        .list(\.filters, "filter", nil, "Filter services by a property (supported filters: status)", value: "string"),
        .string(\.format, "format", nil, "Format output using a custom template ('table', 'json' or a Go template)", fallback: "\"table\""),
        .bool(\.noTruncation, "no-trunc", nil, "Don't truncate output"),
        .bool(\.orphans, "orphans", nil, "Include orphaned services (not declared by project)", fallback: "true"),
        .bool(\.quiet, "quiet", "q", "Only display IDs"),
        .bool(\.services, "services", nil, "Display services"),
        .list(\.states, "status", nil, "Filter services by status", value: "stringArray"),
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
        let wanted = try states + filters.map { text in
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "View output from containers", .any)
    static let flags: [Flag<ComposeLogsCommand>] = [
        .bool(\.follow, "follow", "f", "Follow log output"),
        .int(\.index, "index", nil, "index of the container if service has multiple replicas"),
        .bool(\.noColor, "no-color", nil, "Produce monochrome output"),
        .bool(\.noPrefix, "no-log-prefix", nil, "Don't print prefix in logs"),
        .string(\.since, "since", nil, "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
        .string(\.tail, "tail", "n", "Number of lines to show from the end of the logs for each container", fallback: "\"all\""),
        .bool(\.timestamps, "timestamps", "t", "Show timestamps"),
        .string(\.until, "until", nil, "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
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
    static let syntax = CommandSyntax("[OPTIONS] [SERVICE...]", "List images used by the created containers", .any)
    static let flags: [Flag<ComposeImagesCommand>] = [
        .string(\.format, "format", nil, "Format the output. Values: [table | json]", fallback: "\"table\""),
        .bool(\.quiet, "quiet", "q", "Only display IDs"),
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
        let standard = "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}\t{{.CreatedSince}}"
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
    static let syntax = CommandSyntax("[SERVICES...]", "Display the running processes", .any)

    var project = ComposeOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let loaded = try project.loadOrName(session)
        for (container, processes) in try await project.runner(loaded, session, project.console(loaded)).top(arguments) {
            Console.write(
                container + "\n" + Table.render([processes.titles] + processes.processes, narrowest: 10) + "\n")
        }
    }
}

/// `berth compose port`.
struct ComposePortCommand: ComposeMember {
    static let syntax = CommandSyntax(
        "[OPTIONS] SERVICE PRIVATE_PORT", "Print the public port for a port binding", .exactly(2))
    static let flags: [Flag<ComposePortCommand>] = [
        .int(\.index, "index", nil, "Index of the container if service has multiple replicas"),
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
    static let syntax = CommandSyntax("[OPTIONS]", "List running compose projects", .none)
    static let flags: [Flag<ComposeProjectsCommand>] = [
        .bool(\.all, "all", "a", "Show all stopped Compose projects"),
        .list(\.filters, "filter", nil, "Filter output based on conditions provided", value: "filter"),
        .string(\.format, "format", nil, "Format the output. Values: [table | json]", fallback: "\"table\""),
        .bool(\.quiet, "quiet", "q", "Only display project names"),
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
        "[OPTIONS] [SERVICE...]", "Parse, resolve and render compose file in canonical format", .any)
    static let flags: [Flag<ComposeConfigCommand>] = [
        .bool(\.environment, "environment", nil, "Print environment used for interpolation"),
        .string(\.format, "format", nil, "Format the output. Values: [yaml | json]"),
        .string(\.hash, "hash", nil, "Print the service config hash, one per line"),
        .bool(\.images, "images", nil, "Print the image names, one per line"),
        .bool(\.networks, "networks", nil, "Print the network names, one per line"),
        .bool(\.noInterpolation, "no-interpolate", nil, "Don't interpolate environment variables"),
        .string(\.output, "output", "o", "Save to file (default to stdout)"),
        .bool(\.profiles, "profiles", nil, "Print the profile names, one per line"),
        .bool(\.quiet, "quiet", "q", "Only validate the configuration, don't print anything"),
        .bool(\.services, "services", nil, "Print the service names, one per line"),
        .bool(\.volumes, "volumes", nil, "Print the volume names, one per line"),
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
    static let syntax = CommandSyntax("[OPTIONS]", "Show the Compose version information", .none)
    static let flags: [Flag<ComposeVersionCommand>] = [
        .string(\.format, "format", "f", "Format the output. Values: [pretty | json]"),
        .bool(\.short, "short", nil, "Shows only Compose's version number"),
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
            Console.print("Berth Compose version v\(BerthVersion.version)")
        }
    }
}
