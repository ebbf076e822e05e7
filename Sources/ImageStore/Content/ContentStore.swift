import Archive
import Errors
import Glibc
import Linux
import OCI

/// Blobs on disk, as an OCI image layout (`image-layout.md`): `oci-layout`, `index.json`,
/// `blobs/sha256/…`. What is being received stands in `ingest/` until its digest is known, and in
/// `partial/` when it is known from the beginning: there it outlives a crash.
struct ContentStore: Sendable {
    let root: String

    init(root: String) throws {
        self.root = root
        try Files.makeDirectories(root + "/blobs/sha256", mode: 0o711)
        // Whatever was being received when the last process ended is of no use.
        try Files.removeTree(ingestDirectory)
        try Files.makeDirectory(ingestDirectory, mode: 0o700)
        try Files.makeDirectories(partialDirectory, mode: 0o700)
        try removeOldPartials()
        if !Files.exists(root + "/oci-layout") {
            try Files.writeAtomically(root + "/oci-layout", ContentStore.layout.utf8)
        }
    }

    static let layout = #"{"imageLayoutVersion":"1.0.0"}"#

    private var ingestDirectory: String { root + "/ingest" }
    private var partialDirectory: String { root + "/partial" }

    /// Where a blob is received that may have to be taken up again.
    func partialPath(of digest: Digest) -> String {
        "\(partialDirectory)/\(digest.algorithm.rawValue)-\(digest.hex)"
    }

    /// Half a blob that nobody wanted for a week is not waited for any longer.
    private func removeOldPartials() throws {
        let directory = try FileDescriptor.openDirectory(partialDirectory)
        let limit = Int64(time(nil)) - 7 * 86400
        for name in try directory.entries() {
            if try directory.status(of: name).modified < limit * 1_000_000_000 { try directory.unlink(name) }
        }
    }
    var indexPath: String { root + "/index.json" }

    func path(of digest: Digest) -> String { "\(root)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }
    func has(_ digest: Digest) -> Bool { Files.exists(path(of: digest)) }

    func open(_ digest: Digest) throws -> FileDescriptor {
        do throws(SystemError) {
            return try FileDescriptor.open(path(of: digest), O_RDONLY)
        } catch {
            throw BerthError.internal("the blob \(digest) is missing from the image store: \(error)", cause: error)
        }
    }

    func read(_ digest: Digest) throws -> [UInt8] { try open(digest).readToEnd() }

    /// A file to receive a blob in.
    func ingest() throws -> Ingest {
        let path = "\(ingestDirectory)/\(randomName())"
        return Ingest(path: path, file: try FileDescriptor.open(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o644))
    }

    /// Gives a received file its place. It is durable after the next `sync`.
    func keep(_ ingest: Ingest, as digest: Digest) throws {
        let target = path(of: digest)
        if digest.algorithm == .sha512 { try Files.makeDirectories(Files.parent(of: target), mode: 0o711) }
        if Files.exists(target) { return try ingest.discard() }
        try Files.rename(ingest.path, to: target)
    }

    /// Stores a small blob.
    func put(_ bytes: [UInt8]) throws -> Digest {
        let digest = Digest(of: bytes)
        guard !has(digest) else { return digest }
        let ingest = try ingest()
        try ingest.file.writeAll(bytes)
        try keep(ingest, as: digest)
        return digest
    }

    func remove(_ digest: Digest) throws { try Files.unlink(path(of: digest)) }

    /// The blobs that there are, with their sizes.
    func blobs() throws -> [(digest: Digest, size: Int64)] {
        let directory = try FileDescriptor.openDirectory(root + "/blobs/sha256")
        return try directory.entries().compactMap { name in
            // Another collection may have removed it meanwhile.
            guard let digest = try? Digest(hex: name), let status = try? directory.status(of: name) else { return nil }
            return (digest, status.size)
        }
    }
}

/// A blob being received.
struct Ingest: Sendable {
    let path: String
    let file: FileDescriptor

    func discard() throws { try Files.unlink(path) }
}

/// A name that nothing else has: 16 digits of base 36.
func randomName() -> String {
    var generator = SystemRandomNumberGenerator()
    let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz")
    return String((0..<16).map { _ in digits[Int.random(in: digits.indices, using: &generator)] })
}
