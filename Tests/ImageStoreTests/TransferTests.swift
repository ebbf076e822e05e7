import Archive
import Errors
import GRDB
import Glibc
import ImageStore
import Linux
import Logging
import OCI
import Testing

@Suite(.enabled(if: isRoot)) struct TransferTests {
    @Test func importMakesAnImage() throws {
        let scratch = try Scratch()
        var execution = ImageConfig.Execution()
        execution.cmd = ["/bin/sh"]
        let archive = try tar(["bin/sh": "shell", "etc/passwd": "root"])
        let image = try scratch.store.importRootFS(
            from: scratch.file(archive), reference: Reference("old:system"), config: execution, message: "hello")
        #expect(image.references.map(\.familiar) == ["old:system"])
        #expect(image.config.config?.cmd == ["/bin/sh"])
        #expect(image.config.history?.first?.comment == "hello")
        #expect(image.config.rootfs.diffIDs.count == 1)
        #expect(image.size == 9)
        let path = try #require(try scratch.store.layerPaths(of: image).sole())
        #expect(try Files.readText(path + "/bin/sh") == "shell")
        // The same tree, compressed, is the same layer.
        let again = try scratch.store.importRootFS(
            from: scratch.file(gzip(archive)), reference: nil, config: execution, message: nil)
        #expect(try scratch.store.layerPaths(of: again) == [path])
        #expect(try scratch.names(in: "layers").count == 2)
    }

    @Test func savedAndLoadedDigestsAreTheSame() throws {
        let scratch = try Scratch()
        let image = try scratch.import("a:1", ["f": "1", "d/g": "2"])
        try scratch.store.tag(image, as: Reference("a:2"))
        let other = try Scratch()
        let loaded = try other.store.load(from: other.file(scratch.save(["a:1", "a:2"])))
        #expect(loaded.map(\.image.id) == [image.id])
        #expect(loaded[0].image.manifestDigest == image.manifestDigest)
        #expect(loaded[0].references.map(\.familiar) == ["a:1", "a:2"])
        #expect(try other.save(["a:1", "a:2"]) == scratch.save(["a:1", "a:2"]))
        #expect(try entries(of: scratch.save(["a"])).keys.filter { $0.hasPrefix("blobs/") }.count == 3)
        // Once more: nothing changes, nothing is left lying about.
        let again = try other.store.load(from: other.file(scratch.save(["a"])))
        #expect(again[0].moved.isEmpty)
        #expect(try other.names(in: "layers").count == 2)
        #expect(try other.names(in: "content/ingest").isEmpty)
        #expect(try other.names(in: "content/blobs/sha256") == scratch.names(in: "content/blobs/sha256"))
    }

    @Test func savedByIDKeepsNamesWhereFree() throws {
        let scratch = try Scratch()
        let image = try scratch.import("a:1", ["f": "1"])
        let archive = try scratch.save([image.id.short])
        #expect(
            try entries(of: archive)["manifest.json"].map { !String(decoding: $0, as: UTF8.self).contains("a:1") }
                == true)

        let empty = try Scratch()
        #expect(try empty.store.load(from: empty.file(archive))[0].references.map(\.familiar) == ["a:1"])

        let taken = try Scratch()
        let owner = try taken.import("a:1", ["other": "x"])
        let loaded = try taken.store.load(from: taken.file(archive))
        #expect(loaded[0].references.isEmpty)
        #expect(try taken.store.image("a:1").id == owner.id)
        #expect(try taken.store.image(image.id.short).references.isEmpty)
    }

    @Test func loadingMovesNames() throws {
        let scratch = try Scratch()
        _ = try scratch.import("a:1", ["f": "1"])
        let archive = try scratch.save(["a:1"])
        let other = try Scratch()
        let previous = try other.import("a:1", ["g": "2"])
        let loaded = try other.store.load(from: other.file(archive))
        #expect(loaded[0].moved.map(\.previous) == [previous.id])
        #expect(loaded[0].moved.map(\.reference.familiar) == ["a:1"])
    }

    private func config(_ layers: [[UInt8]]) -> String {
        let ids = layers.map { "\"\(Digest(sha256: sha256($0)))\"" }.joined(separator: ",")
        return
            #"{"architecture":"amd64","os":"linux","config":{"Env":null},"unknown":1,"rootfs":{"type":"layers","diff_ids":[\#(ids)]}}"#
    }

    @Test(arguments: ["cat", "gzip", "bzip2", "xz", "zstd"])
    func oldDockerArchive(tool: String) throws {
        let layers = try [tar(["a": "1"]), tar(["b": "2"])]
        let archive = try dockerArchive(config: config(layers), tags: ["nginx:latest", "lan:5000/n:1"], layers: layers)
        let scratch = try Scratch()
        let input = try scratch.file(archive)
        guard system("\(tool) -c < /proc/\(getpid())/fd/\(input.rawValue) > \(scratch.path)/packed 2>/dev/null") == 0
        else { return }
        let loaded = try scratch.store.load(from: FileDescriptor.open(scratch.path + "/packed", O_RDONLY))
        #expect(loaded.sole()?.references.map(\.familiar) == ["nginx:latest", "lan:5000/n:1"])
        let image = try scratch.store.image("nginx")
        // The configuration is kept byte for byte.
        #expect(image.id == Digest(sha256: sha256(Array(config(layers).utf8))))
        let paths = try scratch.store.layerPaths(of: image)
        #expect(try Files.readText(paths[0] + "/a") == "1")
        #expect(try Files.readText(paths[1] + "/b") == "2")
        #expect(try scratch.names(in: "content/ingest").isEmpty)
    }

    @Test func damagedArchivesLeaveNothing() throws {
        let layers = try [tar(["a": String(repeating: "x", count: 100_000)])]
        let archive = try dockerArchive(config: config(layers), tags: ["a:1"], layers: layers)
        let scratch = try Scratch()
        func failure(_ bytes: [UInt8]) throws -> BerthError? {
            let file = try scratch.file(bytes)
            return #expect(throws: BerthError.self) { try scratch.store.load(from: file) }
        }
        for size in [300, 5000, 50_000, 102_000] {
            let error = try failure(Array(archive.prefix(size)))
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("byte \(size)") == true, "\(error?.message ?? "")")
        }
        let packed = try gzip(archive)
        let error = try failure(Array(packed.prefix(packed.count - 20)))
        #expect(error?.message.contains("byte \(packed.count - 20)") == true, "\(error?.message ?? "")")
        // The wrong layer for the configuration.
        let other = try dockerArchive(config: config(layers), tags: ["a:1"], layers: [tar(["b": "2"])])
        #expect(try failure(other)?.message.contains("unpacks to") == true)
        #expect(try failure(tar(["bin/sh": "x"]))?.message.contains("neither manifest.json nor index.json") == true)

        #expect(try scratch.store.images().isEmpty)
        #expect(try scratch.names(in: "layers") == [".empty"])
        #expect(try scratch.names(in: "content/ingest").isEmpty)
        try scratch.store.collectGarbage()
        #expect(try scratch.names(in: "content/blobs/sha256").isEmpty)
    }

    @Test func directoriesWithoutEntriesInheritFromBelow() throws {
        let sink = BytesSink()
        let writer = TarWriter(sink)
        try writer.add(
            TarEntry(path: "data/", kind: .directory, mode: 0o1777, userID: 5, groupID: 6, modified: 7_000_000_000))
        try writer.finish()
        let layers = try [sink.bytes, tar(["data/new/f": "1"], directories: false)]
        let scratch = try Scratch()
        func load(_ layers: [[UInt8]], _ name: String) throws -> [String] {
            let archive = try dockerArchive(config: config(layers), tags: [name], layers: layers)
            let loaded = try scratch.store.load(from: scratch.file(archive))
            return try scratch.store.layerPaths(of: loaded[0].image)
        }
        let first = try load(layers, "a:1")
        let status = try Files.status(first[1] + "/data")
        #expect(status.permissions == 0o1777)
        #expect([status.userID, status.groupID] == [5, 6])
        #expect(status.modified == 7_000_000_000)
        #expect(try Files.status(first[1] + "/data/new").permissions == 0o755)
        // On other layers it is another directory; alone, it is as the tar has it.
        let alone = try load([layers[1]], "a:2")
        #expect(try Files.status(alone[0] + "/data").userID == 0)
        let third = try load([layers[0], alone.isEmpty ? [] : tar(["x": "1"]), layers[1]], "a:3")
        #expect(third[2] != first[1])
        #expect(try Files.status(third[2] + "/data").userID == 5)
        #expect(third[0] == first[0])
    }

    /// A layout as buildx exports it: an index for each name, attestations beside the images.
    @Test func nestedIndexes() throws {
        let scratch = try Scratch()
        let image = try scratch.import("a:1", ["f": "1"])
        var files = try entries(of: scratch.save(["a:1"]))
        files["manifest.json"] = nil
        let size = try #require(files["blobs/sha256/\(image.manifestDigest.hex)"]).count
        func descriptor(_ digest: Digest, _ size: Int, os: String, architecture: String) -> String {
            """
            {"mediaType":"\(MediaType.manifest)","digest":"\(digest)","size":\(size),
             "platform":{"os":"\(os)","architecture":"\(architecture)"}}
            """
        }
        let absent = Digest(sha256: [UInt8](repeating: 7, count: 32))
        let inner = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.index)","manifests":[
            \(descriptor(absent, 5, os: "linux", architecture: "s390x")),
            \(descriptor(absent, 5, os: "unknown", architecture: "unknown")),
            \(descriptor(image.manifestDigest, size, os: "linux", architecture: image.platform.architecture))]}
            """.utf8)
        let digest = Digest(sha256: sha256(inner))
        files["blobs/sha256/\(digest.hex)"] = inner
        files["index.json"] = Array(
            """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(MediaType.index)","digest":"\(digest)","size":\(inner.count),
             "annotations":{"io.containerd.image.name":"docker.io/library/b:2","org.opencontainers.image.ref.name":"2"}}]}
            """.utf8)
        func load(_ files: [String: [UInt8]]) throws -> [LoadedImage] {
            let sink = BytesSink()
            let writer = TarWriter(sink)
            for (path, bytes) in files { try writer.add(file: path, bytes) }
            try writer.finish()
            let other = try Scratch()
            return try other.store.load(from: other.file(sink.bytes))
        }
        let loaded = try load(files)
        #expect(loaded.sole()?.references.map(\.familiar) == ["b:2"])
        #expect(loaded.sole()?.image.manifestDigest == image.manifestDigest)

        var forged = files
        forged["blobs/sha256/\(digest.hex)"] = inner + [32]
        #expect(throws: BerthError.self) { try load(forged) }
        var incomplete = files
        for path in files.keys where files[path].map({ $0.starts(with: [0x1f, 0x8b]) }) == true {
            incomplete[path] = nil
        }
        let error = #expect(throws: BerthError.self) { try load(incomplete) }
        #expect(error?.message.contains("lacks the blob") == true)
        #expect(error?.message.contains("ends at byte") == true)
    }

    @Test func layoutIsReadableByOthers() throws {
        let scratch = try Scratch()
        let image = try scratch.import("tools:1", ["f": "1"])
        let index = try Files.readText(scratch.path + "/store/content/index.json")
        #expect(index.contains("\"org.opencontainers.image.ref.name\":\"tools:1\""))
        #expect(index.contains(image.manifestDigest.hex))
        let layout = scratch.path + "/store/content"
        if system("command -v skopeo >/dev/null 2>&1") == 0 {
            #expect(system("skopeo inspect oci:\(layout):tools:1 >/dev/null 2>&1") == 0)
        }
        if system("command -v umoci >/dev/null 2>&1") == 0 {
            #expect(system("umoci list --layout \(layout) 2>/dev/null | grep -q '^tools:1$'") == 0)
        }
    }

    @Test func lostDatabaseIsFilledFromTheLayout() throws {
        let scratch = try Scratch()
        let image = try scratch.import("a:1", ["f": "1"])
        let fresh = try ImageStore(
            root: scratch.path + "/store", database: DatabaseQueue(), logger: Logger(label: "test"))
        let adopted = try fresh.image("a:1")
        #expect(adopted.id == image.id && adopted.references == image.references)
        #expect(try Files.readText(fresh.layerPaths(of: image)[0] + "/f") == "1")
    }

    @Test func leftoversOfACrashGo() throws {
        let scratch = try Scratch()
        _ = try scratch.import("a:1", ["f": "1"])
        let root = scratch.path + "/store"
        try Files.makeDirectories(root + "/layers/.new-x/y")
        try Files.makeDirectories(root + "/layers/zz")
        try Files.write(root + "/content/ingest/x", "half")
        try Files.makeDirectories(root + "/work/abc/upper")
        _ = try scratch.reopened()
        #expect(try scratch.names(in: "layers").count == 2)
        #expect(try scratch.names(in: "content/ingest").isEmpty)
        #expect(try scratch.names(in: "work").isEmpty)
    }
}

/// Archives and layouts that another tool wrote and reads.
@Suite(.enabled(if: isRoot && system("command -v skopeo >/dev/null 2>&1") == 0)) struct SkopeoTests {
    @Test(arguments: [
        "docker-archive:FILE:lan:5000/tools:1", "oci-archive:FILE:lan:5000/tools:1",
    ])
    func bothWays(destination: String) throws {
        let scratch = try Scratch()
        let image = try scratch.import("tools:1", ["bin/sh": "x", "etc/motd": "hello"])
        let layout = scratch.path + "/store/content"
        let file = scratch.path + "/out.tar"
        let target = destination.replacing("FILE", with: file)
        for compression in ["", "--dest-compress-format zstd"] {
            _ = system("rm -f \(file)")
            #expect(
                system("skopeo --insecure-policy copy \(compression) oci:\(layout):tools:1 \(target) >/dev/null 2>&1")
                    == 0)
            let other = try Scratch()
            let loaded = try other.store.load(from: FileDescriptor.open(file, O_RDONLY))
            #expect(loaded.sole()?.references.map(\.familiar) == ["lan:5000/tools:1"])
            #expect(loaded.sole()?.image.config.rootfs == image.config.rootfs)
        }
    }

    @Test func savedArchives() throws {
        let scratch = try Scratch()
        let image = try scratch.import("tools:1", ["bin/sh": "x"])
        try Files.write(scratch.path + "/saved.tar", "")
        try FileDescriptor.open(scratch.path + "/saved.tar", O_WRONLY).writeAll(scratch.save(["tools:1"]))
        for source in ["docker-archive:\(scratch.path)/saved.tar", "oci-archive:\(scratch.path)/saved.tar"] {
            #expect(system("skopeo inspect \(source) 2>/dev/null | grep -q \(image.config.os)") == 0, "\(source)")
            #expect(system("skopeo --insecure-policy copy \(source) dir:\(scratch.path)/copy >/dev/null 2>&1") == 0)
        }
    }
}
