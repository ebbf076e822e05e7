import Archive
import EngineAPI
import Errors
import Linux

// Archives are packed and extracted by code that blocks, on a thread of its own; responses and
// requests are written and read by tasks. A short queue connects the two.

enum ArchiveTransfer {
    /// Runs `produce` on a thread and passes on what it writes. When the client goes, `produce` is told
    /// by an error at its next write.
    static func send(
        to sink: any EngineAPI.ByteSink, _ produce: @escaping @Sendable (any Archive.ByteSink) throws -> Void
    ) async throws {
        let queue = ByteQueue()
        let thread = try WorkThread("pack") {
            let result = Result { try produce(QueueSink(queue)) }
            queue.finish(result)
        }
        // The thread ends when its queue is finished or abandoned: waiting for it is short.
        defer {
            queue.abandon()
            thread.join()
        }
        while let chunk = try await queue.next() { try await sink.write(chunk) }
    }

    /// Runs `consume` on a thread with the bytes of a request.
    static func receive<Value: Sendable>(
        _ body: RequestBody, _ consume: @escaping @Sendable (any ByteSource) throws -> Value
    ) async throws -> Value {
        let queue = ByteQueue()
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        let thread = try WorkThread("extract") {
            let result = Result { try consume(QueueSource(queue)) }
            outcome.update { $0 = result }
            queue.abandon()
        }
        do {
            for try await chunk in body where !chunk.isEmpty {
                guard await queue.push(chunk) else { break }
            }
            queue.finish(.success(()))
        } catch {
            queue.finish(.failure(error))
        }
        await queue.abandoned()
        thread.join()
        guard let result = outcome.update({ $0 }) else { throw BerthError.internal("the archive was not read") }
        return try result.get()
    }
}

/// A few chunks between a thread and a task. Either side may fill it and the other empties it.
final class ByteQueue: Sendable {
    private struct State {
        var chunks: [[UInt8]] = []
        var end: Result<Void, any Error>?
        /// The emptying side reads no more.
        var isAbandoned = false
        /// The task that waits for a change; threads wait on the monitor.
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Monitor(State())
    private static let capacity = 8

    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        let (value, waiter) = state.update { state -> (Value, CheckedContinuation<Void, Never>?) in
            let value = body(&state)
            defer { state.waiter = nil }
            return (value, state.waiter)
        }
        waiter?.resume()
        return value
    }

    /// Suspends until `body` gives a value.
    private func awaitChange<Value: Sendable>(_ body: @Sendable (inout State) -> Value?) async -> Value {
        while true {
            if let value = change(body) { return value }
            await withCheckedContinuation { continuation in
                let isReady = state.update { state -> Bool in
                    var probe = state
                    if body(&probe) != nil { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// No more chunks come.
    func finish(_ result: Result<Void, any Error>) { change { if $0.end == nil { $0.end = result } } }

    func abandon() { change { $0.isAbandoned = true } }

    // MARK: From a thread to a task

    /// Blocks until there is room; false when nobody reads any more.
    func pushBlocking(_ chunk: [UInt8]) -> Bool {
        let isTaken: Bool = state.wait { state in
            state.isAbandoned ? false : state.chunks.count < Self.capacity ? true : nil
        }
        if isTaken { change { $0.chunks.append(chunk) } }
        return isTaken
    }

    /// The next chunk; nil at the end.
    func next() async throws -> [UInt8]? {
        let outcome: Result<[UInt8]?, any Error> = await withTaskCancellationHandler {
            await awaitChange { state in
                if state.isAbandoned { return .failure(CancellationError()) }
                if !state.chunks.isEmpty { return .success(state.chunks.removeFirst()) }
                return state.end.map { $0.map { nil } }
            }
        } onCancel: {
            abandon()
        }
        return try outcome.get()
    }

    // MARK: From a task to a thread

    /// Suspends until there is room; false when nobody reads any more.
    func push(_ chunk: [UInt8]) async -> Bool {
        await awaitChange { state in
            if state.isAbandoned { return false }
            guard state.chunks.count < Self.capacity else { return nil }
            state.chunks.append(chunk)
            return true
        }
    }

    /// Blocks until there is a chunk; nil at the end.
    func nextBlocking() throws -> [UInt8]? {
        let outcome: Result<[UInt8]?, any Error> = state.wait { state in
            if !state.chunks.isEmpty { return .success(state.chunks[0]) }
            return state.end.map { $0.map { nil } }
        }
        guard let chunk = try outcome.get() else { return nil }
        change { _ = $0.chunks.removeFirst() }
        return chunk
    }

    /// Suspends until the emptying side is done.
    func abandoned() async { _ = await awaitChange { $0.isAbandoned ? true : nil } }
}

/// The writing end on a thread; gathers small writes.
private final class QueueSink: Archive.ByteSink {
    private let queue: ByteQueue
    private var gathered: [UInt8] = []
    private static let size = 128 * 1024

    init(_ queue: ByteQueue) { self.queue = queue }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        gathered.append(contentsOf: bytes)
        if gathered.count >= Self.size { try flush() }
    }

    func finish() throws { if !gathered.isEmpty { try flush() } }

    private func flush() throws {
        guard queue.pushBlocking(gathered) else { throw CancellationError() }
        gathered = []
        gathered.reserveCapacity(Self.size + 4096)
    }
}

/// The reading end on a thread.
private final class QueueSource: ByteSource {
    private let queue: ByteQueue
    private var current: UnsafeMutableRawBufferPointer?
    private(set) var position: Int64 = 0

    init(_ queue: ByteQueue) { self.queue = queue }

    deinit { current?.deallocate() }

    func next() throws -> UnsafeRawBufferPointer {
        current?.deallocate()
        current = nil
        guard let chunk = try queue.nextBlocking() else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 16)
        buffer.copyBytes(from: chunk)
        current = buffer
        position += Int64(chunk.count)
        return UnsafeRawBufferPointer(buffer)
    }
}
