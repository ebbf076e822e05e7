import Archive
import Errors
import Glibc
import Linux
import Testing

@Suite struct ExtractionTests {
    @Test func roundTrip() throws {
        let scratch = try Scratch()
        let source = try scratch.subdirectory("source")
        let target = try scratch.subdirectory("target")
        try extract(
            tar([
                .directory("d", mode: 0o750), .file("d/f", mode: 0o4755), .hardLink("d/h", to: "d/f"),
                .link("d/l", to: "f"), .directory("d/ro", mode: 0o555), .file("d/ro/x"),
                TarEntry(path: "d/p", kind: .fifo, mode: 0o640),
                TarEntry(path: RawPath([0xff, 0x41]), kind: .file, mode: 0o600, modified: 86_400_000_000_000),
            ]), into: source)

        let sink = BytesSink()
        let writer = TarWriter(sink)
        var packer = TreePacker(writer)
        try packer.packContents(of: source)
        try writer.finish()
        try extract(sink.bytes, into: target)

        #expect(try scratch.read("target/d/f") == "d/f")
        let directory = try FileDescriptor.openDirectory(scratch.path + "/target/d")
        #expect(try directory.status(of: "f" as RawPath).permissions == 0o4755)
        #expect(try directory.status(of: "h" as RawPath).inode == directory.status(of: "f" as RawPath).inode)
        #expect(try directory.readLink("l" as RawPath) == "f")
        #expect(try directory.status(of: "p" as RawPath).kind == .fifo)
        #expect(try directory.status(of: "ro" as RawPath).permissions == 0o555)
        #expect(try directory.status().permissions == 0o750)
        #expect(try target.status(of: RawPath([0xff, 0x41])).modified == 86_400_000_000_000)
        try FileDescriptor.openDirectory(scratch.path + "/target/d/ro").changeMode(0o755)
        try FileDescriptor.openDirectory(scratch.path + "/source/d/ro").changeMode(0o755)
    }

    @Test func outsideIsOutOfReach() throws {
        let scratch = try Scratch()
        let outside = scratch.path + "/outside"
        try Files.makeDirectory(outside)
        try Files.write(outside + "/victim", "untouched")

        let attacks: [[TarEntry]] = [
            [.file("../outside/victim")],
            [.file("a/../../outside/victim")],
            [.link("l", to: "../outside"), .file("l/victim")],
            [.link("l", to: RawPath(outside)), .file("l/victim")],
            [.link("l", to: RawPath(outside)), .directory("l", mode: 0o700), .file("l/victim")],
            [.link("a", to: "."), .link("a/b", to: "../outside"), .file("b/victim")],
            [.hardLink("h", to: "../outside/victim"), .file("h")],
            [.hardLink("h", to: RawPath(outside + "/victim"))],
            [.link("l", to: RawPath(outside + "/victim")), .file("l")],
            [.link("l", to: RawPath(outside)), .hardLink("h", to: "l/victim")],
            [.directory("d"), .directory("d/sub"), .link("d", to: RawPath(outside)), .file("d/sub/victim")],
        ]
        for (number, attack) in attacks.enumerated() {
            let root = try scratch.subdirectory("root\(number)")
            // Refused or kept inside: both are fine.
            _ = try? extract(tar(attack), into: root)
            let layer = try scratch.subdirectory("layer\(number)")
            _ = try? extractLayer(tar(attack), into: layer)
            #expect(try Files.readText(outside + "/victim") == "untouched", "attack \(number)")
            #expect(try FileDescriptor.openDirectory(outside).entries() == ["victim"], "attack \(number)")
            #expect(try Files.status(outside + "/victim").linkCount == 1, "attack \(number)")
            #expect(try Files.status(outside).permissions == Files.status(scratch.path + "/root\(number)").permissions)
        }
        #expect(throws: BerthError.self) { try extract(tar([.file("../x")]), into: scratch.subdirectory("x")) }
    }

    /// An absolute path and an absolute link mean the archive's own root.
    @Test func absoluteIsWithinTheRoot() throws {
        let scratch = try Scratch()
        try extract(
            tar([.directory("real"), .link("alias", to: "/real"), .file("alias/f"), .file("/abs/g")]),
            into: scratch.descriptor)
        #expect(try scratch.read("real/f") == "alias/f")
        #expect(try scratch.read("abs/g") == "/abs/g")
    }

    @Test func laterEntriesReplaceEarlierOnes() throws {
        let scratch = try Scratch()
        try extract(
            tar([
                .directory("a"), .file("a/x"), .file("a"),
                .file("b"), .directory("b"), .file("b/y"),
                .file("c"), .link("c", to: "a"),
            ]), into: scratch.descriptor)
        #expect(try scratch.read("a") == "a")
        #expect(try scratch.read("b/y") == "b/y")
        #expect(try scratch.descriptor.readLink("c" as RawPath) == "a")
    }

