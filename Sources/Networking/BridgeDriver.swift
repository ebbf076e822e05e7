import DNS
import Errors
import Glibc
import Linux

/// Bridge networks of one daemon, in the network namespace that the daemon runs in.
///
/// Holds no state but idle sockets: what there is, the kernel keeps. So any number of threads may call
/// at once, and a daemon that starts again finds everything as the last one left it. Every call blocks
/// for as long as the kernel takes, mostly well under 2 ms.
public struct BridgeDriver: Sendable {
    /// Starts the names of the host's ends of cables.
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
        try sysctls.set(Forwarding.name(.v4), "1")
        if ipv6 {
            try Forwarding.keepRouterAdvertisements()
            try sysctls.set(Forwarding.name(.v6), "1")
        }
        try firewall.start(guarding: [.v4, .v6].filter { sysctls.previous(Forwarding.name($0)) == "0" })
    }

    /// Removes the table and these networks' bridges, and sets the host's routing back as it was unless
    /// another daemon of Berth's still needs it. For uninstalling and for tests; a daemon that merely
    /// stops leaves all in place.
    public func tearDown(_ networks: [BridgeNetwork]) throws(BerthError) {
        for network in networks where network.ownership == .berth {
            try Bridge(name: network.bridge).remove(portPrefix: vethPrefix)
        }
        try firewall.remove()
        guard try firewall.siblings().isEmpty else { return }
        let sysctls = RememberedSysctls(directory: stateDirectory)
        for family in [IPAddress.Family.v4, .v6] { try sysctls.restore(Forwarding.name(family)) }
    }

    /// Whether the rules are still there. Someone may have flushed every table of the host, as
    /// reloading some firewalls does; then `start` and `reconcile` put all back.
    public func isIntact() throws(BerthError) -> Bool { try firewall.exists() }

    /// The addresses of an interface, for a bridge that the host brings along (`--bridge`). Those that
    /// only mean something on the link itself are left out. `notFound` when there is no such interface.
    public func addresses(ofInterface name: String) throws(BerthError) -> [InterfacePrefix] {
        do throws(SystemError) {
            var socket = try RouteSocket()
            guard let link = try socket.link(named: name) else {
                throw SystemError("looking up", errno: ENOENT, subject: "interface \(name)")
            }
            return try socket.addresses(of: link.index).filter { !$0.isLinkLocal }.compactMap { found in
                guard let address = IPAddress(bytes: found.address),
                    let subnet = Subnet(containing: address, prefix: found.prefix)
                else { return nil }
                return InterfacePrefix(address, in: subnet)
            }
        } catch {
            throw BerthError("reading the addresses of \(name)", error)
        }
    }

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
        try forgetFlows(to: ports, except: endpoint.addresses)
    }

    /// Closes ports. Those that are not open are fine.
    public func unpublish(_ ports: [PortMapping], for endpoint: Endpoint) throws(BerthError) {
        let elements = Firewall.elements(of: ports, to: endpoint.addresses)
        if elements.isEmpty { return }
        try firewall.remove(elements)
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

    /// A UDP flow that began before its port was published goes to the host, or to the container that
    /// had the port before, for as long as packets keep coming; it has to be looked at anew. The look
    /// through the kernel's table takes milliseconds, so only for UDP.
    private func forgetFlows(to ports: [PortMapping], except addresses: [IPAddress]) throws(BerthError) {
        let byPort = Dictionary(grouping: ports.filter { $0.transport == .udp }, by: \.hostPort)
        if byPort.isEmpty { return }
        let current = Set(addresses.map(\.bytes))
        do throws(SystemError) {
            var routes = try RouteSocket()
            let local = Set(try routes.addresses().map(\.address))
            try firewall.forgetFlows { flow in
                guard local.contains(flow.original.destination), !current.contains(flow.reply.source),
                    let mappings = byPort[flow.original.destinationPort]
                else { return false }
                return mappings.contains {
                    $0.hostAddress.isUnspecified || $0.hostAddress.bytes == flow.original.destination
                }
            }
        } catch {
            // A kernel without ctnetlink: such flows end by themselves after two minutes of silence.
            if [EINVAL, EOPNOTSUPP, EPROTONOSUPPORT].contains(error.errno) { return }
            throw BerthError("forgetting UDP flows of a published port", error)
        }
    }
}
