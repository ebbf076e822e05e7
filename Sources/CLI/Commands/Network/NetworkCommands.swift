import Client
import EngineAPI
import Errors

/// `berth network create`.
struct NetworkCreateCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] NETWORK", "Create a network", .exactly(1))
    static let flags: [Flag<NetworkCreateCommand>] = [
        .bool(\.attachable, "attachable", nil, "Let containers outside of a swarm join"),
        .list(\.auxiliary, "aux-address", nil, "Address to leave alone (name=address)", value: "map"),
        .string(\.configFrom, "config-from", nil, "Network to take the configuration from"),
        .bool(\.configOnly, "config-only", nil, "Make a configuration for other networks, no network"),
        .string(\.driver, "driver", "d", "Kind of network", fallback: "\"bridge\""),
        .list(\.gateways, "gateway", nil, "Gateway of the subnet", value: "ipSlice"),
        .bool(\.ingress, "ingress", nil, "Make the routing mesh of a swarm"),
        .bool(\.isInternal, "internal", nil, "Cut it off from the outside"),
        .list(\.ranges, "ip-range", nil, "Part of the subnet that containers get addresses from", value: "ipNetSlice"),
        .string(\.ipamDriver, "ipam-driver", nil, "Who manages the addresses", fallback: "\"default\""),
        .list(\.ipamOptions, "ipam-opt", nil, "Option of the address manager (key=value)", value: "map"),
        .bool(\.ipv4, "ipv4", nil, "Give containers IPv4 addresses", fallback: "true"),
        .bool(\.ipv6, "ipv6", nil, "Give containers IPv6 addresses"),
        .list(\.labels, "label", nil, "Label of the network (key=value)"),
        .list(\.options, "opt", "o", "Option of the driver (key=value)", value: "map"),
        .string(\.scope, "scope", nil, "Scope of the network"),
        .list(\.subnets, "subnet", nil, "Subnet in CIDR form", value: "ipNetSlice"),
    ]

    var attachable = false
    var auxiliary: [String] = []
    var configFrom: String?
    var configOnly = false
    var driver: String?
    var gateways: [String] = []
    var ingress = false
    var isInternal = false
    var ranges: [String] = []
    var ipamDriver: String?
    var ipamOptions: [String] = []
    var ipv4: Bool?
    var ipv6: Bool?
    var labels: [String] = []
    var options: [String] = []
    var scope: String?
    var subnets: [String] = []
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let request = NetworkCreateRequest(
            name: arguments[0], driver: driver ?? "bridge", scope: scope ?? "", enableIPv4: ipv4, enableIPv6: ipv6,
            ipam: IPAM(
                driver: ipamDriver ?? "default", options: ipamOptions.isEmpty ? nil : Parse.map(ipamOptions),
                config: try pools()),
            internal: isInternal, attachable: attachable, ingress: ingress, configOnly: configOnly,
            configFrom: configFrom.map { ConfigReference(network: $0) }, options: Parse.map(options),
            labels: Parse.map(labels))
        let response = try await session.client.createNetwork(request)
        if !response.warning.isEmpty { Console.note("WARNING: \(response.warning)") }
        Console.print(response.id)
    }

    /// Gateways, ranges and auxiliary addresses go to the subnet that contains them.
    private func pools() throws -> [IPAMPool] {
        guard !subnets.isEmpty else {
            guard gateways.isEmpty, ranges.isEmpty, auxiliary.isEmpty else {
                throw BerthError.invalidArgument(
                    "every ip-range, gateway or aux-address must have a corresponding subnet")
            }
            return []
        }
        var pools = subnets.map { IPAMPool(subnet: $0) }
        func index(of address: String) throws -> Int {
            guard let index = pools.firstIndex(where: { AddressPrefix($0.subnet)?.contains(address) ?? false }) else {
                throw BerthError.invalidArgument("no matching subnet for \(address)")
            }
            return index
        }
        for gateway in gateways { pools[try index(of: gateway)].gateway = gateway }
        for range in ranges {
            pools[try index(of: String(range.prefix { $0 != "/" }))].ipRange = range
        }
        for text in auxiliary {
            let (name, address) = Parse.pair(text)
            let place = try index(of: address ?? "")
            pools[place].auxiliaryAddresses = (pools[place].auxiliaryAddresses ?? [:]).merging([name: address ?? ""]) {
                $1
            }
        }
        return pools
    }
}

