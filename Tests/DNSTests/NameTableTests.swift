import Errors
import Testing

@testable import DNS

@Suite struct NameTableTests {
    let text = """
        network blog_default
        172.18.0.2 blog-web-1 web 3f2a1b0c9d8e
        172.18.0.3 blog-web-2 Web 77ab01cd23ef
        fd00::2 blog-web-1 web
        """ + "\n"

    @Test func fileComesBack() {
        #expect(NameTable(parsing: text.utf8).render() == text)
        #expect(NameTable(parsing: "".utf8).render() == "")
    }

    @Test func lookups() {
        let table = NameTable(parsing: text.utf8)
        #expect(table.addresses(of: "WEB")?.map(\.description) == ["172.18.0.2", "172.18.0.3", "fd00::2"])
        #expect(table.addresses(of: "web.Blog_Default")?.count == 3)
        #expect(table.addresses(of: "web.other") == nil)
        #expect(table.name(of: IPAddress("172.18.0.3")!) == "blog-web-2.blog_default")
        #expect(table.name(of: IPAddress("172.18.0.9")!) == nil)
    }

    @Test func sharedAddressKeepsItsFirstName() throws {
        var table = NameTable(network: "n")
        try table.add(IPAddress("10.0.0.2")!, names: ["a", "x"])
        try table.add(IPAddress("10.0.0.2")!, names: ["b", "x"])
        #expect(table.name(of: IPAddress("10.0.0.2")!) == "a.n")
        #expect(table.addresses(of: "x")?.count == 1)
    }

    @Test func nonsenseIsPassedOver() {
        let table = NameTable(parsing: "version 9\n\n999.1.1.1 a\n10.0.0.1\n  10.0.0.2\tb \r\n# 10.0.0.3 c\n".utf8)
        #expect(table.entries == [.init(address: IPAddress("10.0.0.2")!, names: ["b"])])
    }

    @Test(arguments: ["", "a b", "a\nb", "\t", "a\u{7f}"])
    func namesThatWouldBreakTheFile(_ name: String) {
        var table = NameTable()
        #expect(throws: BerthError.self) { try table.add(IPAddress("10.0.0.2")!, names: ["ok", name]) }
        #expect(table.entries.isEmpty)
    }
}
