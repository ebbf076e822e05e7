import Archive
import Glibc
import Linux

/// A directory that is removed with the test.
final class Scratch {
    let path: String
    let descriptor: FileDescriptor

    init() throws {
        var template = Array("/tmp/berth-archive-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
        descriptor = try FileDescriptor.openDirectory(path)
    }

    deinit { try? Files.removeTree(path) }

    func read(_ name: String) throws -> String { try Files.readText(path + "/" + name) }
    func has(_ name: String) -> Bool { (try? descriptor.status(of: RawPath(name))) != nil }
    func subdirectory(_ name: String) throws -> FileDescriptor {
        try Files.makeDirectory(path + "/" + name)
        return try FileDescriptor.openDirectory(path + "/" + name)
    }
}

/// A tar of the given entries; files have their path as contents.
func tar(_ entries: [TarEntry]) throws -> [UInt8] {
    let sink = BytesSink()
    let writer = TarWriter(sink)
    for entry in entries {
        try writer.add(entry, contents: entry.kind == .file ? Array(entry.path.bytes) : [])
    }
    try writer.finish()
    return sink.bytes
}

extension TarEntry {
    static func file(_ path: RawPath, mode: UInt32 = 0o644) -> TarEntry {
        TarEntry(path: path, kind: .file, mode: mode)
    }
    static func directory(_ path: RawPath, mode: UInt32 = 0o755) -> TarEntry {
        TarEntry(path: path, kind: .directory, mode: mode)
    }
    static func link(_ path: RawPath, to target: RawPath) -> TarEntry {
        TarEntry(path: path, kind: .symbolicLink(target: target), mode: 0o777)
    }
    static func hardLink(_ path: RawPath, to target: RawPath) -> TarEntry {
        TarEntry(path: path, kind: .hardLink(target: target), mode: 0o644)
    }
}

var isRoot: Bool { geteuid() == 0 }

/// Extracts as the user who runs the tests.
@discardableResult
func extract(_ archive: [UInt8], into directory: FileDescriptor) throws -> ExtractionReport {
    var options = ExtractionOptions()
    options.ownership = .current
    return try Extraction.extract(from: BytesSource(archive), into: directory, options: options)
}

@discardableResult
func extractLayer(_ archive: [UInt8], into directory: FileDescriptor) throws -> ExtractionReport {
    try LayerExtractor(into: directory, ownership: .current).extract(BytesSource(archive))
}
