import DNS
import Errors
import Glibc
import Linux
import ShimProtocol

/// The container's name server, at 127.0.0.11 port 53 of its own network namespace. It answers the
/// names of the container's networks from files that the daemon writes, and passes everything else
/// on to the host's servers; so it goes on while the daemon is away.
final class NameServer: EventHandler {
    static let address = "127.0.0.11"
    private static let patience: Int64 = 5000

    /// A query passed on, waiting for an upstream server.
    private final class Pending {
        let query: [UInt8]
        let client: SocketAddress
        let watch: EventLoop.Watch
        var cancelTimer: () -> Void = {}

        init(query: [UInt8], client: SocketAddress, watch: EventLoop.Watch) {
            self.query = query
            self.client = client
            self.watch = watch
        }
    }

    private let loop: EventLoop
    private let datagrams: FileDescriptor
    private let streams: FileDescriptor
    private var watches: [EventLoop.Watch] = []
    private var tables = NameTables()
    private var upstream: [String] = []
    private var pending: [ObjectIdentifier: Pending] = [:]
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var rotation = 0

    /// Opens the sockets in the network namespace of `process`.
    init(loop: EventLoop, networkOf process: FileDescriptor) throws(SystemError) {
        self.loop = loop
        let own = try FileDescriptor.open("/proc/self/ns/net", O_RDONLY)
        try Linux.Process.join(process, .network)
        let sockets = Result<(FileDescriptor, FileDescriptor), SystemError> { () throws(SystemError) in
            guard let address = SocketAddress(Self.address, port: 53) else { throw SystemError("bind", errno: EINVAL) }
            return (try InternetSocket.bind(.udp, address), try InternetSocket.bind(.tcp, address))
        }
        // Whatever happened: the shim's other sockets are the host's.
        try Linux.Process.join(own, .network)
        (datagrams, streams) = try sockets.get()
        watches = [try loop.watch(datagrams, .read, self), try loop.watch(streams, .read, self)]
    }

    func serve(_ service: NameService) {
        tables.files = service.files
        upstream = service.upstream
    }

    // MARK: Events

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        if watch.descriptor === datagrams {
            while let (query, client) = InternetSocket.receive(datagrams, upTo: 4096) { answer(query, client) }
        } else if watch.descriptor === streams {
            accept()
        } else if let waiting = pending[ObjectIdentifier(watch)] {
            relay(waiting)
        }
    }

    private func answer(_ query: [UInt8], _ client: SocketAddress) {
        rotation &+= 1
        switch Resolver.resolve(query, in: tables.current(), rotation: rotation) {
        case .answer(let reply): InternetSocket.send(reply, to: client, over: datagrams)
        case .forward: forward(query, client, servers: upstream[...])
        case .drop: return
        }
    }

    // MARK: Passing on

    private func forward(_ query: [UInt8], _ client: SocketAddress, servers: ArraySlice<String>) {
        guard let server = servers.first else {
            return refuse(query, client, upstream.isEmpty ? .nameError : .serverFailure)
        }
        // Too many at once: better none than all of them late.
        guard pending.count < 512, let address = SocketAddress(server, port: 53),
            let socket = try? InternetSocket.connect(.udp, address), let watch = try? loop.watch(socket, .read, self)
        else { return forward(query, client, servers: servers.dropFirst()) }
        let waiting = Pending(query: query, client: client, watch: watch)
        pending[ObjectIdentifier(watch)] = waiting
        waiting.cancelTimer = loop.after(milliseconds: Self.patience / Int64(max(1, upstream.count))) { [weak self] in
            self?.finish(waiting)
            self?.forward(query, client, servers: servers.dropFirst())
        }
        // A refused port shows as an error on the next read and is tried elsewhere then.
        _ = try? socket.writeAll(query)
    }

    private func relay(_ waiting: Pending) {
        guard let reply = try? waiting.watch.descriptor.read(upTo: 65535), reply.count >= 12,
            reply[0] == waiting.query[0], reply[1] == waiting.query[1]
        else { return }  // a stray or an error: the timer decides
        finish(waiting)
        InternetSocket.send(reply, to: waiting.client, over: datagrams)
    }

    private func finish(_ waiting: Pending) {
        waiting.cancelTimer()
        loop.end(waiting.watch)
        pending[ObjectIdentifier(waiting.watch)] = nil
    }

    private func refuse(_ query: [UInt8], _ client: SocketAddress, _ code: ResponseCode) {
        if let reply = Resolver.reply(to: query, with: code) { InternetSocket.send(reply, to: client, over: datagrams) }
    }

    // MARK: TCP

    private func accept() {
        guard connections.count < 64, let client = try? UnixSocket.accept(streams, nonBlocking: true) else { return }
        guard let connection = try? Connection(client, server: self) else { return }
        connections[ObjectIdentifier(connection)] = connection
    }

    /// A client over TCP: one query, answered here or relayed whole.
    private final class Connection: EventHandler {
        private unowned let server: NameServer
        private let socket: FileDescriptor
        private var watch: EventLoop.Watch?
        private var received: [UInt8] = []
        private var relay: Relay?
        private var cancelTimer: () -> Void = {}

        init(_ socket: FileDescriptor, server: NameServer) throws(SystemError) {
            self.server = server
            self.socket = socket
            watch = try server.loop.watch(socket, .read, self)
            cancelTimer = server.loop.after(milliseconds: NameServer.patience * 2) { [weak self] in self?.end() }
        }

        func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
            guard let bytes = try? watch.descriptor.read(upTo: 4096), !bytes.isEmpty else { return end() }
            received += bytes
            guard received.count >= 2 else { return }
            let length = Int(received[0]) << 8 | Int(received[1])
            guard received.count >= 2 + length else { return }
            let query = Array(received[2..<(2 + length)])
            switch Resolver.resolve(query, in: server.tables.current(), over: .stream) {
            case .answer(let reply): finish(with: reply)
            case .forward: forward(query)
            case .drop: end()
            }
        }

        private func finish(with reply: [UInt8]) {
            _ = try? socket.writeAll([UInt8(reply.count >> 8), UInt8(reply.count & 255)] + reply)
            end()
        }

        private func forward(_ query: [UInt8]) {
            guard let host = server.upstream.first, let address = SocketAddress(host, port: 53),
                let upstream = try? InternetSocket.connect(.tcp, address)
            else {
                if let reply = Resolver.reply(to: query, with: .serverFailure, over: .stream) { finish(with: reply) }
                return
            }
            stopWatching()
            relay = try? Relay(socket, upstream, sending: received, loop: server.loop)
            relay?.onEnd = { [weak self] in self?.end() }
        }

        private func end() {
            cancelTimer()
            stopWatching()
            server.connections[ObjectIdentifier(self)] = nil
        }

        private func stopWatching() {
            if let watch { server.loop.end(watch) }
            watch = nil
        }
    }
}

/// The names files of the container's networks, read again when they were replaced.
private struct NameTables {
    private struct Cached {
        let inode: UInt64
        let modified: Int64
        let table: NameTable
    }

    var files: [String] = []
    private var cache: [String: Cached] = [:]

    mutating func current() -> [NameTable] {
        files.compactMap { path in
            guard let status = try? Files.status(path) else { return nil }
            if let cached = cache[path], cached.inode == status.inode, cached.modified == status.modified {
                return cached.table
            }
            guard let text = try? Files.read(path) else { return nil }
            let table = NameTable(parsing: text)
            cache[path] = Cached(inode: status.inode, modified: status.modified, table: table)
            return table
        }
    }
}
