import EngineAPI
import Errors
import Linux
import Networking
import OCI
import ShimProtocol

extension Container {
    // MARK: Around a run

    /// Takes addresses in all of the container's networks and tells their members its names.
    func joinNetworks() async throws {
        record.publishedPorts = try await choosePorts()
        for index in record.endpoints.indices {
            let entry = try services.networks.find(record.endpoints[index].networkID)
            guard entry.record.driver == "bridge" else { continue }
            // The interface of the last run may still be on its way out: a new one has a new name.
            record.endpoints[index].endpointID = randomID()
            record.endpoints[index].interface = "eth\(index)"
            record.endpoints[index] = try services.networks.join(
                id, name: record.name, endpoint: record.endpoints[index])
        }
        try await publishNames()
    }

    private func choosePorts() async throws -> [PortRecord] {
        guard !record.endpoints.isEmpty else { return [] }
        let chooser = PortChooser(
            record, taken: Set(services.board.all().filter { $0.phase.run != nil }.flatMap(\.record.publishedPorts)))
        if chooser.isTrivial { return [] }
        return try await blocking { try chooser.choose() }
    }

    /// Lays the cables into the network namespace of the container's first process.
    func connectNetworks(pid: Int32) async throws {
        let members = try members()
        guard !members.isEmpty else { return }
        let driver = services.networks.driver
        try await blocking {
            let namespace = try NetworkNamespace.of(process: pid)
            for (endpoint, network) in members { try driver.connect(endpoint, to: network, in: namespace) }
        }
        for endpoint in record.endpoints { tellNetwork("connect", endpoint) }
    }

    func leaveNetworks(namespaceEnds: Bool) async {
        let members = (try? members()) ?? []
        let driver = services.networks.driver
        do {
            try await blocking {
                for (endpoint, _) in members {
                    try driver.disconnect(endpoint, namespaceEnds ? .namespaceEnds : .containerStays)
                }
            }
        } catch {
            logger.warning("closing the ports of container \(record.name): \(error)")
        }
        for index in record.endpoints.indices
        where record.endpoints[index].address != nil || record.endpoints[index].addressIPv6 != nil {
            services.networks.leave(id, networkID: record.endpoints[index].networkID)
            tellNetwork("disconnect", record.endpoints[index])
            record.endpoints[index].address = nil
            record.endpoints[index].addressIPv6 = nil
        }
        try? await publishNames()
    }

    private func tellNetwork(_ action: String, _ endpoint: EndpointRecord) {
        services.events.publish(
            "network", action, id: endpoint.networkID,
            attributes: [
                "container": id, "name": endpoint.networkName,
                "type": (try? services.networks.find(endpoint.networkID))?.record.driver ?? "bridge",
            ])
    }

    func members() throws -> [(Endpoint, BridgeNetwork)] { try record.members(services.networks) }

    private func publishNames() async throws {
        let networks = services.networks
        let ids = record.endpoints.map(\.networkID)
        guard ids.contains(where: { (try? networks.find($0).resolvesNames) == true }) else { return }
        try await blocking { for id in ids { try networks.publishNames(ofNetwork: id) } }
    }

    // MARK: While it runs

    func connect(_ endpoint: EndpointRecord) async throws {
        try await exclusively {
            guard !record.endpoints.contains(where: { $0.networkID == endpoint.networkID }) else {
                throw BerthError(
                    .permissionDenied,
                    "endpoint with name \(record.name) already exists in network \(endpoint.networkName)")
            }
            guard !["host", "none"].contains(record.hostConfig.networkMode),
                !record.hostConfig.networkMode.hasPrefix("container:")
            else {
                throw BerthError(
                    .permissionDenied,
                    "container cannot be connected to network: its network mode is \(record.hostConfig.networkMode)")
            }
            var endpoint = endpoint
            endpoint.interface = record.freeInterface
            record.endpoints.append(endpoint)
            if let run = phase.run {
                do {
                    try await connectLast(run)
                } catch {
                    record.endpoints.removeLast()
                    throw error
                }
            }
            publish()
            try await saveRun()
            try await save()
        }
    }

    /// The next daemon finds a running container's networks in its bundle.
    private func saveRun() async throws {
        guard phase.run != nil else { return }
        let run = RunRecord(record)
        let bundle = services.configuration.bundle(of: id)
        try await blocking { try run.write(to: bundle) }
    }

    private func connectLast(_ run: ContainerPhase.Run) async throws {
        let index = record.endpoints.count - 1
        let gateway = record.endpoints[..<index].isEmpty ? nil : ContainerRecord.gateway(of: record.endpoints[..<index])
        let joined = try services.networks.join(
            id, name: record.name, endpoint: record.endpoints[index])
        record.endpoints[index] = joined
        do {
            guard let (member, network) = try members().last else { return }
            var endpoint = member
            let driver = services.networks.driver
            // Two default routes cannot be: the new one replaces the old once it is connected.
            let takesOver = endpoint.hasDefaultRoute && gateway != nil
            if takesOver { endpoint.hasDefaultRoute = false }
            let connected = (endpoint, network)
            try await blocking {
                let namespace = try NetworkNamespace.of(process: run.pid)
                try driver.connect(connected.0, to: connected.1, in: namespace)
                if takesOver { try driver.setDefaultRoute(through: connected.0, of: connected.1, in: namespace) }
            }
        } catch {
            services.networks.leave(id, networkID: joined.networkID)
            throw error
        }
        try await publishNames()
        try shim?.send(.resolve(record.nameService(services)))
        tellNetwork("connect", joined)
    }

