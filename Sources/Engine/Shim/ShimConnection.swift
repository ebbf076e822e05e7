import Errors
import Glibc
import Linux
import NIOCore
import NIOPosix
import ShimProtocol
import Synchronization

/// The daemon's end of a shim's control socket. Events arrive as a stream that ends when the shim
/// is gone; commands, with descriptors where they carry some, go out at once.
final class ShimConnection: Sendable {
    private let socket: FileDescriptor
    private let channel: any Channel
    let events: AsyncStream<ShimEvent>
    /// The shim itself; nil when it ended before it could be opened.
    private let process: FileDescriptor?

    private init(
        _ socket: FileDescriptor, _ channel: any Channel, _ events: AsyncStream<ShimEvent>, _ process: FileDescriptor?
    ) {
        self.socket = socket
        self.channel = channel
        self.events = events
        self.process = process
    }

    /// Starts a shim and tells it what to run.
    static func launch(_ launch: Launch, shim: String, log: FileDescriptor) async throws -> ShimConnection {
        let (ours, theirs) = try UnixSocket.pair()
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        let pid = try Linux.Process.spawn(
            try program(shim).execPath, ["berth-shim", String(launch.id.prefix(12))], environment: [],
            inheriting: [
                .init(null, as: 0), .init(log, as: 1), .init(log, as: 2), .init(theirs, as: 3),
            ],
            newSession: true)
        let connection = try await connect(ours, try? Linux.Process.openPidfd(pid))
        try connection.send(ShimRequest.launch(launch))
        return connection
    }

    /// The shim's program, opened once for all shims of this daemon, so that a container that gets hold
    /// of it by `/proc/PID/exe` cannot change it.
    private static let programs = Mutex<[String: FileDescriptor]>([:])

    private static func program(_ path: String) throws -> FileDescriptor {
        try programs.withLock { programs in
            if let known = programs[path] { return known }
            let program = try SealedProgram.open(path)
            programs[path] = program
            return program
        }
    }

    /// Takes over the shim of a container that an earlier daemon started.
    static func takeOver(bundle: String) async throws -> ShimConnection {
        let socket = try UnixSocket.connect(bundle + "/shim.sock")
        let connection = try await connect(socket, peer(of: socket).flatMap { try? Linux.Process.openPidfd($0) })
        try connection.send(ShimRequest.control)
        return connection
    }

    /// Who listens at the other end.
    private static func peer(of socket: FileDescriptor) -> pid_t? {
        // `struct ucred`: process, user, group.
        var credentials: (pid: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(socket.rawValue, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials.pid > 0
        else { return nil }
        return credentials.pid
    }

    private static func connect(_ socket: FileDescriptor, _ process: FileDescriptor?) async throws -> ShimConnection {
        let (stream, continuation) = AsyncStream.makeStream(of: ShimEvent.self)
        // NIO owns and closes what it is given; commands with descriptors need the socket itself.
        let duplicate = try systemCall("dup") { duplicateDescriptor(socket.rawValue) }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EventReader(continuation))
                }
            }
            .withConnectedSocket(duplicate).get()
        return ShimConnection(socket, channel, stream, process)
    }

    func send(_ command: ShimCommand, descriptor: FileDescriptor? = nil) throws {
        try transmit(Frame.encode(command), descriptor)
    }

    private func send(_ request: ShimRequest) throws { try transmit(Frame.encode(request), nil) }

    /// The socket is non-blocking, as NIO made it; commands are small, so it is full only when the
    /// shim is stopped, which is an error for the one who waits for it.
    private func transmit(_ frame: [UInt8], _ descriptor: FileDescriptor?) throws {
        do throws(SystemError) {
            try UnixSocket.send(frame, descriptors: descriptor.map { [$0] } ?? [], over: socket)
        } catch {
            throw BerthError.unavailable("the container's shim does not answer: \(error.reason)", cause: error)
        }
    }

    /// Ends a shim that does not answer: its container, which the kernel ends with it or has ended already,
    /// is then told by what the shim left.
    func kill() { if let process { try? Linux.Process.signal(SIGKILL, to: process) } }

    /// The shim reads an end at once; our own stream of events ends as well.
    func close() {
        shutdownSocket(socket)
        channel.close(promise: nil)
    }
}

/// Cuts the byte stream into events.
private final class EventReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<ShimEvent>.Continuation
    private var received: [UInt8] = []

    init(_ continuation: AsyncStream<ShimEvent>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        do {
            while let body = try Frame.takeFirst(of: &received) {
                continuation.yield(try Frame.decode(ShimEvent.self, body))
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
