import DNS
import Errors
import Glibc
import Linux
import Synchronization

/// Berth's own nf_tables table: address translation of published ports, masquerading, and the
/// separation of networks. A table cannot overrule another one's drop: where another engine or a
/// firewall drops forwarded packets in its own table, it has to let these bridges through.
struct Firewall: Sendable {
    let table: String
    private let sockets = IdleSockets()

    init(table: String) { self.table = table }

    /// Elements by set. Every change of a network or a container is a change of these.
    typealias Elements = [String: Set<SetElement>]

    /// Writes the rules; elements that an earlier daemon left keep working throughout.
    /// `guarding`: families that the host only routes because Berth turned it on.
    func start(guarding families: [IPAddress.Family]) throws(BerthError) {
        try Ruleset(table: table, guarded: families).apply()
    }

    func remove() throws(BerthError) { try Ruleset(table: table, guarded: []).remove() }

    func exists() throws(BerthError) -> Bool { try tables().contains(table) }

    /// Tables of other daemons of Berth's.
    func siblings() throws(BerthError) -> [String] {
        try tables().filter { $0 != table && $0.hasPrefix(Ruleset.tablePrefix) }
    }

    private func tables() throws(BerthError) -> [String] {
        do throws(SystemError) {
            return try sockets.use { socket throws(SystemError) in try socket.tables() }
        } catch {
            throw BerthError("listing nf_tables tables", error)
        }
    }

    // MARK: What belongs in the sets

    static func elements(of network: BridgeNetwork) -> Elements {
        let bridge = key(interface: network.bridge)
        var elements: Elements = [Ruleset.SetName.bridges: [SetElement(bridge)]]
        if network.peerTraffic == .allowed { elements[Ruleset.SetName.within] = [SetElement(bridge + bridge)] }
        if network.reach == .internal { elements[Ruleset.SetName.internal] = [SetElement(bridge)] }
        for gateway in network.gateways {
            let range = interval(gateway.subnet)
            elements[Ruleset.SetName.subnets(gateway.subnet.family), default: []].formUnion(range)
            if network.reach == .outside(masquerade: true) {
                elements[Ruleset.SetName.masquerade(gateway.subnet.family), default: []].formUnion(range)
            }
        }
        return elements
    }

    /// Only pairs of one family: what the maps cannot do, `[::]` to an IPv4-only container, is
    /// relayed by the shim.
    static func elements(of ports: [PortMapping], to addresses: [IPAddress]) -> Elements {
        var elements: Elements = [:]
        for port in ports {
            guard let address = addresses.first(where: { $0.family == port.hostAddress.family }) else { continue }
            let service = padded([port.transport.number]) + padded(port.hostPort.bytes)
            let target = address.bytes + padded(port.containerPort.bytes)
            let family = address.family
            if port.hostAddress.isUnspecified {
                elements[Ruleset.SetName.publishedAny(family), default: []].insert(SetElement(service, to: target))
            } else {
                elements[Ruleset.SetName.published(family), default: []].insert(
                    SetElement(port.hostAddress.bytes + service, to: target))
            }
        }
        return elements
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + Array(repeating: 0, count: 4 - bytes.count) }

    static func key(interface name: String) -> [UInt8] {
        let bytes = name.utf8.prefix(15)
        return Array(bytes) + Array(repeating: 0, count: 16 - bytes.count)
    }

    static func interface(ofKey key: [UInt8]) -> String { String(decoding: key.prefix { $0 != 0 }, as: UTF8.self) }

    private static func interval(_ subnet: Subnet) -> [SetElement] {
        let start = SetElement(subnet.base.bytes)
        let (end, overflow) = subnet.last.value.addingReportingOverflow(1)
        // A block that reaches the very end of all addresses has no end mark.
        if overflow || subnet.family == .v4 && end >> 32 != 0 { return [start] }
        return [start, SetElement(IPAddress(subnet.family, end).bytes, endsInterval: true)]
    }

    /// Lets go of tracked UDP flows; see `NetfilterSocket.forgetConnections`.
    func forgetFlows(where condition: (TrackedConnection) -> Bool) throws(SystemError) {
        try sockets.use { socket throws(SystemError) in
            _ = try socket.forgetConnections(protocol: Int32(TransportProtocol.udp.number), where: condition)
        }
    }

