import Glibc
import Linux
import Testing

@testable import Network

@Suite struct NameFilesTests {
    @Test func replacedAndRemoved() throws {
        var template = Array("/tmp/berth-names-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(root) }
        let files = NameFiles(executionRoot: root)
        var table = NameTable(network: "n")
        try table.add(IPAddress("10.210.0.2")!, names: ["a"])
        try files.write(table, ofNetwork: "id")
        try table.add(IPAddress("10.210.0.3")!, names: ["b", "a"])
        try files.write(table, ofNetwork: "id")
        #expect(NameTable(parsing: try Files.read(files.path(ofNetwork: "id"))) == table)
        #expect(try FileDescriptor.openDirectory(files.directory).entries() == ["id.names"])
        try files.remove(ofNetwork: "id")
        try files.remove(ofNetwork: "id")
        #expect(try FileDescriptor.openDirectory(files.directory).entries().isEmpty)
    }
}
