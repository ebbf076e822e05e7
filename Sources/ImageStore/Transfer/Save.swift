import Archive
import Errors
import GRDB
import Glibc
import Linux
import OCI

extension ImageStore {
    /// Writes images as one tar that is an OCI layout and a docker-archive at once, as Docker does
    /// since version 25. Blobs are those that were loaded or made: their digests are the same wherever
    /// the archive goes. Memory is constant.
    ///
    /// A repository without a tag stands for all its tags. An image given by ID carries its names as
    /// optional ones: `load` restores them where they are free.
    /// - Throws: `BerthError.notFound` for an unknown image, before anything is written.
    public func save(_ names: [String], to file: FileDescriptor) throws {
        try naming("saving images") {
            let saved = try savedImages(names)
            let scope = PinScope(pins)
            scope.pin(saved.flatMap { $0.blobs.map(\.digest) })
            let writer = TarWriter(to: file)
            try writer.add(file: "oci-layout", Array(ContentStore.layout.utf8))
            // Descriptions first: whoever reads from front to back knows what comes.
            try writer.add(file: "index.json", try encode(Index(manifests: saved.flatMap(\.descriptors))))
            try writer.add(file: "manifest.json", try encode(saved.map(\.dockerItem)))
            for directory in ["blobs", "blobs/sha256"] as [RawPath] {
                try writer.add(TarEntry(path: directory, kind: .directory, mode: 0o755))
            }
            var written: Set<Digest> = []
            for blob in saved.flatMap(\.blobs) where written.insert(blob.digest).inserted {
                let source = try content.open(blob.digest)
                try writer.add(
                    TarEntry(
                        path: RawPath("blobs/\(blob.digest.algorithm.rawValue)/\(blob.digest.hex)"), kind: .file,
                        mode: 0o644, size: source.status().size),
                    contentsOf: source)
            }
            try writer.finish()
        }
    }

    private func savedImages(_ names: [String]) throws -> [SavedImage] {
        try database.read { database in
            var saved: [SavedImage] = []
            func add(_ record: ImageRecord, _ names: [SavedImage.Name]) throws {
                if let known = saved.firstIndex(where: { $0.record.id == record.id }) {
                    saved[known].names += names.filter { !saved[known].names.contains($0) }
                } else {
                    saved.append(
                        SavedImage(
                            record: record, manifest: try record.decodedManifest(), image: try record.image(database),
                            names: names))
                }
            }
            for name in names {
                let inRepository = try Self.allInRepository(name, database)
                for (record, reference) in inRepository { try add(record, [.asked(reference)]) }
                if !inRepository.isEmpty { continue }
                let (record, naming) = try Self.resolveNaming(database, name)
                switch naming {
                case .reference(let reference) where reference.digest == nil: try add(record, [.asked(reference)])
                case .reference, .id:
                    try add(record, try record.image(database).references.map { .known($0) })
                }
            }
            return saved
        }
    }

    /// All images of a repository, when `name` is one without tag or digest.
    private static func allInRepository(
        _ name: String, _ database: Database
    ) throws -> [(record: ImageRecord, reference: Reference)] {
        guard !Files.lastComponent(of: name).contains(where: { $0 == ":" || $0 == "@" }),
            let asked = try? Reference(name)
        else { return [] }
        return try ImageRecord.fetchAll(database).flatMap { record in
            try record.image(database).references
                .filter { $0.registry == asked.registry && $0.repository == asked.repository }
                .map { (record, $0) }
        }
    }
}

/// An image on its way into an archive.
private struct SavedImage {
    enum Name: Hashable {
        case asked(Reference)
        /// The image was asked for by its ID.
        case known(Reference)
    }

    let record: ImageRecord
    let manifest: Manifest
    let image: Image
    var names: [Name]

    var blobs: [Descriptor] {
        [Descriptor(mediaType: mediaType, digest: record.manifestDigest, size: Int64(record.manifest.count))]
            + [manifest.config] + manifest.layers
    }

    private var mediaType: String { manifest.mediaType ?? MediaType.manifest }

    /// For `index.json`: one for each name.
    var descriptors: [Descriptor] {
        func descriptor(_ annotations: [String: String]?) -> Descriptor {
            Descriptor(
                mediaType: mediaType, digest: record.manifestDigest, size: Int64(record.manifest.count),
                annotations: annotations, platform: image.platform)
        }
        if names.isEmpty { return [descriptor(nil)] }
        return names.map { name in
            switch name {
            case .asked(let reference): descriptor(annotations(reference))
            case .known(let reference):
                descriptor(annotations(reference).merging([Annotation.nameIsOptional: "true"]) { $1 })
            }
        }
    }

    private func annotations(_ reference: Reference) -> [String: String] {
        var annotations = [Annotation.name: reference.description]
        if let tag = reference.tag { annotations[Annotation.refName] = tag }
        return annotations
    }

    /// For `manifest.json`.
    var dockerItem: DockerArchiveItem {
        let tags = names.compactMap { name -> String? in
            if case .asked(let reference) = name { reference.familiar } else { nil }
        }
        func path(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }
        return DockerArchiveItem(
            config: path(manifest.config.digest), repoTags: tags.isEmpty ? nil : tags,
            layers: manifest.layers.map { path($0.digest) },
            layerSources: Dictionary(
                zip(image.config.rootfs.diffIDs.map(\.description), manifest.layers),
                uniquingKeysWith: { first, _ in first }))
    }
}
