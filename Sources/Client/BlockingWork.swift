import Errors
import Linux
import NIOPosix

/// Work that blocks (pipes, terminals, files on slow disks), away from the threads of Swift's
/// concurrency, of which there may be only one.
public enum BlockingWork {
    /// Two threads: one may sit in a read of the terminal for the life of the process. Whoever reads or
    /// writes here waits at most for work that has a thread of its own, so the two are enough.
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    /// One read of at most `limit` bytes; nil at the end.
    public static func read(_ descriptor: FileDescriptor, upTo limit: Int = 256 * 1024) async throws -> [UInt8]? {
        let bytes = try await pool.runIfActive { try descriptor.read(upTo: limit) }
        return bytes.isEmpty ? nil : bytes
    }

    /// Writes all of it.
    public static func write(_ bytes: [UInt8], to descriptor: FileDescriptor) async throws {
        try await pool.runIfActive { try descriptor.writeAll(bytes) }
    }

    /// Runs work of some length, such as packing an archive, on a thread of its own.
    public static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            do throws(SystemError) {
                // Not joined: what is left of a thread that ended is a few bytes, and there are few.
                _ = try WorkThread("work") { continuation.resume(with: Swift.Result(catching: work)) }
            } catch {
                continuation.resume(throwing: BerthError("starting a thread", error))
            }
        }
    }
}
