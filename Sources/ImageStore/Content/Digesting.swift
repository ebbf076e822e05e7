import Archive
import OCI

import struct Crypto.SHA256

/// Passes bytes on and digests them.
final class DigestingSource: ByteSource {
    private let upstream: any ByteSource
    private var hash = SHA256()
    private(set) var count: Int64 = 0

    init(_ upstream: any ByteSource) { self.upstream = upstream }

    var position: Int64 { upstream.position }

    func next() throws -> UnsafeRawBufferPointer {
        let bytes = try upstream.next()
        hash.update(bufferPointer: bytes)
        count += Int64(bytes.count)
        return bytes
    }

    /// Of the bytes so far.
    var digest: Digest { Digest(sha256: hash.finalize()) }
}

/// Passes bytes on and digests them.
final class DigestingSink: ByteSink {
    private let downstream: any ByteSink
    private var hash = SHA256()
    private(set) var count: Int64 = 0

    init(_ downstream: any ByteSink) { self.downstream = downstream }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        hash.update(bufferPointer: bytes)
        count += Int64(bytes.count)
        try downstream.write(bytes)
    }

    func finish() throws { try downstream.finish() }

    /// Of the bytes so far.
    var digest: Digest { Digest(sha256: hash.finalize()) }
}

/// Gives a source's bytes to a sink too, on their way.
final class TeeSource: ByteSource {
    private let upstream: any ByteSource
    private let sink: any ByteSink

    init(_ upstream: any ByteSource, to sink: any ByteSink) {
        self.upstream = upstream
        self.sink = sink
    }

    var position: Int64 { upstream.position }

    func next() throws -> UnsafeRawBufferPointer {
        let bytes = try upstream.next()
        if !bytes.isEmpty { try sink.write(bytes) }
        return bytes
    }
}

extension Digest {
    init(of bytes: [UInt8]) { self.init(sha256: SHA256.hash(data: bytes)) }

    /// The identity of a stack of layers (OCI image specification, `config.md`, "Layer ChainID"),
    /// lowest first: one for every height.
    static func chain(_ diffIDs: [Digest]) -> [Digest] {
        var chain: [Digest] = []
        for diffID in diffIDs {
            guard let below = chain.last else {
                chain.append(diffID)
                continue
            }
            chain.append(Digest(of: Array("\(below) \(diffID)".utf8)))
        }
        return chain
    }
}
