import EngineAPI
import Errors
import OrderedCollections

/// Translates a service into what the Engine API creates a container from.
struct ContainerSpec {
    enum Role: Equatable {
        case replica(number: Int)
        /// `run`; its names and ports are its own.
        case oneOff(slug: String, usesAliases: Bool, publishesPorts: Bool)
    }

    let project: Project
    let service: Service
    /// The container's name when everything is done.
    let name: String
    let role: Role
    /// The ID of the service's image.
    var imageID: String
    /// IDs by service of the containers whose namespaces and volumes may be shared.
    var containerIDs: [String: [String]]
    /// Names by service of the containers that links point to.
    var containerNames: [String: [String]]
    /// The container that this one replaces: its ID, and its anonymous volumes by target.
    var replaced: (id: String, volumes: [String: String])?

    func request() throws(BerthError) -> ContainerCreateRequest {
        var host = HostConfig()
        try addMounts(to: &host)
        try addNetwork(to: &host)
        try addIsolation(to: &host)
        addResources(to: &host)
        return ContainerCreateRequest(
            config: try config(), hostConfig: host, networkingConfig: NetworkingConfig(endpointsConfig: try endpoints())
        )
    }

    // MARK: Config

    private func config() throws(BerthError) -> ContainerConfig {
        var config = ContainerConfig()
        config.image = service.imageName(project: project.name)
        config.hostname = service.hostname ?? ""
        config.domainname = service.domainname ?? ""
        config.user = service.user ?? ""
        config.workingDir = service.workingDirectory ?? ""
        config.tty = service.tty
        config.openStdin = service.stdinOpen
        // A name alone takes the image's variable away.
        config.env = service.environment.map { key, value in value.map { "\(key)=\($0)" } ?? key }
        config.cmd = service.command
        config.entrypoint = service.entrypoint
        config.macAddress = service.networkMode == nil ? "" : service.macAddress ?? ""
        config.stopSignal = service.stopSignal ?? ""
        config.stopTimeout = service.stopGracePeriod?.wholeSeconds
        config.healthcheck = healthcheck
        config.labels = try labels()
        let ports =
            service.expose.map { $0.contains("/") ? $0 : $0 + "/tcp" }
            + publishedPorts.map { "\($0.target)/\($0.proto)" }
        if !ports.isEmpty { config.exposedPorts = Set(ports) }
        return config
    }

    private var healthcheck: HealthConfig? {
        guard let check = service.healthcheck else { return nil }
        var config = HealthConfig()
        config.test = check.test
        config.interval = Int64(check.interval?.wholeNanoseconds ?? 0)
        config.timeout = Int64(check.timeout?.wholeNanoseconds ?? 0)
        config.startPeriod = Int64(check.startPeriod?.wholeNanoseconds ?? 0)
        config.startInterval = Int64(check.startInterval?.wholeNanoseconds ?? 0)
        config.retries = check.retries ?? 0
        return config
    }

    private func labels() throws(BerthError) -> [String: String] {
        var labels = Dictionary(uniqueKeysWithValues: service.labels.map { ($0.key, $0.value) })
        labels[Labels.project] = project.name
        labels[Labels.service] = service.name
        labels[Labels.version] = Labels.compatibleVersion
        labels[Labels.configHash] = try ConfigHash.of(service, in: project)
        labels[Labels.image] = imageID
        labels[Labels.workingDirectory] = project.workingDirectory
        labels[Labels.configFiles] = project.files.joined(separator: ",")
        labels[Labels.dependsOn] = service.dependsOn.map { name, dependency in
            "\(name):\(dependency.condition.rawValue):\(dependency.restart)"
        }.joined(separator: ",")
        switch role {
        case .replica(let number):
            labels[Labels.containerNumber] = String(number)
            labels[Labels.oneOff] = Labels.flag(false)
        case .oneOff(let slug, _, _):
            labels[Labels.containerNumber] = "1"
            labels[Labels.oneOff] = Labels.flag(true)
            labels[Labels.slug] = slug
        }
        if let replaced { labels[Labels.replace] = replaced.id }
        return labels
    }

    // MARK: Network

