import Archive
import EngineAPI
import Errors
import Glibc
import Linux
import Testing

@testable import Engine

/// Needs root, for owners and devices.
@Suite(.enabled(if: geteuid() == 0))
struct FilesTests {
    private let directory: ScratchDirectory
    private let files: ContainerFiles

    init() throws {
        directory = try ScratchDirectory()
        for path in ["etc", "data/sub", "tmp"] { try Files.makeDirectories("\(directory.path)/\(path)") }
        try Files.write(directory.path + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n")
        try Files.write(directory.path + "/data/file", "hello", mode: 0o640)
        try Files.write(directory.path + "/data/sub/deep", "deep")
        let root = try FileDescriptor.openDirectory(directory.path)
        try root.makeSymbolicLink("link", to: "/data")
        try root.makeSymbolicLink("escape", to: "../../../../etc/hostname")
        try root.makeSymbolicLink("broken", to: "/nowhere/at/all")
        files = ContainerFiles(root: root, container: "box")
    }

    private func names(_ path: String, skipping: Set<String> = []) throws -> [String] {
        let sink = BytesSink()
        try files.read(path, to: sink, skipping: skipping)
        let reader = try TarReader(BytesSource(sink.bytes))
        var names: [String] = []
        while let entry = try reader.next() { names.append(entry.path.description) }
        return names
    }

    // MARK: Status

    @Test func statusIsGos() throws {
        let file = try files.stat("/data/file")
        #expect(file.name == "file")
        #expect(file.size == 5)
        #expect(file.mode == 0o640)
        #expect(file.mtime.hasSuffix("Z"))
        #expect(try files.stat("data/sub").mode == 0o755 | 1 << 31)
        let link = try files.stat("/link")
        #expect(link.mode & 1 << 27 != 0)
        #expect(link.linkTarget == "/data")
        #expect(try files.stat("/link/").mode & 1 << 31 != 0)
        #expect(try files.stat("/link/.").name == ".")
        #expect(try files.stat("/").name == "/")
        #expect(try files.stat("/broken").linkTarget == "/nowhere/at/all")
        #expect(try files.stat("/escape").linkTarget == "/etc/hostname")
    }

    @Test func whatIsMissingIsNamed() {
        for path in ["/no/such", "/broken/"] {
            let error = #expect(throws: BerthError.self) { try files.stat(path) }
            #expect(error?.message == "Could not find the file \(path) in container box")
            #expect(error?.code == .notFound)
        }
        // Inside the root there is no such file, whatever the host has.
        #expect(throws: BerthError.self) { try files.read("/escape/", to: BytesSink()) }
    }

    // MARK: Reading

    @Test func entriesBeginWithTheLastPart() throws {
        #expect(try names("/data/file") == ["file"])
        #expect(try names("/data") == ["data/", "data/file", "data/sub/", "data/sub/deep"])
        #expect(try names("/data/") == ["data/", "data/file", "data/sub/", "data/sub/deep"])
        #expect(try names("/data/.") == ["./", "./file", "./sub/", "./sub/deep"])
        #expect(try names("/link") == ["link"])
        #expect(try names("/link/") == ["link/", "link/file", "link/sub/", "link/sub/deep"])
        #expect(try names("/link/sub") == ["sub/", "sub/deep"])
        let all = try names("/", skipping: ["/data"])
        #expect(all.contains("/etc/passwd"))
        #expect(all.contains("/data/"))
        #expect(!all.contains("/data/file"))
    }

    @Test func exportLeavesMountsEmpty() throws {
        let sink = BytesSink()
        try files.export(to: sink, mountPoints: ["/data/sub", "/data/sub/deep", "/etc/passwd"])
        let reader = try TarReader(BytesSource(sink.bytes))
        var sizes: [String: Int64] = [:]
        while let entry = try reader.next() { sizes[entry.path.description] = entry.size }
        #expect(sizes["data/sub/"] == 0)
        #expect(sizes["data/sub/deep"] == nil)
        #expect(sizes["etc/passwd"] == 0)
        #expect(sizes["data/file"] == 5)
    }

    // MARK: Writing

    private func archive() throws -> [UInt8] {
        let sink = BytesSink()
        let writer = TarWriter(sink)
        try writer.add(
            TarEntry(path: "new", kind: .file, mode: 0o600, userID: 7, groupID: 8), contents: Array("new".utf8))
        try writer.finish()
        return sink.bytes
    }

    @Test func archivesAreExtracted() throws {
        try files.write(ArchivePutOptions(path: "/link"), from: BytesSource(try archive()), user: "")
        #expect(try Files.readText(directory.path + "/data/new") == "new")
        #expect(try Files.status(directory.path + "/data/new").userID == 7)
        try files.write(
            ArchivePutOptions(path: "/tmp", copyUIDGID: true), from: BytesSource(try archive()), user: "web")
        #expect(try Files.status(directory.path + "/tmp/new").userID == 33)
        #expect(try Files.status(directory.path + "/tmp/new").groupID == 34)
    }

    @Test func mistakesAreToldInDockersWords() throws {
        func message(_ path: String, _ files: ContainerFiles) -> (String?, BerthError.Code?) {
            let error = #expect(throws: BerthError.self) {
                try files.write(ArchivePutOptions(path: path), from: BytesSource(try archive()), user: "")
            }
            return (error?.message, error?.code)
        }
        #expect(message("/data/file", files) == ("extraction point is not a directory", .invalidArgument))
        #expect(message("/none", files) == ("Could not find the file /none in container box", .notFound))
        var readOnly = files
        readOnly.rootIsReadOnly = true
        #expect(message("/tmp", readOnly) == ("container rootfs is marked read-only", .permissionDenied))
        readOnly.mounts = [.bind("/x", "/tmp")]
        try readOnly.write(ArchivePutOptions(path: "/tmp"), from: BytesSource(try archive()), user: "")
        readOnly.mounts[0].isReadOnly = true
        #expect(message("/tmp", readOnly) == ("mounted volume is marked read-only", .permissionDenied))
    }

