import OCI

/// An image as the store knows it: a snapshot, not followed by later changes.
public struct Image: Sendable, Hashable {
    /// The digest of the configuration blob: Docker's image ID.
    public let id: Digest
    public let manifestDigest: Digest
    public let config: ImageConfig
    /// Its names, in order, each with a tag.
    public let references: [Reference]
    /// By which digests repositories know it that it was pulled from or pushed to.
    public let knownDigests: [Reference]
    /// Bytes of its layers, unpacked.
    public let size: Int64
    /// When it got the latest of its names, in nanoseconds since 1970; 0 without one.
    public let lastNamed: Int64

    /// When it was made, RFC 3339, as its configuration says.
    public var created: String? { config.created }
    public var platform: Platform { config.platform }

    /// Whether no name leads to it.
    public var isDangling: Bool { references.isEmpty && knownDigests.isEmpty }

    /// `name@digest` for every repository in which it has a name or a digest: what `RepoDigests` shows.
    public var repositoryDigests: [Reference] {
        var seen = Set(knownDigests.map { "\($0.registry)/\($0.repository)" })
        return knownDigests
            + references.filter { seen.insert("\($0.registry)/\($0.repository)").inserted }.map {
                Reference(registry: $0.registry, repository: $0.repository, tag: nil, digest: manifestDigest)
            }
    }
}

/// An unpacked layer.
public struct Layer: Sendable, Hashable {
    /// The digest of its plain tar archive.
    public let diffID: Digest
    /// Its directory on the host, absolute, in overlayfs' form.
    public let path: String
    /// Bytes of file contents.
    public let size: Int64
}

/// What removing images did, in order, as `DELETE /images` tells it.
public enum Removal: Sendable, Hashable {
    /// A name, in its familiar form, that no longer leads to an image.
    case untagged(String)
    /// An image or layer that is gone.
    case deleted(Digest)
}

/// An image that an archive held.
public struct LoadedImage: Sendable {
    public let image: Image
    /// The names it was given; empty: it can only be named by its ID.
    public let references: [Reference]
    /// Names that led to another image before.
    public let moved: [Move]

    public struct Move: Sendable {
        public let reference: Reference
        public let previous: Digest
    }
}

/// What the store occupies.
public struct StoreUsage: Sendable {
    public struct ImageUsage: Sendable {
        public let image: Image
        /// Bytes of layers that other images have too.
        public let sharedSize: Int64
    }

    public let images: [ImageUsage]
    /// Bytes of all unpacked layers, each counted once.
    public let layersSize: Int64
    /// Bytes of all blobs.
    public let contentSize: Int64
}

/// What others still need of the store although no name leads to it.
public struct Uses: Sendable {
    /// Images of containers, running or not.
    public var images: Set<Digest>
    /// Layers by diffID, of a build cache for example.
    public var layers: Set<Digest>

    public init(images: Set<Digest> = [], layers: Set<Digest> = []) {
        self.images = images
        self.layers = layers
    }
}
