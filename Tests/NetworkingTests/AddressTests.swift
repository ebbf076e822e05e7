import Errors
import Testing

@testable import Networking

private func subnet(_ text: String) -> Subnet {
    do { return try Subnet(cidr: text) } catch { fatalError("\(error)") }
}

@Suite struct SubnetTests {
    @Test func parts() throws {
        let net = try Subnet(cidr: "172.18.0.0/16")
        #expect(net.description == "172.18.0.0/16")
        #expect(net.last.description == "172.18.255.255")
        #expect(net.contains(IPAddress("172.18.3.4")!))
        #expect(!net.contains(IPAddress("172.19.0.0")!))
        #expect(!net.contains(IPAddress("::1")!))
        #expect(try Subnet(cidr: "::/0").last.description == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.200.1.0/24", true), ("10.1.0.0/16", "10.0.0.0/8", true),
        ("10.1.0.0/16", "10.2.0.0/16", false),
        ("0.0.0.0/0", "10.2.0.0/16", true), ("fd00::/64", "10.2.0.0/16", false), ("fd00::/64", "fd00::8:0/112", true),
    ])
    func overlap(_ a: String, _ b: String, _ expected: Bool) {
        #expect(subnet(a).overlaps(subnet(b)) == expected)
        #expect(subnet(b).overlaps(subnet(a)) == expected)
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/24", "x/8", "/8", "fd00::/129"])
    func refused(_ text: String) {
        #expect(throws: BerthError.self) { try Subnet(cidr: text) }
    }

    @Test func refusalNamesTheRemedy() {
        let error = #expect(throws: BerthError.self) { try Subnet(cidr: "10.0.0.7/24") }
        #expect(error?.message.contains("10.0.0.0/24") == true)
    }

    @Test func bip() throws {
        let bip = try InterfacePrefix(cidr: "10.210.0.9/24")
        #expect(bip.address.description == "10.210.0.9")
        #expect(bip.subnet == subnet("10.210.0.0/24"))
        #expect(bip.description == "10.210.0.9/24")
    }
}

@Suite struct AddressPoolsTests {
    @Test func standardOrder() throws {
        var taken: [Subnet] = []
        for _ in 0..<31 { taken.append(try AddressPools.standard.choose(avoiding: taken)) }
        #expect(taken[0].description == "172.17.0.0/16")
        #expect(taken[14].description == "172.31.0.0/16")
        #expect(taken[15].description == "192.168.0.0/20")
        #expect(taken[30].description == "192.168.240.0/20")
        let error = #expect(throws: BerthError.self) { try AddressPools.standard.choose(avoiding: taken) }
        #expect(error?.message.hasPrefix("all predefined address pools have been fully subnetted") == true)
    }

    @Test func obstaclesAreJumped() throws {
        let pools = AddressPools([try .init(option: "base=10.0.0.0/8,size=24")])
        #expect(
            try pools.choose(avoiding: [subnet("10.0.0.0/9"), subnet("10.128.0.128/25")]).description == "10.128.1.0/24"
        )
        #expect(throws: BerthError.self) { try pools.choose(avoiding: [subnet("0.0.0.0/0")]) }
        #expect(throws: BerthError.self) { try pools.choose(.v6, avoiding: []) }
        let end = AddressPools([try .init(option: "base=255.255.255.0/24,size=25")])
        #expect(try end.choose(avoiding: [subnet("255.255.255.0/25")]).description == "255.255.255.128/25")
        #expect(throws: BerthError.self) {
            try end.choose(avoiding: [subnet("255.255.255.0/25"), subnet("255.255.255.255/32")])
        }
        let ula = AddressPools([try .init(option: "base=fd12:3456:789a::/48,size=64")])
        #expect(try ula.choose(.v6, avoiding: [subnet("fd12:3456:789a::/64")]).description == "fd12:3456:789a:1::/64")
    }

    @Test(arguments: [
        "", "base=10.0.0.0/8", "size=24", "base=10.0.0.0/8,size=7", "base=10.0.0.0/8,size=33", "base=10.0.0.0/8,size=x",
        "base=10.0.0.0/8,size=24,color=red",
    ])
    func optionsRefused(_ option: String) {
        #expect(throws: BerthError.self) { try AddressPools.Pool(option: option) }
    }

    @Test func overlapInDockersWords() {
        let error = #expect(throws: BerthError.self) {
            try AddressPools.check(subnet("10.1.0.0/16"), against: [subnet("10.0.0.0/8")])
        }
        #expect(error?.message.contains("Pool overlaps with other one on this address space") == true)
        #expect(error?.code == .permissionDenied)
    }
}

@Suite struct AddressAllocatorTests {
    @Test func lowestFirst() throws {
        var addresses = try AddressAllocator(subnet: subnet("10.210.0.0/29"), reserved: [IPAddress("10.210.0.1")!])
        for host in 2...6 { #expect(try addresses.allocate().description == "10.210.0.\(host)") }
        #expect(throws: BerthError.self) { try addresses.allocate() }
        addresses.release(IPAddress("10.210.0.4")!)
        addresses.release(IPAddress("10.210.0.3")!)
        addresses.release(IPAddress("10.210.0.3")!)
        #expect(try addresses.allocate().description == "10.210.0.3")
        #expect(try addresses.allocate().description == "10.210.0.4")
        #expect(throws: BerthError.self) { try addresses.allocate() }
    }

    @Test func wishes() throws {
        var addresses = try AddressAllocator(
            subnet: subnet("10.210.0.0/24"), range: subnet("10.210.0.128/30"), reserved: [IPAddress("10.210.0.1")!])
        try addresses.reserve(IPAddress("10.210.0.128")!)
        try addresses.reserve(IPAddress("10.210.0.5")!)
        #expect(try addresses.allocate().description == "10.210.0.129")
        #expect(throws: BerthError.self) { try addresses.reserve(IPAddress("10.210.0.5")!) }
        #expect(throws: BerthError.self) { try addresses.reserve(IPAddress("10.210.0.1")!) }
        #expect(throws: BerthError.self) { try addresses.reserve(IPAddress("10.211.0.1")!) }
        addresses.release(IPAddress("10.210.0.5")!)
        try addresses.reserve(IPAddress("10.210.0.5")!)
    }

    @Test func smallAndLarge() throws {
        var point = try AddressAllocator(subnet: subnet("10.210.0.0/31"))
        #expect(try point.allocate().description == "10.210.0.0")
        #expect(try point.allocate().description == "10.210.0.1")
        #expect(throws: BerthError.self) { try point.allocate() }
        var top = try AddressAllocator(subnet: subnet("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"))
        _ = try top.allocate()
        #expect(throws: BerthError.self) { try top.allocate() }
        var six = try AddressAllocator(
            subnet: subnet("fd00::/64"), reserved: [AddressAllocator.defaultGateway(of: subnet("fd00::/64"))])
        #expect(try six.allocate().description == "fd00::2")
    }
}
