import Glibc
import Linux
import Synchronization
import Testing

@testable import Networking

private final class Book: Sendable {
    let table = Mutex(NameTable(network: "n"))
}

@Suite struct NameFilesTests {
    private static func temporaryRoot() throws -> String {
        var template = Array("/tmp/berth-names-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whoever comes last, everybody's names end up in the file.
    @Test func manyWriters() async throws {
        let root = try Self.temporaryRoot()
        defer { try? Files.removeTree(root) }
        let files = NameFiles(executionRoot: root)
        let book = Book()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for host in 0..<200 {
                group.addTask {
                    try book.table.withLock {
                        try $0.add(IPAddress(.v4, 0x0ad2_0000 + UInt128(host)), names: ["c\(host)"])
                    }
                    try files.update(ofNetwork: "id") { book.table.withLock { $0 } }
                }
            }
            try await group.waitForAll()
        }
        #expect(NameTable(parsing: try Files.read(files.path(ofNetwork: "id"))).entries.count == 200)
        #expect(try FileDescriptor.openDirectory(files.directory).entries() == ["id.names"])
    }

    @Test func replacedAndRemoved() throws {
        let root = try Self.temporaryRoot()
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
