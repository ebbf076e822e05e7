import Errors
import Glibc
import Linux
import ShimProtocol

/// Sends each record of a log to a service of the host or the network: the journal or syslog. It never
/// waits; what the service does not take is kept up to a limit, then dropped and counted.
final class LogForwarder: EventHandler {
    /// Bytes that wait for the service.
    private static let limit = 1 << 20
    /// Milliseconds: between two tries to reach the service, and for the rest at the end.
    private static let retry: Int64 = 1_000
    private static let farewell: Int64 = 3_000

    private let settings: LogForward
    private let loop: EventLoop
    private var socket: FileDescriptor?
    private var watch: EventLoop.Watch?
    private var isStream = false
    /// Messages that wait, oldest first, and how far the first is sent.
    private var queue: [[UInt8]] = []
    private var sent = 0
    private var queuedBytes = 0
    private var dropped = 0
    private var isWaitingToRetry = false
    private var onFinished: (() -> Void)?

    init(_ settings: LogForward, loop: EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    func send(_ text: ArraySlice<UInt8>, _ stream: OutputStream, _ time: String) {
        let isPartial = text.last != UInt8(ascii: "\n")
        let line = isPartial ? text : text.dropLast()
        guard !line.isEmpty || !isPartial else { return }
        if dropped > 0, queuedBytes == 0 {
            let note = "\(dropped) log messages were lost: the log service did not take them"
            dropped = 0
            enqueue(message(Array(note.utf8)[...], .error, time, isPartial: false))
        }
        enqueue(message(line, stream, time, isPartial: isPartial))
        flush()
    }

    /// Calls back when all is sent, or when that takes too long.
    func finish(_ done: @escaping () -> Void) {
        guard !queue.isEmpty else { return done() }
        onFinished = done
        loop.after(milliseconds: Self.farewell) { [weak self] in self?.finished() }
    }

    private func finished() {
        let done = onFinished
        onFinished = nil
        done?()
    }

    private func enqueue(_ message: [UInt8]) {
        guard queuedBytes + message.count <= Self.limit else {
            dropped += 1
            return
        }
        queue.append(message)
        queuedBytes += message.count
    }

    // MARK: Sending

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        if !events.isDisjoint(with: [.error, .hangUp]) { return disconnect() }
        if events.contains(.read) { drainInput() }
        if events.contains(.write) { flush() }
    }

    /// A syslog server says nothing; that it closed is all there is to read.
    private func drainInput() {
        guard let socket else { return }
        do throws(SystemError) {
            if try socket.read(upTo: 4096).isEmpty, isStream { disconnect() }
        } catch {
            if error.errno != EAGAIN { disconnect() }
        }
    }

    private func flush() {
        guard connect(), let socket else { return }
        do throws(SystemError) {
            while let first = queue.first {
                let count = try first[sent...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try socket.write(buffer)
                }
                sent += count
                guard !isStream || sent == first.count else { continue }
                removeFirst()
            }
        } catch {
            switch error.errno {
            case EAGAIN, ENOTCONN: return waitToWrite()
            // Too large for a datagram: nobody will ever take it.
            case EMSGSIZE: removeFirst()
            default: return disconnect()
            }
            return flush()
        }
        if let watch { loop.change(watch, to: isStream ? .read : []) }
        if queue.isEmpty { finished() }
    }

    private func removeFirst() {
        queuedBytes -= queue[0].count
        queue.removeFirst()
        sent = 0
    }

    private func waitToWrite() {
        if let watch { loop.change(watch, to: isStream ? [.read, .write] : .write) }
    }

    /// Whether there is a socket to write to.
    private func connect() -> Bool {
        if socket != nil { return true }
        guard !isWaitingToRetry else { return false }
        if let made = try? open() {
            socket = made
            watch = try? loop.watch(made, isStream ? .read : [], self)
            return true
        }
        disconnect()
        return false
    }

    private func disconnect() {
        if let watch { loop.end(watch) }
        watch = nil
        socket = nil
        sent = 0
        guard !isWaitingToRetry else { return }
        isWaitingToRetry = true
        loop.after(milliseconds: Self.retry) { [weak self] in
            self?.isWaitingToRetry = false
            self?.flush()
        }
    }