    // MARK: Changing them

    /// All or nothing. Elements that are there already are fine; a map's key that leads elsewhere
    /// is `conflict`.
    func add(_ elements: Elements) throws(BerthError) { try change(remove: [:], add: elements) }

    /// All or nothing. Elements that are not there are fine.
    func remove(_ elements: Elements) throws(BerthError) {
        do throws(SystemError) {
            try commit(remove: elements, add: [:])
        } catch {
            guard error.errno == ENOENT else { throw BerthError("removing rules of a container network", error) }
            // Something had gone before us: remove what is left.
            let present = try current(only: Set(elements.keys))
            let rest = elements.reduce(into: Elements()) { rest, entry in
                rest[entry.key] = entry.value.intersection(present[entry.key] ?? [])
            }
            try change(remove: rest, add: [:])
        }
    }

    func change(remove: Elements, add: Elements) throws(BerthError) {
        do throws(SystemError) {
            try commit(remove: remove, add: add)
        } catch {
            switch error.errno {
            case ENOENT:
                throw .internal(
                    "nf_tables table \"inet \(table)\" is not as Berth wrote it; restart the daemon to repair it: \(error)",
                    cause: error)
            case EEXIST, EBUSY: throw .conflict("the firewall already leads elsewhere: \(error)", cause: error)
            default: throw BerthError("changing the rules of container networks", error)
            }
        }
    }

    private func commit(remove: Elements, add: Elements) throws(SystemError) {
        var transaction = ElementTransaction(table: table)
        for (set, elements) in remove { transaction.delete(Self.ordered(elements), from: set) }
        for (set, elements) in add { transaction.add(Self.ordered(elements), to: set) }
        if transaction.isEmpty { return }
        try sockets.use { socket throws(SystemError) in try socket.commit(transaction) }
    }

    /// By key, and at the same key the end of one range before the start of the next: in another
    /// order the kernel takes ranges that touch for ranges that overlap.
    private static func ordered(_ elements: Set<SetElement>) -> [SetElement] {
        elements.sorted { a, b in
            a.key == b.key ? a.endsInterval && !b.endsInterval : a.key.lexicographicallyPrecedes(b.key)
        }
    }

    /// What the kernel has now.
    func current(only names: Set<String>? = nil) throws(BerthError) -> Elements {
        let families: [IPAddress.Family] = [.v4, .v6]
        let all =
            [Ruleset.SetName.bridges, Ruleset.SetName.within, Ruleset.SetName.internal]
            + families.map(Ruleset.SetName.subnets) + families.map(Ruleset.SetName.masquerade)
            + families.map(Ruleset.SetName.published) + families.map(Ruleset.SetName.publishedAny)
        do throws(SystemError) {
            return try sockets.use { socket throws(SystemError) in
                var elements: Elements = [:]
                for name in all where names?.contains(name) ?? true {
                    if let found = try socket.elements(of: name, table: table) { elements[name] = Set(found) }
                }
                return elements
            }
        } catch {
            throw BerthError("reading the rules of container networks", error)
        }
    }
}

/// Netfilter sockets that nobody uses at the moment. The lock guards the list, not their use.
private final class IdleSockets: Sendable {
    private let idle = Mutex<[FileDescriptor]>([])

    /// One exchange after another on a socket that is this caller's alone. After a failure it is not
    /// used again.
    func use<Result>(
        _ body: (inout NetfilterSocket) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var socket: NetfilterSocket
        if let descriptor = idle.withLock({ $0.popLast() }) {
            socket = NetfilterSocket(reusing: descriptor)
        } else {
            socket = try NetfilterSocket()
        }
        let result = try body(&socket)
        let descriptor = socket.descriptor
        idle.withLock { $0.append(descriptor) }
        return result
    }
}

extension Firewall.Elements {
    func union(_ other: Self) -> Self { merging(other) { $0.union($1) } }

    func subtracting(_ other: Self) -> Self {
        reduce(into: [:]) { rest, entry in
            let left = entry.value.subtracting(other[entry.key] ?? [])
            if !left.isEmpty { rest[entry.key] = left }
        }
    }
}

extension UInt16 {
    /// In network order.
    fileprivate var bytes: [UInt8] { [UInt8(self >> 8), UInt8(self & 0xff)] }
}
