import FoundationEssentials
import GRDB
import Linux
import OCI

/// Keeps `index.json` in step with the database, so that tools for OCI layouts can read the store.
///
/// One thread writes at a time. Whoever comes meanwhile leaves a note and the writer goes round
/// again, so nobody waits and the last state always gets written.
final class IndexWriter: Sendable {
    private enum State { case idle, writing, writingAndStale }

    private let path: String
    private let state = Monitor(State.idle)

    init(path: String) { self.path = path }

    func write(_ index: () throws -> Index) throws {
        let isMine = state.update { state in
            defer { state = state == .idle ? .writing : .writingAndStale }
            return state == .idle
        }
        guard isMine else { return }
        do {
            repeat {
                state.update { $0 = .writing }
                // Not synced: it is made anew from the database at each start.
                try Files.writeAtomically(path, try encode(index()), durable: false)
            } while !state.update({ state in
                guard state == .writing else { return false }
                state = .idle
                return true
            })
        } catch {
            state.update { $0 = .idle }
            throw error
        }
    }
}

/// Names of images in an OCI layout (OCI image specification, `annotations.md`).
enum Annotation {
    /// The whole name, as containerd and Docker write it.
    static let name = "io.containerd.image.name"
    /// In an archive of one image its tag, in the store's own index the name that users write.
    static let refName = "org.opencontainers.image.ref.name"
    /// Of an image that was saved by its ID: the name is restored only where nothing else has it.
    static let nameIsOptional = "io.github.berth.image.name-is-optional"
    static let created = "org.opencontainers.image.created"
}

extension ImageStore {
    /// One descriptor for each name, and one for each image without a name.
    func layoutIndex() throws -> Index {
        try database.read { database in
            Index(
                manifests: try ImageRecord.fetchAll(database).filter { !$0.isHidden }.flatMap {
                    record -> [Descriptor] in
                    let image = try record.image(database)
                    let manifest = try record.decodedManifest()
                    func descriptor(_ annotations: [String: String]?) -> Descriptor {
                        Descriptor(
                            mediaType: manifest.mediaType ?? MediaType.manifest, digest: record.manifestDigest,
                            size: Int64(record.manifest.count), annotations: annotations, platform: image.platform)
                    }
                    if image.references.isEmpty { return [descriptor(nil)] }
                    return image.references.map {
                        descriptor([Annotation.name: $0.description, Annotation.refName: $0.familiar])
                    }
                })
        }
    }
}