    private var publishedPorts: [PublishedPort] {
        if case .oneOff(_, _, publishesPorts: false) = role { return [] }
        return service.ports
    }

    private func addNetwork(to host: inout HostConfig) throws(BerthError) {
        if let mode = service.networkMode {
            host.networkMode = try sharedNamespace(mode, key: "network_mode")
        } else {
            host.networkMode = networksByPriority.first.map(project.networkName) ?? "none"
        }
        var bindings: [String: [PortBinding]] = [:]
        for port in publishedPorts {
            let binding = PortBinding(hostIp: port.hostIP ?? "", hostPort: port.published ?? "")
            bindings["\(port.target)/\(port.proto)", default: []].append(binding)
        }
        host.portBindings = PortMap(bindings)
        host.dns = service.dns.isEmpty ? nil : service.dns
        host.dnsOptions = service.dnsOptions.isEmpty ? nil : service.dnsOptions
        host.dnsSearch = service.dnsSearch.isEmpty ? nil : service.dnsSearch
        host.extraHosts = service.extraHosts.isEmpty ? nil : service.extraHosts.map(\.description)
    }

    /// Highest priority first, else by name, which is the order that Compose connects in.
    private var networksByPriority: [String] {
        service.networks.keys.sorted { left, right in
            let a = service.networks[left]?.priority ?? 0
            let b = service.networks[right]?.priority ?? 0
            return a == b ? left < right : a > b
        }
    }

    private func endpoints() throws(BerthError) -> [String: EndpointSettings] {
        guard service.networkMode == nil else { return [:] }
        var endpoints: [String: EndpointSettings] = [:]
        let links = linkTargets
        for (key, attachment) in service.networks {
            var endpoint = EndpointSettings()
            endpoint.aliases = aliases(attachment)
            endpoint.links = links.isEmpty ? nil : links
            if attachment.ipv4Address != nil || attachment.ipv6Address != nil || !attachment.linkLocalIPs.isEmpty {
                endpoint.ipamConfig = EndpointIPAMConfig(
                    ipv4Address: attachment.ipv4Address ?? "", ipv6Address: attachment.ipv6Address ?? "",
                    linkLocalIPs: attachment.linkLocalIPs.isEmpty ? nil : attachment.linkLocalIPs)
            }
            endpoint.macAddress =
                attachment.macAddress
                ?? (key == networksByPriority.first ? service.macAddress ?? "" : "")
            var options = Dictionary(uniqueKeysWithValues: attachment.driverOptions.map { ($0.key, $0.value) })
            if let interface = attachment.interfaceName { options["com.docker.network.endpoint.ifname"] = interface }
            endpoint.driverOpts = options.isEmpty ? nil : options
            endpoint.gwPriority = attachment.gatewayPriority ?? 0
            endpoints[project.networkName(key)] = endpoint
        }
        return endpoints
    }

    private func aliases(_ attachment: NetworkAttachment) -> [String] {
        if case .oneOff(_, usesAliases: false, _) = role { return [name] }
        var aliases: OrderedSet<String> = [name, service.name]
        aliases.append(contentsOf: attachment.aliases)
        return Array(aliases)
    }

    /// `links` and `external_links` as `container:alias`.
    private var linkTargets: [String] {
        var targets = service.externalLinks.map { $0.contains(":") ? $0 : "\($0):\($0)" }
        for link in service.links {
            let parts = link.split(separator: ":", maxSplits: 1).map(String.init)
            guard let other = parts.first else { continue }
            for container in containerNames[other] ?? [] {
                targets.append("\(container):\(parts.count > 1 ? parts[1] : other)")
            }
        }
        return targets
    }

    /// `service:x` as `container:<ID>`; everything else as it is.
    func sharedNamespace(_ mode: String, key: String) throws(BerthError) -> String {
        guard mode.hasPrefix("service:") else { return mode }
        let other = String(mode.dropFirst("service:".count))
        guard let id = containerIDs[other]?.first else {
            throw .conflict(
                "service \"\(service.name)\" shares \(key) with service \"\(other)\", which has no container")
        }
        return "container:\(id)"
    }
}