    private func open() throws -> FileDescriptor {
        switch settings.transport {
        case .unix:
            isStream = false
            if let datagram = Self.unixSocket(settings.address, SOCK_DGRAM) { return datagram }
            isStream = true
            guard let stream = Self.unixSocket(settings.address, SOCK_STREAM) else {
                throw BerthError.unavailable("no log service at \(settings.address)")
            }
            return stream
        case .udp, .tcp:
            isStream = settings.transport == .tcp
            guard let address = SocketAddress(settings.address, port: settings.port) else {
                throw BerthError.invalidArgument("\(settings.address) is no address")
            }
            return try InternetSocket.connect(isStream ? .tcp : .udp, address)
        }
    }

    private static func unixSocket(_ path: String, _ type: __socket_type) -> FileDescriptor? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let number = Glibc.socket(
            AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard number >= 0 else { return nil }
        let socket = FileDescriptor(owning: number)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? socket : nil
    }

    // MARK: Messages

    private func message(
        _ line: ArraySlice<UInt8>, _ stream: OutputStream, _ time: String, isPartial: Bool
    ) -> [UInt8] {
        switch settings.kind {
        case .journald: journalMessage(line, stream, time, isPartial: isPartial)
        case .syslog: syslogHead(stream, time) + line + [UInt8(ascii: "\n")]
        }
    }

    /// systemd's native protocol: `NAME=value` lines; a value with a newline has its length before it.
    private func journalMessage(
        _ line: ArraySlice<UInt8>, _ stream: OutputStream, _ time: String, isPartial: Bool
    ) -> [UInt8] {
        var message: [UInt8] = []
        func add(_ name: String, _ value: some Collection<UInt8>) {
            message += name.utf8
            if value.contains(UInt8(ascii: "\n")) {
                message.append(UInt8(ascii: "\n"))
                withUnsafeBytes(of: UInt64(value.count).littleEndian) { message += $0 }
            } else {
                message.append(UInt8(ascii: "="))
            }
            message += value
            message.append(UInt8(ascii: "\n"))
        }
        add("MESSAGE", line)
        add("PRIORITY", (stream == .error ? "3" : "6").utf8)
        add("SYSLOG_TIMESTAMP", time.utf8)
        if isPartial { add("CONTAINER_PARTIAL_MESSAGE", "true".utf8) }
        for field in settings.fields {
            guard let equals = field.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
            add(String(field[..<equals]), field.utf8[field.utf8.index(after: equals)...])
        }
        return message
    }

    private func syslogHead(_ stream: OutputStream, _ time: String) -> [UInt8] {
        let priority = Int(settings.facility) << 3 | (stream == .error ? 3 : 6)
        let (tag, host, process) = (settings.tag, settings.host, getpid())
        // `2026-01-02T03:04:05.678901234Z`
        let second = String(time.prefix(19))
        let head =
            switch settings.format {
            case .plain where settings.transport == .unix: "<\(priority)>\(Self.stamp()) \(tag)[\(process)]: "
            case .plain: "<\(priority)>\(second)Z \(host) \(tag)[\(process)]: "
            case .rfc3164: "<\(priority)>\(Self.stamp()) \(host) \(tag)[\(process)]: "
            case .rfc5424: "<\(priority)>1 \(second)Z \(host) \(tag) \(process) \(tag) - "
            case .rfc5424micro: "<\(priority)>1 \(time.prefix(26))Z \(host) \(tag) \(process) \(tag) - "
            }
        return Array(head.utf8)
    }

    /// `Jan  2 15:04:05`, local time, as RFC 3164 has it.
    private static func stamp() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int32, _ pad: String) -> String { value < 10 ? pad + String(value) : String(value) }
        return months[Int(parts.tm_mon)] + " " + two(parts.tm_mday, " ") + " " + two(parts.tm_hour, "0") + ":"
            + two(parts.tm_min, "0") + ":" + two(parts.tm_sec, "0")
    }
}
