import CLinux
import Glibc
import Testing

@testable import Linux

/// Bytes from hexadecimal text; white space is free.
private func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue).map(UInt8.init)
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

@Suite struct NetlinkMessageTests {
    @Test func linkUp() {
        #expect(
            RouteRequest.set(.index(3), [.up]).message.bytes
                == hex(
                    """
                    20000000 1000 0500 00000000 00000000
                    00 00 0000 03000000 01000000 01000000
                    """))
    }

    @Test func portOfBridgeByName() {
        #expect(
            RouteRequest.set(.name("veth1"), [.master(7), .down]).message.bytes
                == hex(
                    """
                    34000000 1000 0500 00000000 00000000
                    00 00 0000 00000000 00000000 01000000
                    0a00 0300 7665746831 00 0000
                    0800 0a00 07000000
                    """))
    }

    @Test func bridge() {
        #expect(
            RouteRequest.createBridge(name: "brt0", hardwareAddress: [2, 0x42, 1, 2, 3, 4], mtu: 1500).message.bytes
                == hex(
                    """
                    50000000 1000 0506 00000000 00000000
                    00 00 0000 00000000 00000000 00000000
                    0900 0300 6272743000 000000
                    0a00 0100 024201020304 0000
                    0800 0400 dc050000
                    1000 1200 0a00 0100 627269646765 0000
                    """))
    }

    @Test func veth() {
        let request = RouteRequest.createVeth(
            near: VethEnd(name: "va"), far: VethEnd(name: "eth0", hardwareAddress: [2, 0x42, 10, 0, 0, 2]),
            mtu: nil, master: 5)
        #expect(
            request.message.bytes
                == hex(
                    """
                    6c000000 1000 0506 00000000 00000000
                    00 00 0000 00000000 00000000 00000000
                    0700 0300 766100 00
                    0800 0a00 05000000
                    3c00 1200
                      0800 0100 76657468
                      3000 0200
                        2c00 0100
                          00 00 0000 00000000 00000000 00000000
                          0900 0300 6574683000 000000
                          0a00 0100 02420a000002 0000
                    """))
    }

    @Test func address() {
        #expect(
            RouteRequest.addAddress([10, 200, 0, 2], prefix: 24, broadcast: [10, 200, 0, 255], to: 2).message.bytes
                == hex(
                    """
                    30000000 1400 0506 00000000 00000000
                    02 18 00 00 02000000
                    0800 0200 0ac80002
                    0800 0100 0ac80002
                    0800 0400 0ac800ff
                    """))
    }

    @Test func defaultRoute() {
        #expect(
            RouteRequest.addRoute(gateway: [10, 200, 0, 1], on: 2).message.bytes
                == hex(
                    """
                    2c000000 1800 0506 00000000 00000000
                    02 00 00 00 fe 04 00 01 00000000
                    0800 0500 0ac80001
                    0800 0400 02000000
                    """))
    }

    /// As `nft --debug=mnl` shows it for `add element inet brt0 published4 { 10.1.2.4 . tcp . 80 : 10.2.3.4 . 8080 }`.
    @Test func mapElement() {
        var transaction = ElementTransaction(table: "brt0")
        transaction.add(
            [SetElement([10, 1, 2, 4, 6, 0, 0, 0, 0, 80, 0, 0], to: [10, 2, 3, 4, 0x1f, 0x90, 0, 0])], to: "published4")
        #expect(
            transaction.messages.map(\.bytes) == [
                hex(
                    """
                    5c000000 0c0a 0504 00000000 00000000
                    01000000
                    0900 0100 6272743000 000000
                    0f00 0200 7075626c697368656434 00 00
                    2c00 0380 2800 0180
                      1400 0180 1000 0100 0a010204 06000000 00500000
                      1000 0280 0c00 0100 0a020304 1f900000
                    """)
            ])
    }

    @Test func transactionFrame() {
        var transaction = ElementTransaction(table: "t")
        transaction.delete((0..<300).map { SetElement([0, 0, UInt8($0 >> 8), UInt8($0 & 255)]) }, from: "s")
        let framed = transaction.framed
        #expect(framed.count == 4)
        #expect(framed[0].bytes == hex("14000000 1000 0100 00000000 00000000 0000000a"))
        #expect(framed[3].bytes == hex("14000000 1100 0100 00000000 00000000 0000000a"))
        #expect(framed[1].bytes.prefix(8) == hex("28100000 0e0a 0500")[...])
    }

    @Test func elementsComeBack() throws {
        var transaction = ElementTransaction(table: "t")
        let elements = [
            SetElement([1, 2, 3, 4]), SetElement([1, 2, 4, 0], endsInterval: true), SetElement([9], to: [8, 7]),
        ]
        transaction.add(elements, to: "s")
        let message = try #require(transaction.messages.first).bytes
        #expect(NetfilterSocket.elements(NetlinkReply(type: 0, payload: message[16...])) == elements)
    }

    @Test func link() throws {
        var message = NetlinkMessage(UInt16(RTM_NEWLINK), flags: 0, call: "")
        var header = ifinfomsg()
        header.ifi_index = 4
        header.ifi_flags = 1
        message.append(header)
        message.attribute(IFLA_IFNAME, "veth0")
        message.attribute(IFLA_MTU, UInt32(1400))
        message.attribute(IFLA_MASTER, UInt32(9))
        message.nested(IFLA_LINKINFO) { $0.attribute(IFLA_INFO_KIND, "veth") }
        let link = try #require(
            RouteSocket.link(NetlinkReply(type: UInt16(RTM_NEWLINK), payload: message.bytes[16...])))
        #expect(
            link
                == Link(
                    index: 4, name: "veth0", isUp: true, mtu: 1400, hardwareAddress: [], master: 9, kind: "veth",
                    peer: nil))
    }

    @Test(arguments: ["", "00", "0300 0100", "ffff 0100 00", "0800 0100 0000"])
    func brokenAttributesEndTheList(_ text: String) {
        #expect(Array(NetlinkAttributes(hex(text)[...])).isEmpty)
    }

    @Test func noise() {
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...120)).map { _ in UInt8.random(in: 0...255) }[...]
            for (_, value) in NetlinkAttributes(bytes) { _ = Array(NetlinkAttributes(value)) }
            _ = RouteSocket.link(NetlinkReply(type: UInt16(RTM_NEWLINK), payload: bytes))
            _ = NetfilterSocket.elements(NetlinkReply(type: 0, payload: bytes))
        }
    }
}

/// Needs no privilege: every process may read its own namespace.
@Suite struct NetlinkSocketTests {
    @Test func loopbackIsThere() throws {
        var socket = try RouteSocket()
        let lo = try #require(try socket.link(named: "lo"))
        #expect(lo.index == 1)
        #expect(try socket.links().contains { $0.name == "lo" })
        #expect(try socket.link(named: "nosuchlink0") == nil)
        _ = try socket.addresses()
        _ = try socket.routes()
    }

    @Test func refusalsSayWhy() throws {
        let error = try #require(throws: SystemError.self) {
            var socket = try RouteSocket()
            try socket.execute([.deleteLink(.name("nosuchlink0"))])
        }
        #expect(error.description.contains("RTM_DELLINK nosuchlink0"))
    }
}
