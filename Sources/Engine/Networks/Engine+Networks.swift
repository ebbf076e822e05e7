import EngineAPI
import Errors
import Linux
import Networking

extension Engine: NetworkBackend {
    // MARK: The three that are always there

    func ensureBuiltInNetworks() async throws {
        if (try? services.networks.find("bridge")) == nil {
            let configuration = services.configuration
            let prefix: InterfacePrefix
            if let address = configuration.bridgeAddress {
                prefix = address
            } else {
                prefix = try await choosePool(.v4)
            }
            try await add(
                NetworkRecord(
                    id: randomID(), name: "bridge", created: Clock.now(), driver: "bridge", isInternal: false,
                    isAttachable: false, enablesIPv6: false,
                    pools: [.init(subnet: prefix.subnet.description, gateway: prefix.address.description)],
                    bridge: configuration.bridge,
                    options: [
                        "com.docker.network.bridge.default_bridge": "true",
                        "com.docker.network.bridge.enable_icc": "true",
                        "com.docker.network.bridge.enable_ip_masquerade": "true",
                        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
                        "com.docker.network.bridge.name": configuration.bridge,
                        "com.docker.network.driver.mtu": "1500",
                    ], labels: [:]))
        }
        for name in ["host", "none"] where (try? services.networks.find(name)) == nil {
            try await add(
                NetworkRecord(
                    id: randomID(), name: name, created: Clock.now(), driver: name == "none" ? "null" : name,
                    isInternal: false, isAttachable: false, enablesIPv6: false, pools: [], bridge: "", options: [:],
                    labels: [:]))
        }
    }

    private func choosePool(_ family: IPAddress.Family) async throws -> InterfacePrefix {
        let pools = services.configuration.addressPools
        let own = services.networks.subnets()
        let subnet = try await blocking { try pools.choose(family, avoiding: own + AddressPools.takenByHost()) }
        guard let prefix = InterfacePrefix(AddressAllocator.defaultGateway(of: subnet), in: subnet) else {
            throw BerthError.internal("the address pool \(subnet) has no room for a gateway")
        }
        return prefix
    }

    /// Registers, makes and keeps a network; on failure nothing of it is left.
    private func add(_ record: NetworkRecord) async throws {
        try services.networks.add(record)
        let driver = services.networks.driver
        do {
            if let network = record.bridgeNetwork {
                try await blocking {
                    // Forwarding of IPv6 is a setting of the whole host: only for those who want it.
                    if network.gateways.contains(where: { $0.address.family == .v6 }) { try driver.start(ipv6: true) }
                    try driver.create(network)
                }
            }
            try services.networks.publishNames(ofNetwork: record.id)
            try await services.records.save(record, id: record.id, name: record.name, in: .network)
        } catch {
            _ = try? services.networks.remove(record.id)
            if let network = record.bridgeNetwork { try? await blocking { try driver.remove(network) } }
            throw error
        }
    }

    // MARK: Creating and removing

    public func createNetwork(_ request: NetworkCreateRequest) async throws -> NetworkCreateResponse {
        guard !request.name.isEmpty, !request.name.contains("/") else {
            throw BerthError.invalidArgument("invalid network name: \"\(request.name)\"")
        }
        let driver = request.driver.isEmpty ? "bridge" : request.driver
        guard driver == "bridge" else {
            if ["host", "null", "none"].contains(driver) {
                throw BerthError(.permissionDenied, "only one instance of \"\(driver)\" network is allowed")
            }
            throw BerthError.notFound(
                "could not find plugin \(driver) in v1 plugin registry: this engine makes networks of driver bridge")
        }
        if (try? services.networks.find(request.name))?.record.name == request.name {
            throw BerthError.conflict("network with name \(request.name) already exists")
        }
        let id = randomID()
        let record = NetworkRecord(
            id: id, name: request.name, created: Clock.now(), driver: driver, isInternal: request.internal,
            isAttachable: request.attachable, enablesIPv6: request.enableIPv6 == true,
            pools: try await pools(request),
            bridge: request.options["com.docker.network.bridge.name"] ?? "br-\(id.prefix(12))",
            options: request.options, labels: request.labels,
            ipamDriver: request.ipam.flatMap { $0.driver.isEmpty ? nil : $0.driver } ?? "default",
            ipamOptions: request.ipam?.options ?? [:])
        try await add(record)
        services.events.publish("network", "create", id: id, attributes: ["name": record.name, "type": driver])
        return NetworkCreateResponse(id: id)
    }

    private func pools(_ request: NetworkCreateRequest) async throws -> [NetworkRecord.Pool] {
        var pools: [NetworkRecord.Pool] = []
        for config in request.ipam?.config ?? [] where !config.subnet.isEmpty {
            let subnet = try Subnet(cidr: config.subnet, strict: false)
            try AddressPools.check(subnet, against: services.networks.subnets())
            let gateway =
                config.gateway.isEmpty ? AddressAllocator.defaultGateway(of: subnet).description : config.gateway
            guard let address = IPAddress(gateway), subnet.contains(address) else {
                throw BerthError.invalidArgument("no matching subnet for gateway \"\(gateway)\"")
            }
            pools.append(
                .init(
                    subnet: subnet.description, gateway: gateway, range: config.ipRange.isEmpty ? nil : config.ipRange,
                    auxiliary: config.auxiliaryAddresses ?? [:]))
        }
        if !pools.contains(where: { !$0.subnet.contains(":") }), request.enableIPv4 != false {
            let prefix = try await choosePool(.v4)
            pools.append(.init(subnet: prefix.subnet.description, gateway: prefix.address.description))
        }
        return pools
    }

