import Errors
import GRDB
import OCI

extension ImageStore {
    /// Removes a name and, with its last one, the image; or an image with all its names.
    ///
    /// The rules and texts are Docker's. An image that containers still use goes out of sight; its
    /// layers go when nothing needs them any more.
    /// - Parameters:
    ///   - noPrune: leaves unneeded layers and blobs for a later `collectGarbage`.
    ///   - usedBy: IDs of containers of an image, running or not.
    ///   - runs: of these, whether one is running: then even `force` does not remove the image.
    /// - Throws: `BerthError.notFound`, or `conflict` with the reason.
    public func remove(
        _ nameOrID: String, force: Bool, noPrune: Bool, usedBy: (Digest) -> [String],
        runs: (String) -> Bool = { _ in false }
    ) throws -> [Removal] {
        try naming("removing the image \(nameOrID)") {
            let (record, naming, image) = try database.read { database in
                let (record, naming) = try Self.resolveNaming(database, nameOrID)
                return (record, naming, try record.image(database))
            }
            let users = usedBy(record.id)
            let removed: [Reference]
            switch naming {
            case .reference(let reference):
                if let conflict = conflict(removing: reference, as: nameOrID, of: image, users, force: force) {
                    throw conflict
                }
                removed = names(of: image, meantBy: reference)
            case .id:
                if let conflict = conflict(removing: image, users, force: force, runs) { throw conflict }
                removed = image.references
            }
            // With its last tag in a repository goes its digest there.
            let lost = lostDigests(of: image, removing: removed, meaning: naming)
            let isLast = removed.count == image.references.count && lost.count == image.knownDigests.count
            // Running containers keep an image that lost its last name by name; it is then dangling.
            let staysDangling = isLast && users.contains(where: runs)
            let removals = try untag(
                removed, lost, image, removingImage: isLast && !staysDangling, isUsed: !users.isEmpty)
            if isLast, !noPrune { return removals + (try collect(reporting: image)) }
            return removals
        }
    }

    /// The names that go when a user removes `reference`.
    private func names(of image: Image, meantBy reference: Reference) -> [Reference] {
        guard reference.digest != nil else { return [reference] }
        return image.references.filter {
            $0.registry == reference.registry && $0.repository == reference.repository
        }
    }

    /// The digests that go when `removed` does: of repositories in which no tag is left.
    private func lostDigests(of image: Image, removing removed: [Reference], meaning naming: Naming) -> [Reference] {
        if case .id = naming { return image.knownDigests }
        func isSame(_ one: Reference, _ other: Reference) -> Bool {
            one.registry == other.registry && one.repository == other.repository
        }
        if case .reference(let asked) = naming, asked.digest != nil, removed.isEmpty {
            return image.knownDigests.filter { isSame($0, asked) }
        }
        let left = image.references.filter { !removed.contains($0) }
        return image.knownDigests.filter { known in
            removed.contains { isSame($0, known) } && !left.contains { isSame($0, known) }
        }
    }

    private func conflict(
        removing reference: Reference, as text: String, of image: Image, _ users: [String], force: Bool
    ) -> BerthError? {
        guard !force, image.references.count <= 1, let user = users.first else { return nil }
        return .conflict(
            "conflict: unable to remove repository reference \"\(text)\" (must force) - container "
                + "\(user.prefix(12)) is using its referenced image \(image.id.short)")
    }

    private func conflict(
        removing image: Image, _ users: [String], force: Bool, _ runs: (String) -> Bool
    ) -> BerthError? {
        if let user = users.first(where: runs) {
            return .conflict(
                "conflict: unable to delete \(image.id.short) (cannot be forced) - image is being used by running "
                    + "container \(user.prefix(12))")
        }
        if force { return nil }
        if image.references.count > 1 {
            return .conflict(
                "conflict: unable to delete \(image.id.short) (must be forced) - image is referenced in multiple "
                    + "repositories")
        }
        if let user = users.first {
            return .conflict(
                "conflict: unable to delete \(image.id.short) (must be forced) - image is being used by stopped "
                    + "container \(user.prefix(12))")
        }
        return nil
    }

    private func untag(
        _ references: [Reference], _ digests: [Reference], _ image: Image, removingImage: Bool, isUsed: Bool
    ) throws -> [Removal] {
        var removals = (references + digests).map { Removal.untagged($0.familiar) }
        try database.write { database in
            for reference in references {
                try database.execute(
                    sql: "DELETE FROM image_references WHERE name = ? AND image_id = ?",
                    arguments: [reference.description, image.id.description])
            }
            for digest in digests {
                try database.execute(
                    sql: "DELETE FROM image_digests WHERE name = ? AND image_id = ?",
                    arguments: [digest.description, image.id.description])
            }
            guard removingImage else { return }
            let sql =
                isUsed || pins.isPinned(image.id)
                ? "UPDATE image_images SET hidden = 1 WHERE id = ?" : "DELETE FROM image_images WHERE id = ?"
            try database.execute(sql: sql, arguments: [image.id.description])
        }
        if removingImage { removals.append(.deleted(image.id)) }
        try writeIndex()
        return removals
    }

    /// Removes images that nobody uses: those without a name or, when `all`, with names too.
    /// - Parameters:
    ///   - usedBy: IDs of containers of an image, running or not.
    ///   - matching: further conditions, such as age and labels.
    /// - Returns: what was removed, and the bytes on disk that it held.
    public func prune(
        all: Bool, usedBy: (Digest) -> [String], matching: (Image) -> Bool = { _ in true }
    ) throws -> (removals: [Removal], reclaimed: Int64) {
        try naming("pruning images") {
            let candidates = try images().filter {
                (all || $0.isDangling) && matching($0) && usedBy($0.id).isEmpty
            }
            var removals: [Removal] = []
            for image in candidates {
                removals += try untag(image.references, image.knownDigests, image, removingImage: true, isUsed: false)
            }
            let collected = try collect()
            removals += collected.layers.map { .deleted($0) }
            return (removals, collected.bytes)
        }
    }
}
