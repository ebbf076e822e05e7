import Archive
import Client
import Errors
import Linux

/// Joins archives, which are written and read by blocking code, to bodies of requests and responses,
/// which are not.
enum TarPipe {
    /// A request body of what `pack` writes. What `pack` throws breaks the request off, so that the
    /// daemon never takes half an archive for a whole one.
    static func upload(_ pack: @escaping @Sendable (TarWriter) throws -> Void) -> EngineRequest.Body {
        .stream(contentType: "application/x-tar") { body in
            let (readEnd, writeEnd) = try pipe()
            // The end of the pipe that is written to closes when this closure is let go.
            let packing = Task { [writeEnd] in
                try await BlockingReader.run {
                    let writer = TarWriter(to: writeEnd)
                    try pack(writer)
                    try writer.finish()
                }
            }
            _ = consume writeEnd
            do {
                while let bytes = try await BlockingReader.read(readEnd) { try await body.write(bytes) }
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
    static func download<Result: Sendable>(
        _ body: ResponseBody, _ unpack: @escaping @Sendable (FileDescriptor) throws -> Result
    ) async throws -> Result {
        let (readEnd, writeEnd) = try pipe()
        let feeding = Task { [writeEnd] in
            for try await bytes in body {
                try await BlockingReader.run { try writeEnd.writeAll(bytes) }
            }
        }
        _ = consume writeEnd
        do {
            let result = try await BlockingReader.run { [readEnd] in try unpack(readEnd) }
            _ = consume readEnd
            feeding.cancel()
            return result
        } catch let error as SystemError {
            throw BerthError("unpacking the archive", error)
        }
    }

    private static func pipe() throws -> (FileDescriptor, FileDescriptor) {
        do throws(SystemError) {
            let (read, write) = try FileDescriptor.pipe()
            return (read, write)
        } catch {
            throw BerthError("making a pipe", error)
        }
    }
}
