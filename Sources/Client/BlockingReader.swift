import Linux
import NIOPosix

/// Reads descriptors whose reads may block (pipes, terminals, files on slow disks) away from the
/// threads of Swift's concurrency, of which there may be only one.
public enum BlockingReader {
    /// Two threads: one may sit in a read of the terminal for the life of the process.
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

    /// Runs blocking work, such as reading many files, on the same threads.
    public static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.runIfActive(work)
    }
}
