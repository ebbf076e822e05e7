import Archive
import Client
import Errors
import Linux
import Synchronization

/// Joins archives, which are written and read by blocking code, to bodies of requests and responses,
/// which are not.
enum TarPipe {
    /// A request body of what `pack` writes. What `pack` throws breaks the request off, so that the
    /// daemon never takes half an archive for a whole one.
    /// - Parameter passed: is told of each piece of the archive that went out.
    static func upload(
        passed: (@Sendable (Int64) -> Void)? = nil, _ pack: @escaping @Sendable (TarWriter) throws -> Void
    ) -> EngineRequest.Body {
        .stream(contentType: "application/x-tar") { body in
            let (reader, writer) = try PipeEnd.pair()
            let packing = Task {
                try await BlockingWork.run {
                    let archive = TarWriter(to: try writer.take())
                    try pack(archive)
                    try archive.finish()
                }
            }
            let end = try reader.take()
            do {
                while let bytes = try await BlockingWork.read(end) {
                    try await body.write(bytes)
                    passed?(Int64(bytes.count))
                }
            } catch {
                packing.cancel()
                throw error
            }
            do {
                try await packing.value
            } catch let error as SystemError {
                throw BerthError("packing the archive", error)
            }
        }
    }

    /// Runs `unpack` on the archive in a response body.
    /// - Parameter passed: counts the bytes of the archive.
    static func download<Result: Sendable>(
        _ body: ResponseBody, passed: SizeCounter? = nil,
        _ unpack: @escaping @Sendable (FileDescriptor) throws -> Result
    ) async throws -> Result {
        let (reader, writer) = try PipeEnd.pair()
        let feeding = Task {
            let end = try writer.take()
            for try await bytes in body {
                try await BlockingWork.write(bytes, to: end)
                passed?.add(Int64(bytes.count))
            }
        }
        do {
            let result = try await BlockingWork.run { try unpack(try reader.take()) }
            feeding.cancel()
            return result
        } catch let error as SystemError {
            throw BerthError("unpacking the archive", error)
        } catch {
            // A stream that broke off explains an archive that ended too early.
            if case .failure(let cause as BerthError) = await feeding.result { throw cause }
            throw error
        }
    }
}

/// One end of a pipe, given away once. The other end learns that it is over when its only owner is
/// gone, so nobody else may hold on to it.
private final class PipeEnd: Sendable {
    private let descriptor: Mutex<FileDescriptor?>

    private init(_ descriptor: FileDescriptor) { self.descriptor = Mutex(descriptor) }

    static func pair() throws(BerthError) -> (reader: PipeEnd, writer: PipeEnd) {
        do throws(SystemError) {
            let (read, write) = try FileDescriptor.pipe()
            return (PipeEnd(read), PipeEnd(write))
        } catch {
            throw BerthError("making a pipe", error)
        }
    }

    func take() throws(BerthError) -> FileDescriptor {
        let taken = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        guard let taken else { throw .internal("an end of a pipe was given away twice") }
        return taken
    }
}