    @Test func existingLinkToDirectoryIsKept() throws {
        let scratch = try Scratch()
        try extract(
            tar([.directory("usr"), .directory("usr/lib"), .link("lib", to: "usr/lib")]), into: scratch.descriptor)
        try extract(tar([.directory("lib"), .file("lib/a.so")]), into: scratch.descriptor)
        #expect(try scratch.descriptor.status(of: "lib" as RawPath).kind == .symbolicLink)
        #expect(try scratch.read("usr/lib/a.so") == "lib/a.so")
    }

    @Test func options() throws {
        let scratch = try Scratch()
        try extract(tar([.directory("d"), .file("f")]), into: scratch.descriptor)
        var options = ExtractionOptions()
        options.ownership = .current
        options.refusesKindChanges = true
        func run(_ entries: [TarEntry]) throws {
            _ = try Extraction.extract(from: BytesSource(tar(entries)), into: scratch.descriptor, options: options)
        }
        #expect(throws: BerthError.self) { try run([.file("d")]) }
        #expect(throws: BerthError.self) { try run([.directory("f")]) }
        options.strippedComponents = 1
        try run([.directory("top"), .file("top/inner"), .hardLink("top/other", to: "top/inner")])
        #expect(try scratch.read("inner") == "top/inner")
        #expect(try scratch.read("other") == "top/inner")
        options.limits.entries = 1
        #expect(throws: BerthError.self) { try run([.file("x/1"), .file("x/2")]) }
        options.limits.entries = 100
        options.limits.bytes = 3
        #expect(throws: BerthError.self) { try run([.file("x/1234")]) }
        options.limits.pathLength = 10
        #expect(throws: BerthError.self) { try run([.file("x/123456789")]) }
    }

    @Test(.enabled(if: isRoot)) func owners() throws {
        let scratch = try Scratch()
        var options = ExtractionOptions()
        let archive = try tar([TarEntry(path: "f", kind: .file, mode: 0o6755, userID: 5, groupID: 6)])
        func owner() throws -> [UInt32] {
            try Extraction.extract(from: BytesSource(archive), into: scratch.descriptor, options: options)
            let status = try scratch.descriptor.status(of: "f" as RawPath)
            #expect(status.permissions == 0o6755)
            return [status.userID, status.groupID]
        }
        #expect(try owner() == [5, 6])
        options.ownership = .fixed(userID: 11, groupID: 12)
        #expect(try owner() == [11, 12])
        let range = ExtractionOptions.IDRange(inside: 0, outside: 100_000, length: 10)
        options.ownership = .mapped(users: [range], groups: [range])
        #expect(try owner() == [100_005, 100_006])
        options.ownership = .mapped(users: [], groups: [])
        #expect(throws: BerthError.self) { try owner() }
    }

    @Test func filteredPacking() throws {
        let scratch = try Scratch()
        try extract(
            tar([.directory("a"), .file("a/keep"), .file("a/drop"), .directory("b"), .file("b/drop"), .file("top")]),
            into: scratch.descriptor)
        let ignore = try IgnoreFile(text: "*\n!a/keep\n!top")
        let sink = BytesSink()
        let writer = TarWriter(sink)
        var packer = TreePacker(
            writer,
            filter: { path, isDirectory in
                if !ignore.excludes(path.description) { return .include }
                return isDirectory && ignore.mayContainIncluded(path.description) ? .descend : .exclude
            })
        try packer.packContents(of: scratch.descriptor)
        try writer.finish()
        let reader = try TarReader(BytesSource(sink.bytes))
        var names: [String] = []
        while let entry = try reader.next() { names.append(entry.path.description) }
        #expect(names == ["a/", "a/keep", "top"])
    }

    @Test func packingUnderAnotherName() throws {
        let scratch = try Scratch()
        try extract(tar([.directory("a"), .file("a/x"), .file("f")]), into: scratch.descriptor)
        func names(_ name: RawPath) throws -> [String] {
            let sink = BytesSink()
            let writer = TarWriter(sink)
            var packer = TreePacker(writer)
            try packer.pack(name, of: scratch.descriptor, as: "new")
            try writer.finish()
            let reader = try TarReader(BytesSource(sink.bytes))
            var names: [String] = []
            while let entry = try reader.next() { names.append(entry.path.description) }
            return names
        }
        #expect(try names("a") == ["new/", "new/x"])
        #expect(try names("f") == ["new"])
    }
}
