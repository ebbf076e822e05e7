import Client
import EngineAPI
import Errors

/// `berth version`.
struct VersionCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Show the versions of client and daemon", .none)
    static let flags: [Flag<VersionCommand>] = [
        .string(\.format, "format", "f", InspectOptions.formatHelp)
    ]

    var format: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let server: TemplateValue
        var failure: (any Error)?
        do {
            server = try JSONReader.read(try await session.client.versionJSON())
        } catch {
            server = .null
            failure = error
        }
        let client = ClientFacts.version
        if let format {
            let both = TemplateValue.row(["Client": client, "Server": server])
            // Without a daemon, what a template says of the client alone is still told.
            var template = try GoTemplate(format == "json" ? "{{json .}}" : format)
            if failure != nil { template.missing = .error }
            if let text = try? template.render(both) {
                Console.print(text)
            } else if failure == nil {
                Console.print(try template.render(both))
            }
        } else {
            Console.write(Self.text(client, server))
        }
        if let failure { throw failure }
    }

    private static func text(_ client: TemplateValue, _ server: TemplateValue) -> String {
        func line(_ name: String, _ value: String, indent: Int, width: Int) -> String {
            let label = String(repeating: " ", count: indent) + name + ":"
            return label.padded(to: width) + value + "\n"
        }
        func block(_ version: TemplateValue, _ apiVersion: String, indent: Int, width: Int) -> String {
            func text(_ field: String) -> String {
                let text = version.field(field)?.text ?? ""
                return text.isEmpty ? "unknown" : text
            }
            return [
                ("Version", text("Version")), ("API version", apiVersion), ("Go version", text("GoVersion")),
                ("Git commit", text("GitCommit")), ("Built", text("BuildTime")),
                ("OS/Arch", "\(text("Os"))/\(text("Arch"))"),
            ].map { line($0.0, $0.1, indent: indent, width: width) }.joined()
        }
        func text(_ value: TemplateValue, _ field: String) -> String { value.field(field)?.text ?? "" }
        var out = "Client: Berth\n" + block(client, text(client, "ApiVersion"), indent: 1, width: 20)
        out += line("Context", text(client, "Context"), indent: 1, width: 20)
        guard case .object = server else { return out }
        let name = server.field("Platform")?.field("Name")?.text ?? ""
        out += "\nServer: \(name.isEmpty ? "Berth Engine" : name)\n Engine:\n"
        out += block(
            server, "\(text(server, "ApiVersion")) (minimum version \(text(server, "MinAPIVersion")))", indent: 2,
            width: 20)
        out += line("Experimental", server.field("Experimental")?.text ?? "false", indent: 2, width: 20)
        guard case .list(let components)? = server.field("Components") else { return out }
        for component in components where text(component, "Name") != "Engine" {
            out += " \(text(component, "Name")):\n" + line("Version", text(component, "Version"), indent: 2, width: 20)
        }
        return out
    }
}

/// What this program says of itself.
enum ClientFacts {
    static let version = TemplateValue.row([
        "Version": .string(BerthVersion.version), "ApiVersion": .string(BerthVersion.apiVersion),
        "DefaultAPIVersion": .string(BerthVersion.apiVersion), "GitCommit": .string(BerthVersion.build),
        "GoVersion": .string(BerthVersion.language), "Os": "linux", "Arch": .string(BerthVersion.architecture),
        "BuildTime": "", "Context": "default",
    ])

    /// As `info` has it.
    static func info(debug: Bool) -> TemplateValue {
        guard case .object(let fields) = version else { return version }
        let own = fields.filter { $0.name != "ApiVersion" }
        return .object(
            [.init(name: "Debug", value: .bool(debug))] + own + [
                .init(name: "Plugins", value: .list([])), .init(name: "Warnings", value: .null),
            ])
    }
}