/// `berth network ls`.
struct NetworkListCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "List networks", .none)
    static let flags: [Flag<NetworkListCommand>] = [
        .filters(\.filters, "filter", "f", "Only those that match (such as driver=bridge)"),
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
    ]

    var filters: [String] = []
    var format: String?
    var noTruncation = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let networks = try await session.client.networks(filters: try FilterSpec.parse(filters))
            .sorted { $0.name < $1.name }
        if quiet, format == nil {
            Console.write(networks.map { (noTruncation ? $0.id : Human.shortID($0.id)) + "\n" }.joined())
            return
        }
        let rows = networks.map(row)
        let format = try ListFormat(
            format ?? session.listFormat("networksFormat"), standard: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}")
        Console.write(
            try format.render(
                rows,
                headings: .row([
                    "ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4",
                    "IPv6": "IPV6", "Internal": "INTERNAL", "Labels": "LABELS", "CreatedAt": "CREATED AT",
                ])))
    }

    private func row(_ network: NetworkInspect) -> TemplateValue {
        let labels = network.labels
        return .row([
            "CreatedAt": .string(Human.localTime(rfc3339: network.created)),
            "Driver": .string(network.driver),
            "ID": .string(noTruncation ? network.id : Human.shortID(network.id)),
            "IPv4": .string(String(network.enableIPv4)),
            "IPv6": .string(String(network.enableIPv6)),
            "Internal": .string(String(network.internal)),
            "Labels": .string(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
            "Name": .string(network.name),
            "Scope": .string(network.scope),
            "Label": .method { .string(labels[$0.first?.text ?? ""] ?? "") },
        ])
    }
}

/// `berth network inspect`.
struct NetworkInspectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] NETWORK [NETWORK...]", "Show all that is known of networks", .atLeast(1))
    static let flags: [Flag<NetworkInspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp),
        .bool(\.options.verbose, "verbose", "v", "Include diagnostics"),
    ]

    var options = InspectOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await options.run(arguments, [.network], session) }
}

/// `berth network rm`.
struct NetworkRemoveCommand: Command {
    static let syntax = CommandSyntax("NETWORK [NETWORK...]", "Remove networks", .atLeast(1))
    static let flags: [Flag<NetworkRemoveCommand>] = [
        .bool(\.force, "force", "f", "Do not mind networks that are not there")
    ]

    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.forEach(arguments) { [force] name in
            do {
                try await session.client.removeNetwork(name)
            } catch let error as BerthError where error.code == .notFound && force {
                throw ForgivenFailure(cause: error)
            }
        }
    }
}

/// `berth network connect`.
struct NetworkConnectCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] NETWORK CONTAINER", "Network to connect to (repeatable)", .exactly(2))
    static let flags: [Flag<NetworkConnectCommand>] = [
        .list(\.aliases, "alias", nil, "Further name of the container on the network", value: "strings"),
        .list(\.driverOptions, "driver-opt", nil, "Option of the driver for this connection", value: "strings"),
        .int(\.gatewayPriority, "gw-priority", nil, "The network with the highest number gives the default route"),
        .string(\.ip, "ip", nil, "IPv4 address to take"),
        .string(\.ip6, "ip6", nil, "IPv6 address to take"),
        .list(\.links, "link", nil, "Make another container known by a name (container:name)"),
        .list(\.linkLocal, "link-local-ip", nil, "Link-local address to take", value: "strings"),
    ]

    var aliases: [String] = []
    var driverOptions: [String] = []
    var gatewayPriority: Int?
    var ip: String?
    var ip6: String?
    var links: [String] = []
    var linkLocal: [String] = []
    var arguments: [String] = []

    func run(in session: Session) async throws {
        var endpoint = NetworkSpec.endpoint(
            NetworkSpec.Attachment(
                name: arguments[0], aliases: aliases, ip: ip, ip6: ip6, driverOptions: Parse.map(driverOptions),
                linkLocalAddresses: linkLocal, gatewayPriority: gatewayPriority ?? 0))
        endpoint.links = links.isEmpty ? nil : links
        try await session.client.connect(arguments[1], to: arguments[0], endpoint)
    }
}

/// `berth network disconnect`.
struct NetworkDisconnectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network", .exactly(2))
    static let flags: [Flag<NetworkDisconnectCommand>] = [
        .bool(\.force, "force", "f", "Disconnect it even if it cannot be asked")
    ]

    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try await session.client.disconnect(arguments[1], from: arguments[0], force: force)
    }
}

/// `berth network prune`.
struct NetworkPruneCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Remove networks that nothing uses", .none)
    static let flags: [Flag<NetworkPruneCommand>] = [
        .filters(\.filters, "filter", nil, "Only those that match (such as until=24h)"),
        .bool(\.force, "force", "f", "Do not ask first"),
    ]

    var filters: [String] = []
    var force = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        guard
            try force
                || Confirmation.ask("WARNING! This will remove all custom networks not used by at least one container.")
        else { return }
        let report = try await session.client.pruneNetworks(filters: try FilterSpec.parse(filters))
        PruneReport.tell("Deleted Networks:", report.networksDeleted)
    }
}