    // MARK: Streams

    @Test func streamsConnectThreadsAndTasks() async throws {
        let sink = CollectingSink()
        let payload = [UInt8](repeating: 7, count: 3_000_000)
        try await ArchiveTransfer.send(to: sink) { output in
            try output.write(payload)
            try output.finish()
        }
        #expect(sink.bytes == payload)

        let chunks = ChunkSource(chunks: 400)
        let total = try await ArchiveTransfer.receive(RequestBody { await chunks.next() }) { source in
            var total = 0
            while true {
                let bytes = try source.next()
                if bytes.isEmpty { return total }
                total += bytes.count
            }
        }
        #expect(total == 400 * 1000)
    }

    @Test func aStreamThatFailsSaysWhy() async throws {
        await #expect(throws: BerthError.self) {
            try await ArchiveTransfer.send(to: CollectingSink()) { _ in throw BerthError.internal("no") }
        }
        let chunks = ChunkSource(chunks: 400)
        await #expect(throws: BerthError.self) {
            try await ArchiveTransfer.receive(RequestBody { await chunks.next() }) { _ in
                throw BerthError.internal("no")
            }
        }
        await #expect(throws: BerthError.self) {
            try await ArchiveTransfer.receive(RequestBody { throw BerthError.internal("gone") }) {
                try $0.drain()
            }
        }
    }

    // MARK: Layers

    @Test func changesAreToldFromTheLayers() throws {
        let base = directory.path
        for path in ["l1/etc", "l1/gone", "l2/opt", "up/etc", "up/new", "up/opt", "up/dev", "up/sbin"] {
            try Files.makeDirectories("\(base)/\(path)")
        }
        for file in [
            "l1/etc/a", "l1/gone/x", "l2/opt/old", "up/etc/a", "up/etc/hosts", "up/new/f", "up/opt/fresh", "l1/rm",
        ] {
            try Files.write("\(base)/\(file)", file.hasSuffix("hosts") ? "" : file)
        }
        let up = try FileDescriptor.openDirectory(base + "/up")
        try up.makeNode("rm", mode: S_IFCHR, device: 0)
        try up.makeNode("never", mode: S_IFCHR, device: 0)
        try Files.write(base + "/up/sbin/docker-init", "")
        try FileDescriptor.openDirectory(base + "/up/opt").setExtendedAttribute(
            "trusted.overlay.opaque", Array("y".utf8))
        let changes = try LayerChanges.find(upper: base + "/up", lower: [base + "/l1", base + "/l2"])
        #expect(
            changes.map { "\(["C", "A", "D"][$0.kind]) \($0.path)" } == [
                "C /etc", "C /etc/a", "A /new", "A /new/f", "C /opt", "A /opt/fresh", "D /opt/old", "D /rm",
            ])
    }

    @Test func volumesAreFilledOnce() throws {
        let base = directory.path
        let source = try FileDescriptor.openDirectory(base + "/data")
        try source.makeLink("twin" as RawPath, to: "file" as RawPath, in: source)
        try source.makeSymbolicLink("soft", to: "file")
        try source.makeNode("pipe", mode: S_IFIFO | 0o600)
        try source.changeOwner("file", user: 5, group: 6)
        try source.changeMode(0o1777)
        let original = try source.open("file" as RawPath, O_RDONLY)
        // Not every file system of a temporary directory takes it.
        try? original.setExtendedAttribute("user.note", Array("hi".utf8))
        try Files.makeDirectory(base + "/volume")
        #expect(try TreeCopy.fill(base + "/volume", from: source))
        let volume = try FileDescriptor.openDirectory(base + "/volume")
        let file = try volume.status(of: "file" as RawPath)
        #expect(file.userID == 5)
        #expect(file.permissions == 0o640)
        #expect(file.modified == (try source.status(of: "file" as RawPath)).modified)
        #expect(file.inode == (try volume.status(of: "twin" as RawPath)).inode)
        #expect(try volume.readLink("soft") == "file")
        #expect(try volume.status(of: "pipe" as RawPath).kind == .fifo)
        #expect(try volume.status().permissions == 0o1777)
        let note = try volume.open("file" as RawPath, O_RDONLY).extendedAttribute("user.note")
        #expect(try note == original.extendedAttribute("user.note"))
        #expect(try Files.readText(base + "/volume/sub/deep") == "deep")
        #expect(try !TreeCopy.fill(base + "/volume", from: source))
        #expect(TreeSize.bytes(of: base + "/volume") == 5 + 4 + 4)
    }
}

/// Gives some chunks of a thousand bytes.
private actor ChunkSource {
    private var left: Int
    init(chunks: Int) { left = chunks }

    func next() -> [UInt8]? {
        if left == 0 { return nil }
        left -= 1
        return [UInt8](repeating: 1, count: 1000)
    }
}
