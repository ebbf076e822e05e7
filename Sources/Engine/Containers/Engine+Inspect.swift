import EngineAPI
import Errors
import FoundationEssentials
import Linux
import Networking
import OCI

extension Engine {
    public func inspectContainer(_ id: String, size: Bool) async throws -> ContainerInspect {
        let snapshot = try services.board.find(id)
        var inspect = ContainerView(snapshot, services: services).inspect
        if size {
            let record = snapshot.record
            inspect.sizeRw = try await blocking { TreeSize.bytes(of: record.workspace.upper) }
            let image = try? await blocking { [images = services.images] in try images.image(id: record.imageID).size }
            inspect.sizeRootFs = (inspect.sizeRw ?? 0) + (image ?? 0)
        }
        return inspect
    }

    public func listContainers(_ options: ContainerListOptions) async throws -> [ContainerSummary] {
        let filter = try ContainerFilter(options.filters, board: services.board)
        var snapshots = services.board.all().sorted { $0.record.created > $1.record.created }
        if !options.all, options.limit ?? 0 <= 0, !filter.asksForStates {
            snapshots = snapshots.filter { $0.phase.run != nil }
        }
        snapshots = snapshots.filter { filter.matches($0) }
        if let limit = options.limit, limit > 0 { snapshots = Array(snapshots.prefix(limit)) }
        var summaries = snapshots.map { ContainerView($0, services: services).summary }
        if options.size {
            for (index, snapshot) in snapshots.enumerated() {
                let upper = snapshot.record.workspace.upper
                summaries[index].sizeRw = try await blocking { TreeSize.bytes(of: upper) }
            }
        }
        return summaries
    }
}

/// A container in Docker's words.
struct ContainerView {
    private let snapshot: ContainerSnapshot
    private let services: Services
    private var record: ContainerRecord { snapshot.record }

    init(_ snapshot: ContainerSnapshot, services: Services) {
        self.snapshot = snapshot
        self.services = services
    }

    // MARK: Inspect

    var inspect: ContainerInspect {
        let words = (record.config.entrypoint ?? []) + (record.config.cmd ?? [])
        let directory = services.configuration.directory(of: record.id)
        return ContainerInspect(
            id: record.id, created: Clock.rfc3339(record.created), path: words.first ?? "",
            args: Array(words.dropFirst()), state: state, image: record.imageID.description,
            resolvConfPath: directory + "/resolv.conf", hostnamePath: directory + "/hostname",
            hostsPath: directory + "/hosts", logPath: logPath(directory), name: "/" + record.name,
            restartCount: record.restartCount, driver: "overlay2", platform: record.platform.os,
            execIDs: snapshot.execIDs.isEmpty ? nil : snapshot.execIDs, hostConfig: record.hostConfig,
            graphDriver: GraphDriver(
                data: [
                    "LowerDir": record.layers.reversed().joined(separator: ":"), "UpperDir": record.workspace.upper,
                    "WorkDir": record.workspace.work,
                ], name: "overlay2"),
            mounts: mounts, config: record.config, networkSettings: networkSettings)
    }

    private func logPath(_ directory: String) -> String {
        let driver = try? LogDriver(record.hostConfig.logConfig, defaults: services.configuration)
        return driver?.shownPath(inDirectory: directory, id: record.id) ?? ""
    }

    private var state: ContainerState {
        let run = snapshot.phase.run
        let last = record.lastRun
        var isRestarting = false
        if case .restarting = snapshot.phase { isRestarting = true }
        var isDead = false
        if case .dead = snapshot.phase { isDead = true }
        return ContainerState(
            status: snapshot.phase.name, running: run != nil || isRestarting, paused: run?.isPaused ?? false,
            restarting: isRestarting, oomKilled: last.outOfMemory, dead: isDead, pid: Int(run?.pid ?? 0),
            exitCode: run == nil ? Int(last.exitCode) : 0, error: last.error, startedAt: Self.time(last.startedAt),
            finishedAt: Self.time(run == nil ? last.finishedAt : 0), health: snapshot.health)
    }

    /// Docker's zero time for what never was.
    private static func time(_ nanoseconds: Int64) -> String {
        nanoseconds == 0 ? "0001-01-01T00:00:00Z" : Clock.rfc3339(nanoseconds)
    }

    var mounts: [MountPoint] {
        record.mounts.filter { $0.kind != .tmpfs || record.hostConfig.tmpfs?[$0.destination] == nil }.map { mount in
            MountPoint(
                type: mount.kind.rawValue, name: mount.name ?? "", source: mount.source, destination: mount.destination,
                driver: mount.driver ?? "", mode: mount.mode, rw: !mount.isReadOnly,
                propagation: mount.kind == .bind
                    ? (mount.propagation.isEmpty ? "rprivate" : mount.propagation) : mount.propagation)
        }
    }

    private var networkSettings: NetworkSettings {
        let isRunning = snapshot.phase.run != nil
        var settings = NetworkSettings(
            sandboxID: isRunning ? record.id : "",
            sandboxKey: snapshot.phase.run.map { "/proc/\($0.pid)/ns/net" } ?? "", ports: isRunning ? ports : [:],
            networks: networks)
        if let bridge = settings.networks["bridge"] {
            settings.endpointID = bridge.endpointID
            settings.gateway = bridge.gateway
            settings.ipAddress = bridge.ipAddress
            settings.ipPrefixLen = bridge.ipPrefixLen
            settings.macAddress = bridge.macAddress
        }
        return settings
    }

