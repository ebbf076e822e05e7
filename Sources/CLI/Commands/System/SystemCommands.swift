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
        let client = TemplateValue.row([
            "Version": .string(BerthVersion.version), "ApiVersion": .string(BerthVersion.apiVersion),
            "DefaultAPIVersion": .string(BerthVersion.apiVersion), "GitCommit": .string(BerthVersion.build),
            "Os": "linux", "Arch": .string(BerthVersion.architecture), "Context": "default",
        ])
        if let format {
            let both = TemplateValue.row(["Client": client, "Server": server])
            Console.print(format == "json" ? both.json : try GoTemplate(format).render(both))
        } else {
            Console.write(Self.text(client, server))
        }
        if let failure { throw failure }
    }

    private static func text(_ client: TemplateValue, _ server: TemplateValue) -> String {
        func line(_ name: String, _ value: TemplateValue, _ field: String, indent: Int) -> String {
            let label = String(repeating: " ", count: indent) + name + ":"
            return label.padded(to: 19) + (value.field(field)?.text ?? "") + "\n"
        }
        func platform(_ value: TemplateValue) -> String {
            "\(value.field("Os")?.text ?? "")/\(value.field("Arch")?.text ?? "")"
        }
        var text = "Client: Berth\n"
        text += line("Version", client, "Version", indent: 1)
        text += line("API version", client, "ApiVersion", indent: 1)
        text += line("Git commit", client, "GitCommit", indent: 1)
        text += " OS/Arch:".padded(to: 19) + platform(client) + "\n"
        text += line("Context", client, "Context", indent: 1)
        guard case .object = server else { return text }
        text += "\nServer: \(server.field("Platform")?.field("Name")?.text ?? "Berth")\n Engine:\n"
        text += line("Version", server, "Version", indent: 2)
        text +=
            "  API version:".padded(to: 19)
            + "\(server.field("ApiVersion")?.text ?? "") (minimum version \(server.field("MinAPIVersion")?.text ?? ""))\n"
        text += line("Git commit", server, "GitCommit", indent: 2)
        text += "  OS/Arch:".padded(to: 19) + platform(server) + "\n"
        text += line("Kernel", server, "KernelVersion", indent: 2)
        return text
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
            let info = try JSONReader.read(try await session.client.infoJSON())
            Console.print(format == "json" ? info.json : try GoTemplate(format).render(info))
            return
        }
        let info: SystemInfo
        do {
            info = try await session.client.info()
        } catch {
            Console.write(Self.clientText + "\nServer:\n")
            throw error
        }
        Console.write(Self.clientText + "\n" + Self.serverText(info))
        for warning in info.warnings ?? [] { Console.note(warning) }
    }

    private static let clientText =
        "Client: Berth\n Version:    \(BerthVersion.version)\n Context:    default\n Debug Mode: false\n"

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
            " Default Runtime: \(info.defaultRuntime)", " Init Binary: \(info.initBinary)",
        ]
        if !info.securityOptions.isEmpty {
            lines.append(" Security Options:")
            lines += info.securityOptions.map { "  \($0.hasPrefix("name=") ? String($0.dropFirst(5)) : $0)" }
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
        .list(\.filters, "filter", "f", "Only those that match (key=value, repeatable)", value: "filter"),
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
        let value = TemplateValue.row([
            "status": .string(event.status), "id": .string(event.id), "from": .string(event.from),
            "Type": .string(event.type), "Action": .string(event.action),
            "Actor": .row([
                "ID": .string(event.actor.id),
                "Attributes": .object(attributes.map { .init(name: $0.key, value: .string($0.value)) }),
            ]),
            "scope": .string(event.scope), "time": .number(String(event.time)),
            "timeNano": .number(String(event.timeNano)),
        ])
        return try template?.render(value) ?? value.json
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
        .list(\.filters, "filter", nil, "Only those that match (such as label=key=value)", value: "filter"),
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
        .list(\.filters, "filter", nil, "Only those that match (such as until=24h)", value: "filter"),
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
