import Distribution
import OCI

/// Uploads under way, so that a blob that several pushes have in common goes to a registry once: the
/// others wait, and then take it over from the repository that it went to.
actor BlobUploads {
    private struct Key: Hashable {
        var registry: String
        var digest: Digest
    }

    /// The repository that has the blob when the upload has ended; nil when it failed.
    private var running: [Key: Task<String?, Never>] = [:]

    /// Carries out `work` when nobody else uploads this blob to this registry.
    ///
    /// - Parameter work: given the repository that the blob has just gone to, if this had to wait.
    func run(
        _ digest: Digest, to repository: RemoteRepository,
        _ work: @escaping @Sendable (_ neighbour: String?) async throws -> PushedBlob
    ) async throws -> PushedBlob {
        let key = Key(registry: repository.registry, digest: digest)
        var neighbour: String?
        while let other = running[key] {
            neighbour = await other.value ?? neighbour
            try Task.checkCancellation()
            // Of those that waited, the first one here goes on; the others wait for that one.
            if running[key] == other { running[key] = nil }
        }
        let last = neighbour
        let upload = Task { try await work(last) }
        let mine = Task { (try? await upload.value) == nil ? nil : repository.name }
        running[key] = mine
        defer { if running[key] == mine { running[key] = nil } }
        return try await withTaskCancellationHandler {
            try await upload.value
        } onCancel: {
            upload.cancel()
        }
    }
}
