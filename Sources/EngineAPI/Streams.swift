// What flows between the server and the engine besides values. No I/O here: the server implements
// the sinks and bodies, the engine the connected stream.

/// Where a streamed response goes.
public protocol ByteSink: Sendable {
    /// Writes `bytes` and returns when the connection can take more. Throws `CancellationError` or an
    /// I/O error when the client has gone; the writer then stops.
    func write(_ bytes: [UInt8]) async throws
}

/// Where the lines of a JSON stream go.
public protocol MessageSink<Message>: Sendable {
    associatedtype Message: Sendable

    /// Sends one message at once and returns when the connection can take more.
    func send(_ message: Message) async throws
}

/// Progress of a build, pull, push, load or import.
///
/// The response's head is sent with the first message. An error that a backend throws before it is a
/// plain HTTP error; one thrown later becomes a last message with `error` and `errorDetail`.
public typealias ProgressSink = MessageSink<ProgressMessage>

/// A response that is written bit by bit.
///
/// A backend returns it once it knows that the request can be carried out, so that every error up to
/// there is a plain HTTP error; the server then sends the head and calls `write`.
public struct StreamedOutput: Sendable {
    public var mediaType: String
    public var write: @Sendable (any ByteSink) async throws -> Void

    public init(mediaType: String, write: @escaping @Sendable (any ByteSink) async throws -> Void) {
        self.mediaType = mediaType
        self.write = write
    }
}

/// A response of JSON messages, one a line; otherwise like `StreamedOutput`.
public struct StreamedMessages<Message: Sendable>: Sendable {
    public var write: @Sendable (any MessageSink<Message>) async throws -> Void

    public init(_ write: @escaping @Sendable (any MessageSink<Message>) async throws -> Void) {
        self.write = write
    }
}

/// A value that is still to come, asked for and agreed to.
public struct Pending<Value: Sendable>: Sendable {
    private let wait: @Sendable () async throws -> Value

    public init(_ wait: @escaping @Sendable () async throws -> Value) { self.wait = wait }

    public func value() async throws -> Value { try await wait() }
}

/// The bytes of a request, pulled by the reader: what is not read stays in the socket.
///
/// It can be iterated once.
public struct RequestBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    private let makeNext: @Sendable () -> AsyncIterator

    /// - Parameter next: gives the next piece, `nil` at the end; called by one reader at a time.
    public init(next: @escaping @Sendable () async throws -> [UInt8]?) {
        makeNext = { AsyncIterator(pull: next) }
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let pull: () async throws -> [UInt8]?

        public mutating func next() async throws -> [UInt8]? { try await pull() }
    }

    public func makeAsyncIterator() -> AsyncIterator { makeNext() }

    public static var empty: RequestBody { RequestBody { nil } }
}

/// A connected stream socket that closes when the last reference goes.
public protocol ConnectedStream: AnyObject, Sendable {
    var rawValue: Int32 { get }
}

/// The far end of an attached container or exec.
///
/// What is read from `descriptor` is sent to the client as it stands: with a terminal the raw bytes,
/// otherwise frames of an 8-byte header (stream, 0, 0, 0, length big-endian) and a payload. What the
/// client sends is written to it; the client's end of input becomes a shutdown of the write side.
public struct HijackedStream: Sendable {
    public var descriptor: any ConnectedStream
    public var tty: Bool
    /// What the client gets before anything that comes from `descriptor`: the log so far.
    public var replay: (@Sendable (any ByteSink) async throws -> Void)?
    /// What a client types to leave without ending its input; empty: nothing does.
    public var detachKeys: [UInt8] = []
    /// Called when the client left by them.
    public var onDetach: (@Sendable () -> Void)?

    public init(descriptor: any ConnectedStream, tty: Bool) {
        self.descriptor = descriptor
        self.tty = tty
    }
}

/// Media types of container output.
public enum StreamMediaType {
    /// Bytes of a terminal, as they are.
    public static let raw = "application/vnd.docker.raw-stream"
    /// Standard output and error in frames.
    public static let multiplexed = "application/vnd.docker.multiplexed-stream"

    public static func of(tty: Bool) -> String { tty ? raw : multiplexed }
}
