import Errors
import Glibc
import Linux
import ShimProtocol

/// The streams of one program, container or exec: what it writes goes to the log and to every
/// attached client, what clients type goes to its input.
///
///     program's stdout, stderr ─▶ log
///                              └▶ clients      a client that lags slows the reading down, so that
///     clients ─▶ program's stdin               nothing is lost and memory stays bounded; one that
///                                              takes nothing at all is gone on without
final class Streams: EventHandler {
    private static let chunk = 64 * 1024

    private let loop: EventLoop
    let isTerminal: Bool
    /// What clients do not take in time is in the log; without one, the program waits.
    var keepsOutput: Bool { log?.isKept == true }
    private var log: LogFile?
    private var isLogClosed: Bool
    private var sources: [(watch: EventLoop.Watch, stream: OutputStream)] = []
    private var clients: [StreamClient] = []
    private var input: StreamInput?
    private let closesInputWithClient: Bool
    /// Told after each rotation of the log.
    var onLogRotation: () -> Void = {}
    /// Called once, when the program's last output was read.
    var onDrained: () -> Void = {}
    /// Called when the last client has all its bytes and is gone.
    var onIdle: () -> Void = {}

    init(loop: EventLoop, isTerminal: Bool, log: LogFile?, closesInputWithClient: Bool) {
        self.loop = loop
        self.isTerminal = isTerminal
        self.log = log
        isLogClosed = log == nil
        self.closesInputWithClient = closesInputWithClient
        self.log?.onRotation = { [weak self] in self?.onLogRotation() }
    }

    var isDrained: Bool { sources.isEmpty }
    var isIdle: Bool { clients.isEmpty && isLogClosed }

    // MARK: The program's ends

    func read(_ descriptor: FileDescriptor, as stream: OutputStream) throws(SystemError) {
        try descriptor.setNonBlocking()
        sources.append((try loop.watch(descriptor, .read, self), stream))
    }

    func feed(_ descriptor: FileDescriptor) throws(SystemError) {
        try descriptor.setNonBlocking()
        input = StreamInput(descriptor, loop: loop, streams: self)
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
        log?.close { [weak self] in
            guard let self else { return }
            isLogClosed = true
            if isIdle { onIdle() }
        }
        input?.close()
        for client in clients { client.finish() }
        onDrained()
    }

    private func publish(_ bytes: [UInt8], _ stream: OutputStream) {
        log?.append(bytes[...], to: stream)
        for client in clients where client.wants(stream) {
            client.send(bytes, stream)
        }
        throttle()
    }

    /// Docker's stream framing: stream, three zeros, big-endian length.
    static func frame(_ bytes: [UInt8], _ stream: OutputStream) -> [UInt8] {
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
        let client = try StreamClient(socket, attach, loop: loop, streams: self)
        clients.append(client)
        if attach.announcesTime {
            // A line that has no end yet is not in the log yet.
            log?.finish()
            client.sendTime(Clock.now())
        }
        if isDrained { client.finish() }
    }

    func take(_ bytes: [UInt8]) { input?.write(bytes) }

    func inputEnded() {
        // On a terminal, a client that leaves is no end of input.
        if closesInputWithClient, !isTerminal { input?.close() }
    }

    var inputIsFull: Bool { input?.isFull ?? false }

    func inputDrained() { for client in clients { client.resumeReading() } }

    func clientDrained() { throttle() }

    func remove(_ client: StreamClient) {
        clients.removeAll { $0 === client }
        throttle()
        if isIdle { onIdle() }
    }
}
