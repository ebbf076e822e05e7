import DNS
import Errors
import Glibc
import Linux

extension BridgeDriver {
    /// How an endpoint leaves.
    public enum Departure: Sendable {
        /// The container goes on without it: its interface is deleted.
        case containerStays
        /// The namespace is going away and takes the interface along, in the kernel's own time;
        /// waiting for that would cost milliseconds at every exit.
        case namespaceEnds
    }

    /// The host's end of an endpoint's cable: as much of the identifier as fits an interface's name.
    public func hostInterface(of endpoint: Endpoint) -> String {
        vethPrefix + endpoint.id.prefix(15 - vethPrefix.utf8.count)
    }

    /// Lays the cable of an endpoint, configures its inside and opens its ports. On failure nothing
    /// is left. The namespace's loopback is set up as well.
    public func connect(
        _ endpoint: Endpoint, to network: BridgeNetwork, in namespace: NetworkNamespace
    ) throws(BerthError) {
        let host = hostInterface(of: endpoint)
        do throws(SystemError) {
            try layCable(endpoint, network, host, namespace)
        } catch {
            throw BerthError("connecting \(endpoint.interface) to bridge \(network.bridge)", error)
        }
        do {
            try configureInside(endpoint, network, namespace)
            try publish(endpoint.ports, for: endpoint)
        } catch {
            try? deleteLink(host)
            throw error
        }
    }

    /// Closes the ports of an endpoint and takes its interface away. What has gone already is fine.
    public func disconnect(_ endpoint: Endpoint, _ departure: Departure) throws(BerthError) {
        try unpublish(endpoint.ports, for: endpoint)
        switch departure {
        case .containerStays: try deleteLink(hostInterface(of: endpoint))
        case .namespaceEnds: break
        }
    }

    /// Makes a connected endpoint the container's way out, after the one that was it has left.
    public func setDefaultRoute(
        through endpoint: Endpoint, of network: BridgeNetwork, in namespace: NetworkNamespace
    ) throws(BerthError) {
        var endpoint = endpoint
        endpoint.hasDefaultRoute = true
        let gateways = Self.defaultGateways(endpoint, network).map(\.bytes)
        let interface = endpoint.interface
        do throws(SystemError) {
            try namespace.run { () throws(SystemError) in
                var socket = try RouteSocket()
                guard let link = try socket.link(named: interface) else {
                    throw SystemError("looking up", errno: ENODEV, subject: interface)
                }
                let families = Set(gateways.map(\.count))
                let old = try socket.routes().filter { $0.prefix == 0 && families.contains($0.destination.count) }
                let removals = old.compactMap { route in
                    route.gateway.flatMap { gateway in
                        route.link.map { RouteRequest.deleteRoute(gateway: gateway, on: $0) }
                    }
                }
                try socket.execute(removals + gateways.map { .addRoute(gateway: $0, on: link.index) })
            }
        } catch {
            throw BerthError("moving the default route to \(endpoint.interface)", error)
        }
    }

    private func layCable(
        _ endpoint: Endpoint, _ network: BridgeNetwork, _ host: String, _ namespace: NetworkNamespace
    ) throws(SystemError) {
        var socket = try RouteSocket()
        guard let bridge = try socket.link(named: network.bridge) else {
            throw SystemError("looking up", errno: ENODEV, subject: "bridge \(network.bridge)")
        }
        let settings: [LinkSetting] = [.noLinkLocal, .port(Self.portFlags(network)), .up]
        // A port's MTU pulls its bridge's down, so both come from the network.
        try socket.execute([
            .createVeth(
                near: VethEnd(name: host),
                far: VethEnd(
                    name: endpoint.interface, hardwareAddress: endpoint.effectiveHardwareAddress?.bytes,
                    namespace: namespace),
                mtu: network.mtu, master: bridge.index)
        ])
        do throws(SystemError) {
            try socket.execute([.set(.name(host), settings)])
        } catch {
            try? socket.execute([.deleteLink(.name(host))])
            throw error
        }
    }

    /// With `br_netfilter` in force the firewall sees, and translates, packets on the bridge itself. A
    /// container that reaches itself by way of a published port then comes back through its own port,
    /// and members that may not talk are kept apart by the firewall, which knows published ports.
    /// Without it bridged packets pass the firewall by, and the ports themselves must be isolated.
    static func portFlags(_ network: BridgeNetwork) -> Set<PortFlag> {
        if Sysctl.read("bridge/bridge-nf-call-iptables") == "1" { return [.hairpin] }
        return network.peerTraffic == .denied ? [.isolated] : []
    }

    private func configureInside(
        _ endpoint: Endpoint, _ network: BridgeNetwork, _ namespace: NetworkNamespace
    ) throws(BerthError) {
        let hasV6 = endpoint.addresses.contains { $0.family == .v6 }
        do throws(SystemError) {
            try namespace.run { () throws(SystemError) in
                var socket = try RouteSocket()
                guard let link = try socket.link(named: endpoint.interface) else {
                    throw SystemError("looking up", errno: ENODEV, subject: endpoint.interface)
                }
                var requests: [RouteRequest] = [
                    .set(.name("lo"), [.up]), .set(.index(link.index), (hasV6 ? [] : [.noLinkLocal]) + [.up]),
                ]
                for address in endpoint.addresses {
                    guard let subnet = network.gateway(address.family)?.subnet else { continue }
                    requests.append(
                        .addAddress(
                            address.bytes, prefix: subnet.prefix,
                            broadcast: address.family == .v4 ? subnet.last.bytes : nil, to: link.index))
                }
                requests += Self.defaultGateways(endpoint, network).map { .addRoute(gateway: $0.bytes, on: link.index) }
                try socket.execute(requests)
            }
        } catch {
            throw BerthError("configuring \(endpoint.interface) inside the container", error)
        }
    }

    /// Gateways of the families in which the endpoint has both an address and the default route.
    private static func defaultGateways(_ endpoint: Endpoint, _ network: BridgeNetwork) -> [IPAddress] {
        guard endpoint.hasDefaultRoute, network.reach != .internal else { return [] }
        return network.gateways.map(\.address).filter { gateway in
            endpoint.addresses.contains { $0.family == gateway.family }
        }
    }

    private func deleteLink(_ name: String) throws(BerthError) {
        do throws(SystemError) {
            var socket = try RouteSocket()
            try socket.execute([.deleteLink(.name(name))])
        } catch {
            if error.errno == ENODEV { return }
            throw BerthError("removing interface \(name)", error)
        }
    }
}
