import Archive
import GRDB
import Glibc
import ImageStore
import Linux
import Logging
import OCI

import struct Crypto.SHA256

/// A store of its own, removed with the test.
final class Scratch: Sendable {
    let path: String
    let store: ImageStore

    init() throws {
        var template = Array("/tmp/berth-images-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
        store = try Scratch.open(path)
    }

    deinit { try? Files.removeTree(path) }

    /// As the daemon does after a restart.
    func reopened() throws -> ImageStore { try Scratch.open(path) }

    private static func open(_ path: String) throws -> ImageStore {
        let database = try DatabaseQueue(path: path + "/berth.db")
        return try ImageStore(root: path + "/store", database: database, logger: Logger(label: "test"))
    }

    /// A file with these bytes, open at its start.
    func file(_ bytes: [UInt8]) throws -> FileDescriptor {
        let name = "\(path)/input-\(Int.random(in: 0..<Int.max))"
        let file = try FileDescriptor.open(name, O_RDWR | O_CREAT, mode: 0o600)
        try file.writeAll(bytes)
        try file.seek(0)
        return file
    }

    func save(_ names: [String], from other: ImageStore? = nil) throws -> [UInt8] {
        let file = try file([])
        try (other ?? store).save(names, to: file)
        try file.seek(0)
        return try file.readToEnd()
    }

    func `import`(_ name: String?, _ files: [String: String]) throws -> Image {
        try store.importRootFS(
            from: file(try tar(files)), reference: name.map { try Reference($0) },
            config: ImageConfig.Execution(), message: nil)
    }

    func names(in directory: String) throws -> [String] {
        try FileDescriptor.openDirectory(path + "/store/" + directory).entries().sorted()
    }
}

/// A tar of files with contents, with entries for their directories.
func tar(_ files: [String: String], directories: Bool = true) throws -> [UInt8] {
    let sink = BytesSink()
    let writer = TarWriter(sink)
    var made: Set<String> = []
    for (path, contents) in files.sorted(by: { $0.key < $1.key }) {
        var parent = ""
        for part in path.split(separator: "/").dropLast() where directories {
            parent += part + "/"
            if made.insert(parent).inserted {
                try writer.add(TarEntry(path: RawPath(parent), kind: .directory, mode: 0o755))
            }
        }
        try writer.add(file: path, Array(contents.utf8))
    }
    try writer.finish()
    return sink.bytes
}

func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let sink = BytesSink()
    let gzip = GzipSink(sink)
    try gzip.write(bytes)
    try gzip.finish()
    return sink.bytes
}

func entries(of archive: [UInt8]) throws -> [String: [UInt8]] {
    let reader = try TarReader(BytesSource(archive))
    var files: [String: [UInt8]] = [:]
    while let entry = try reader.next() {
        if entry.kind == .file { files[entry.path.description] = try reader.contents(limit: .max) }
    }
    return files
}

/// An archive as `docker save` wrote it before version 25.
func dockerArchive(config: String, tags: [String], layers: [[UInt8]]) throws -> [UInt8] {
    let sink = BytesSink()
    let writer = TarWriter(sink)
    let names = layers.indices.map { "\($0)/layer.tar" }
    for (name, layer) in zip(names, layers) { try writer.add(file: name, layer) }
    try writer.add(file: "config.json", Array(config.utf8))
    let list = { (texts: [String]) in "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
    try writer.add(
        file: "manifest.json",
        Array(#"[{"Config":"config.json","RepoTags":\#(list(tags)),"Layers":\#(list(names))}]"#.utf8))
    try writer.finish()
    return sink.bytes
}

var isRoot: Bool { geteuid() == 0 }

extension Sequence {
    func sole() -> Element? {
        var iterator = makeIterator()
        let first = iterator.next()
        return iterator.next() == nil ? first : nil
    }
}

func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