    private var ports: PortMap {
        var bindings: [String: [PortBinding]] = [:]
        for port in record.config.exposedPorts ?? [] { bindings[port.contains("/") ? port : port + "/tcp"] = [] }
        for port in record.publishedPorts {
            bindings["\(port.containerPort)/\(port.transport)", default: []].append(
                PortBinding(hostIp: port.hostAddress, hostPort: "\(port.hostPort)"))
        }
        var map: PortMap = [:]
        map.bindings = bindings
        return map
    }

    var networks: [String: EndpointSettings] {
        guard !record.endpoints.isEmpty else {
            let mode = record.hostConfig.networkMode
            guard mode == "host" || mode == "none", let entry = try? services.networks.find(mode) else { return [:] }
            return [mode: EndpointSettings(networkID: entry.record.id)]
        }
        var networks: [String: EndpointSettings] = [:]
        for endpoint in record.endpoints { networks[endpoint.networkName] = settings(of: endpoint) }
        return networks
    }

    private func settings(of endpoint: EndpointRecord) -> EndpointSettings {
        var settings = EndpointSettings(networkID: endpoint.networkID)
        settings.aliases = endpoint.aliases.isEmpty ? nil : endpoint.aliases
        settings.links = endpoint.links.isEmpty ? nil : endpoint.links
        if endpoint.requestedIPv4 != nil || endpoint.requestedIPv6 != nil {
            settings.ipamConfig = EndpointIPAMConfig(
                ipv4Address: endpoint.requestedIPv4 ?? "", ipv6Address: endpoint.requestedIPv6 ?? "")
        }
        settings.driverOpts = endpoint.driverOptions.isEmpty ? nil : endpoint.driverOptions
        settings.gwPriority = endpoint.gatewayPriority
        guard let entry = try? services.networks.find(endpoint.networkID),
            let member = entry.members[record.id], snapshot.phase.run != nil
        else { return settings }
        settings.endpointID = endpoint.endpointID
        settings.macAddress = member.hardwareAddress
        settings.dnsNames = member.names.isEmpty ? nil : member.names
        for pool in entry.record.pools {
            guard let subnet = try? Subnet(cidr: pool.subnet) else { continue }
            if subnet.family == .v4 {
                settings.gateway = pool.gateway
                settings.ipAddress = endpoint.address ?? ""
                settings.ipPrefixLen = subnet.prefix
            } else {
                settings.ipv6Gateway = pool.gateway
                settings.globalIPv6Address = endpoint.addressIPv6 ?? ""
                settings.globalIPv6PrefixLen = subnet.prefix
            }
        }
        return settings
    }

    // MARK: Lists

    var summary: ContainerSummary {
        let words = (record.config.entrypoint ?? []) + (record.config.cmd ?? [])
        return ContainerSummary(
            id: record.id, names: ["/" + record.name], image: record.imageName, imageID: record.imageID.description,
            command: words.joined(separator: " "), created: record.created / 1_000_000_000, ports: portList,
            labels: record.config.labels, state: snapshot.phase.name, status: status,
            hostConfig: ContainerSummaryHostConfig(networkMode: record.hostConfig.networkMode),
            networkSettings: ContainerSummaryNetworks(networks: networks), mounts: mounts)
    }

    private var portList: [Port] {
        var list: [Port] = []
        if snapshot.phase.run != nil {
            list = record.publishedPorts.map {
                Port(ip: $0.hostAddress, privatePort: $0.containerPort, publicPort: $0.hostPort, type: $0.transport)
            }
            for text in record.config.exposedPorts ?? [] {
                guard let (port, transport) = try? PortChooser.parse(text),
                    !list.contains(where: { $0.privatePort == port && $0.type == transport })
                else { continue }
                list.append(Port(privatePort: port, type: transport))
            }
        }
        return list.sorted { ($0.privatePort, $0.type, $0.ip) < ($1.privatePort, $1.type, $1.ip) }
    }

    /// `Up 2 hours (healthy)`, `Exited (0) 3 minutes ago`.
    private var status: String {
        let last = record.lastRun
        switch snapshot.phase {
        case .created: return "Created"
        case .running(let run):
            let up = "Up \(HumanDuration.text(Clock.now() - run.startedAt))"
            if run.isPaused { return up + " (Paused)" }
            switch snapshot.health?.status {
            case nil, "none"?: return up
            case "starting"?: return up + " (health: starting)"
            case let status?: return up + " (\(status))"
            }
        case .restarting:
            return "Restarting (\(last.exitCode)) \(HumanDuration.text(Clock.now() - last.finishedAt)) ago"
        case .exited: return "Exited (\(last.exitCode)) \(HumanDuration.text(Clock.now() - last.finishedAt)) ago"
        case .removing: return "Removal In Progress"
        case .dead: return "Dead"
        }
    }
}

/// Durations as `docker ps` words them.
enum HumanDuration {
    static func text(_ nanoseconds: Int64) -> String {
        let seconds = max(0, nanoseconds / 1_000_000_000)
        let minutes = seconds / 60
        let hours = (seconds + 1800) / 3600
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(hours / 24 / 365) years"
        }
    }
}