    func disconnect(networkID: String, name: String, force: Bool) async throws {
        try await exclusively {
            guard let index = record.endpoints.firstIndex(where: { $0.networkID == networkID }) else {
                if force { return }
                throw BerthError(
                    .permissionDenied, "container \(id) is not connected to network \(name)")
            }
            if phase.run != nil,
                let (endpoint, _) = try members().first(where: { $0.0.id == record.endpoints[index].endpointID })
            {
                let driver = services.networks.driver
                try await blocking { try driver.disconnect(endpoint, .containerStays) }
            }
            let wasGateway = record.gatewayEndpoint == networkID
            let endpoint = record.endpoints.remove(at: index)
            services.networks.leave(id, networkID: networkID)
            let networks = services.networks
            if wasGateway, let run = phase.run, let next = try members().first(where: { $0.0.hasDefaultRoute }) {
                try await blocking {
                    let namespace = try NetworkNamespace.of(process: run.pid)
                    try networks.driver.setDefaultRoute(through: next.0, of: next.1, in: namespace)
                    try networks.driver.publish(next.0.ports, for: next.0)
                }
            }
            try await blocking { try networks.publishNames(ofNetwork: networkID) }
            try shim?.send(.resolve(record.nameService(services)))
            tellNetwork("disconnect", endpoint)
            publish()
            try await saveRun()
            try await save()
        }
    }

    func rename(to name: String) async throws {
        try await exclusively {
            let old = record.name
            record.name = name
            do {
                try await save()
            } catch {
                record.name = old
                throw BerthError.conflict("Conflict. The container name \"/\(name)\" is already in use", cause: error)
            }
            services.networks.renameMember(id, to: name)
            try await publishNames()
            publish()
            tell("rename", ["oldName": "/\(old)"])
        }
    }
}

extension ContainerRecord {
    /// The network that the default route and the ports belong to: highest priority, then first.
    var gatewayEndpoint: String? { Self.gateway(of: endpoints[...]) }

    static func gateway(of endpoints: ArraySlice<EndpointRecord>) -> String? {
        endpoints.enumerated().max { a, b in
            (a.element.gatewayPriority, -a.offset) < (b.element.gatewayPriority, -b.offset)
        }?.element.networkID
    }

    /// The first `ethN` that no endpoint has.
    var freeInterface: String {
        let taken = Set(endpoints.map(\.interface))
        return (0...).lazy.map { "eth\($0)" }.first { !taken.contains($0) } ?? "eth0"
    }

    /// Host ports with their numbers decided, as `config` and the run have them.
    var portMappings: [PortMapping] {
        publishedPorts.compactMap { port in
            guard let host = IPAddress(port.hostAddress), let transport = TransportProtocol(rawValue: port.transport)
            else { return nil }
            return PortMapping(transport, host: host, port: port.hostPort, to: port.containerPort)
        }
    }

    /// Every endpoint that has an address, as the driver wants it. Ports go to the first.
    func members(_ networks: NetworkRegistry) throws -> [(Endpoint, BridgeNetwork)] {
        var members: [(Endpoint, BridgeNetwork)] = []
        let gateway = gatewayEndpoint
        for endpoint in endpoints {
            guard let network = try networks.find(endpoint.networkID).record.bridgeNetwork else { continue }
            let addresses = [endpoint.address, endpoint.addressIPv6].compactMap { $0.flatMap { IPAddress($0) } }
            guard !addresses.isEmpty else { continue }
            members.append(
                (
                    Endpoint(
                        id: endpoint.endpointID, interface: endpoint.interface, addresses: addresses,
                        hardwareAddress: endpoint.requestedMAC.flatMap { HardwareAddress($0) },
                        hasDefaultRoute: endpoint.networkID == gateway,
                        ports: endpoint.networkID == gateway ? portMappings : []), network
                ))
        }
        return members
    }

    /// What answers the container's DNS queries; nil where the host's own servers are asked directly.
    func nameService(_ services: Services) -> NameService? {
        let resolving = endpoints.filter { (try? services.networks.find($0.networkID).resolvesNames) == true }
        let upstream = ResolverFile.upstream(record: self, configuration: services.configuration)
        if resolving.isEmpty {
            guard endpoints.isEmpty == false, ResolverFile.needsForwarder(upstream) else { return nil }
            return NameService(files: [], upstream: upstream)
        }
        return NameService(
            files: resolving.map { services.networks.names.path(ofNetwork: $0.networkID) }, upstream: upstream)
    }
}

/// 64 random hexadecimal digits.
func randomID() -> String {
    var generator = SystemRandomNumberGenerator()
    return hexadecimal((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
}
