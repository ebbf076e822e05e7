import Errors
import Glibc
import Linux
import ShimProtocol

/// A daemon at the other end: commands come in, with descriptors where they carry some, events go
/// out. There may be none (the daemon is away) or, while one takes over from another, two.
final class ControlConnection: EventHandler {
    /// Events are small and few; a daemon that leaves this many unread is hung or stopped. It can
    /// ask for a snapshot when it is back.
    private static let patience = 1 << 20

    private let loop: EventLoop
    private let socket: FileDescriptor
    private var watch: EventLoop.Watch?
    private var received: [UInt8]
    private var descriptors: [FileDescriptor]
    private var pending: [UInt8] = []
    var onCommand: (ShimCommand, () -> FileDescriptor?) -> Void = { _, _ in }
    var onRequest: () -> Void = {}
    var onEnd: () -> Void = {}
    private var expectsRequest: Bool

    /// `received` and `descriptors` are what was read from the socket already.
    init(
        _ socket: FileDescriptor, received: [UInt8] = [], descriptors: [FileDescriptor] = [], expectsRequest: Bool,
        loop: EventLoop
    ) throws(SystemError) {
        self.socket = socket
        self.received = received
        self.descriptors = descriptors
        self.expectsRequest = expectsRequest
        self.loop = loop
        try socket.setNonBlocking()
        watch = try loop.watch(socket, .read, self)
    }

    func send(_ event: ShimEvent) {
        guard watch != nil else { return }
        pending += Frame.encode(event)
        flush()
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        if events.contains(.write) { flush() }
        if !events.isDisjoint(with: [.read, .hangUp, .error]) { receive() }
    }

    /// Acts on what was received before the loop began.
    func processReceived() {
        do throws(BerthError) {
            while let body = try Frame.takeFirst(of: &received) { try process(body) }
        } catch {
            end()
        }
    }

    private func receive() {
        do throws(SystemError) {
            let (bytes, descriptors) = try UnixSocket.receive(upTo: 64 * 1024, over: socket)
            if bytes.isEmpty { return end() }
            received += bytes
            self.descriptors += descriptors
        } catch {
            if error.errno != EAGAIN { end() }
            return
        }
        processReceived()
    }

    private func process(_ body: [UInt8]) throws(BerthError) {
        if expectsRequest {
            guard case .control = try Frame.decode(ShimRequest.self, body) else {
                throw .internal("a shim runs one container")
            }
            expectsRequest = false
            return onRequest()
        }
        let command = try Frame.decode(ShimCommand.self, body)
        onCommand(command) { [self] in descriptors.isEmpty ? nil : descriptors.removeFirst() }
    }

    private func flush() {
        do throws(SystemError) {
            while !pending.isEmpty {
                let count = try pending[...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try socket.write(buffer)
                }
                pending.removeFirst(count)
            }
        } catch {
            if error.errno != EAGAIN || pending.count > Self.patience { return end() }
        }
        if let watch { loop.change(watch, to: pending.isEmpty ? .read : [.read, .write]) }
    }

    private func end() {
        guard let watch else { return }
        self.watch = nil
        loop.end(watch)
        onEnd()
    }
}
