import OCI

/// Keeps an image and its layers from being removed for good while it lives: from the moment a
/// container is to be made of it until the container is on record, and so among the registered uses.
public final class ImageHold: Sendable {
    private let pins: ContentPins
    private let digests: [Digest]

    init(_ pins: ContentPins, _ digests: [Digest]) {
        self.pins = pins
        self.digests = digests
        pins.pin(digests)
    }

    deinit { pins.unpin(digests) }
}

extension ImageStore {
    /// Holds an image. Look up its layers afterwards: that fails if it was gone already.
    public func hold(_ image: Image) -> ImageHold {
        let diffIDs = image.config.rootfs.diffIDs
        return ImageHold(pins, [image.id] + diffIDs + Digest.chain(diffIDs))
    }
}
