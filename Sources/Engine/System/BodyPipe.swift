import EngineAPI
import Errors
import Glibc
import Linux
import Synchronization

/// Joins streams of the API, which are asynchronous, with work on descriptors, which blocks: a pipe
/// between the two, so that neither holds more than the pipe does.
enum BodyPipe {
    /// Runs `work` on what `body` brings. When the work ends early, the rest is not read.
    static func feed<Result: Sendable>(
        _ body: RequestBody, _ work: @escaping @Sendable (FileDescriptor) throws -> Result
    ) async throws -> Result {
        let (reader, writer) = try Holder.pipe()
        async let result = blocking {
            // Held by the work alone: once it has ended, writing fails instead of waiting for ever.
            guard let file = reader.take() else { throw CancellationError() }
            return try work(file)
        }
        do {
            try await pump(body, into: writer)
        } catch let error as SystemError where error.errno == EPIPE {
            _ = error
        }
        return try await result
    }

    private static func pump(_ body: RequestBody, into end: Holder) async throws {
        guard let write = end.take() else { return }
        for try await bytes in body { try await blocking { try write.writeAll(bytes) } }
    }

    /// Runs `work`, which writes to a descriptor, and sends on what it writes.
    static func drain(
        to sink: any ByteSink, _ work: @escaping @Sendable (FileDescriptor) throws -> Void
    ) async throws {
        let (reader, writer) = try Holder.pipe()
        async let done: Void = blocking {
            guard let file = writer.take() else { throw CancellationError() }
            try work(file)
        }
        try await forward(reader, to: sink)
        do {
            try await done
        } catch let error as SystemError where error.errno == EPIPE && Task.isCancelled {
            throw CancellationError()
        }
    }

    private static func forward(_ end: Holder, to sink: any ByteSink) async throws {
        guard let read = end.take() else { return }
        while true {
            let bytes = try await blocking { try read.read(upTo: 256 * 1024) }
            if bytes.isEmpty { return }
            try await sink.write(bytes)
        }
    }

    /// Hands its descriptor to one taker, who is then its only owner: an end of a pipe that somebody
    /// else still holds never tells the other end that it is over.
    final class Holder: Sendable {
        private let value: Mutex<FileDescriptor?>

        private init(_ descriptor: FileDescriptor) { value = Mutex(descriptor) }

        static func pipe() throws -> (reader: Holder, writer: Holder) {
            let (read, write) = try FileDescriptor.pipe()
            return (Holder(read), Holder(write))
        }

        func take() -> FileDescriptor? {
            value.withLock { value in
                defer { value = nil }
                return value
            }
        }
    }
}
