import Errors
import Glibc
import Linux
import ShimProtocol

/// The streams of one program, container or exec: what it writes goes to the log and to every
/// attached client, what clients type goes to its input.
///
///     program's stdout, stderr ─▶ log
///                              └▶ clients      a client that lags stops the reading, so that
///     clients ─▶ program's stdin               nothing is lost and memory stays bounded
final class Streams: EventHandler {
    private static let chunk = 64 * 1024

    private let loop: EventLoop
    private let isTerminal: Bool
    private var log: LogFile?
    private var sources: [(watch: EventLoop.Watch, stream: OutputStream)] = []
    private var clients: [Client] = []
    private var input: Input?
    private let closesInputWithClient: Bool
    /// Called once, when the program's last output was read.
    var onDrained: () -> Void = {}
    /// Called when the last client has all its bytes and is gone.
    var onIdle: () -> Void = {}

    init(loop: EventLoop, isTerminal: Bool, log: LogFile?, closesInputWithClient: Bool) {
        self.loop = loop
        self.isTerminal = isTerminal
        self.log = log
        self.closesInputWithClient = closesInputWithClient
    }

    var isDrained: Bool { sources.isEmpty }
    var isIdle: Bool { clients.isEmpty }

    // MARK: The program's ends

    func read(_ descriptor: FileDescriptor, as stream: OutputStream) throws(SystemError) {
        try descriptor.setNonBlocking()
        sources.append((try loop.watch(descriptor, .read, self), stream))
    }

    func feed(_ descriptor: FileDescriptor) throws(SystemError) {
        try descriptor.setNonBlocking()
        input = Input(descriptor, loop: loop, streams: self)
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        guard let index = sources.firstIndex(where: { $0.watch === watch }) else { return }
        let stream = sources[index].stream
        do throws(SystemError) {
            let bytes = try watch.descriptor.read(upTo: Self.chunk)
            if !bytes.isEmpty { return publish(bytes, stream) }
        } catch {
            if error.errno == EAGAIN { return }
            // EIO: the last holder of the terminal's slave is gone.
        }
        loop.end(watch)
        sources.remove(at: index)
        if sources.isEmpty { drained() }
    }

    /// Reads what is left without waiting for an end of file: the program is gone, but a process
    /// that it left behind may still hold the pipe.
    func finishReading() {
        for (watch, stream) in sources {
            while let bytes = try? watch.descriptor.read(upTo: Self.chunk), !bytes.isEmpty { publish(bytes, stream) }
            loop.end(watch)
        }
        guard !sources.isEmpty else { return }
        sources = []
        drained()
    }

    private func drained() {
        log?.finish()
        input?.close()
        for client in clients { client.finish() }
        onDrained()
    }

    private func publish(_ bytes: [UInt8], _ stream: OutputStream) {
        log?.append(bytes[...], to: stream)
        for client in clients where client.wants(stream) {
            client.send(isTerminal ? bytes : Self.frame(bytes, stream))
        }
        throttle()
    }

    /// Docker's stream framing: stream, three zeros, big-endian length.
    private static func frame(_ bytes: [UInt8], _ stream: OutputStream) -> [UInt8] {
        let length = UInt32(bytes.count)
        return [
            stream.rawValue, 0, 0, 0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255),
            UInt8(length & 255),
        ] + bytes
    }

    private func throttle() {
        let lagging = clients.contains { $0.isLagging }
        for (watch, _) in sources { loop.change(watch, to: lagging ? [] : .read) }
    }

    // MARK: Clients

    func add(_ socket: FileDescriptor, _ attach: Attach) throws(SystemError) {
        try socket.setNonBlocking()
        let client = try Client(socket, attach, loop: loop, streams: self)
        clients.append(client)
        if isDrained { client.finish() }
    }

    fileprivate func take(_ bytes: [UInt8]) { input?.write(bytes) }

    fileprivate func inputEnded() {
        // On a terminal, a client that leaves is no end of input.
        if closesInputWithClient, !isTerminal { input?.close() }
    }

    fileprivate var inputIsFull: Bool { input?.isFull ?? false }

    fileprivate func inputDrained() { for client in clients { client.resumeReading() } }

    fileprivate func clientDrained() { throttle() }

    fileprivate func remove(_ client: Client) {
        clients.removeAll { $0 === client }
        throttle()
        if clients.isEmpty { onIdle() }
    }
}

/// One attached client.
private final class Client: EventHandler {
    /// Above this many waiting bytes the program's output is no longer read.
    private static let highWater = 1 << 20

