import DNS
import Errors
import Glibc
import Linux

/// A bridge interface of the host.
struct Bridge {
    let name: String

    /// Makes the bridge, or brings an existing one of ours into the wanted state, and returns its
    /// index. `conflict` when the name belongs to something else.
    func ensure(_ network: BridgeNetwork) throws(BerthError) -> Int32 {
        try Self.check(name)
        let hasV6 = network.gateway(.v6) != nil
        do throws(SystemError) {
            var socket = try RouteSocket()
            if try socket.link(named: name) == nil, network.ownership == .berth {
                // A fixed address of its own: otherwise a bridge takes the lowest of its ports', and
                // every container that comes or goes could change what the others know it by.
                try socket.execute([.createBridge(name: name, hardwareAddress: hardwareAddress, mtu: network.mtu)])
            }
            guard let link = try socket.link(named: name) else {
                throw SystemError("looking up", errno: ENODEV, subject: "bridge \(name)")
            }
            guard link.kind == "bridge" else {
                throw SystemError("using", errno: EEXIST, subject: "\(name), which is no bridge")
            }
            guard network.ownership == .berth else { return link.index }

            var settings: [LinkSetting] = hasV6 ? [] : [.noLinkLocal]
            if let mtu = network.mtu, mtu != link.mtu { settings.append(.mtu(mtu)) }
            var requests: [RouteRequest] = [.set(.index(link.index), settings + [.up])]
            let present = try socket.addresses(of: link.index)
            for address in present where !Self.isWanted(address, network) {
                requests.append(.deleteAddress(address.address, prefix: address.prefix, from: link.index))
            }
            for gateway in network.gateways
            where !present.contains(where: { $0.address == gateway.address.bytes && $0.prefix == gateway.subnet.prefix }
            ) {
                requests.append(
                    .addAddress(
                        gateway.address.bytes, prefix: gateway.subnet.prefix,
                        broadcast: gateway.address.family == .v4 ? gateway.subnet.last.bytes : nil, to: link.index))
            }
            try socket.execute(requests)
            return link.index
        } catch {
            throw BerthError("setting up bridge \(name)", error)
        }
    }

    /// Per-interface settings, which a new bridge takes from the host's defaults.
    func configure() throws(BerthError) {
        // Lets 127.0.0.1 of the host reach published ports; the firewall keeps containers from using it.
        try Sysctl.write("ipv4/conf/\(name)/route_localnet", "1")
        // A container must not be able to announce itself as the host's router.
        try Sysctl.writeIfPresent("ipv6/conf/\(name)/accept_ra", "0")
    }

    private static func isWanted(_ address: InterfaceAddress, _ network: BridgeNetwork) -> Bool {
        address.isLinkLocal
            || network.gateways.contains { $0.address.bytes == address.address && $0.subnet.prefix == address.prefix }
    }

    /// Deletes the bridge and the host's ends of cables on it. Absent is fine.
    func remove(portPrefix: String) throws(BerthError) {
        do throws(SystemError) {
            var socket = try RouteSocket()
            guard let link = try socket.link(named: name) else { return }
            let ports = try socket.links().filter { $0.master == link.index && $0.name.hasPrefix(portPrefix) }
            try socket.execute(ports.map { .deleteLink(.index($0.index)) } + [.deleteLink(.index(link.index))])
        } catch {
            if error.errno == ENODEV { return }
            throw BerthError("removing bridge \(name)", error)
        }
    }

    private static func check(_ name: String) throws(BerthError) {
        let isValid =
            (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        guard isValid else {
            throw .invalidArgument(
                "invalid bridge name \"\(name)\": an interface name has 1 to 15 printable characters, no slash and no colon"
            )
        }
    }

    /// Locally administered, and the same for a name every time (FNV-1a).
    private var hardwareAddress: [UInt8] {
        let hash = name.utf8.reduce(UInt32(0x811c_9dc5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        return HardwareAddress(for: IPAddress(.v4, UInt128(hash))).bytes
    }
}
