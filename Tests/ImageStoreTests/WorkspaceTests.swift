import Archive
import Errors
import Glibc
import ImageStore
import Linux
import OCI
import Testing

@Suite(.enabled(if: isRoot)) struct WorkspaceTests {
    @Test func commitAndCreate() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let base = try scratch.import("base:1", ["keep": "1", "gone": "2", "dir/old": "3"])
        let workspace = try store.makeWorkspace(layers: store.layerPaths(of: base))
        do {
            let root = try workspace.mount()
            try root.unlink("gone" as RawPath)
            try root.removeTree("dir" as RawPath)
            try root.makeDirectory("dir" as RawPath)
            try root.open("dir/new", O_WRONLY | O_CREAT, mode: 0o644).writeAll("4")
            #expect(try workspace.mountReadOnly().entries().sorted() == ["dir", "keep"])
        }
        let layer = try store.commit(workspace)
        #expect(layer.size == 1)
        #expect(!Files.exists(workspace.upper))
        #expect(try store.layer(layer.diffID) == layer)

        var config = base.config
        config.rootfs.diffIDs.append(layer.diffID)
        let image = try store.createImage(config: config, references: [Reference("made:1")])
        #expect(image.config.rootfs.diffIDs.count == 2)
        #expect(try store.image("made:1") == image)

        // Elsewhere it is the same.
        let other = try Scratch()
        let loaded = try other.store.load(from: other.file(scratch.save(["made:1"])))
        let there = try other.store.makeWorkspace(layers: other.store.layerPaths(of: loaded[0].image))
        let root = try there.mount()
        #expect(try root.entries().sorted() == ["dir", "keep"])
        #expect(try root.open("dir", O_RDONLY | O_DIRECTORY).entries() == ["new"])

        // The same change again is the same layer.
        let again = try store.makeWorkspace(layers: store.layerPaths(of: base))
        for name in try FileDescriptor.openDirectory(layer.path).entries() {
            #expect(system("cp -a '\(layer.path)/\(name)' '\(again.upper)/'") == 0)
        }
        #expect(try store.commit(again) == layer)
        #expect(throws: BerthError.self) {
            var config = config
            config.rootfs.diffIDs.append(Digest(sha256: [UInt8](repeating: 1, count: 32)))
            _ = try store.createImage(config: config, references: [])
        }
    }

    @Test func emptyRootAndCopies() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let workspace = try store.makeWorkspace(layers: [])
        try FileDescriptor.openDirectory(workspace.upper).open("f", O_WRONLY | O_CREAT, mode: 0o644).writeAll("x")
        #expect(try workspace.mountReadOnly().entries() == ["f"])
        #expect(try workspace.mount().entries() == ["f"])
        let copy = try store.commit(copying: workspace.upper)
        #expect(try Files.readText(copy.path + "/f") == "x")
        #expect(try Files.readText(workspace.upper + "/f") == "x")
        #expect(try store.commit(workspace) == copy)
    }

    @Test func newLayersOutliveACollection() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let layer = try store.commit(store.makeWorkspace(layers: []))
        try store.collectGarbage()
        #expect(try store.layer(layer.diffID) == layer)
        // After a restart nobody can be about to use it, unless somebody says so.
        let reopened = try scratch.reopened()
        reopened.registerUses { Uses(layers: [layer.diffID]) }
        try reopened.collectGarbage()
        #expect(try reopened.layer(layer.diffID) == layer)
        let later = try scratch.reopened()
        try later.collectGarbage()
        #expect(try later.layer(layer.diffID) == nil)
        #expect(!Files.exists(layer.path))
    }

    /// Loading, removing and collecting at once: nothing that is named is ever missing a layer.
    @Test func collectingIsSafeAtAnyTime() async throws {
        let scratch = try Scratch()
        let source = try Scratch()
        for number in 0..<4 { _ = try source.import("i\(number):1", ["f": "\(number)", "shared": "x"]) }
        let archives = try (0..<4).map { try source.save(["i\($0):1"]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    for _ in 0..<10 {
                        let loaded = try scratch.store.load(from: scratch.file(archives[number]))
                        let path = try scratch.store.layerPaths(of: loaded[0].image)[0]
                        #expect(try Files.readText(path + "/f") == "\(number)")
                        _ = try scratch.store.remove("i\(number):1", force: false, noPrune: false, usedBy: { _ in [] })
                    }
                }
            }
            group.addTask { for _ in 0..<40 { try scratch.store.collectGarbage() } }
            try await group.waitForAll()
        }
        #expect(try scratch.names(in: "layers") == [".empty"])
    }
}
