import Archive
import Errors
import Linux
import Synchronization
import Testing

@testable import CLI

@Suite struct BuildContextTests {
    /// A folder of its own for each test.
    private static func folder(_ files: [String: String]) throws -> String {
        let path = "/tmp/berth-cli-tests.\(UInt64.random(in: 0 ... .max))"
        try Files.makeDirectories(path)
        for (name, text) in files {
            try Files.makeDirectories(Files.parent(of: path + "/" + name))
            try Files.write(path + "/" + name, text)
        }
        return path
    }

    private func packed(_ source: BuildContextSource) throws -> [String] {
        let sink = BytesSink()
        let writer = TarWriter(sink)
        try source.pack(into: writer)
        try writer.finish()
        let reader = try TarReader(BytesSource(sink.bytes))
        var names: [String] = []
        while let entry = try reader.next() {
            #expect(entry.userID == 0 && entry.groupID == 0)
            names.append(entry.path.description)
        }
        return names
    }

    private func context(_ path: String, dockerfile: String? = nil) throws -> BuildContextSource {
        try BuildContextSource(context: path, dockerfile: dockerfile, in: WorkingFolder(path: "/", home: "/"))
    }

    @Test func ignoredFilesStayBehind() throws {
        let path = try Self.folder([
            "Dockerfile": "FROM scratch", ".dockerignore": "*\n!src/keep\n", "secret": "x", "src/keep/a": "a",
            "src/drop": "b", "node_modules/x": "c",
        ])
        defer { try? Files.removeTree(path) }
        let names = try packed(context(path))
        #expect(names == [".dockerignore", "Dockerfile", "src/", "src/keep/", "src/keep/a"])
    }

    @Test func aDockerfileElsewhereIsAdded() throws {
        let path = try Self.folder(["a": "a"])
        let other = try Self.folder(["Own": "FROM scratch"])
        defer {
            try? Files.removeTree(path)
            try? Files.removeTree(other)
        }
        let source = try context(path, dockerfile: other + "/Own")
        #expect(try packed(source) == ["a", source.dockerfile])
    }

    @Test func itsOwnIgnoreFileWins() throws {
        let path = try Self.folder([
            "docker/Prod": "FROM scratch", "docker/Prod.dockerignore": "b", ".dockerignore": "a", "a": "", "b": "",
        ])
        defer { try? Files.removeTree(path) }
        let source = try context(path, dockerfile: path + "/docker/Prod")
        #expect(source.dockerfile == "docker/Prod")
        #expect(try packed(source) == [".dockerignore", "a", "docker/", "docker/Prod", "docker/Prod.dockerignore"])
    }

    @Test func whatIsMissingIsNamed() throws {
        let path = try Self.folder(["a": "a"])
        defer { try? Files.removeTree(path) }
        let folder = #expect(throws: BerthError.self) { try context("/nowhere/at/all") }
        #expect(folder?.message == "unable to prepare context: path \"/nowhere/at/all\" not found")
        let file = #expect(throws: BerthError.self) { try context(path) }
        #expect(file?.message.hasSuffix("lstat \(path)/Dockerfile: no such file or directory") == true)
    }

    @Test func endsOfCopies() {
        #expect(CopyEnd("web:/etc/hosts") == .container("web", path: "/etc/hosts"))
        #expect(CopyEnd("./a:b") == .local("./a:b"))
        #expect(CopyEnd("/a:b") == .local("/a:b"))
        #expect(CopyEnd("file") == .local("file"))
        #expect(CopyEnd("-") == .local("-"))
    }
}
