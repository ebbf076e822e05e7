import Archive
import Errors
import Glibc
import Linux
import Testing

@Suite struct TarTests {
    private func readBack(_ bytes: [UInt8], chunk: Int = .max) throws -> [TarEntry] {
        let reader = try TarReader(BytesSource(bytes, chunk: chunk))
        var entries: [TarEntry] = []
        while let entry = try reader.next() { entries.append(entry) }
        return entries
    }

    @Test func everyKindSurvives() throws {
        let long = RawPath(String(repeating: "directory/", count: 40) + "name")
        let entries = [
            TarEntry(path: "dir/", kind: .directory, mode: 0o2755, userID: 7, groupID: 8, modified: 5_000_000_000),
            TarEntry(
                path: "dir/file", kind: .file, mode: 0o4711, userID: 3_000_000, groupID: 4, modified: -1_000_000_000,
                size: 8,
                attributes: [
                    TarEntry.Attribute("security.capability", [1, 0, 0, 2, 0, 10]),
                    TarEntry.Attribute("user.note", Array("a=b\nc".utf8)),
                ]),
            TarEntry(path: long, kind: .file, mode: 0o600, size: Int64(long.count)),
            TarEntry(path: "link", kind: .symbolicLink(target: long), mode: 0o777),
            TarEntry(path: "hard", kind: .hardLink(target: "dir/file"), mode: 0o644),
            TarEntry(path: "null", kind: .characterDevice(major: 1, minor: 3), mode: 0o666),
            TarEntry(path: "disk", kind: .blockDevice(major: 259, minor: 70000), mode: 0o660),
            TarEntry(path: "pipe", kind: .fifo, mode: 0o600),
            TarEntry(path: "grüße", kind: .file, mode: 0o600, size: 7),
            TarEntry(path: RawPath([0x66, 0xfc, 0x72]), kind: .file, mode: 0o600, size: 3),
        ]
        // In pieces of any length too.
        for chunk in [Int.max, 7] {
            let back = try readBack(tar(entries), chunk: chunk)
            #expect(back.count == entries.count)
            for (read, written) in zip(back, entries) { #expect(read == written) }
        }
    }

    @Test func pathsOfEveryLength() throws {
        let entries = (1...300).map { length in
            let text = (0..<length).map { $0 % 51 == 50 ? "/" : "x" }.joined()
            return TarEntry.file(RawPath(text.hasSuffix("/") ? text.dropLast() + "y" : text))
        }
        #expect(try readBack(tar(entries)).map(\.path) == entries.map(\.path))
    }

    @Test func bytesAreDeterministic() throws {
        let entries = [TarEntry.directory("a"), .file("a/b"), .link("c", to: "a/b")]
        #expect(try tar(entries) == tar(entries))
        #expect(try tar(entries).count % 512 == 0)
    }

    @Test func contents() throws {
        let reader = try TarReader(BytesSource(try tar([.file("one"), .file("two")])))
        _ = try reader.next()
        _ = try reader.next()
        #expect(try reader.contents(limit: 100) == Array("two".utf8))
    }

    @Test func emptyArchives() throws {
        #expect(try readBack([]).isEmpty)
        #expect(try readBack([UInt8](repeating: 0, count: 1024)).isEmpty)
    }

    @Test func notAnArchive() throws {
        #expect(throws: BerthError.self) { try readBack([UInt8](repeating: 65, count: 5000)) }
    }

    @Test(arguments: [100, 700, 1024 + 100_000, 300_000, 400_511])
    func truncated(at size: Int) throws {
        let scratch = try Scratch()
        let sink = BytesSink()
        let writer = TarWriter(sink)
        try writer.add(file: "big", [UInt8](repeating: 1, count: 400_000))
        try writer.finish()
        let error = #expect(throws: BerthError.self) {
            try extract(Array(sink.bytes.prefix(size)), into: scratch.descriptor)
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("truncated") == true)
        #expect(error?.message.contains("byte \(size)") == true, "\(error?.message ?? "")")
    }

    /// As umoci's `insert` writes archives: they end with the last file's last byte.
    @Test(arguments: [1512, 1513, 1535])
    func lastBlockNotFilledUp(size: Int) throws {
        let scratch = try Scratch()
        let sink = BytesSink()
        let writer = TarWriter(sink)
        try writer.add(file: "file", [UInt8](repeating: 65, count: 1000))
        try writer.finish()
        try extract(Array(sink.bytes.prefix(size)), into: scratch.descriptor)
        #expect(try scratch.read("file") == String(repeating: "A", count: 1000))
    }
}

