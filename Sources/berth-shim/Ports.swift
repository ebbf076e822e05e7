import Errors
import Glibc
import Linux
import ShimProtocol

/// The host ports of the container. Each is bound here, so that nobody else can take it and it
/// stays taken while the daemon is away. Packets are forwarded by nf_tables and never get here, but
/// for those it cannot forward, such as to `[::1]`: those connections are relayed.
final class Ports {
    private let loop: EventLoop
    private var holders: [PublishedPort: Holder] = [:]

    init(loop: EventLoop) { self.loop = loop }

    /// Holds exactly these. When one cannot be bound, what was held before stays as it was.
    func hold(_ ports: [PublishedPort]) throws(Failure) {
        var next: [PublishedPort: Holder] = [:]
        for port in ports {
            if let holder = holders[port] { next[port] = holder } else { next[port] = try bind(port) }
        }
        holders = next
    }

    private func bind(_ port: PublishedPort) throws(Failure) -> Holder {
        guard let address = SocketAddress(port.hostAddress, port: port.hostPort) else {
            throw Failure(.setup, "\(port.hostAddress) is not an IP address", port: port)
        }
        let kind: InternetSocket.Kind =
            switch port.transport {
            case .tcp: .tcp
            case .udp: .udp
            case .sctp: .sctp
            }
        do throws(SystemError) {
            return try Holder(port, socket: try InternetSocket.bind(kind, address), loop: loop)
        } catch {
            switch error.errno {
            case EADDRINUSE: throw Failure(.portTaken, error.reason, port: port)
            case EPROTONOSUPPORT, ESOCKTNOSUPPORT:
                throw Failure(.setup, "this kernel has no \(port.transport.rawValue)", port: port)
            default: throw Failure(.setup, "binding \(port.hostAddress):\(port.hostPort): \(error.reason)", port: port)
            }
        }
    }

    private final class Holder: EventHandler {
        private let port: PublishedPort
        private let loop: EventLoop
        private let socket: FileDescriptor
        private var watch: EventLoop.Watch?
        private var relays: [ObjectIdentifier: Relay] = [:]

        init(_ port: PublishedPort, socket: FileDescriptor, loop: EventLoop) throws(SystemError) {
            self.port = port
            self.socket = socket
            self.loop = loop
            if port.transport == .tcp { watch = try loop.watch(socket, .read, self) }
        }

        deinit { if let watch { loop.end(watch) } }

        func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
            guard let client = try? UnixSocket.accept(socket, nonBlocking: true),
                let target = SocketAddress(port.containerAddress, port: port.containerPort),
                let server = try? InternetSocket.connect(.tcp, target),
                let relay = try? Relay(client, server, loop: loop)
            else { return }
            relays[ObjectIdentifier(relay)] = relay
            relay.onEnd = { [weak self, weak relay] in
                if let relay { self?.relays[ObjectIdentifier(relay)] = nil }
            }
        }
    }
}

/// Copies bytes both ways between two sockets until both directions have ended.
final class Relay: EventHandler {
    /// One direction: what was read here and is still to be written there.
    private struct Direction {
        var pending: [UInt8] = []
        var isOpen = true
    }

    private static let chunk = 64 * 1024

    private let loop: EventLoop
    private var ends: [EventLoop.Watch] = []
    private var directions = [Direction(), Direction()]
    var onEnd: () -> Void = {}

    init(_ first: FileDescriptor, _ second: FileDescriptor, sending initial: [UInt8] = [], loop: EventLoop)
        throws(SystemError)
    {
        self.loop = loop
        directions[0].pending = initial
        ends = [try loop.watch(first, .read, self)]
        // Writable first: that is how a connect says that it is done.
        ends.append(try loop.watch(second, [.read, .write], self))
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        guard let index = ends.firstIndex(where: { $0 === watch }) else { return }
        if events.contains(.error) { return end() }
        if !events.isDisjoint(with: [.read, .hangUp]) { read(from: index) }
        if !ends.isEmpty { write(to: 1 - index) }
        if !ends.isEmpty { write(to: index) }
        if !ends.isEmpty { update() }
    }

    private func read(from index: Int) {
        guard directions[index].isOpen, directions[index].pending.isEmpty else { return }
        do throws(SystemError) {
            let bytes = try ends[index].descriptor.read(upTo: Self.chunk)
            directions[index].pending = bytes
            if bytes.isEmpty {
                directions[index].isOpen = false
                shutdownWriting(ends[1 - index].descriptor)
                if !directions[1 - index].isOpen { end() }
            }
        } catch {
            if error.errno != EAGAIN { end() }
        }
    }

    private func write(to index: Int) {
        let source = 1 - index
        do throws(SystemError) {
            while !directions[source].pending.isEmpty {
                let count = try directions[source].pending[...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try ends[index].descriptor.write(buffer)
                }
                directions[source].pending.removeFirst(count)
            }
        } catch {
            if error.errno != EAGAIN && error.errno != ENOTCONN { end() }
        }
    }

    private func update() {
        for index in 0...1 {
            var interest: Poller.Interest = []
            if directions[index].isOpen, directions[index].pending.isEmpty { interest.insert(.read) }
            if !directions[1 - index].pending.isEmpty { interest.insert(.write) }
            loop.change(ends[index], to: interest)
        }
    }

    private func end() {
        for end in ends { loop.end(end) }
        ends = []
        onEnd()
    }
}
