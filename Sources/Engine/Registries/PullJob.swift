import Distribution
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import NIOCore
import OCI

/// Brings one image from its registry into the store.
struct PullJob: Sendable {
    let services: Services
    let repository: RemoteRepository
    /// With a tag or a digest.
    let reference: Reference
    /// Nil is the host's.
    let platform: Platform?
    let report: TransferReport

    struct Outcome: Sendable {
        let image: Image
        /// By which the repository knows it.
        let digest: Digest
        let isNew: Bool
    }

    private static let downloads = AsyncSlots(3)

    func run() async throws -> Outcome {
        let asked = reference.digest?.description ?? reference.tag ?? Reference.defaultTag
        if let known = try await upToDate(asked) { return known }
        let top = try await repository.manifest(asked)
        report.send("Pulling from \(repository.name)", id: reference.tag ?? asked)
        let incoming = services.images.incoming()
        let manifest = try await choose(from: top, incoming)
        let parts = try JSONDecoder().decode(Manifest.self, from: Data(manifest.bytes))
        guard [MediaType.config, MediaType.dockerConfig].contains(parts.config.mediaType) else {
            throw BerthError.invalidArgument(
                "\(reference.familiar) is not a container image: its configuration is \(parts.config.mediaType)")
        }
        let config = try await configuration(parts.config, incoming)
        let decoded = try JSONDecoder().decode(ImageConfig.self, from: Data(config))
        try check(decoded.platform)
        try await layers(parts.layers, decoded.rootfs.diffIDs, incoming)
        let image = try await blocking {
            try incoming.finish(
                config: config, manifest: manifest.bytes, reference: reference.tag == nil ? nil : tagged,
                repository: reference, digest: top.digest)
        }
        return Outcome(image: image, digest: top.digest, isNew: true)
    }

    /// The reference without a digest, when it has a tag.
    private var tagged: Reference {
        Reference(registry: reference.registry, repository: reference.repository, tag: reference.tag, digest: nil)
    }

    /// The image, when the store has under this name what the registry has. One small question.
    private func upToDate(_ asked: String) async throws -> Outcome? {
        let digest: Digest?
        if let own = reference.digest { digest = own } else { digest = try await repository.digest(of: asked) }
        guard let digest else { return nil }
        let images = services.images
        let known = Reference(
            registry: reference.registry, repository: reference.repository, tag: nil, digest: digest)
        guard let image = try? await blocking({ try images.image(known.description) }),
            reference.tag == nil || image.references.contains(tagged),
            image.config.platform.satisfies(platform ?? .host)
        else { return nil }
        report.send("Pulling from \(repository.name)", id: reference.tag ?? asked)
        return Outcome(image: image, digest: digest, isNew: false)
    }

    /// The manifest for our platform.
    private func choose(from top: RemoteManifest, _ incoming: IncomingImage) async throws -> RemoteManifest {
        guard top.isIndex else { return top }
        let index = try JSONDecoder().decode(Index.self, from: Data(top.bytes))
        let wanted = platform ?? .host
        guard let chosen = Platform.best(of: index.manifests, for: wanted) else {
            let offered = index.manifests.compactMap(\.platform).filter { $0.os != "unknown" }.map(\.description)
            throw BerthError.notFound(
                "no matching manifest for \(wanted) in the manifest list entries of \(reference.familiar): "
                    + (offered.isEmpty ? "it has none" : "it has \(offered.joined(separator: ", "))"))
        }
        try await blocking { try incoming.put(top.bytes, as: top.digest) }
        return try await repository.manifest(chosen.digest.description)
    }

    private func check(_ offered: Platform) throws {
        guard let platform, !offered.satisfies(platform) else { return }
        throw BerthError.notFound(
            "image with reference \(reference.familiar) was found but does not match the specified platform: wanted "
                + "\(platform), actual: \(offered)")
    }

    private func configuration(_ descriptor: OCI.Descriptor, _ incoming: IncomingImage) async throws -> [UInt8] {
        if incoming.has(descriptor.digest) { return try await blocking { try incoming.read(descriptor.digest) } }
        guard descriptor.size <= 16 << 20 else {
            throw BerthError.invalidArgument(
                "the configuration of \(reference.familiar) has \(descriptor.size) bytes: that is none")
        }
        var bytes: [UInt8] = []
        for try await chunk in try await repository.blob(descriptor.digest).bytes {
            bytes += chunk.readableBytesView
            guard bytes.count <= descriptor.size else { break }
        }
        let whole = bytes
        try await blocking { try incoming.put(whole, as: descriptor.digest) }
        return bytes
    }

