import DNS
import Errors
import Glibc
import Linux
import Testing

@testable import Networking

private let any = IPAddress("0.0.0.0")!
private let loopback = IPAddress("127.0.0.1")!

/// Real traffic between real namespaces. As root only; in namespaces of its own.
@Suite(.enabled(if: Lab.isPossible, "needs root")) struct BridgeDriverTests {
    /// Both ways that a kernel may treat packets on a bridge.
    @Test(arguments: ["0", "1"]) func publishedPortFromEverywhere(bridgeFiltering: String) throws {
        let lab = try Lab()
        defer { lab.close() }
        guard try lab.filtersOnBridges(bridgeFiltering) else { return }
        let front = try lab.network("brt1", "10.210.1.1/24")
        let back = try lab.network("brt2", "10.210.2.1/24")
        let web = try lab.container(
            "aaaaaa1", "10.210.1.2", in: front,
            ports: [PortMapping(.tcp, host: any, port: 8080, to: 80), PortMapping(.udp, host: any, port: 8080, to: 80)])
        let neighbour = try lab.container("aaaaaa2", "10.210.1.3", in: front)
        let stranger = try lab.container("aaaaaa3", "10.210.2.2", in: back)

        for transport in [TransportProtocol.tcp, .udp] {
            let server = try Listener(transport, port: 80, in: web.namespace)
            func seen(_ client: NetworkNamespace, _ address: IPAddress, _ port: UInt16 = 8080) throws -> String? {
                try server.seen(from: client, to: address, port: port)?.description
            }
            // The client's own address is kept.
            #expect(try seen(lab.world, Lab.hostAddress) == "10.219.0.2")
            #expect(try seen(lab.host, Lab.hostAddress) == "10.219.0.1")
            #expect(try seen(lab.host, loopback) == "10.210.1.1")
            // By way of the host: from the same bridge, from another one, from itself.
            #expect(try seen(neighbour.namespace, Lab.hostAddress) == "10.210.1.1")
            #expect(try seen(stranger.namespace, Lab.hostAddress) == "10.210.1.1")
            #expect(try seen(web.namespace, Lab.hostAddress) == "10.210.1.1")
            #expect(try seen(neighbour.namespace, IPAddress("10.210.1.1")!) == "10.210.1.1")
            // Directly: neighbours may, others may not.
            #expect(try seen(neighbour.namespace, IPAddress("10.210.1.2")!, 80) == "10.210.1.3")
            #expect(try seen(lab.host, IPAddress("10.210.1.2")!, 80) == "10.210.1.1")
            #expect(try !server.hears(from: stranger.namespace, to: IPAddress("10.210.1.2")!, port: 80))
            #expect(try !server.hears(from: lab.world, to: IPAddress("10.210.1.2")!, port: 80))
        }

        try lab.onHost { try $0.disconnect(web.endpoint, .containerStays) }
        let server = try Listener(.tcp, port: 80, in: web.namespace)
        #expect(try !server.hears(from: lab.world, to: Lab.hostAddress, port: 8080))
    }

    @Test func portOfOneAddress() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let web = try lab.container(
            "bbbbbb1", "10.210.1.2", in: network, ports: [PortMapping(.tcp, host: loopback, port: 8080, to: 80)])
        let server = try Listener(.tcp, port: 80, in: web.namespace)
        #expect(try server.seen(from: lab.host, to: loopback, port: 8080)?.description == "10.210.1.1")
        #expect(try !server.hears(from: lab.host, to: Lab.hostAddress, port: 8080))
        #expect(try !server.hears(from: lab.world, to: Lab.hostAddress, port: 8080))

        let live = PortMapping(.tcp, host: Lab.hostAddress, port: 8080, to: 80)
        try lab.onHost { try $0.publish([live], for: web.endpoint) }
        #expect(try server.seen(from: lab.world, to: Lab.hostAddress, port: 8080)?.description == "10.219.0.2")
        try lab.onHost { try $0.unpublish([live], for: web.endpoint) }
        try lab.onHost { try $0.unpublish([live], for: web.endpoint) }
        #expect(try !server.hears(from: lab.world, to: Lab.hostAddress, port: 8080))
    }

    @Test func takenPortLeavesNothing() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let port = PortMapping(.tcp, host: any, port: 8080, to: 80)
        _ = try lab.container("cccccc1", "10.210.1.2", in: network, ports: [port])
        let error = #expect(throws: BerthError.self) {
            try lab.container(
                "cccccc2", "10.210.1.3", in: network,
                ports: [PortMapping(.tcp, host: any, port: 8079, to: 80), port])
        }
        #expect(error?.message == "Bind for 0.0.0.0:8080 failed: port is already allocated")
        #expect(error?.code == .conflict)
        let state = try lab.onHost { driver in
            var socket = try RouteSocket()
            return (
                try socket.link(named: "vtstcccccc2") != nil, try driver.firewall.current()["published_any4"]?.count
            )
        }
        #expect(state == (false, 1))
    }

    @Test func wayOut() throws {
        let lab = try Lab()
        defer { lab.close() }
        let open = try lab.network("brt1", "10.210.1.1/24")
        let routed = try lab.network("brt2", "10.210.2.1/24", reach: .outside(masquerade: false))
        let closed = try lab.network("brt3", "10.210.3.1/24", reach: .internal)
        let a = try lab.container("dddddd1", "10.210.1.2", in: open)
        let b = try lab.container("dddddd2", "10.210.2.2", in: routed)
        let c = try lab.container("dddddd3", "10.210.3.2", in: closed)
        let d = try lab.container("dddddd4", "10.210.3.3", in: closed)
        let server = try Listener(.tcp, port: 80, in: lab.world)
        #expect(try server.seen(from: a.namespace, to: Lab.worldAddress, port: 80) == Lab.hostAddress)
        #expect(try server.seen(from: b.namespace, to: Lab.worldAddress, port: 80)?.description == "10.210.2.2")
        #expect(try !server.hears(from: c.namespace, to: Lab.worldAddress, port: 80))
        // Even with a route of its own making.
        try inside(c.namespace) {
            var socket = try RouteSocket()
            let link = try #require(try socket.link(named: "eth0"))
            try socket.execute([.addRoute(gateway: [10, 210, 3, 1], on: link.index)])
        }
        #expect(try !server.hears(from: c.namespace, to: Lab.worldAddress, port: 80))
        let peer = try Listener(.tcp, port: 80, in: d.namespace)
        #expect(try peer.seen(from: c.namespace, to: IPAddress("10.210.3.3")!, port: 80)?.description == "10.210.3.2")
    }

    @Test(arguments: ["0", "1"]) func membersThatMayNotTalk(bridgeFiltering: String) throws {
        let lab = try Lab()
        defer { lab.close() }
        guard try lab.filtersOnBridges(bridgeFiltering) else { return }
        let network = try lab.network("brt1", "10.210.1.1/24", peers: .denied)
        let a = try lab.container("eeeeee1", "10.210.1.2", in: network)
        let b = try lab.container(
            "eeeeee2", "10.210.1.3", in: network, ports: [PortMapping(.tcp, host: any, port: 8080, to: 80)])
        let server = try Listener(.tcp, port: 80, in: b.namespace)
        #expect(try !server.hears(from: a.namespace, to: IPAddress("10.210.1.3")!, port: 80))
        #expect(try server.seen(from: a.namespace, to: Lab.hostAddress, port: 8080)?.description == "10.210.1.1")
        #expect(try server.seen(from: lab.host, to: IPAddress("10.210.1.3")!, port: 80)?.description == "10.210.1.1")
    }

    @Test func configuredInside() throws {
        let lab = try Lab()
        defer { lab.close() }
        var network = try lab.network("brt1", "10.210.1.1/24")
        network.mtu = 1400
        let wanted = network
        try lab.onHost { try $0.create(wanted) }
        let a = try lab.container("ffffff1", "10.210.1.2", in: network)
        let (links, addresses, routes) = try inside(a.namespace) {
            var socket = try RouteSocket()
            return (try socket.links(), try socket.addresses(), try socket.routes())
        }
        let eth0 = try #require(links.first { $0.name == "eth0" })
        #expect(links.map(\.name).sorted() == ["eth0", "lo"])
        #expect(links.filter { !$0.isUp }.isEmpty)
        #expect(eth0.mtu == 1400)
        #expect(eth0.hardwareAddress == [0x02, 0x42, 10, 210, 1, 2])
        #expect(addresses.filter { $0.link == eth0.index }.map(\.address) == [[10, 210, 1, 2]])
        #expect(routes.contains { $0.prefix == 0 && $0.gateway == [10, 210, 1, 1] })

        // A second network for the running container, then the first one leaves.
        let other = try lab.network("brt2", "10.210.2.1/24")
        let second = Endpoint(
            id: "ffffff9", interface: "eth1", addresses: [IPAddress("10.210.2.9")!], hasDefaultRoute: false)
        try lab.onHost { driver in
            try driver.connect(second, to: other, in: a.namespace)
            try driver.disconnect(a.endpoint, .containerStays)
            try driver.setDefaultRoute(through: second, of: other, in: a.namespace)
        }
        let server = try Listener(.tcp, port: 80, in: lab.world)
        #expect(try server.seen(from: a.namespace, to: Lab.worldAddress, port: 80) == Lab.hostAddress)
    }

    @Test func nextDaemonTakesOver() throws {
        let lab = try Lab()
        defer { lab.close() }
        let kept = try lab.network("brt1", "10.210.1.1/24")
        let gone = try lab.network("brt2", "10.210.2.1/24")
        let port = PortMapping(.tcp, host: any, port: 8080, to: 80)
        let a = try lab.container("abcdef0", "10.210.1.2", in: kept, ports: [port])
        let b = try lab.container(
            "abcdef1", "10.210.1.3", in: kept, ports: [PortMapping(.tcp, host: any, port: 8081, to: 80)])
        let c = try lab.container("abcdef2", "10.210.2.3", in: gone)
        let server = try Listener(.tcp, port: 80, in: a.namespace)

        let foreign = try lab.onHost { _ in
            var socket = try RouteSocket()
            try socket.execute([.createBridge(name: "foreign0", hardwareAddress: [2, 0, 0, 0, 0, 1], mtu: nil)])
            let bridge = try #require(try socket.link(named: "foreign0"))
            try socket.execute([
                .createVeth(
                    near: VethEnd(name: "vtst1234567"), far: VethEnd(name: "other"), mtu: nil, master: bridge.index)
            ])
            return ["foreign0", "vtst1234567"]
        }
        try lab.onHost { try $0.start() }
        #expect(try server.seen(from: lab.world, to: Lab.hostAddress, port: 8080)?.description == "10.219.0.2")
        let leftovers = try lab.onHost { try $0.reconcile(networks: [kept], members: [.init(a.endpoint, of: kept)]) }
        #expect(leftovers == .init(bridges: ["brt2"], interfaces: [lab.driver.hostInterface(of: b.endpoint)], rules: 7))
        #expect(try server.seen(from: lab.world, to: Lab.hostAddress, port: 8080)?.description == "10.219.0.2")
        #expect(try lab.onHost { try $0.reconcile(networks: [kept], members: [.init(a.endpoint, of: kept)]) }.isEmpty)
        let names = try lab.onHost { _ in
            var socket = try RouteSocket()
            return try socket.links().map(\.name)
        }
        #expect(Set(foreign).isSubset(of: names))
        _ = (b, c)
    }

    /// Someone deletes the bridge and flushes the host's rules under a running container.
    @Test func damageIsRepaired() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let a = try lab.container(
            "abcdef1", "10.210.1.2", in: network, ports: [PortMapping(.tcp, host: any, port: 8080, to: 80)])
        let server = try Listener(.tcp, port: 80, in: a.namespace)
        #expect(try lab.onHost { try $0.isIntact() })
        try lab.onHost { driver in
            try driver.firewall.remove()
            var socket = try RouteSocket()
            try socket.execute([.deleteLink(.name("brt1"))])
        }
        #expect(try !lab.onHost { try $0.isIntact() })
        #expect(try !server.hears(from: lab.world, to: Lab.hostAddress, port: 8080))
        try lab.onHost { driver in
            try driver.start()
            _ = try driver.reconcile(networks: [network], members: [.init(a.endpoint, of: network)])
        }
        #expect(try server.seen(from: lab.world, to: Lab.hostAddress, port: 8080)?.description == "10.219.0.2")
    }

    @Test func everythingGoesAway() throws {
        let lab = try Lab()
        defer { lab.close() }
        let before = try lab.onHost { _ in Sysctl.read(Forwarding.name(.v4)) }
        #expect(before == "1")
        let network = try lab.network("brt1", "10.210.1.1/24")
        let a = try lab.container("abcdef0", "10.210.1.2", in: network)
        try lab.onHost { try $0.remove(network) }
        try lab.onHost { try $0.remove(network) }
        try lab.onHost { try $0.tearDown([network]) }
        let (links, tables, forwarding) = try lab.onHost { driver in
            var socket = try RouteSocket()
            return (
                try socket.links().map(\.name).sorted(), try driver.firewall.current(),
                Sysctl.read(Forwarding.name(.v4))
            )
        }
        #expect(links == ["lo", "up0"])
        #expect(tables.isEmpty)
        #expect(forwarding == "0")
        _ = a
    }

    /// Turning the host into a router for containers does not make it one for its neighbours.
    @Test func hostRoutesNothingElse() throws {
        let lab = try Lab()
        defer { lab.close() }
        let other = try NetworkNamespace.make()
        try lab.onHost { _ in
            var socket = try RouteSocket()
            try socket.execute([
                .createVeth(
                    near: VethEnd(name: "lan0"), far: VethEnd(name: "lan0", namespace: other), mtu: nil, master: nil),
                .set(.name("lan0"), [.up]),
            ])
            let link = try #require(try socket.link(named: "lan0"))
            try socket.execute([.addAddress([10, 218, 0, 1], prefix: 24, to: link.index)])
        }
        try inside(other) {
            var socket = try RouteSocket()
            let link = try #require(try socket.link(named: "lan0"))
            try socket.execute([
                .set(.index(link.index), [.up]), .addAddress([10, 218, 0, 2], prefix: 24, to: link.index),
                .addRoute(gateway: [10, 218, 0, 1], on: link.index),
            ])
        }
        let server = try Listener(.tcp, port: 80, in: other)
        #expect(try !server.hears(from: lab.world, to: IPAddress("10.218.0.2")!, port: 80))
        #expect(try server.seen(from: lab.host, to: IPAddress("10.218.0.2")!, port: 80)?.description == "10.218.0.1")
    }

    /// A sender that keeps one socket reaches the new container although its flow began earlier.
    @Test func udpFlowsFollowThePort() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let port = PortMapping(.udp, host: any, port: 5000, to: 5000)
        let client = try inside(lab.world) { try openSocket(.udp, family: AF_INET) }
        let own = try Listener(.udp, port: 5000, in: lab.host)
        #expect(connectSocket(client, Lab.hostAddress, 5000) == 0)
        try client.writeAll("1")
        #expect(try own.accept() == Lab.worldAddress)

        let a = try lab.container("aa00001", "10.210.1.2", in: network, ports: [port])
        let first = try Listener(.udp, port: 5000, in: a.namespace)
        try client.writeAll("2")
        #expect(try first.accept() == Lab.worldAddress)

        try lab.onHost { try $0.disconnect(a.endpoint, .namespaceEnds) }
        let b = try lab.container("aa00002", "10.210.1.3", in: network, ports: [port])
        let second = try Listener(.udp, port: 5000, in: b.namespace)
        try client.writeAll("3")
        #expect(try second.accept() == Lab.worldAddress)
    }

    /// `route_localnet` must not open the host's loopback to containers.
    @Test func loopbackOfTheHostStaysClosed() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let a = try lab.container("aa00001", "10.210.1.2", in: network)
        try inside(a.namespace) {
            // As an attacker with NET_ADMIN would: no loopback of its own, the host's by way of the gateway.
            try Files.writeKernel("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1")
            var socket = try RouteSocket()
            let eth0 = try #require(try socket.link(named: "eth0"))
            try socket.execute([.set(.name("lo"), [.down])])
            try socket.execute([.addRoute(to: ([127, 0, 0, 0], 8), gateway: [10, 210, 1, 1], on: eth0.index)])
        }
        let server = try Listener(.tcp, port: 80, in: lab.host)
        #expect(try server.seen(from: a.namespace, to: IPAddress("10.210.1.1")!, port: 80)?.description == "10.210.1.2")
        #expect(try !server.hears(from: a.namespace, to: loopback, port: 80))
    }

    @Test func version6() throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = BridgeNetwork(
            bridge: "brt6",
            gateways: [try InterfacePrefix(cidr: "10.210.6.1/24"), try InterfacePrefix(cidr: "fd00:210:6::1/64")])
        let namespace = try NetworkNamespace.make()
        let six = IPAddress("fd00:210:6::2")!
        let endpoint = Endpoint(
            id: "aa00001", interface: "eth0", addresses: [IPAddress("10.210.6.2")!, six],
            ports: [PortMapping(.tcp, host: IPAddress("::")!, port: 8080, to: 80)])
        try lab.onHost { driver in
            try driver.start(ipv6: true)
            try driver.create(network)
            try driver.create(network)
            try driver.connect(endpoint, to: network, in: namespace)
        }
        let server = try Listener(.tcp, port: 80, in: namespace)
        #expect(try server.seen(from: lab.host, to: six, port: 80)?.description == "fd00:210:6::1")
        #expect(
            try server.seen(from: lab.host, to: IPAddress("fd00:210:6::1")!, port: 8080)?.description == "fd00:210:6::1"
        )
        #expect(
            try server.seen(from: namespace, to: IPAddress("fd00:210:6::1")!, port: 8080)?.description
                == "fd00:210:6::1")
    }

    /// Two daemons on one host, of which the first turned routing on.
    @Test func sideBySide() throws {
        let lab = try Lab()
        defer { lab.close() }
        let second = try BridgeDriver(defaultBridge: "brt9", executionRoot: lab.root + "/second", vethPrefix: "vtwo")
        let network = BridgeNetwork(bridge: "brt9", gateways: [try InterfacePrefix(cidr: "10.210.9.1/24")])
        let endpoint = Endpoint(id: "0000001", interface: "eth0", addresses: [IPAddress("10.210.9.2")!])
        let namespace = try NetworkNamespace.make()
        try inside(lab.host) {
            try second.start()
            try second.create(network)
            try second.connect(endpoint, to: network, in: namespace)
        }
        let server = try Listener(.tcp, port: 80, in: lab.world)
        #expect(try server.seen(from: namespace, to: Lab.worldAddress, port: 80) == Lab.hostAddress)
        try lab.onHost { try $0.tearDown([]) }
        #expect(try server.seen(from: namespace, to: Lab.worldAddress, port: 80) == Lab.hostAddress)
        let addresses = try lab.onHost { try $0.addresses(ofInterface: "brt9") }
        #expect(addresses.map(\.description) == ["10.210.9.1/24"])
    }

    @Test func manyAtOnce() async throws {
        let lab = try Lab()
        defer { lab.close() }
        let network = try lab.network("brt1", "10.210.1.1/24")
        let members = try await withThrowingTaskGroup(of: (NetworkNamespace, Endpoint).self) { group in
            for number in 0..<24 {
                group.addTask {
                    try lab.container(
                        "\(1_000_000 + number)", "10.210.1.\(number + 2)", in: network,
                        ports: [PortMapping(.tcp, host: any, port: UInt16(8000 + number), to: 80)])
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(try lab.onHost { try $0.firewall.current()["published_any4"]?.count } == 24)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (_, endpoint) in members {
                group.addTask { try lab.onHost { try $0.disconnect(endpoint, .namespaceEnds) } }
            }
            try await group.waitForAll()
        }
        #expect(try lab.onHost { try $0.firewall.current()["published_any4"]?.count } == 0)
    }

    @Test func ownerOfAPort() throws {
        let lab = try Lab()
        defer { lab.close() }
        let listener = try Listener(.tcp, port: 4321, in: lab.host)
        let owner = try lab.onHost { _ in PortOwner.find(.tcp, loopback, port: 4321) }
        #expect(owner?.pid == getpid())
        #expect(owner?.arguments.isEmpty == false)
        #expect(try lab.onHost { _ in PortOwner.find(.tcp, loopback, port: 4322) } == nil)
        _ = listener
    }

    @Test func hostRoutesAreAvoided() throws {
        let lab = try Lab()
        defer { lab.close() }
        let taken = try lab.onHost { _ in try AddressPools.takenByHost() }
        #expect(taken.contains(try Subnet(cidr: "10.219.0.0/24")))
        #expect(taken.filter { $0.prefix == 0 }.isEmpty)
    }
}
