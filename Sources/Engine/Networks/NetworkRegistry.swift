import EngineAPI
import Errors
import Linux
import Networking
import Synchronization

/// All networks with their address books and members. What the kernel has of them is made by
/// `BridgeDriver`; what must survive is in `NetworkRecord`s. The lock guards memory only.
final class NetworkRegistry: Sendable {
    struct Member: Sendable {
        let containerID: String
        var containerName: String
        var endpoint: EndpointRecord
        /// What other members resolve to its addresses.
        var names: [String]
        var hardwareAddress: String
    }

    struct Entry: Sendable {
        var record: NetworkRecord
        var allocators: [AddressAllocator]
        var members: [String: Member] = [:]

        var isBuiltIn: Bool { ["bridge", "host", "none"].contains(record.name) }
        /// The default bridge resolves no names, as in Docker.
        var resolvesNames: Bool { record.driver == "bridge" && record.name != "bridge" }
    }

    private let entries = Mutex<[String: Entry]>([:])
    let driver: BridgeDriver
    let names: NameFiles

    init(driver: BridgeDriver, names: NameFiles) {
        self.driver = driver
        self.names = names
    }

    // MARK: Looking up

    func all() -> [Entry] { entries.withLock { Array($0.values) } }

    /// By name, ID or unique prefix of it.
    func find(_ text: String) throws(BerthError) -> Entry {
        // Docker's clients say so when nothing was asked for.
        let nameOrID = text == "default" ? "bridge" : text
        let result = entries.withLock { entries -> Result<Entry, BerthError> in
            if let entry = entries[nameOrID] ?? entries.values.first(where: { $0.record.name == nameOrID }) {
                return .success(entry)
            }
            let matches = entries.values.filter { !nameOrID.isEmpty && $0.record.id.hasPrefix(nameOrID) }
            switch matches.count {
            case 1: return .success(matches[0])
            case 0: return .failure(.notFound("network \(nameOrID) not found"))
            default:
                return .failure(.invalidArgument("network \(nameOrID) is ambiguous (\(matches.count) matches found)"))
            }
        }
        return try result.get()
    }

    /// Subnets that new ones must not overlap.
    func subnets() -> [Subnet] { entries.withLock { $0.values.flatMap { $0.allocators.map(\.subnet) } } }

    // MARK: Networks come and go

    func add(_ record: NetworkRecord) throws(BerthError) {
        let entry = Entry(record: record, allocators: try Self.allocators(of: record))
        let clash = entries.withLock { entries in
            if entries.values.contains(where: { $0.record.name == record.name }) { return true }
            entries[record.id] = entry
            return false
        }
        if clash { throw .conflict("network with name \(record.name) already exists") }
    }

    private static func allocators(of record: NetworkRecord) throws(BerthError) -> [AddressAllocator] {
        var allocators: [AddressAllocator] = []
        for pool in record.pools {
            var reserved: [IPAddress] = []
            for text in [pool.gateway] + pool.auxiliary.values {
                if let address = IPAddress(text) { reserved.append(address) }
            }
            let range: Subnet?
            if let text = pool.range { range = try Subnet(cidr: text) } else { range = nil }
            allocators.append(
                try AddressAllocator(subnet: try Subnet(cidr: pool.subnet), range: range, reserved: reserved))
        }
        return allocators
    }

    /// Forgets a network without members.
    func remove(_ id: String) throws(BerthError) -> NetworkRecord {
        let result = entries.withLock { entries -> Result<NetworkRecord, BerthError> in
            guard let entry = entries[id] else { return .failure(.notFound("network \(id) not found")) }
            guard entry.members.isEmpty else {
                let holders = entry.members.values.map {
                    "name:\"\($0.containerName)\" id:\"\($0.containerID.prefix(12))\""
                }
                return .failure(
                    BerthError(
                        .permissionDenied,
                        "error while removing network: network \(entry.record.name) has active endpoints ("
                            + holders.sorted().joined(separator: ", ") + ")"))
            }
            entries[id] = nil
            return .success(entry.record)
        }
        return try result.get()
    }

    // MARK: Members come and go

    /// Gives an endpoint its addresses and makes it a member.
    func join(_ containerID: String, name: String, endpoint: EndpointRecord) throws(BerthError)
        -> EndpointRecord
    {
        let result = entries.withLock { entries -> Result<EndpointRecord, BerthError> in
            guard var entry = entries[endpoint.networkID] else {
                return .failure(.notFound("network \(endpoint.networkName) not found"))
            }
            var endpoint = endpoint
            do throws(BerthError) {
                try Self.allocate(&endpoint, &entry)
            } catch {
                return .failure(error)
            }
            let names = entry.resolvesNames ? Self.names(of: endpoint, containerID, name) : []
            entry.members[containerID] = Member(
                containerID: containerID, containerName: name, endpoint: endpoint, names: names,
                hardwareAddress: Self.hardwareAddress(of: endpoint))
            entries[endpoint.networkID] = entry
            return .success(endpoint)
        }
        return try result.get()
    }