/// `berth info`.
struct InfoCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Show the state of the daemon and its host", .none)
    static let flags: [Flag<InfoCommand>] = [
        .string(\.format, "format", "f", InspectOptions.formatHelp)
    ]

    var format: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if let format {
            try await show(format, session)
            return
        }
        let info: SystemInfo
        do {
            info = try await session.client.info()
        } catch {
            Console.write(Self.clientText(session) + "\nServer:\n")
            throw error
        }
        Console.write(Self.clientText(session) + "\n" + Self.serverText(info))
        for warning in info.warnings ?? [] { Console.note(warning) }
    }

    /// The daemon's facts with the client's among them, as templates for Docker expect it.
    private func show(_ format: String, _ session: Session) async throws {
        var fields: [TemplateValue.Field] = []
        var failure: (any Error)?
        do {
            if case .object(let known) = try JSONReader.read(try await session.client.infoJSON()) { fields = known }
        } catch {
            failure = error
            fields.append(.init(name: "ServerErrors", value: .list([.string(Report.message(error))])))
        }
        fields.append(.init(name: "ClientInfo", value: ClientFacts.info(debug: session.debug)))
        let info = TemplateValue.object(fields)
        if failure == nil || format == "json" || format.contains("ServerErrors") {
            Console.print(format == "json" ? info.json : try GoTemplate(format).render(info))
        }
        if let failure { throw failure }
    }

    private static func clientText(_ session: Session) -> String {
        "Client: Berth\n Version:    \(BerthVersion.version)\n Context:    default\n Debug Mode: \(session.debug)\n"
    }

    private static func serverText(_ info: SystemInfo) -> String {
        var lines = [
            "Server:", " Containers: \(info.containers)", "  Running: \(info.containersRunning)",
            "  Paused: \(info.containersPaused)", "  Stopped: \(info.containersStopped)", " Images: \(info.images)",
            " Server Version: \(info.serverVersion)", " Storage Driver: \(info.driver)",
        ]
        lines += info.driverStatus.map { "  \($0.joined(separator: ": "))" }
        lines += [
            " Logging Driver: \(info.loggingDriver)", " Cgroup Driver: \(info.cgroupDriver)",
            " Cgroup Version: \(info.cgroupVersion)", " Plugins:",
            "  Volume: \(info.plugins.volume.joined(separator: " "))",
            "  Network: \(info.plugins.network.joined(separator: " "))",
            "  Log: \(info.plugins.log.joined(separator: " "))",
            " Swarm: \(info.swarm.localNodeState)",
            " Runtimes: \(info.runtimes.keys.sorted().joined(separator: " "))",
            " Default Runtime: \(info.defaultRuntime)",
        ]
        if !info.initBinary.isEmpty { lines.append(" Init Binary: \(info.initBinary)") }
        if !info.securityOptions.isEmpty {
            lines.append(" Security Options:")
            for option in info.securityOptions {
                // `name=seccomp,profile=builtin`
                let pairs = option.split(separator: ",").map { Parse.pair(String($0)) }
                lines += pairs.map { pair in
                    pair.key == "name"
                        ? "  \(pair.value ?? "")"
                        : "   \(pair.key.prefix(1).uppercased())\(pair.key.dropFirst()): \(pair.value ?? "")"
                }
            }
        }
        lines += [
            " Kernel Version: \(info.kernelVersion)", " Operating System: \(info.operatingSystem)",
            " OSType: \(info.osType)", " Architecture: \(info.architecture)", " CPUs: \(info.ncpu)",
            " Total Memory: \(Human.binarySize(info.memTotal))", " Name: \(info.name)", " ID: \(info.id)",
            " Docker Root Dir: \(info.dockerRootDir)", " Debug Mode: \(info.debug)",
        ]
        if !info.httpProxy.isEmpty { lines.append(" HTTP Proxy: \(info.httpProxy)") }
        if !info.httpsProxy.isEmpty { lines.append(" HTTPS Proxy: \(info.httpsProxy)") }
        if !info.noProxy.isEmpty { lines.append(" No Proxy: \(info.noProxy)") }
        if !info.labels.isEmpty { lines += [" Labels:"] + info.labels.map { "  \($0)" } }
        lines.append(" Experimental: \(info.experimentalBuild)")
        if let registries = info.registryConfig {
            lines += [" Insecure Registries:"] + registries.insecureRegistryCIDRs.map { "  \($0)" }
            if let mirrors = registries.mirrors, !mirrors.isEmpty {
                lines += [" Registry Mirrors:"] + mirrors.map { "  \($0)" }
            }
        }
        lines.append(" Live Restore Enabled: \(info.liveRestoreEnabled)")
        return lines.joined(separator: "\n") + "\n"
    }
}

