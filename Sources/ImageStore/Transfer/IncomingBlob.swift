import Archive
import Errors
import Glibc
import Linux
import OCI

import struct Crypto.SHA256

/// A blob being received from its beginning or from where it was cut off. One thread at a time.
public final class IncomingBlob: Sendable {
    private let descriptor: Descriptor
    private let content: ContentStore
    private let path: String
    let file: FileDescriptor
    let progress = WriteProgress()
    private let state: Monitor<State>

    private struct State {
        var hash: SHA256
        var count: Int64
        var isFinished = false
    }

    /// Digests what is there already.
    init(_ descriptor: Descriptor, _ content: ContentStore) throws {
        self.descriptor = descriptor
        self.content = content
        path = content.partialPath(of: descriptor.digest)
        file = try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o644)
        var state = State(hash: SHA256(), count: 0)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        while case let count = try file.read(into: buffer, at: state.count), count > 0 {
            state.hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            state.count += Int64(count)
        }
        if state.count > descriptor.size {
            try file.truncate(to: 0)
            state = State(hash: SHA256(), count: 0)
        }
        try file.seek(state.count)
        progress.advance(to: state.count)
        self.state = Monitor(state)
    }

    deinit {
        // Whoever unpacks it must not wait for bytes that do not come any more.
        progress.fail()
    }

    /// Bytes that are there: from here on they are wanted.
    public var offset: Int64 { state.update { $0.count } }
    public var isComplete: Bool { offset == descriptor.size }

    /// Takes the next bytes.
    /// - Throws: `unavailable` when there are more than the descriptor says.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        try naming("writing \(descriptor.digest)") {
            let start = offset
            guard start + Int64(bytes.count) <= descriptor.size else {
                throw BerthError.unavailable("the blob \(descriptor.digest) has more than its \(descriptor.size) bytes")
            }
            try file.writeAll(buffer: bytes)
            state.update {
                $0.hash.update(bufferPointer: bytes)
                $0.count += Int64(bytes.count)
            }
            progress.advance(to: start + Int64(bytes.count))
        }
    }

    /// Checks the digest and gives the blob its place.
    /// - Throws: `unavailable` when it is not what it should be; then nothing of it is kept.
    public func finish() throws {
        try naming("storing \(descriptor.digest)") {
            let (hash, count) = state.update { ($0.hash, $0.count) }
            let digest = Digest(sha256: hash.finalize())
            guard count == descriptor.size, descriptor.digest.algorithm != .sha256 || digest == descriptor.digest
            else {
                progress.fail()
                try Files.unlink(path)
                throw BerthError.unavailable(
                    "the blob \(descriptor.digest) came damaged: \(count) of \(descriptor.size) bytes with the digest "
                        + "\(digest)")
            }
            try content.keep(Ingest(path: path, file: file), as: descriptor.digest)
            progress.complete(count)
        }
    }
}