    private let loop: EventLoop
    private unowned let streams: Streams
    private let attach: Attach
    private let socket: FileDescriptor
    private var watch: EventLoop.Watch?
    private var pending: [UInt8] = []
    private var sent = 0
    private var isFinishing = false
    private var readsInput: Bool

    init(_ socket: FileDescriptor, _ attach: Attach, loop: EventLoop, streams: Streams) throws(SystemError) {
        self.socket = socket
        self.attach = attach
        self.loop = loop
        self.streams = streams
        // Input that nobody wants is read too, so that the client's half-close is noticed.
        readsInput = true
        watch = try loop.watch(socket, [.read, .peerClosed], self)
    }

    var isLagging: Bool { pending.count - sent > Self.highWater }

    func wants(_ stream: OutputStream) -> Bool { stream == .output ? attach.output : attach.error }

    func send(_ bytes: [UInt8]) {
        pending += bytes
        flush()
    }

    /// Closes once everything is written.
    func finish() {
        isFinishing = true
        flush()
    }

    func resumeReading() { updateInterest() }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        if events.contains(.write) { flush() }
        if self.watch != nil, !events.isDisjoint(with: [.read, .peerClosed, .hangUp]) { readInput() }
        if self.watch != nil, !events.isDisjoint(with: [.error]) { close() }
        if self.watch != nil, events.contains(.hangUp), !readsInput { close() }
    }

    private func readInput() {
        guard readsInput, !streams.inputIsFull else { return }
        do throws(SystemError) {
            let bytes = try socket.read(upTo: 32 * 1024)
            if bytes.isEmpty {
                readsInput = false
                if attach.input { streams.inputEnded() }
                updateInterest()
            } else if attach.input {
                streams.take(bytes)
                updateInterest()
            }
        } catch {
            if error.errno != EAGAIN { close() }
        }
    }

    private func flush() {
        do throws(SystemError) {
            while sent < pending.count {
                sent += try pending[sent...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try socket.write(buffer)
                }
            }
            pending.removeAll(keepingCapacity: pending.capacity <= Self.highWater)
            sent = 0
            if isFinishing { return close() }
        } catch {
            guard error.errno == EAGAIN else { return close() }
            if sent > Self.highWater {
                pending.removeFirst(sent)
                sent = 0
            }
        }
        updateInterest()
        streams.clientDrained()
    }

    private func updateInterest() {
        guard let watch else { return }
        var interest: Poller.Interest = []
        if readsInput, !streams.inputIsFull { interest.formUnion([.read, .peerClosed]) }
        if sent < pending.count { interest.insert(.write) }
        loop.change(watch, to: interest)
    }

    private func close() {
        guard let watch else { return }
        self.watch = nil
        loop.end(watch)
        streams.remove(self)
    }
}

/// The program's standard input.
private final class Input: EventHandler {
    private let loop: EventLoop
    private unowned let streams: Streams
    private var descriptor: FileDescriptor?
    private var watch: EventLoop.Watch?
    private var pending: [UInt8] = []
    private var closesWhenWritten = false

    init(_ descriptor: FileDescriptor, loop: EventLoop, streams: Streams) {
        self.descriptor = descriptor
        self.loop = loop
        self.streams = streams
    }

    var isFull: Bool { pending.count > 64 * 1024 }

    func write(_ bytes: [UInt8]) {
        guard descriptor != nil, !closesWhenWritten else { return }
        pending += bytes
        flush()
    }

    func close() {
        closesWhenWritten = true
        flush()
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        flush()
        if !isFull { streams.inputDrained() }
    }

    private func flush() {
        guard let descriptor else { return }
        do throws(SystemError) {
            while !pending.isEmpty {
                let count = try pending[...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try descriptor.write(buffer)
                }
                pending.removeFirst(count)
            }
        } catch {
            if error.errno == EAGAIN { return waitToWrite(descriptor) }
            // The program closed its input: what is typed from here on goes nowhere.
            pending = []
            closesWhenWritten = true
        }
        if let watch {
            loop.end(watch)
            self.watch = nil
        }
        if closesWhenWritten { self.descriptor = nil }
    }

    private func waitToWrite(_ descriptor: FileDescriptor) {
        if watch == nil { watch = try? loop.watch(descriptor, .write, self) }
    }
}

extension ArraySlice<UInt8> {
    /// `withUnsafeBytes` that keeps the type of the error.
    func withUnsafeBytesTyped<Result>(
        _ body: (UnsafeRawBufferPointer) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var outcome: Swift.Result<Result, SystemError>?
        withUnsafeBytes { buffer in
            do throws(SystemError) {
                outcome = .success(try body(buffer))
            } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else { preconditionFailure("withUnsafeBytes did not call its body") }
        return try outcome.get()
    }
}
