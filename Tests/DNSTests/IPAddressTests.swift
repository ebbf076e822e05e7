import Testing

@testable import DNS

@Suite struct IPAddressTests {
    @Test(arguments: [
        "0.0.0.0", "127.0.0.1", "172.18.0.2", "255.255.255.255", "::", "::1", "fd00::2", "1:2:3:4:5:6:7:8",
        "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1", "fe80::", "1::8",
    ])
    func textComesBack(_ text: String) {
        #expect(IPAddress(text)?.description == text)
    }

    @Test(arguments: [
        ("FD00:0:0:0:0:0:0:2", "fd00::2"), ("::ffff:1.2.3.4", "::ffff:102:304"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("0:0:0:0:0:0:0:0", "::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func canonicalForm(_ text: String, _ canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.+4", "a.b.c.d", ":", ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::+1", "1.2.3.4::", "fe80::1%eth0", "1:2:3:4:5:6:7:8::",
    ])
    func refused(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func bytesInNetworkOrder() {
        #expect(IPAddress("172.18.0.2")?.bytes == [172, 18, 0, 2])
        #expect(IPAddress(bytes: [10, 1, 2, 3])?.description == "10.1.2.3")
        #expect(IPAddress("fd00::1:2")!.bytes == [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2])
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }
}
