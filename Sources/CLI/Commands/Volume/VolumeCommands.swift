import Client
import EngineAPI
import Errors

/// `berth volume create`.
struct VolumeCreateCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] [VOLUME]", "Create a volume", .atMost(1))
    static let flags: [Flag<VolumeCreateCommand>] = [
        .string(\.driver, "driver", "d", "Driver of the volume", fallback: "\"local\""),
        .list(\.labels, "label", nil, "Label of the volume (key=value)"),
        .string(\.name, "name", nil, "Name of the volume").hidden(),
        .list(\.options, "opt", "o", "Option of the driver (key=value)", value: "map"),
    ]

    var driver: String?
    var labels: [String] = []
    var name: String?
    var options: [String] = []
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let volume = try await session.client.createVolume(
            VolumeCreateRequest(
                name: arguments.first ?? name ?? "", driver: driver ?? "local", driverOpts: Parse.map(options),
                labels: Parse.map(labels)))
        Console.print(volume.name)
    }
}

/// `berth volume ls`.
struct VolumeListCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "List volumes", .none)
    static let flags: [Flag<VolumeListCommand>] = [
        .filters(\.filters, "filter", "f", "Only those that match (such as dangling=true)"),
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.quiet, "quiet", "q", "Print names only"),
        .ignored("cluster", takesValue: false),
    ]

    var filters: [String] = []
    var format: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let volumes = try await session.client.volumes(filters: try FilterSpec.parse(filters))
            .sorted { $0.name < $1.name }
        if quiet, format == nil {
            Console.write(volumes.map { $0.name + "\n" }.joined())
            return
        }
        let format = try ListFormat(format ?? session.listFormat("volumesFormat"), standard: VolumeRow.table)
        Console.write(try format.render(volumes.map(VolumeRow.row), headings: VolumeRow.headings))
    }
}

/// A volume as a row of a listing.
enum VolumeRow {
    static let table = "{{.Driver}}\t{{.Name}}"

    static let headings = TemplateValue.row([
        "Driver": "DRIVER", "Name": "VOLUME NAME", "Labels": "LABELS", "Mountpoint": "MOUNTPOINT", "Scope": "SCOPE",
        "Size": "SIZE", "Links": "LINKS", "Availability": "AVAILABILITY", "Group": "GROUP", "Status": "STATUS",
    ])

    static func row(_ volume: Volume) -> TemplateValue {
        let labels = volume.labels
        let size = volume.usageData.flatMap { $0.size < 0 ? nil : Human.size($0.size) }
        return .row([
            "Availability": "N/A",
            "Driver": .string(volume.driver),
            "Group": "N/A",
            "Labels": .string(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
            "Links": .string(volume.usageData.map { String($0.refCount) } ?? "N/A"),
            "Mountpoint": .string(volume.mountpoint),
            "Name": .string(volume.name),
            "Scope": .string(volume.scope),
            "Size": .string(size ?? "N/A"),
            "Status": "N/A",
            "Label": .method { .string(labels[$0.first?.text ?? ""] ?? "") },
        ])
    }
}

/// `berth volume inspect`.
struct VolumeInspectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] VOLUME [VOLUME...]", "Show all that is known of volumes", .atLeast(1))
    static let flags: [Flag<VolumeInspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp)
    ]

    var options = InspectOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await options.run(arguments, [.volume], session) }
}

/// `berth volume rm`.
struct VolumeRemoveCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] VOLUME [VOLUME...]", "Remove volumes", .atLeast(1))
    static let flags: [Flag<VolumeRemoveCommand>] = [
        .bool(\.force, "force", "f", "Do not mind volumes that are not there")
    ]

    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [force] in
            try await session.client.removeVolume($0, force: force)
        }
    }
}

/// `berth volume prune`.
struct VolumePruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove volumes that no container uses", .none)
    static let flags: [Flag<VolumePruneCommand>] = [
        .bool(\.all, "all", "a", "Volumes with a name too, not only anonymous ones"),
        .filters(\.filters, "filter", nil, "Only those that match (such as label=key)"),
        .bool(\.force, "force", "f", "Do not ask first"),
    ]

    var all = false
    var filters: [String] = []
    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let warning =
            all
            ? "WARNING! This will remove all local volumes not used by at least one container."
            : "WARNING! This will remove anonymous local volumes not used by at least one container."
        guard try force || Confirmation.ask(warning) else { return }
        var filters = try FilterSpec.parse(filters)
        if all { filters.add("all", "true") }
        let report = try await session.client.pruneVolumes(filters: filters)
        PruneReport.tell("Deleted Volumes:", report.volumesDeleted, reclaimed: report.spaceReclaimed)
    }
}
