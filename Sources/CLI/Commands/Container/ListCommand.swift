import Client
import EngineAPI
import Errors

/// `berth ps`.
struct ListCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "List containers", .none)
    static let flags: [Flag<ListCommand>] = [
        .bool(\.all, "all", "a", "Include containers that do not run"),
        .filters(\.filters, "filter", "f", "Only those that match (key=value, repeatable)"),
        .string(
            \.format, "format", nil, ListFormat.help),
        .int(\.last, "last", "n", "The newest so many, running or not", fallback: "-1"),
        .bool(\.latest, "latest", "l", "The newest container, running or not"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
        .bool(\.size, "size", "s", "Include the sizes of the files"),
    ]

    var all = false
    var filters: [String] = []
    var format: String?
    var last: Int?
    var latest = false
    var noTruncation = false
    var quiet = false
    var size = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let limit = latest ? 1 : last.flatMap { $0 > 0 ? $0 : nil }
        var containers = try await session.client.containers(
            all: all, limit: limit, size: size || (format?.contains(".Size") ?? false),
            filters: try FilterSpec.parse(filters))
        if quiet, format == nil {
            Console.write(containers.map { (noTruncation ? $0.id : Human.shortID($0.id)) + "\n" }.joined())
            return
        }
        if format == nil || format?.hasPrefix("table") ?? false {
            for (id, reason) in await EndReason.reasons(of: containers, session) {
                guard let place = containers.firstIndex(where: { $0.id == id }) else { continue }
                containers[place].status += " (\(reason))"
            }
        }
        let format = try ListFormat(
            format ?? session.listFormat("psFormat"),
            standard: ContainerRow.table + (size ? "\t{{.Size}}" : ""))
        let now = Human.now()
        let rows = containers.map { ContainerRow.row($0, truncated: !noTruncation, now: now) }
        Console.write(try format.render(rows, headings: ContainerRow.headings))
    }
}

/// Why a container ended, in a word: what its exit code alone does not tell everybody.
enum EndReason {
    private static let signals: [Int: String] = [
        129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT", 132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE",
        137: "SIGKILL", 139: "SIGSEGV", 141: "SIGPIPE", 143: "SIGTERM",
    ]

    /// - Returns: by ID, for those that a signal or a lack of memory ended.
    static func reasons(of containers: [ContainerSummary], _ session: Session) async -> [String: String] {
        await withTaskGroup(of: (String, String).self) { group in
            for container in containers where container.state == "exited" {
                guard let code = exitCode(container.status), let signal = signals[code] else { continue }
                group.addTask {
                    // Only a kill can come of the kernel's running out of memory.
                    guard code == 137, let container = try? await session.client.inspectContainer(container.id),
                        container.state.oomKilled
                    else { return (container.id, signal) }
                    return (container.id, "out of memory")
                }
            }
            var reasons: [String: String] = [:]
            for await (id, reason) in group { reasons[id] = reason }
            return reasons
        }
    }

    /// The number in `Exited (137) 3 seconds ago`.
    static func exitCode(_ status: String) -> Int? {
        guard status.hasPrefix("Exited (") else { return nil }
        return Int(status.dropFirst("Exited (".count).prefix { $0 != ")" })
    }
}

/// A container as a row of a listing.
enum ContainerRow {
    static let table =
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

    static let headings = TemplateValue.row([
        "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "RunningFor": "CREATED",
        "CreatedAt": "CREATED AT", "Status": "STATUS", "State": "STATE", "Ports": "PORTS", "Names": "NAMES",
        "Size": "SIZE", "Labels": "LABELS", "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES",
        "Networks": "NETWORKS", "Platform": "PLATFORM", "Label": .method { .string($0.first?.text ?? "") },
    ])

