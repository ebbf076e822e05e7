import EngineAPI
import Errors
import Glibc
import Linux
import ShimProtocol

extension Container {
    /// One end for the client, the other for the shim, now or when the container starts.
    func attach(_ options: AttachOptions) async throws -> HijackedStream {
        let keys = try DetachKeys.parse(options.detachKeys)
        let (ours, theirs) = try UnixSocket.pair()
        var attach = Attach(
            input: options.stdin && record.config.openStdin, output: options.stdout, error: options.stderr)
        attach.isRaw = options.isRaw
        var logged: Int64?
        switch phase {
        case .removing, .dead: throw BerthError.conflict("container \(id) is being removed")
        // Only what was written so far: our end reads an end at once.
        case _ where !options.stream: break
        case .running(let run):
            guard !run.isPaused else {
                throw BerthError.conflict("container \(id) is paused, unpause the container before attach")
            }
            guard let shim else { throw BerthError.unavailable("the container's shim is gone") }
            attach.announcesTime = options.logs
            try shim.send(.attach(attach), descriptor: theirs)
            if options.logs { logged = try await announcedTime(on: ours) }
        case .created, .exited, .restarting:
            attach.isForeground = record.config.attachStdout || record.config.attachStderr
            waitingAttaches.append((attach, theirs))
        }
        var stream = HijackedStream(descriptor: ours, tty: record.config.tty)
        if options.logs { stream.replay = try replay(options, until: logged) }
        if record.config.tty, options.stdin { stream.detachKeys = keys }
        let (services, record) = (services, record)
        stream.onDetach = { services.events.publish("detach", of: record) }
        tell("attach")
        return stream
    }

    /// The log as a client of the stream reads it. A driver that keeps none has nothing to replay.
    private func replay(
        _ options: AttachOptions, until: Int64?
    ) throws -> (@Sendable (any EngineAPI.ByteSink) async throws -> Void)? {
        guard options.stdout || options.stderr, var reader = try? record.logReader(services) else { return nil }
        reader.tty = reader.tty || options.isRaw
        let wanted = LogsOptions(
            stdout: options.stdout, stderr: options.stderr, until: until.map { UnixTime(timeNano: $0) })
        return { [reader] sink in try await reader.write(wanted, to: sink) {} }
    }

    /// The first eight bytes that the shim writes to a client that asked for them. The shim answers at
    /// once, unless it was stopped.
    private func announcedTime(on socket: FileDescriptor) async throws -> Int64 {
        try await blocking {
            var bytes: [UInt8] = []
            while bytes.count < 8 {
                var wait = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
                guard poll(&wait, 1, 5000) > 0 else {
                    throw BerthError.unavailable("the container's shim does not answer")
                }
                let more = try socket.read(upTo: 8 - bytes.count)
                guard !more.isEmpty else { throw BerthError.conflict("the container has just ended") }
                bytes += more
            }
            return bytes.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(as: Int64.self)) }
        }
    }
}

extension ContainerRecord {
    /// Reads what the container's log driver kept; throws for one that keeps nothing.
    func logReader(_ services: Services) throws(BerthError) -> LogReader {
        let driver = try LogDriver(hostConfig.logConfig, defaults: services.configuration)
        guard driver.isReadable else {
            throw BerthError(.unimplemented, "configured logging driver does not support reading")
        }
        let directory = services.configuration.directory(of: id)
        return LogReader(
            path: driver.path(inDirectory: directory, id: id), tty: config.tty, watcher: services.logWatcher,
            attributes: try driver.attributes(of: self))
    }
}