    public func removeNetwork(_ id: String) async throws {
        let entry = try services.networks.find(id)
        guard !entry.isBuiltIn else {
            throw BerthError(.permissionDenied, "\(entry.record.name) is a pre-defined network and cannot be removed")
        }
        let record = try services.networks.remove(entry.record.id)
        let networks = services.networks
        try await blocking {
            if let network = record.bridgeNetwork { try networks.driver.remove(network) }
            try networks.names.remove(ofNetwork: record.id)
        }
        try await services.records.delete(record.id, from: .network)
        services.events.publish(
            "network", "destroy", id: record.id, attributes: ["name": record.name, "type": record.driver])
    }

    public func pruneNetworks(_ filters: Filters) async throws -> NetworkPruneReport {
        try filters.validate(["until", "label", "label!"])
        let wanted = Set(services.board.all().flatMap { $0.record.endpoints.map(\.networkID) })
        var deleted: [String] = []
        for entry in services.networks.all() where !entry.isBuiltIn && !wanted.contains(entry.record.id) {
            guard try filters.allowsPruning(labels: entry.record.labels, created: entry.record.created) else {
                continue
            }
            try await removeNetwork(entry.record.id)
            deleted.append(entry.record.name)
        }
        services.events.publishPrune("network", reclaimed: 0)
        return NetworkPruneReport(networksDeleted: deleted)
    }

    // MARK: Members

    public func connectNetwork(_ id: String, _ request: NetworkConnectRequest) async throws {
        let entry = try services.networks.find(id)
        try await container(request.container).connect(EndpointRecord(request.endpointConfig, in: entry.record))
    }

    public func disconnectNetwork(_ id: String, _ request: NetworkDisconnectRequest) async throws {
        let entry = try services.networks.find(id)
        try await container(request.container).disconnect(
            networkID: entry.record.id, name: entry.record.name, force: request.force)
    }

    // MARK: Looking

    public func listNetworks(_ filters: Filters) async throws -> [NetworkInspect] {
        try filters.validate(["dangling", "driver", "id", "label", "name", "scope", "type"])
        let dangling = try filters.bool("dangling")
        return services.networks.all().sorted { $0.record.created < $1.record.created }.filter { entry in
            let record = entry.record
            func any(_ name: String, _ test: (String) -> Bool) -> Bool {
                !filters.contains(name) || filters[name].contains(where: test)
            }
            return any("driver") { $0 == record.driver } && any("id") { record.id.hasPrefix($0) }
                && any("name") { record.name.contains($0) } && any("scope") { $0 == "local" }
                && any("type") { ($0 == "builtin") == entry.isBuiltIn } && filters.matchesLabels(record.labels)
                && (dangling.map { $0 == (entry.members.isEmpty && !entry.isBuiltIn) } ?? true)
        }.map { view($0, withMembers: false) }
    }

    public func inspectNetwork(_ id: String, _ options: NetworkInspectOptions) async throws -> NetworkInspect {
        view(try services.networks.find(id), withMembers: true)
    }

    private func view(_ entry: NetworkRegistry.Entry, withMembers: Bool) -> NetworkInspect {
        let record = entry.record
        var members: [String: NetworkEndpoint] = [:]
        for member in withMembers ? Array(entry.members.values) : [] {
            func cidr(_ address: String?, _ family: IPAddress.Family) -> String {
                guard let address, let subnet = entry.allocators.first(where: { $0.subnet.family == family })?.subnet
                else { return "" }
                return "\(address)/\(subnet.prefix)"
            }
            members[member.containerID] = NetworkEndpoint(
                name: member.containerName, endpointID: member.endpoint.endpointID, macAddress: member.hardwareAddress,
                ipv4Address: cidr(member.endpoint.address, .v4), ipv6Address: cidr(member.endpoint.addressIPv6, .v6))
        }
        return NetworkInspect(
            name: record.name, id: record.id, created: Clock.rfc3339(record.created), scope: "local",
            driver: record.driver, enableIPv4: true, enableIPv6: record.enablesIPv6,
            ipam: IPAM(
                driver: record.ipamDriver, options: record.ipamOptions.isEmpty ? nil : record.ipamOptions,
                config: record.pools.map {
                    IPAMPool(
                        subnet: $0.subnet, ipRange: $0.range ?? "", gateway: $0.gateway,
                        auxiliaryAddresses: $0.auxiliary.isEmpty ? nil : $0.auxiliary)
                }), internal: record.isInternal, attachable: record.isAttachable, containers: members,
            options: record.options, labels: record.labels)
    }
}
