import Errors
import ImageStore
import OCI
import Testing

@Suite(.enabled(if: isRoot)) struct NamesTests {
    @Test func lookup() throws {
        let scratch = try Scratch()
        let image = try scratch.import("busybox:1.36", ["bin/sh": "x"])
        let store = scratch.store
        let hex = image.id.hex
        for name in [
            "busybox:1.36", "docker.io/library/busybox:1.36", hex, "sha256:\(hex)", String(hex.prefix(12)),
            "sha256:\(hex.prefix(7))", "busybox@\(image.manifestDigest)", "\(image.manifestDigest)",
        ] {
            #expect(try store.image(name) == image, "\(name)")
        }
        func failure(_ name: String) -> BerthError? { #expect(throws: BerthError.self) { try store.image(name) } }
        #expect(failure("busybox")?.message == "No such image: busybox:latest")
        #expect(failure("nginx:1")?.message == "No such image: nginx:1")
        #expect(failure("nginx:1")?.code == .notFound)
        #expect(failure("Nginx")?.code == .invalidArgument)
        #expect(failure(String(repeating: "0", count: 64))?.code == .notFound)
        #expect(failure("other@\(image.manifestDigest)")?.code == .notFound)

        // A beginning that all IDs have.
        for number in 0..<40 { _ = try scratch.import(nil, ["file\(number)": "x"]) }
        let firsts = Dictionary(grouping: try store.images(), by: { $0.id.hex.prefix(1) })
        let shared = try #require(firsts.first { $0.value.count > 1 })
        let ambiguous = failure("sha256:\(shared.key)")
        #expect(ambiguous?.code == .invalidArgument)
        #expect(ambiguous?.message.contains("ambiguous") == true)
    }

    @Test func tagsMove() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let one = try scratch.import("a:1", ["f": "1"])
        let two = try scratch.import("a:2", ["f": "2"])
        #expect(try store.tag(one, as: Reference("registry.lan:5000/team/a:x")) == nil)
        #expect(try store.tag(two, as: Reference("a:1")) == one.id)
        #expect(try store.tag(two, as: Reference("a:1")) == nil)
        #expect(try store.image("a:1").id == two.id)
        #expect(try store.image(id: one.id).references.map(\.familiar) == ["registry.lan:5000/team/a:x"])
        #expect(throws: BerthError.self) { try store.tag(one, as: Reference("a@\(one.manifestDigest)")) }
        // Durable.
        #expect(try scratch.reopened().image("a:1") == store.image("a:1"))
    }

    private func message(_ store: ImageStore, _ name: String, users: [String], runs: Bool = false, force: Bool = false)
        -> String?
    {
        let error = #expect(throws: BerthError.self) {
            try store.remove(name, force: force, noPrune: false, usedBy: { _ in users }, runs: { _ in runs })
        }
        #expect(error?.code == .conflict)
        return error?.message
    }

    @Test func removalRules() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let user = String(repeating: "c", count: 64)
        let image = try scratch.import("a:1", ["f": "1"])
        let id = image.id.short

        #expect(
            message(store, "a:1", users: [user])
                == "conflict: unable to remove repository reference \"a:1\" (must force) - container cccccccccccc is using its referenced image \(id)"
        )
        #expect(
            message(store, id, users: [user])
                == "conflict: unable to delete \(id) (must be forced) - image is being used by stopped container cccccccccccc"
        )
        #expect(
            message(store, id, users: [user], runs: true, force: true)
                == "conflict: unable to delete \(id) (cannot be forced) - image is being used by running container cccccccccccc"
        )

        try store.tag(image, as: Reference("b:1"))
        #expect(
            message(store, id, users: [])
                == "conflict: unable to delete \(id) (must be forced) - image is referenced in multiple repositories")
        // One of two names goes without asking, used or not.
        #expect(
            try store.remove("a:1", force: false, noPrune: false, usedBy: { _ in [user] }) == [.untagged("a:1")])
        #expect(
            try store.remove("b:1", force: false, noPrune: false, usedBy: { _ in [] })
                == [.untagged("b:1"), .deleted(image.id), .deleted(image.config.rootfs.diffIDs[0])])
        #expect(throws: BerthError.self) {
            try store.remove("b:1", force: true, noPrune: false, usedBy: { _ in [] })
        }
        #expect(try scratch.names(in: "layers") == [".empty"])
        #expect(try scratch.names(in: "content/blobs/sha256").isEmpty)
    }

    @Test func usesAreKept() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let image = try scratch.import("a:1", ["f": "1"])
        store.registerUses { Uses(images: [image.id]) }
        let path = try #require(try store.layerPaths(of: image).sole())
        _ = try store.remove("a:1", force: true, noPrune: false, usedBy: { _ in ["container"] })
        #expect(try store.layerPaths(of: image) == [path])
        #expect(try store.image(id: image.id).references.isEmpty)
        #expect(try store.images().isEmpty)
        // It comes back by name.
        try store.tag(image, as: Reference("back:1"))
        #expect(try store.image("back:1").id == image.id)
    }

    @Test func heldImagesStay() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let image = try scratch.import("a:1", ["f": "1"])
        var hold: ImageHold? = store.hold(image)
        let path = try #require(try store.layerPaths(of: image).sole())
        _ = try store.remove("a:1", force: true, noPrune: false, usedBy: { _ in [] })
        #expect(throws: BerthError.self) { try store.image("a:1") }
        #expect(try store.layerPaths(of: image) == [path])
        withExtendedLifetime(hold) {}
        hold = nil
        store.registerUses { Uses() }
        try store.collectGarbage()
        #expect(throws: BerthError.self) { try store.layerPaths(of: image) }
        #expect(try scratch.names(in: "layers") == [".empty"])
    }

    @Test func pruning() throws {
        let scratch = try Scratch()
        let store = scratch.store
        let named = try scratch.import("a:1", ["f": "1"])
        let dangling = try scratch.import(nil, ["f": "2"])
        let used = try scratch.import(nil, ["f": "3"])
        let isUsed = { (id: Digest) in id == used.id ? ["container"] : [] }
        let first = try store.prune(all: false, usedBy: isUsed)
        #expect(first.removals == [.deleted(dangling.id), .deleted(dangling.config.rootfs.diffIDs[0])])
        #expect(first.reclaimed > 0)
        #expect(try Set(store.images().map(\.id)) == [named.id, used.id])
        #expect(try store.prune(all: true, usedBy: isUsed, matching: { _ in false }).removals.isEmpty)
        let second = try store.prune(all: true, usedBy: isUsed)
        #expect(second.removals.first == .untagged("a:1"))
        #expect(try store.images().map(\.id) == [used.id])
    }
}
