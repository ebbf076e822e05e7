import Errors
import Glibc
import Linux

/// What a container's first process and its parent tell each other over a socket pair, in order:
///
///     parent → child   proceed
///     child  → parent  mapIDs, entered   only on the way by user namespaces (see NamespaceEntry)
///     child  → parent  runHooks          the mounts stand, the root is not switched yet (if there are hooks)
///     parent → child   proceed
///     child  → parent  ready             all is set up; with the terminal's master where there is one
///     parent → child   proceed           start
///     child  → parent  listener          the filter has a listener, which the parent takes and hands on
///     parent → child   proceed
///     child  → parent  (end)             `execve` closed the socket: the program runs
///
/// An exec begins with `entered`. At any point the child may say `failed` instead, and ends. Where
/// creating and starting are two commands, the words from `start` on go over a connection to the
/// container's start socket.
struct Handshake {
    let socket: FileDescriptor

    enum Message {
        /// The child that spoke so far hands over to this one, which is in the container's namespaces.
        case entered(pid: pid_t, pidfd: FileDescriptor)
        case ready(terminal: FileDescriptor?)
        case failed(StartFailure)
        case runHooks
        /// The number that the seccomp listener has in the child.
        case listener(Int32)
        /// The child has made a user namespace, whose mappings are the parent's to write.
        case mapIDs
    }

    // MARK: The parent's words

    func proceed() throws(SystemError) { try socket.writeAll([1]) }

    /// The child's next message; nil when it executed its program (or was killed).
    func receive() throws(SystemError) -> Message? {
        let (first, descriptors) = try UnixSocket.receive(upTo: Self.headLength, over: socket)
        guard let tag = first.first else { return nil }
        guard let head = try complete(first, to: Self.headLength) else { return nil }
        let number = Int32(bitPattern: head[1...4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        switch Tag(rawValue: tag) {
        case .entered: return descriptors.first.map { .entered(pid: number, pidfd: $0) }
        case .ready: return .ready(terminal: descriptors.first)
        case .runHooks: return .runHooks
        case .listener: return .listener(number)
        case .mapIDs: return .mapIDs
        case .failed:
            let reason = StartFailure.Reason(rawValue: head[5]) ?? .setup
            let text = try complete([], to: Int(number)) ?? []
            return .failed(StartFailure(reason: reason, message: String(decoding: text, as: UTF8.self)))
        case nil: throw SystemError("handshake", errno: EPROTO, subject: "message \(tag)")
        }
    }

    /// Reads on until there are this many bytes; nil when the stream ends before.
    private func complete(_ bytes: [UInt8], to count: Int) throws(SystemError) -> [UInt8]? {
        var bytes = bytes
        while bytes.count < count {
            let more = try socket.read(upTo: count - bytes.count)
            if more.isEmpty { return nil }
            bytes += more
        }
        return bytes
    }

    // MARK: The child's words

    /// Waits for the parent; false when it is gone.
    func awaitProceed() throws(SystemError) -> Bool {
        do throws(SystemError) {
            return try !socket.read(upTo: 1).isEmpty
        } catch {
            if error.errno == ECONNRESET { return false }
            throw error
        }
    }

    func sendEntered(pid: pid_t, pidfd: FileDescriptor) throws(SystemError) {
        try UnixSocket.send(Self.head(.entered, pid), descriptors: [pidfd], over: socket)
    }

    func sendReady(terminal: FileDescriptor?) throws(SystemError) {
        try UnixSocket.send(Self.head(.ready), descriptors: terminal.map { [$0] } ?? [], over: socket)
    }

    func sendRunHooks() throws(SystemError) { try socket.writeAll(Self.head(.runHooks)) }
    func sendMapIDs() throws(SystemError) { try socket.writeAll(Self.head(.mapIDs)) }
    func sendListener(_ number: Int32) throws(SystemError) { try socket.writeAll(Self.head(.listener, number)) }

    func send(_ failure: StartFailure) {
        let text = Array(failure.message.utf8.prefix(1 << 16))
        try? socket.writeAll(Self.head(.failed, Int32(text.count), failure.reason.rawValue) + text)
    }

    // MARK: Form: tag, 32-bit number (little endian), reason

    private static let headLength = 6

    private static func head(_ tag: Tag, _ number: Int32 = 0, _ reason: UInt8 = 0) -> [UInt8] {
        let bits = UInt32(bitPattern: number)
        return [
            tag.rawValue, UInt8(bits & 255), UInt8(bits >> 8 & 255), UInt8(bits >> 16 & 255), UInt8(bits >> 24), reason,
        ]
    }

    private enum Tag: UInt8 {
        case ready = 1
        case failed, entered, runHooks, listener, mapIDs
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