    static func row(_ container: ContainerSummary, truncated: Bool, now: Int64) -> TemplateValue {
        let labels = container.labels
        return .row([
            "Command": .string(command(container, truncated)),
            "CreatedAt": .string(Human.localTime(container.created)),
            "ID": .string(truncated ? Human.shortID(container.id) : container.id),
            "Image": .string(image(container, truncated)),
            "Labels": .string(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
            "LocalVolumes": .string(String(container.mounts.filter { $0.driver == "local" }.count)),
            "Mounts": .string(mounts(container, truncated)),
            "Names": .string(names(container, truncated)),
            "Networks": .string((container.networkSettings?.networks.keys.sorted() ?? []).joined(separator: ",")),
            "Platform": .null,
            "Ports": .string(PortList.text(container.ports)),
            "RunningFor": .string(Human.ago(container.created, now: now)),
            "Size": .string(size(container)),
            "State": .string(container.state),
            "Status": .string(container.status),
            "Label": .method { .string(labels[$0.first?.text ?? ""] ?? "") },
        ])
    }

    private static func command(_ container: ContainerSummary, _ truncated: Bool) -> String {
        let command = truncated ? Human.ellipsis(container.command, 20) : container.command
        return TemplateValue.quoted(command)
    }

    private static func image(_ container: ContainerSummary, _ truncated: Bool) -> String {
        if container.image.isEmpty { return "<no image>" }
        return truncated && container.image.hasPrefix("sha256:") ? Human.shortID(container.image) : container.image
    }

    /// Names without their slash; those of links to it have a second one.
    private static func names(_ container: ContainerSummary, _ truncated: Bool) -> String {
        let names = container.names.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        return (truncated ? names.filter { !$0.contains("/") } : names).joined(separator: ",")
    }

    private static func mounts(_ container: ContainerSummary, _ truncated: Bool) -> String {
        container.mounts.map { mount in
            let name = mount.name.isEmpty ? mount.source : mount.name
            return truncated ? Human.ellipsis(name, 15) : name
        }.joined(separator: ",")
    }

    private static func size(_ container: ContainerSummary) -> String {
        let own = Human.size(container.sizeRw ?? 0, digits: 3)
        guard let all = container.sizeRootFs, all > 0 else { return own }
        return "\(own) (virtual \(Human.size(all, digits: 3)))"
    }
}

/// Ports of a listing: `0.0.0.0:8080->80/tcp, 7000-7002/udp`, consecutive ones drawn together.
enum PortList {
    private struct Group {
        var address: String
        var proto: String
        var privateFirst: UInt16
        var publicFirst: UInt16?
        var count: UInt16 = 1

        func continues(with port: Port) -> Bool {
            guard address == port.ip, proto == port.type, privateFirst &+ count == port.privatePort else {
                return false
            }
            return publicFirst.map { $0 &+ count } == port.publicPort
        }

        var text: String {
            func range(_ first: UInt16) -> String { count == 1 ? "\(first)" : "\(first)-\(first + count - 1)" }
            guard let publicFirst else { return "\(range(privateFirst))/\(proto)" }
            let host = address.contains(":") ? "[\(address)]" : address
            return "\(host):\(range(publicFirst))->\(range(privateFirst))/\(proto)"
        }
    }

    static func text(_ ports: [Port]) -> String {
        // Addresses of one kind stay together, IPv4 before IPv6, published before exposed.
        let sorted = ports.sorted {
            (order($0), $0.ip, $0.privatePort, $0.publicPort ?? 0, $0.type) < (
                order($1), $1.ip, $1.privatePort, $1.publicPort ?? 0, $1.type
            )
        }
        var groups: [Group] = []
        for port in sorted {
            if let last = groups.indices.last, groups[last].continues(with: port) {
                groups[last].count += 1
            } else {
                groups.append(
                    Group(
                        address: port.ip, proto: port.type, privateFirst: port.privatePort,
                        publicFirst: port.publicPort))
            }
        }
        return groups.map(\.text).joined(separator: ", ")
    }

    private static func order(_ port: Port) -> Int {
        port.publicPort == nil ? 2 : port.ip.contains(":") ? 1 : 0
    }
}
