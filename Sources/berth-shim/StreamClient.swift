import Errors
import Glibc
import Linux
import ShimProtocol

/// One attached client.
final class StreamClient: EventHandler {
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
    /// It took nothing for so long that nothing more is kept for it.
    private var isStalled = false
    private var isWatchingProgress = false
    private var dropped = 0
    /// Bytes that it has taken in all.
    private var taken = 0

    /// Milliseconds without any progress of a client before its program goes on without it.
    private static let patience: Int64 = 5_000
    /// The same for the client that a program was started for, which may be a pipeline that pauses.
    private static let foregroundPatience: Int64 = 60_000

    init(_ socket: FileDescriptor, _ attach: Attach, loop: EventLoop, streams: Streams) throws(SystemError) {
        self.socket = socket
        self.attach = attach
        self.loop = loop
        self.streams = streams
        // Input that nobody wants is read too, so that the client's half-close is noticed.
        readsInput = true
        watch = try loop.watch(socket, [.read, .peerClosed], self)
    }

    /// Whether the program's output should wait for this client.
    var isLagging: Bool { isBehind && !isStalled }

    private var isBehind: Bool { pending.count - sent > Self.highWater }

    func wants(_ stream: OutputStream) -> Bool { stream == .output ? attach.output : attach.error }

    func send(_ bytes: [UInt8], _ stream: OutputStream) {
        guard !isStalled else {
            dropped += bytes.count
            return
        }
        pending += isRaw ? bytes : Streams.frame(bytes, stream)
        flush()
        if isBehind { watchProgress() }
    }

    func sendTime(_ time: Int64) {
        withUnsafeBytes(of: time.littleEndian) { pending += $0 }
        flush()
    }

    private var isRaw: Bool { attach.isRaw || streams.isTerminal }

    // MARK: Clients that do not read

    /// A client that makes no progress at all within its time is left behind: the program goes on.
    private func watchProgress() {
        guard streams.keepsOutput, !isWatchingProgress else { return }
        isWatchingProgress = true
        let before = taken
        let patience = attach.isForeground ? Self.foregroundPatience : Self.patience
        loop.after(milliseconds: patience) { [weak self] in
            guard let self else { return }
            isWatchingProgress = false
            guard watch != nil, isBehind else { return }
            guard taken == before else { return watchProgress() }
            isStalled = true
            streams.clientDrained()
        }
    }

    /// It reads again, and has all that was kept for it.
    private func catchUp() {
        isStalled = false
        let text = "\n[berth: \(dropped) bytes were not shown while nobody read here; the log has them]\n"
        dropped = 0
        let stream: OutputStream = attach.error ? .error : .output
        let shown =
            streams.isTerminal
            ? text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n") : text
        pending += isRaw ? Array(shown.utf8) : Streams.frame(Array(shown.utf8), stream)
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
                let count = try pending[sent...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try socket.write(buffer)
                }
                sent += count
                taken += count
            }
            pending.removeAll(keepingCapacity: pending.capacity <= Self.highWater)
            sent = 0
            if isStalled, dropped > 0 {
                catchUp()
                return flush()
            }
            isStalled = false
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