/// `berth events`.
struct EventsCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Show events of the daemon as they happen", .none)
    static let flags: [Flag<EventsCommand>] = [
        .filters(\.filters, "filter", "f", "Only those that match (key=value, repeatable)"),
        .string(\.format, "format", nil, InspectOptions.formatHelp),
        .string(\.since, "since", nil, "From this time on (RFC 3339, or a duration such as 42m)"),
        .string(\.until, "until", nil, "Up to this time, then end"),
    ]

    var filters: [String] = []
    var format: String?
    var since: String?
    var until: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let template = try format.flatMap { $0 == "json" ? nil : $0 }.map { try GoTemplate($0) }
        let response = try await session.client.events(
            since: try since.map { try TimeSpec.parse($0) }, until: try until.map { try TimeSpec.parse($0) },
            filters: try FilterSpec.parse(filters))
        for try await event in response { Console.print(try text(event, template)) }
    }

    private func text(_ event: EventMessage, _ template: GoTemplate?) throws -> String {
        guard format != nil else { return Self.line(event) }
        let attributes = event.actor.attributes.sorted { $0.key < $1.key }
        // Older clients know events of containers by these three; others have none.
        let old = [("status", event.status), ("id", event.id), ("from", event.from)].map { name, text in
            // Templates find them all the same, JSON has no empty ones.
            TemplateValue.Field(name: name, value: text.isEmpty ? .method { _ in "" } : .string(text))
        }
        let value = TemplateValue.row([
            "Type": .string(event.type), "Action": .string(event.action),
            "Actor": .row([
                "ID": .string(event.actor.id),
                "Attributes": .object(attributes.map { .init(name: $0.key, value: .string($0.value)) }),
            ]),
            "scope": .string(event.scope), "time": .number(String(event.time)),
            "timeNano": .number(String(event.timeNano)),
        ])
        guard case .object(let fields) = value else { return "" }
        let whole = TemplateValue.object(old + fields)
        return try template?.render(whole) ?? whole.json
    }

    static func line(_ event: EventMessage) -> String {
        let time = event.timeNano != 0 ? event.timeNano : event.time * 1_000_000_000
        let attributes = event.actor.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let about = attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"
        return "\(Human.localTimestamp(nanoseconds: time)) \(event.type) \(event.action) \(event.actor.id)\(about)"
    }
}

/// `berth system prune`.
struct SystemPruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove everything that nothing uses", .none)
    static let flags: [Flag<SystemPruneCommand>] = [
        .bool(\.all, "all", "a", "All images that no container uses, not only those without a name"),
        .filters(\.filters, "filter", nil, "Only those that match (such as label=key=value)"),
        .bool(\.force, "force", "f", "Do not ask first"),
        .bool(\.volumes, "volumes", nil, "Anonymous volumes too"),
    ]

    var all = false
    var filters: [String] = []
    var force = false
    var volumes = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        guard try force || Confirmation.ask(warning) else { return }
        let client = session.client
        let filters = try FilterSpec.parse(filters)
        var reclaimed: UInt64 = 0

        let containers = try await client.pruneContainers(filters: filters)
        PruneReport.tell("Deleted Containers:", containers.containersDeleted)
        reclaimed += containers.spaceReclaimed

        PruneReport.tell("Deleted Networks:", try await client.pruneNetworks(filters: filters).networksDeleted)

        if volumes {
            let report = try await client.pruneVolumes(filters: filters)
            PruneReport.tell("Deleted Volumes:", report.volumesDeleted)
            reclaimed += report.spaceReclaimed
        }

        var imageFilters = filters
        imageFilters.add("dangling", all ? "false" : "true")
        let images = try await client.pruneImages(filters: imageFilters)
        PruneReport.tell(
            "Deleted Images:",
            images.imagesDeleted.map { $0.untagged.isEmpty ? "deleted: \($0.deleted)" : "untagged: \($0.untagged)" })
        reclaimed += images.spaceReclaimed

        let cache = try await client.pruneBuildCache(all: all, filters: filters)
        PruneReport.tell("Deleted build cache objects:", cache.cachesDeleted)
        reclaimed += cache.spaceReclaimed
        Console.print("Total reclaimed space: \(Human.size(reclaimed))")
    }

    private var warning: String {
        var lines = [
            "WARNING! This will remove:", "  - all stopped containers",
            "  - all networks not used by at least one container",
        ]
        if volumes { lines.append("  - all anonymous volumes not used by at least one container") }
        lines.append(
            all ? "  - all images without at least one container associated to them" : "  - all dangling images")
        lines.append(all ? "  - all build cache" : "  - unused build cache")
        return lines.joined(separator: "\n") + "\n"
    }
}

/// `berth builder prune`.
struct BuilderPruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove what builds have cached", .none)
    static let flags: [Flag<BuilderPruneCommand>] = [
        .bool(\.all, "all", "a", "All of it, not only what no image refers to"),
        .filters(\.filters, "filter", nil, "Only those that match (such as until=24h)"),
        .bool(\.force, "force", "f", "Do not ask first"),
        .ignored("keep-storage", takesValue: true),
    ]

    var all = false
    var filters: [String] = []
    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let warning =
            all ? "WARNING! This will remove all build cache." : "WARNING! This will remove all dangling build cache."
        guard try force || Confirmation.ask(warning) else { return }
        let report = try await session.client.pruneBuildCache(all: all, filters: try FilterSpec.parse(filters))
        PruneReport.tell("Deleted build cache objects:", report.cachesDeleted, reclaimed: report.spaceReclaimed)
    }
}
