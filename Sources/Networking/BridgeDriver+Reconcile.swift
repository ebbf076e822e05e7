import DNS
import Errors
import Glibc
import Linux

extension BridgeDriver {
    /// A connected endpoint with its network.
    public struct Member: Sendable {
        public let endpoint: Endpoint
        public let network: BridgeNetwork

        public init(_ endpoint: Endpoint, of network: BridgeNetwork) {
            self.endpoint = endpoint
            self.network = network
        }
    }

    /// What `reconcile` found to be nobody's and removed.
    public struct Leftovers: Sendable, Equatable {
        public var bridges: [String] = []
        public var interfaces: [String] = []
        /// Elements of the firewall's sets.
        public var rules = 0

        public var isEmpty: Bool { bridges.isEmpty && interfaces.isEmpty && rules == 0 }
    }

    /// Brings the host in line with the daemon's records, after `start`: makes what is missing,
    /// removes what an earlier daemon left and nobody owns any more, and touches nothing else, so
    /// that running containers notice nothing.
    ///
    /// What is ours: elements in our table, bridges that our table lists, and ports of these bridges
    /// that bear our prefix.
    public func reconcile(networks: [BridgeNetwork], members: [Member]) throws(BerthError) -> Leftovers {
        var leftovers = Leftovers()
        let present = try firewall.current()
        let wanted = members.reduce(networks.reduce(Firewall.Elements()) { $0.union(Firewall.elements(of: $1)) }) {
            $0.union(Firewall.elements(of: $1.endpoint.ports, to: $1.endpoint.addresses))
        }

        let listed = (present[Ruleset.SetName.bridges] ?? []).map { Firewall.interface(ofKey: $0.key) }
        let known = Set(networks.map(\.bridge))
        // A bridge with ports that are not ours is somebody's (`--bridge`) and stays.
        for name in listed.filter({ !known.contains($0) }).sorted() where try hasOnlyOwnPorts(name) {
            try Bridge(name: name).remove(portPrefix: vethPrefix)
            leftovers.bridges.append(name)
        }
        let live = Set(members.map { hostInterface(of: $0.endpoint) })
        leftovers.interfaces = try removeStrays(on: known, keeping: live)

        let stale = present.subtracting(wanted)
        leftovers.rules = stale.values.reduce(0) { $0 + $1.count }
        // One transaction: a port never leads nowhere in between.
        try firewall.change(remove: stale, add: wanted.subtracting(present))
        for network in networks { try create(network) }
        try reattach(members)
        return leftovers
    }

    /// Puts cables back on a bridge that someone deleted, which `create` has made anew.
    private func reattach(_ members: [Member]) throws(BerthError) {
        do throws(SystemError) {
            var socket = try RouteSocket()
            let links = Dictionary(try socket.links().map { ($0.name, $0) }) { first, _ in first }
            for member in members {
                guard let link = links[hostInterface(of: member.endpoint)], let bridge = links[member.network.bridge],
                    link.master != bridge.index
                else { continue }
                try socket.execute([
                    .set(.index(link.index), [.master(bridge.index)]),
                    .set(.index(link.index), [.port(Self.portFlags(member.network)), .up]),
                ])
            }
        } catch {
            throw BerthError("putting containers back on their bridge", error)
        }
    }

    private func hasOnlyOwnPorts(_ name: String) throws(BerthError) -> Bool {
        do throws(SystemError) {
            var socket = try RouteSocket()
            guard let bridge = try socket.link(named: name), bridge.kind == "bridge" else { return false }
            return try socket.links().allSatisfy { $0.master != bridge.index || $0.name.hasPrefix(vethPrefix) }
        } catch {
            throw BerthError("looking at bridge \(name)", error)
        }
    }

    private func removeStrays(on bridges: Set<String>, keeping live: Set<String>) throws(BerthError) -> [String] {
        do throws(SystemError) {
            var socket = try RouteSocket()
            let links = try socket.links()
            let own = Set(links.filter { bridges.contains($0.name) }.map(\.index))
            let strays = links.filter { link in
                link.kind == "veth" && link.name.hasPrefix(vethPrefix) && !live.contains(link.name)
                    && link.master.map(own.contains) ?? false
            }
            var removed: [String] = []
            for stray in strays {
                do throws(SystemError) {
                    try socket.execute([.deleteLink(.index(stray.index))])
                    removed.append(stray.name)
                } catch {
                    // Its namespace ended at this moment.
                    guard error.errno == ENODEV else { throw error }
                }
            }
            return removed.sorted()
        } catch {
            throw BerthError("removing interfaces that nobody owns", error)
        }
    }
}