@Suite struct CompressionTests {
    /// Compressed by the tools that users have.
    private func compressed(_ bytes: [UInt8], by tool: String) throws -> [UInt8]? {
        let scratch = try Scratch()
        let input = scratch.path + "/in"
        try FileDescriptor.open(input, O_WRONLY | O_CREAT, mode: 0o600).writeAll(bytes)
        guard system("\(tool) -c < \(input) > \(scratch.path)/out 2>/dev/null") == 0 else { return nil }
        return try Files.read(scratch.path + "/out")
    }

    private var sample: [UInt8] {
        (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 20 & 63) }
    }

    private func plain(_ bytes: [UInt8], chunk: Int = 4096) throws -> [UInt8] {
        try Decompressed(BytesSource(bytes, chunk: chunk)).readToEnd(limit: .max)
    }

    @Test(arguments: ["cat", "gzip", "bzip2", "xz", "zstd"])
    func byContent(tool: String) throws {
        guard let packed = try compressed(sample, by: tool) else { return }
        #expect(try plain(packed) == sample)
        #expect(try plain(packed, chunk: 3) == sample)
        guard tool != "cat" else { return }
        for size in [packed.count / 3, packed.count - 9, packed.count - 1] {
            let error = #expect(throws: BerthError.self) { try plain(Array(packed.prefix(size))) }
            #expect(error?.message.contains("byte \(size)") == true, "\(tool): \(error?.message ?? "")")
        }
    }

    @Test func emptyStreams() throws {
        #expect(try plain([]).isEmpty)
        for tool in ["gzip", "bzip2", "xz", "zstd"] {
            guard let packed = try compressed([], by: tool) else { continue }
            #expect(try plain(packed).isEmpty, "\(tool)")
        }
    }

    @Test func gzipRoundTrip() throws {
        for size in [0, 1, 100, 262_144, 1_000_000] {
            let out = BytesSink()
            let gzip = GzipSink(out)
            let bytes = Array(sample.prefix(size))
            for piece in stride(from: 0, to: size, by: 70_001) {
                try gzip.write(Array(bytes[piece..<min(piece + 70_001, size)]))
            }
            try gzip.finish()
            #expect(try plain(out.bytes) == bytes)
            guard size > 0 else { continue }
            let scratch = try Scratch()
            try FileDescriptor.open(scratch.path + "/x.gz", O_WRONLY | O_CREAT, mode: 0o600).writeAll(out.bytes)
            #expect(system("gzip -t \(scratch.path)/x.gz") == 0)
        }
    }

    @Test func gzipMembersAndPadding() throws {
        guard let one = try compressed(Array("one".utf8), by: "gzip"),
            let two = try compressed(Array("two".utf8), by: "gzip")
        else { return }
        #expect(try plain(one + two) == Array("onetwo".utf8))
        #expect(try plain(one + two, chunk: 1) == Array("onetwo".utf8))
        #expect(try plain(one + [0, 0, 0]) == Array("one".utf8))
    }

    @Test func damagedGzip() throws {
        guard var packed = try compressed(sample, by: "gzip") else { return }
        packed[packed.count / 2] ^= 0x55
        let error = #expect(throws: BerthError.self) { try plain(packed) }
        #expect(error?.message.contains("damaged") == true)
    }

    @Test func threadsPassBytesAndErrors() throws {
        let ahead = try ReadAhead(BytesSource(sample, chunk: 10_000))
        #expect(try ahead.readToEnd(limit: .max) == sample)
        #expect(try ahead.next().isEmpty)

        let out = BytesSink()
        let behind = try BackgroundSink(out)
        try behind.write(sample)
        try behind.finish()
        #expect(out.bytes == sample)

        // Given up half-way: neither side waits for the other for ever.
        _ = try ReadAhead(BytesSource([UInt8](repeating: 0, count: 10_000_000))).next()
        let full = try BackgroundSink(FileSink(FileDescriptor.open("/dev/full", O_WRONLY)))
        #expect(throws: (any Error).self) {
            for _ in 0..<100 { try full.write(sample) }
            try full.finish()
        }
    }
}