    /// A member of an earlier daemon's time, with the addresses that it has.
    func rejoin(_ containerID: String, name: String, endpoint: EndpointRecord) {
        entries.withLock { entries in
            guard var entry = entries[endpoint.networkID] else { return }
            for text in [endpoint.address, endpoint.addressIPv6] {
                guard let text, let address = IPAddress(text) else { continue }
                for index in entry.allocators.indices where entry.allocators[index].subnet.contains(address) {
                    try? entry.allocators[index].reserve(address)
                }
            }
            let names = entry.resolvesNames ? Self.names(of: endpoint, containerID, name) : []
            entry.members[containerID] = Member(
                containerID: containerID, containerName: name, endpoint: endpoint, names: names,
                hardwareAddress: Self.hardwareAddress(of: endpoint))
            entries[endpoint.networkID] = entry
        }
    }

    private static func allocate(_ endpoint: inout EndpointRecord, _ entry: inout Entry) throws(BerthError) {
        for index in entry.allocators.indices {
            let isV6 = entry.allocators[index].subnet.family == .v6
            let requested = isV6 ? endpoint.requestedIPv6 : endpoint.requestedIPv4
            let address: IPAddress
            if let requested, !requested.isEmpty {
                guard let wanted = IPAddress(requested) else {
                    throw .invalidArgument("invalid IP address: \(requested)")
                }
                try entry.allocators[index].reserve(wanted)
                address = wanted
            } else {
                address = try entry.allocators[index].allocate()
            }
            if isV6 { endpoint.addressIPv6 = "\(address)" } else { endpoint.address = "\(address)" }
        }
    }

    private static func names(of endpoint: EndpointRecord, _ id: String, _ name: String) -> [String] {
        var names: [String] = []
        for candidate in [name] + endpoint.aliases + [String(id.prefix(12))] where !names.contains(candidate) {
            names.append(candidate)
        }
        return names
    }

    private static func hardwareAddress(of endpoint: EndpointRecord) -> String {
        if let requested = endpoint.requestedMAC, !requested.isEmpty { return requested }
        guard let text = endpoint.address ?? endpoint.addressIPv6, let address = IPAddress(text) else { return "" }
        return HardwareAddress(for: address).description
    }

    func leave(_ containerID: String, networkID: String) {
        entries.withLock { entries in
            guard var entry = entries[networkID], let member = entry.members.removeValue(forKey: containerID) else {
                return
            }
            for text in [member.endpoint.address, member.endpoint.addressIPv6] {
                guard let text, let address = IPAddress(text) else { continue }
                for index in entry.allocators.indices where entry.allocators[index].subnet.contains(address) {
                    entry.allocators[index].release(address)
                }
            }
            entries[networkID] = entry
        }
    }

    func renameMember(_ containerID: String, to name: String) {
        entries.withLock { entries in
            for (id, entry) in entries {
                guard var member = entry.members[containerID] else { continue }
                member.names = entry.resolvesNames ? Self.names(of: member.endpoint, containerID, name) : []
                member.containerName = name
                entries[id]?.members[containerID] = member
            }
        }
    }

    // MARK: Names

    /// Writes the names of a network for its members' name servers.
    func publishNames(ofNetwork id: String) throws(BerthError) {
        guard resolvesNames(id) else { return }
        // The table is made when its turn to be written has come: the newest is the last.
        try names.update(ofNetwork: id) { self.nameTable(of: id) }
    }

    private func resolvesNames(_ id: String) -> Bool { entries.withLock { $0[id]?.resolvesNames } ?? false }

    private func nameTable(of id: String) -> NameTable {
        guard let entry = entries.withLock({ $0[id] }) else { return NameTable() }
        var table = NameTable(network: entry.record.name)
        for member in entry.members.values.sorted(by: { $0.containerID < $1.containerID }) {
            for text in [member.endpoint.address, member.endpoint.addressIPv6] {
                guard let text, let address = IPAddress(text) else { continue }
                // A name that no DNS message can carry is known to nobody; the others still are.
                try? table.add(address, names: member.names)
            }
        }
        return table
    }
}

extension NetworkRecord {
    /// What the kernel is to have of it; nil for networks that need nothing.
    var bridgeNetwork: BridgeNetwork? {
        guard driver == "bridge" else { return nil }
        let gateways = pools.compactMap { pool -> InterfacePrefix? in
            guard let subnet = try? Subnet(cidr: pool.subnet), let gateway = IPAddress(pool.gateway) else { return nil }
            return InterfacePrefix(gateway, in: subnet)
        }
        let masquerade = options["com.docker.network.bridge.enable_ip_masquerade"] != "false"
        return BridgeNetwork(
            bridge: bridge, gateways: gateways, mtu: options["com.docker.network.driver.mtu"].flatMap(UInt32.init),
            reach: isInternal ? .internal : .outside(masquerade: masquerade),
            peerTraffic: options["com.docker.network.bridge.enable_icc"] == "false" ? .denied : .allowed)
    }
}
