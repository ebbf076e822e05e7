import Archive
import Errors
import Glibc
import Linux
import OCI

import struct Crypto.SHA256

/// How far a layer of an archive has been read.
public struct LoadProgress: Sendable {
    /// The layer's digest, shortened, or its name in the archive.
    public let name: String
    /// Bytes of the layer as the archive has it.
    public let current: Int64
    public let total: Int64
}

/// A file of an image archive, received and digested.
struct ReceivedFile {
    let digest: Digest
    let size: Int64
    /// Nil when the store had the blob already.
    let ingest: Ingest?
    let unpacking: UnpackJob?
}

/// A layer being unpacked beside the reading of the archive.
final class UnpackJob: Sendable {
    private let outcome = Monitor<Result<UnpackedLayer, any Error>?>(nil)
    private let isTaken = Monitor(false)

    /// - Parameter slots: how many more jobs may run now.
    init(_ file: FileDescriptor, _ progress: WriteProgress, into layers: LayerDirectories, _ slots: Monitor<Int>) throws
    {
        let outcome = outcome
        _ = try WorkThread("layer-unpack") {
            slots.wait { free -> Void? in
                if free == 0 { return nil }
                free -= 1
                return ()
            }
            let result = Result { try layers.unpack(GrowingFileSource(file, progress)) }
            slots.update { $0 += 1 }
            outcome.update { $0 = result }
        }
    }

    func wait() throws -> UnpackedLayer { try outcome.wait { $0 }.get() }

    /// The layer, to the first who asks.
    func take() -> UnpackedLayer? {
        guard
            isTaken.update({ taken in
                defer { taken = true }
                return !taken
            })
        else { return nil }
        return try? wait()
    }
}

/// Receives the files of an image archive: each goes to disk and is digested, and what looks like a
/// layer is unpacked at the same time, although only the end of the archive may tell what it is.
final class Reception {
    private let store: ImageStore
    private let scope: PinScope
    /// How many more layers may be unpacked at a time.
    private let slots = Monitor(max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Where the archive ends, in bytes of its file.
    private var end: Int64 = 0
    private var files: [String: ReceivedFile] = [:]
    private var links: [String: String] = [:]
    private var byDigest: [Digest: ReceivedFile] = [:]

    init(_ store: ImageStore) {
        self.store = store
        scope = PinScope(store.pins)
    }

    deinit {
        for file in files.values {
            file.unpacking?.take()?.discard()
            try? file.ingest?.discard()
        }
    }

    /// The file at a path, or at what a link there leads to.
    func file(_ path: String) -> ReceivedFile? {
        var path = normalized(path)
        for _ in 0..<8 {
            if let file = files[path] { return file }
            guard let target = links[path] else { return nil }
            path = target
        }
        return nil
    }

    func file(_ digest: Digest) -> ReceivedFile? { byDigest[digest] }

    /// The archive names something that it does not hold.
    func missing(_ what: String) -> BerthError {
        .invalidArgument("the archive lacks \(what): it is incomplete or truncated, it ends at byte \(end)")
    }

    /// A small file's bytes.
    func contents(_ file: ReceivedFile) throws -> [UInt8] {
        guard file.size <= 32 << 20 else {
            throw BerthError.invalidArgument("the archive holds a description of an image of \(file.size) bytes")
        }
        guard let ingest = file.ingest else { return try store.content.read(file.digest) }
        return try ingest.file.read(upTo: Int(file.size), at: 0)
    }

    func receive(from descriptor: FileDescriptor, progress: (LoadProgress) -> Void) throws {
        let plain = try Decompressed(FileSource(descriptor))
        let reader = try TarReader(plain.compression == .none ? plain : ReadAhead(plain, name: "load-inflate"))
        while let entry = try reader.next() {
            let path = normalized(entry.path.description)
            switch entry.kind {
            case .file: try receive(entry, at: path, reader, progress)
            case .hardLink(let target): links[path] = normalized(target.description)
            case .symbolicLink(let target):
                links[path] = normalized(Files.parent(of: path) + "/" + target.description)
            default: continue
            }
        }
        // Whoever writes to us through a pipe is not cut off at the padding.
        try reader.drain()
        end = reader.position
    }

    private func receive(
        _ entry: TarEntry, at path: String, _ reader: TarReader, _ progress: (LoadProgress) -> Void
    ) throws {
        let claimed = claimedDigest(path)
        if let claimed {
            scope.pin([claimed])
            if store.content.has(claimed) {
                return record(ReceivedFile(digest: claimed, size: entry.size, ingest: nil, unpacking: nil), path)
            }
        }
        let ingest = try store.content.ingest()
        let written = WriteProgress()
        var job: UnpackJob?
        do {
            var hash = SHA256()
            var count: Int64 = 0
            while let block = try reader.nextBlock() {
                if block.bytes.isEmpty { continue }
                if count == 0, looksLikeLayer(path, claimed, block.bytes) {
                    job = try UnpackJob(ingest.file, written, into: store.layers, slots)
                }
                try ingest.file.writeAll(buffer: block.bytes)
                hash.update(bufferPointer: block.bytes)
                count += Int64(block.bytes.count)
                written.advance(to: count)
                if job != nil {
                    progress(LoadProgress(name: claimed?.short ?? path, current: count, total: entry.size))
                }
            }
            written.complete(count)
            let digest = Digest(sha256: hash.finalize())
            if let claimed, claimed.algorithm == .sha256, claimed != digest {
                throw BerthError.invalidArgument("the archive is damaged: \(path) has the digest \(digest)")
            }
            scope.pin([digest])
            record(ReceivedFile(digest: digest, size: count, ingest: ingest, unpacking: job), path)
        } catch {
            written.fail()
            job?.take()?.discard()
            try? ingest.discard()
            throw error
        }
    }

    private func record(_ file: ReceivedFile, _ path: String) {
        if let former = files[path] {
            former.unpacking?.take()?.discard()
            try? former.ingest?.discard()
        }
        files[path] = file
        byDigest[file.digest] = file
    }

    /// Blobs of an OCI layout are named by their digest.
    private func claimedDigest(_ path: String) -> Digest? {
        let parts = path.split(separator: "/")
        guard parts.count == 3, parts[0] == "blobs" else { return nil }
        return try? Digest("\(parts[1]):\(parts[2])")
    }

    private func looksLikeLayer(_ path: String, _ claimed: Digest?, _ head: UnsafeRawBufferPointer) -> Bool {
        if claimed == nil { return path.hasSuffix(".tar") || path.hasSuffix(".tar.gz") }
        // All else that a layout holds is JSON.
        return head.first != UInt8(ascii: "{") && head.first != UInt8(ascii: "[")
    }

    private func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
