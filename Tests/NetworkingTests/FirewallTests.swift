import Errors
import Linux
import Testing

@testable import Networking

@Suite struct FirewallElementsTests {
    let network = BridgeNetwork(
        bridge: "brt1", gateways: [InterfacePrefix(IPAddress("10.210.1.1")!, in: try! Subnet(cidr: "10.210.1.0/24"))!])

    @Test func networkWithAWayOut() {
        let elements = Firewall.elements(of: network)
        let name: [UInt8] = Array("brt1".utf8) + Array(repeating: 0, count: 12)
        let range: Set = [SetElement([10, 210, 1, 0]), SetElement([10, 210, 2, 0], endsInterval: true)]
        #expect(
            elements == [
                "bridges": [SetElement(name)], "within": [SetElement(name + name)], "subnets4": range,
                "masquerade4": range,
            ])
    }

    @Test func internalNetwork() {
        var network = network
        network.reach = .internal
        let elements = Firewall.elements(of: network)
        #expect(elements["internal"]?.count == 1)
        #expect(elements["masquerade4"] == nil)
    }

    @Test func lastRangeHasNoEnd() {
        var network = network
        network.gateways = [InterfacePrefix(IPAddress("255.255.255.1")!, in: try! Subnet(cidr: "255.255.255.0/24"))!]
        #expect(Firewall.elements(of: network)["subnets4"] == [SetElement([255, 255, 255, 0])])
    }

    @Test func ports() {
        let elements = Firewall.elements(
            of: [
                PortMapping(.tcp, host: IPAddress("0.0.0.0")!, port: 8080, to: 80),
                PortMapping(.udp, host: IPAddress("127.0.0.1")!, port: 53, to: 5353),
                PortMapping(.tcp, host: IPAddress("::")!, port: 8080, to: 80),
            ], to: [IPAddress("10.210.1.2")!])
        #expect(
            elements == [
                "published_any4": [SetElement([6, 0, 0, 0, 0x1f, 0x90, 0, 0], to: [10, 210, 1, 2, 0, 80, 0, 0])],
                "published4": [
                    SetElement([127, 0, 0, 1, 17, 0, 0, 0, 0, 53, 0, 0], to: [10, 210, 1, 2, 0x14, 0xe9, 0, 0])
                ],
            ])
    }

    @Test func tableNames() {
        #expect(Ruleset.tableName(defaultBridge: "berth0") == "berth0")
        #expect(Ruleset.tableName(defaultBridge: "brt0") == "berth_brt0")
        #expect(Ruleset.tableName(defaultBridge: "a b;{") == "berth_a_b__")
    }

    @Test func hardwareAddresses() {
        #expect(HardwareAddress(for: IPAddress("172.18.0.2")!).description == "02:42:ac:12:00:02")
        #expect(HardwareAddress("02-42-AC-12-00-02")?.description == "02:42:ac:12:00:02")
        for text in ["", "02:42:ac:12:00", "01:00:5e:00:00:01", "02:42:ac:12:00:+2", "02:42:ac:12:00:02:03"] {
            #expect(HardwareAddress(text) == nil)
        }
    }

    @Test func socketTable() {
        let text = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0 100 0 0 10 0
               1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1235 1 0 100 0 0 10 0
               2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1
               3: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 78 1
            broken
            """
        let sockets = SocketTable.sockets(in: text)
        #expect(sockets.map(\.inode) == [1234, 1235, 77, 78])
        #expect(sockets[0].holds(IPAddress("127.0.0.1")!, 8080, .tcp))
        #expect(sockets[0].holds(IPAddress("0.0.0.0")!, 8080, .tcp))
        #expect(!sockets[0].holds(IPAddress("10.0.0.1")!, 8080, .tcp))
        #expect(!sockets[1].holds(IPAddress("127.0.0.1")!, 8080, .tcp))
        #expect(sockets[2].holds(IPAddress("10.0.0.1")!, 80, .tcp))
        #expect(sockets[3].holds(IPAddress("127.0.0.1")!, 81, .tcp))
    }
}
