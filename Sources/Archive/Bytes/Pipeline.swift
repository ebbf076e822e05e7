import Errors
import Linux

// Stages of a chain on threads of their own: reading, decompression and digests run while the caller
// writes files, and the other way round when packing.

/// A ring of buffers between the thread that fills them and the one that empties them.
final class ChunkRing: @unchecked Sendable {
    // Safe to share: which buffers each side may touch is decided under the monitor's lock. A buffer
    // belongs to the filling side until it is pushed and to the emptying side until it is returned.
    struct Chunk {
        let buffer: UnsafeMutableRawBufferPointer
        var count: Int
        /// The source's position after this chunk.
        var position: Int64
    }

    private struct State {
        var free: [UnsafeMutableRawBufferPointer]
        var filled: [Chunk] = []
        var end: Result<Void, any Error>?
        var isAbandoned = false
    }

    private let state: Monitor<State>
    private let storage: UnsafeMutableRawBufferPointer
    let chunkSize: Int

    init(chunks: Int = 8, chunkSize: Int = 256 * 1024) {
        self.chunkSize = chunkSize
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: chunks * chunkSize, alignment: 4096)
        self.storage = storage
        state = Monitor(
            State(
                free: (0..<chunks).map {
                    UnsafeMutableRawBufferPointer(rebasing: storage[$0 * chunkSize..<($0 + 1) * chunkSize])
                }))
    }

    deinit { storage.deallocate() }

    /// A buffer to fill; nil when the emptying side has gone.
    func takeFree() -> UnsafeMutableRawBufferPointer? {
        state.wait { state in
            state.isAbandoned ? .some(nil) : state.free.popLast().map { .some($0) }
        }
    }

    func push(_ chunk: Chunk) { state.update { $0.filled.append(chunk) } }

    /// No more chunks come.
    func end(_ result: Result<Void, any Error>) { state.update { if $0.end == nil { $0.end = result } } }

    /// The next chunk; nil at the end.
    func pop() throws -> Chunk? {
        let outcome: Result<Chunk?, any Error> = state.wait { state in
            if !state.filled.isEmpty { return .success(state.filled.removeFirst()) }
            return state.end.map { $0.map { nil } }
        }
        return try outcome.get()
    }

    func giveBack(_ chunk: Chunk) { state.update { $0.free.append(chunk.buffer) } }

    /// The emptying side reads no more: the filling side is told at its next step.
    func abandon() { state.update { $0.isAbandoned = true } }
}

/// Reads ahead of its user on a thread of its own.
///
/// The upstream belongs to that thread until this source has given its end (or an error); after that
/// the user may look at it, for a digest for example.
public final class ReadAhead: ByteSource {
    private let ring: ChunkRing
    private let thread: WorkThread
    private var current: ChunkRing.Chunk?
    private var hasEnded = false
    public private(set) var position: Int64 = 0

    public init(_ upstream: any ByteSource, name: String = "read-ahead") throws {
        let ring = ChunkRing()
        self.ring = ring
        // Only the new thread touches it from here until it has ended, as the type's contract says.
        nonisolated(unsafe) let upstream = upstream
        thread = try WorkThread(name) {
            ring.end(Result { try Self.fill(ring, from: upstream) })
        }
    }

    deinit {
        ring.abandon()
        thread.join()
    }

    public func next() throws -> UnsafeRawBufferPointer {
        if let last = current {
            ring.giveBack(last)
            current = nil
        }
        guard !hasEnded, let chunk = try ring.pop() else {
            hasEnded = true
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        current = chunk
        position = chunk.position
        return UnsafeRawBufferPointer(rebasing: chunk.buffer[..<chunk.count])
    }

    private static func fill(_ ring: ChunkRing, from upstream: any ByteSource) throws {
        while true {
            var bytes = try upstream.next()
            if bytes.isEmpty { return }
            while !bytes.isEmpty {
                guard let buffer = ring.takeFree() else { return }
                let count = min(bytes.count, buffer.count)
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                ring.push(ChunkRing.Chunk(buffer: buffer, count: count, position: upstream.position))
                bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
            }
        }
    }
}

/// Passes bytes on to a sink that works on a thread of its own. `finish` waits for it and tells its
/// errors; after that the sink belongs to the caller again.
public final class BackgroundSink: ByteSink {
    private let ring: ChunkRing
    private let outcome = Monitor<Result<Void, any Error>?>(nil)
    private let thread: WorkThread
    private var current: ChunkRing.Chunk?

    public init(_ downstream: any ByteSink, name: String = "write-behind") throws {
        let ring = ChunkRing()
        self.ring = ring
        let outcome = outcome
        // Only the new thread touches it from here until it has ended, as the type's contract says.
        nonisolated(unsafe) let downstream = downstream
        thread = try WorkThread(name) {
            let result = Result { try Self.drain(ring, into: downstream) }
            outcome.update { $0 = result }
            ring.abandon()
        }
    }

    deinit {
        // Not finished: the bytes are not wanted any more.
        ring.end(.failure(BerthError.internal("writing was given up")))
        thread.join()
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            var chunk = try current ?? fresh()
            let count = min(rest.count, chunk.buffer.count - chunk.count)
            UnsafeMutableRawBufferPointer(rebasing: chunk.buffer[chunk.count...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            chunk.count += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if chunk.count == chunk.buffer.count {
                ring.push(chunk)
                current = nil
            } else {
                current = chunk
            }
        }
    }

    public func finish() throws {
        if let last = current {
            ring.push(last)
            current = nil
        }
        ring.end(.success(()))
        try outcome.wait { $0 }.get()
    }

    private func fresh() throws -> ChunkRing.Chunk {
        guard let buffer = ring.takeFree() else {
            try outcome.wait { $0 }.get()
            throw BerthError.internal("writing was given up")
        }
        return ChunkRing.Chunk(buffer: buffer, count: 0, position: 0)
    }

    private static func drain(_ ring: ChunkRing, into downstream: any ByteSink) throws {
        while let chunk = try ring.pop() {
            defer { ring.giveBack(chunk) }
            try downstream.write(UnsafeRawBufferPointer(rebasing: chunk.buffer[..<chunk.count]))
        }
        try downstream.finish()
    }
}
