import Archive
import Errors
import Glibc
import Linux
import Testing

@Suite struct LayerTests {
    @Test func implicitDirectories() throws {
        let scratch = try Scratch()
        let report = try extractLayer(
            tar([.file("a/b/c"), .directory("x"), .file("x/y/z"), .directory("a"), .file("x/f")]),
            into: scratch.descriptor)
        #expect(report.implicitDirectories == ["a/b", "x/y"])
        #expect(report.entries == 5)
        #expect(report.bytes == 5 + 5 + 3)
    }

    @Test(arguments: [".wh...", ".wh..", "a/.wh.", "a/.wh..."])
    func invalidWhiteouts(name: String) throws {
        let scratch = try Scratch()
        #expect(throws: BerthError.self) {
            try extractLayer(tar([.file(RawPath(name))]), into: scratch.descriptor)
        }
    }

    @Test(.enabled(if: isRoot)) func whiteouts() throws {
        let scratch = try Scratch()
        let root = scratch.descriptor
        try extractLayer(
            tar([
                .file(".wh.gone"),
                .file("d/.wh.gone"), .file("d/.wh..wh..opq"), .file("d/.wh..wh.plnk"),
                // What the layer brings itself stays, whatever the order.
                .file("kept"), .file(".wh.kept"),
                .file(".wh.back"), .file("back"),
                .directory("dir"), .file("dir/x"), .file(".wh.dir"),
                .file(".wh.new"), .directory("new"), .file("new/y"),
                .file(".wh.deep"), .file("deep/z"),
            ]), into: root)
        func isWhiteout(_ path: String) throws -> Bool {
            let status = try Files.status(scratch.path + "/" + path)
            return status.kind == .characterDevice && status.specialDevice == 0
        }
        func isOpaque(_ path: String) throws -> Bool {
            try FileDescriptor.openDirectory(scratch.path + "/" + path).extendedAttribute("trusted.overlay.opaque")
                == [UInt8(ascii: "y")]
        }
        #expect(try isWhiteout("gone"))
        #expect(try isWhiteout("d/gone"))
        #expect(try isOpaque("d"))
        #expect(!scratch.has("d/.wh..wh.plnk"))
        #expect(try scratch.read("kept") == "kept")
        #expect(try scratch.read("back") == "back")
        #expect(try scratch.read("dir/x") == "dir/x")
        #expect(try isOpaque("dir"))
        #expect(try scratch.read("new/y") == "new/y")
        #expect(try isOpaque("new"))
        #expect(try scratch.read("deep/z") == "deep/z")
        #expect(try isOpaque("deep"))
    }

    @Test(.enabled(if: isRoot)) func packingAndUnpackingGivesTheSame() throws {
        let scratch = try Scratch()
        let first = try scratch.subdirectory("first")
        let second = try scratch.subdirectory("second")
        let archive = try tar([
            .file(".wh.gone"), .directory("d"), .file("d/.wh..wh..opq"), .file("d/f", mode: 0o4755),
            .hardLink("d/g", to: "d/f"),
            TarEntry(path: "null", kind: .characterDevice(major: 1, minor: 3), mode: 0o666, userID: 1, groupID: 2),
            TarEntry(
                path: "ping", kind: .file, mode: 0o755, userID: 9,
                attributes: [TarEntry.Attribute("security.capability", Self.capability)]),
            // Attributes that would steer overlayfs are not taken over.
            TarEntry(
                path: "evil", kind: .directory, mode: 0o755,
                attributes: [TarEntry.Attribute("trusted.overlay.redirect", Array("/etc".utf8))]),
        ])
        try LayerExtractor(into: first).extract(BytesSource(archive))
        func pack(_ directory: FileDescriptor) throws -> [UInt8] {
            let sink = BytesSink()
            var packer = LayerPacker(sink)
            _ = try packer.pack(directory)
            return sink.bytes
        }
        let packed = try pack(first)
        try LayerExtractor(into: second).extract(BytesSource(packed))
        #expect(try pack(second) == packed)
        let ping = try second.open("ping" as RawPath, O_RDONLY)
        #expect(try ping.extendedAttribute("security.capability") == Self.capability)
        #expect(try second.status(of: "null" as RawPath).userID == 1)
        let evil = try second.open("evil" as RawPath, O_RDONLY | O_DIRECTORY)
        #expect(try evil.extendedAttributeNames().isEmpty)

        let reader = try TarReader(BytesSource(packed))
        var names: [String] = []
        while let entry = try reader.next() { names.append(entry.path.description) }
        #expect(names == ["d/", "d/.wh..wh..opq", "d/f", "d/g", "evil/", ".wh.gone", "null", "ping"])
    }

    /// `cap_net_raw=ep`, as the kernel stores it.
    private static let capability: [UInt8] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    @Test(.enabled(if: isRoot)) func bookkeepingOfOverlayfsIsStripped() throws {
        let scratch = try Scratch()
        try scratch.descriptor.setExtendedAttribute("trusted.overlay.impure", [UInt8(ascii: "y")])
        var packer = LayerPacker(BytesSink(), stripsOverlayAttributes: true)
        #expect(try packer.pack(scratch.descriptor).isEmpty)
        #expect(try scratch.descriptor.extendedAttributeNames().isEmpty)
    }
}
