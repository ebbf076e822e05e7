import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// An answer of the daemon. Its body must be read to the end or dropped; a connection whose body was
/// read to the end is used again.
public struct EngineResponse: Sendable {
    public let status: Int
    let fields: HTTPHeaders
    public let body: ResponseBody

    /// The first value of a header, its name compared without case.
    public func header(_ name: String) -> String? { fields.first(name: name) }
}

/// The bytes of a response in the pieces in which they arrived. One reader only.
public struct ResponseBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let buffers: ByteStream.Sequence

    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: ByteStream.Sequence.AsyncIterator

        public mutating func next() async throws -> [UInt8]? {
            guard let buffer = try await nextBuffer() else { return nil }
            return Array(buffer.readableBytesView)
        }

        mutating func nextBuffer() async throws -> ByteBuffer? {
            do {
                return try await base.next()
            } catch let error as BerthError {
                throw error
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                throw BerthError.unavailable("the connection to the daemon broke while it was answering", cause: error)
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: buffers.makeAsyncIterator()) }

    /// The whole body.
    public func collect() async throws -> [UInt8] {
        var all: [UInt8] = []
        for try await piece in self { all += piece }
        return all
    }

    /// The body as JSON values, one a line, as progress, event and statistics streams are.
    public func jsonLines<Value: Decodable & Sendable>(of type: Value.Type) -> JSONLines<Value> {
        JSONLines(body: self)
    }
}

/// JSON values separated by line feeds (and blank lines, which are skipped).
public struct JSONLines<Value: Decodable & Sendable>: AsyncSequence, Sendable {
    let body: ResponseBody

    public struct AsyncIterator: AsyncIteratorProtocol {
        var pieces: ResponseBody.AsyncIterator
        var buffered = LineBuffer()

        public mutating func next() async throws -> Value? {
            while true {
                while let line = buffered.nextLine() {
                    if let value = try decode(line) { return value }
                }
                guard let piece = try await pieces.next() else {
                    let rest = buffered.takeRest()
                    return try decode(rest)
                }
                buffered.append(piece)
            }
        }

        private func decode(_ line: [UInt8]) throws -> Value? {
            guard line.contains(where: { $0 > 0x20 }) else { return nil }
            return try EngineClient.decode(Value.self, from: line)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: body.makeAsyncIterator()) }
}

/// Splits bytes into lines as they arrive.
struct LineBuffer {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Where the search for the next line feed goes on.
    private var searched = 0

    mutating func append(_ piece: [UInt8]) {
        if start > 0 {
            bytes.removeFirst(start)
            searched -= start
            start = 0
        }
        bytes += piece
    }

    mutating func nextLine() -> [UInt8]? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            return nil
        }
        defer {
            start = end + 1
            searched = start
        }
        return Array(bytes[start..<end])
    }

    mutating func takeRest() -> [UInt8] {
        defer { self = LineBuffer() }
        return Array(bytes[start...])
    }
}
