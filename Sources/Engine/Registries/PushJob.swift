import Distribution
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import OCI

/// Brings one image from the store into its registry.
struct PushJob: Sendable {
    let services: Services
    let repository: RemoteRepository
    /// With a tag.
    let reference: Reference
    let report: TransferReport

    struct Outcome: Sendable {
        let digest: Digest
        /// Of the manifest.
        let size: Int
    }

    private static let slots = AsyncSlots(5)

    func run() async throws -> Outcome {
        let images = services.images
        let image = try await blocking { try find(in: images) }
        let manifest = try await blocking { try images.manifest(of: image) }
        // Nothing needs them when the registry has everything.
        let neighbours = OnceAsked { try await blocking { try repositoriesByLayer(images) } }
        let parts = try JSONDecoder().decode(Manifest.self, from: Data(manifest.bytes))
        var seen: Set<Digest> = []
        let layers = parts.layers.filter { seen.insert($0.digest).inserted }
        for layer in layers { report.send("Preparing", id: layer.digest.short) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for layer in layers {
                group.addTask { try await push(layer, neighbours) }
            }
            group.addTask {
                _ = try await services.uploads.run(parts.config.digest, to: repository) { neighbour in
                    let file = try await blocking { try images.blob(parts.config.digest) }
                    return try await repository.push(parts.config, from: file) { neighbour.map { [$0] } ?? [] }
                }
            }
            try await group.waitForAll()
        }
        try await repository.put(
            manifest: manifest.bytes, mediaType: parts.mediaType ?? MediaType.manifest,
            as: reference.tag ?? manifest.digest.description)
        try await blocking { try images.know(image, in: reference, as: manifest.digest) }
        return Outcome(digest: manifest.digest, size: manifest.bytes.count)
    }

    private func find(in images: ImageStore) throws -> Image {
        do {
            return try images.image(reference.description)
        } catch let error as BerthError where error.code == .notFound {
            throw BerthError.notFound("An image does not exist locally with the tag: \(reference.familiarName)")
        }
    }

    private func push(_ layer: OCI.Descriptor, _ known: OnceAsked<[Digest: [String]]>) async throws {
        let id = layer.digest.short
        let images = services.images
        let outcome = try await services.uploads.run(layer.digest, to: repository) { neighbour in
            try await Self.slots.use {
                let file = try await blocking { try images.blob(layer.digest) }
                return try await repository.push(
                    layer, from: file,
                    neighbours: { try await (neighbour.map { [$0] } ?? []) + (known.value()[layer.digest] ?? []) }
                ) { sent in
                    report.send("Pushing", id: id, current: sent, total: layer.size)
                }
            }
        }
        switch outcome {
        case .present: report.send("Layer already exists", id: id)
        case .mounted(let from): report.send("Mounted from \(from)", id: id)
        case .sent: report.send("Pushed", id: id)
        }
    }

    /// Other repositories of this registry that are known to have a layer, by layer.
    private func repositoriesByLayer(_ images: ImageStore) throws -> [Digest: [String]] {
        var neighbours: [Digest: [String]] = [:]
        for image in try images.images() {
            let repositories = Set(
                image.knownDigests.filter { $0.registry == reference.registry }.map(\.repository)
            ).subtracting([reference.repository])
            guard !repositories.isEmpty else { continue }
            let manifest = try JSONDecoder().decode(Manifest.self, from: Data(images.manifest(of: image).bytes))
            for layer in manifest.layers { neighbours[layer.digest, default: []] += repositories }
        }
        return neighbours.mapValues { Array(Set($0).sorted().prefix(3)) }
    }
}

/// Something that is found out when somebody first asks, for all who ask.
private actor OnceAsked<Value: Sendable> {
    private let find: @Sendable () async throws -> Value
    private var finding: Task<Value, any Error>?

    init(_ find: @escaping @Sendable () async throws -> Value) { self.find = find }

    func value() async throws -> Value {
        let task = finding ?? Task { [find] in try await find() }
        finding = task
        return try await task.value
    }
}
