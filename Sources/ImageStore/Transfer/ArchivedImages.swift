import Errors
import FoundationEssentials
import OCI

/// One image that an archive describes.
struct ArchivedImage {
    let config: [UInt8]
    let manifest: [UInt8]
    /// Lowest first.
    let layers: [Descriptor]
    var names: [Name] = []

    struct Name {
        let reference: Reference
        let rule: ImageAssembly.NameRule
    }

    var id: Digest { Digest(of: config) }
}

/// One item of `manifest.json` in the archives of `docker save`.
struct DockerArchiveItem: Codable {
    var config: String
    var repoTags: [String]?
    var layers: [String]
    /// Layers by diffID, since Docker 25.
    var layerSources: [String: Descriptor]?

    enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
        case layerSources = "LayerSources"
    }
}

/// Reads what the received files say: an OCI layout, a docker-archive, or both in one.
struct ArchiveInterpreter {
    let reception: Reception
    let store: ImageStore

    /// - Throws: `BerthError.invalidArgument` when there is no image.
    func images() throws -> [ArchivedImage] {
        let index = reception.file("index.json")
        let items = reception.file("manifest.json")
        guard index != nil || items != nil else {
            throw BerthError.invalidArgument(
                "the archive holds no image: it has neither manifest.json nor index.json "
                    + "(to make an image of a plain file tree, use import)")
        }
        var images: [ArchivedImage] = []
        if let index {
            let decoded = try decode(Index.self, reception.contents(index), "index.json")
            for descriptor in decoded.manifests { try add(descriptor, to: &images) }
        }
        if let items {
            let decoded = try decode([DockerArchiveItem].self, reception.contents(items), "manifest.json")
            for item in decoded { try add(item, to: &images) }
        }
        guard !images.isEmpty else {
            throw BerthError.invalidArgument("the archive holds no image for any platform")
        }
        return images
    }

    // MARK: OCI layout

    private func add(_ top: Descriptor, to images: inout [ArchivedImage]) throws {
        guard let (descriptor, bytes) = try manifest(top, depth: 0) else { return }
        let manifest = try decode(Manifest.self, bytes, "manifest \(descriptor.digest)")
        guard manifest.config.mediaType == MediaType.config || manifest.config.mediaType == MediaType.dockerConfig
        else { return }
        guard let config = try blob(manifest.config.digest) else {
            throw reception.missing("the blob \(manifest.config.digest)")
        }
        let names = names(of: top)
        let id = Digest(of: config)
        if let known = images.firstIndex(where: { $0.id == id }) {
            images[known].names += names
        } else {
            images.append(ArchivedImage(config: config, manifest: bytes, layers: manifest.layers, names: names))
        }
    }

    /// The manifest that a descriptor leads to: of an index, the one for this host or else the first
    /// that the archive has. Nil when it has none.
    private func manifest(_ descriptor: Descriptor, depth: Int) throws -> (Descriptor, [UInt8])? {
        guard depth < 4, let bytes = try blob(descriptor.digest) else { return nil }
        switch descriptor.mediaType {
        case MediaType.index, MediaType.dockerManifestList:
            let index = try decode(Index.self, bytes, "index \(descriptor.digest)")
            // Attestations stand beside the images that they are about.
            let candidates = index.manifests.filter { $0.platform?.os != "unknown" }
            let host = Platform.host
            let preferred = candidates.filter {
                $0.platform?.os == host.os && $0.platform?.architecture == host.architecture
            }
            for candidate in preferred + candidates {
                if let found = try manifest(candidate, depth: depth + 1) { return found }
            }
            return nil
        default: return (descriptor, bytes)
        }
    }

    private func blob(_ digest: Digest) throws -> [UInt8]? {
        if let file = reception.file(digest) { return try reception.contents(file) }
        return store.content.has(digest) ? try store.content.read(digest) : nil
    }

    private func names(of descriptor: Descriptor) -> [ArchivedImage.Name] {
        let annotations = descriptor.annotations ?? [:]
        let rule: ImageAssembly.NameRule = annotations[Annotation.nameIsOptional] == "true" ? .onlyIfFree : .take
        var text = annotations[Annotation.name]
        // A tag alone does not say of which repository.
        if text == nil, let name = annotations[Annotation.refName], name.contains(":") || name.contains("/") {
            text = name
        }
        guard let text, let reference = try? Reference(text) else { return [] }
        return [ArchivedImage.Name(reference: reference, rule: rule)]
    }

    // MARK: docker-archive

    private func add(_ item: DockerArchiveItem, to images: inout [ArchivedImage]) throws {
        guard let configFile = reception.file(item.config) else {
            throw reception.missing(item.config)
        }
        let config = try reception.contents(configFile)
        let names = (item.repoTags ?? []).compactMap { try? Reference($0) }
            .map { ArchivedImage.Name(reference: $0, rule: .take) }
        let id = Digest(of: config)
        if let known = images.firstIndex(where: { $0.id == id }) {
            images[known].names += names
            return
        }
        let layers = try item.layers.map { path in
            guard let file = reception.file(path) else {
                throw reception.missing("the layer \(path)")
            }
            return Descriptor(
                mediaType: try store.layerMediaType(file.ingest?.file ?? store.content.open(file.digest)),
                digest: file.digest, size: file.size)
        }
        let manifest = Manifest(
            config: Descriptor(mediaType: MediaType.config, digest: id, size: Int64(config.count)), layers: layers)
        images.append(ArchivedImage(config: config, manifest: try encode(manifest), layers: layers, names: names))
    }
}
