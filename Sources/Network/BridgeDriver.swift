import DNS
import Errors
import Glibc
import Linux

/// Bridge networks of one daemon, in the network namespace that the daemon runs in.
///
/// Holds no state: what there is, the kernel keeps, and each call opens the netlink sockets it needs.
/// So any number of threads may call at once, and a daemon that starts again finds everything as the
/// last one left it. Every call blocks for as long as the kernel takes, mostly well under 2 ms.
public struct BridgeDriver: Sendable {
    /// Starts the names of the host's ends of cables. Seven hexadecimal digits follow.
    public let vethPrefix: String
    /// For what must be remembered until the host starts anew.
    let stateDirectory: String
    let firewall: Firewall

    /// The name of the nf_tables table, family `inet`.
    public var table: String { firewall.table }

    /// `defaultBridge` names the daemon's table; daemons side by side have different ones.
    /// `executionRoot` is the daemon's `--exec-root`. `vethPrefix` has at most eight bytes.
    public init(defaultBridge: String, executionRoot: String, vethPrefix: String = "veth") throws(BerthError) {
        guard (1...8).contains(vethPrefix.utf8.count) else {
            throw .invalidArgument("invalid interface prefix \"\(vethPrefix)\": it has 1 to 8 characters")
        }
        self.vethPrefix = vethPrefix
        stateDirectory = executionRoot + "/network"
        firewall = Firewall(table: Ruleset.tableName(defaultBridge: defaultBridge))
    }

    // MARK: The daemon's start and the end of everything

    /// Makes the host a router and writes the rules. Ports and networks of an earlier daemon work on.
    /// Call once at start, before `reconcile`.
    public func start(ipv6: Bool = false) throws(BerthError) {
        let sysctls = RememberedSysctls(directory: stateDirectory)
        try sysctls.set(Self.forwardingV4, "1")
        if ipv6 { try sysctls.set(Self.forwardingV6, "1") }
        try firewall.start(guardsForwarding: sysctls.previous(Self.forwardingV4) == "0")
    }

    /// Removes the table and these networks' bridges, and sets the host's routing back as it was.
    /// For uninstalling and for tests; a daemon that merely stops leaves all in place.
    public func tearDown(_ networks: [BridgeNetwork]) throws(BerthError) {
        for network in networks where network.ownership == .berth {
            try Bridge(name: network.bridge).remove(portPrefix: vethPrefix)
        }
        try firewall.remove()
        let sysctls = RememberedSysctls(directory: stateDirectory)
        try sysctls.restore(Self.forwardingV4)
        try sysctls.restore(Self.forwardingV6)
    }

    static let forwardingV4 = "ipv4/ip_forward"
    static let forwardingV6 = "ipv6/conf/all/forwarding"

    // MARK: Networks

    /// Makes the network's bridge and lets its traffic through. Also fine for one that exists.
    public func create(_ network: BridgeNetwork) throws(BerthError) {
        let bridge = Bridge(name: network.bridge)
        _ = try bridge.ensure(network)
        try bridge.configure()
        try firewall.add(Firewall.elements(of: network))
    }

    /// Removes the network's rules and its bridge. Members must have left. Absent is fine.
    public func remove(_ network: BridgeNetwork) throws(BerthError) {
        if network.ownership == .berth { try Bridge(name: network.bridge).remove(portPrefix: vethPrefix) }
        try firewall.remove(Firewall.elements(of: network))
    }

    // MARK: Published ports

    /// Opens ports of a connected endpoint, all or none. `conflict` in Docker's words when one leads
    /// to another container; that something else listens there is for the caller to find out, who
    /// binds it.
    public func publish(_ ports: [PortMapping], for endpoint: Endpoint) throws(BerthError) {
        let elements = Firewall.elements(of: ports, to: endpoint.addresses)
        if elements.isEmpty { return }
        do {
            try firewall.add(elements)
        } catch {
            guard error.code == .conflict, let taken = try clashing(ports, endpoint) else { throw error }
            throw taken.allocatedElsewhere()
        }
        try forgetFlows(to: ports.filter { $0.transport == .udp })
    }

    /// Closes ports. Those that are not open are fine.
    public func unpublish(_ ports: [PortMapping], for endpoint: Endpoint) throws(BerthError) {
        let elements = Firewall.elements(of: ports, to: endpoint.addresses)
        if elements.isEmpty { return }
        try firewall.remove(elements)
        if ports.contains(where: { $0.transport == .udp }) { try forgetFlows(from: endpoint.addresses) }
    }

    /// The first port whose key in the map leads to another address.
    private func clashing(_ ports: [PortMapping], _ endpoint: Endpoint) throws(BerthError) -> PortMapping? {
        let wanted = Firewall.elements(of: ports, to: endpoint.addresses)
        let present = try firewall.current(only: Set(wanted.keys))
        return ports.first { port in
            Firewall.elements(of: [port], to: endpoint.addresses).contains { set, elements in
                elements.contains { element in
                    present[set]?.contains { $0.key == element.key && $0.value != element.value } ?? false
                }
            }
        }
    }

    /// A UDP flow that began before its port was published goes to the host for as long as packets
    /// keep coming; it has to be looked at anew.
    private func forgetFlows(to ports: [PortMapping]) throws(BerthError) {
        if ports.isEmpty { return }
        let byPort = Dictionary(grouping: ports, by: \.hostPort)
        try forget { connection in
            guard let mappings = byPort[connection.original.destinationPort],
                connection.original.destination == connection.reply.source
            else { return false }
            return mappings.contains {
                $0.hostAddress.isUnspecified || $0.hostAddress.bytes == connection.original.destination
            }
        }
    }

    /// UDP flows to a container that has gone would otherwise never reach its successor.
    private func forgetFlows(from addresses: [IPAddress]) throws(BerthError) {
        let own = Set(addresses.map(\.bytes))
        try forget { own.contains($0.reply.source) && $0.original.destination != $0.reply.source }
    }

    private func forget(_ condition: (TrackedConnection) -> Bool) throws(BerthError) {
        do throws(SystemError) {
            var socket = try NetfilterSocket()
            try socket.forgetConnections(protocol: Int32(TransportProtocol.udp.number), where: condition)
        } catch {
            // A kernel without ctnetlink: such flows end by themselves after two minutes of silence.
            if [EINVAL, EOPNOTSUPP, EPROTONOSUPPORT].contains(error.errno) { return }
            throw BerthError("forgetting UDP flows of a published port", error)
        }
    }
}
