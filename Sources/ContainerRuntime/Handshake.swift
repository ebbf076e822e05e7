import Errors
import Linux

/// What a container's first process and its parent tell each other over a socket pair, in order:
///
///     parent → child   proceed     user mappings are written
///     child  → parent  ready       the tree stands; with the terminal's master where there is one
///     parent → child   proceed     start: network and hooks are done
///     child  → parent  (end)       `execve` closed the socket: the program runs
///
/// At any point the child may say `failed` instead, and ends.
struct Handshake {
    let socket: FileDescriptor

    enum Message {
        case ready(terminal: FileDescriptor?)
        case failed(StartFailure)
    }

    // MARK: The parent's words

    func proceed() throws(SystemError) { try socket.writeAll([1]) }

    /// The child's next message; nil when it executed its program (or was killed).
    func receive() throws(SystemError) -> Message? {
        let (head, descriptors) = try UnixSocket.receive(upTo: 5, over: socket)
        guard let tag = head.first else { return nil }
        if tag == Tag.ready { return .ready(terminal: descriptors.first) }
        var rest = Array(head.dropFirst())
        while rest.count < 4 {
            let more = try socket.read(upTo: 4 - rest.count)
            if more.isEmpty { return nil }
            rest += more
        }
        let length = Int(rest[0]) | Int(rest[1]) << 8 | Int(rest[2]) << 16
        let reason = StartFailure.Reason(rawValue: rest[3]) ?? .setup
        var text: [UInt8] = []
        while text.count < length {
            let more = try socket.read(upTo: length - text.count)
            if more.isEmpty { break }
            text += more
        }
        return .failed(StartFailure(reason: reason, message: String(decoding: text, as: UTF8.self)))
    }

    // MARK: The child's words

    /// Waits for the parent; false when it is gone.
    func awaitProceed() throws(SystemError) -> Bool { try !socket.read(upTo: 1).isEmpty }

    func sendReady(terminal: FileDescriptor?) throws(SystemError) {
        try UnixSocket.send([Tag.ready], descriptors: terminal.map { [$0] } ?? [], over: socket)
    }

    func send(_ failure: StartFailure) {
        let text = Array(failure.message.utf8.prefix(1 << 16))
        let length = text.count
        let head = [
            Tag.failed, UInt8(length & 255), UInt8(length >> 8 & 255), UInt8(length >> 16 & 255),
            failure.reason.rawValue,
        ]
        try? socket.writeAll(head + text)
    }

    private enum Tag {
        static let ready: UInt8 = 1
        static let failed: UInt8 = 2
    }
}

/// Why a container's or an exec's program did not start.
public struct StartFailure: Error, Sendable, CustomStringConvertible {
    public enum Reason: UInt8, Sendable {
        /// Namespaces, mounts, limits: our work, before the program was touched.
        case setup = 0
        /// No such program (exit code 127).
        case notFound = 1
        /// It is there but cannot be executed (126).
        case notExecutable = 2
        /// The working directory or the user does not exist (the container's own business: 126).
        case environment = 3
    }

    public let reason: Reason
    public let message: String

    public init(reason: Reason, message: String) {
        self.reason = reason
        self.message = message
    }

    public var description: String { message }

    /// What `docker run` exits with.
    public var exitCode: Int32 {
        switch reason {
        case .notFound: 127
        case .notExecutable, .environment: 126
        case .setup: 128
        }
    }
}