    // MARK: Layers

    private func layers(
        _ descriptors: [OCI.Descriptor], _ diffIDs: [Digest], _ incoming: IncomingImage
    ) async throws {
        guard descriptors.count == diffIDs.count else {
            throw BerthError.invalidArgument(
                "\(reference.familiar) has \(diffIDs.count) layers in its configuration but \(descriptors.count) in "
                    + "its manifest")
        }
        var seen: Set<Digest> = []
        let layers = zip(descriptors, diffIDs).filter { seen.insert($0.0.digest).inserted }
        for (descriptor, _) in layers { report.send("Pulling fs layer", id: descriptor.digest.short) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (descriptor, diffID) in layers {
                group.addTask { try await layer(descriptor, diffID, incoming) }
            }
            try await group.waitForAll()
        }
    }

    private func layer(_ descriptor: OCI.Descriptor, _ diffID: Digest, _ incoming: IncomingImage) async throws {
        let id = descriptor.digest.short
        if incoming.has(descriptor.digest) {
            let images = services.images
            if try await blocking({ try images.layer(diffID) }) != nil {
                return report.send("Already exists", id: id)
            }
            try await blocking { try incoming.unpack(descriptor, diffID: diffID) }
        } else {
            try await fetch(descriptor, diffID, incoming)
            report.send("Download complete", id: id)
        }
        report.send("Extracting", id: id)
        try await blocking { try incoming.awaitUnpacked(diffID) }
        report.send("Pull complete", id: id)
    }

    /// One download at a time for a blob, whoever wants it.
    private func fetch(_ descriptor: OCI.Descriptor, _ diffID: Digest, _ incoming: IncomingImage) async throws {
        while !incoming.has(descriptor.digest) {
            let isMine = try await services.transfers.run(descriptor.digest) {
                try await Self.downloads.use {
                    let blob = try await blocking { try incoming.receive(descriptor, diffID: diffID) }
                    try await download(descriptor, to: blob)
                }
            }
            if isMine { return }
        }
        // Somebody else brought it.
        try await blocking { try incoming.unpack(descriptor, diffID: diffID) }
    }

    /// Fetches what is missing of a blob. What has come is never asked for again.
    private func download(_ descriptor: OCI.Descriptor, to blob: IncomingBlob) async throws {
        var attempt = 0
        while !blob.isComplete {
            let start = blob.offset
            do {
                try await stream(descriptor, to: blob)
                guard blob.isComplete else {
                    throw BerthError.unavailable(
                        "the connection ended after \(blob.offset) of \(descriptor.size) bytes")
                }
            } catch let error as BerthError where error.code == .unavailable && attempt < 5 {
                // Whatever came is progress: only standing still is counted.
                attempt = blob.offset > start ? 0 : attempt + 1
                let pause = min(8, 1 << attempt)
                report.send("Retrying in \(pause) second\(pause == 1 ? "" : "s")", id: descriptor.digest.short)
                try await Task.sleep(for: .seconds(attempt == 0 ? 0 : pause))
            }
        }
        report.send("Verifying Checksum", id: descriptor.digest.short)
        try await blocking { try blob.finish() }
    }

    private func stream(_ descriptor: OCI.Descriptor, to blob: IncomingBlob) async throws {
        let remote = try await repository.blob(descriptor.digest, from: blob.offset)
        // A server without ranges begins at the beginning again.
        var skip = blob.offset - remote.offset
        for try await var chunk in remote.bytes {
            let unwanted = min(Int(skip), chunk.readableBytes)
            chunk.moveReaderIndex(forwardBy: unwanted)
            skip -= Int64(unwanted)
            guard chunk.readableBytes > 0 else { continue }
            try chunk.withUnsafeReadableBytes { try blob.write($0) }
            report.send(
                "Downloading", id: descriptor.digest.short, current: blob.offset, total: descriptor.size)
        }
    }
}
