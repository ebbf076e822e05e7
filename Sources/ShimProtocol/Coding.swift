public import Errors

// The fields of each message in the order they travel. A field that is added goes last, and
// `shimProtocolVersion` up.

extension ShimRequest: WireValue {
    public func write(to writer: inout WireWriter) {
        switch self {
        case .launch(let launch):
            writer.write(0 as UInt8)
            writer.write(launch)
        case .control:
            writer.write(1 as UInt8)
        }
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .launch(try reader.read())
        case 1: self = .control
        default: throw unknownMessage
        }
    }
}

extension ShimCommand: WireValue {
    public func write(to writer: inout WireWriter) {
        switch self {
        case .start:
            writer.write(0 as UInt8)
        case .attach(let attach):
            writer.write(1 as UInt8)
            writer.write(attach)
        case .exec(let exec):
            writer.write(2 as UInt8)
            writer.write(exec)
        case .resize(let exec, let rows, let columns):
            writer.write(3 as UInt8)
            writer.write(exec)
            writer.write(rows)
            writer.write(columns)
        case .resolve(let names):
            writer.write(4 as UInt8)
            writer.write(names)
        case .publish(let ports):
            writer.write(5 as UInt8)
            writer.write(ports)
        }
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .start
        case 1: self = .attach(try reader.read())
        case 2: self = .exec(try reader.read())
        case 3: self = .resize(exec: try reader.read(), rows: try reader.read(), columns: try reader.read())
        case 4: self = .resolve(try reader.read())
        case 5: self = .publish(try reader.read())
        default: throw unknownMessage
        }
    }
}

extension ShimEvent: WireValue {
    public func write(to writer: inout WireWriter) {
        switch self {
        case .created(let pid):
            writer.write(0 as UInt8)
            writer.write(pid)
        case .ready:
            writer.write(1 as UInt8)
        case .started(let at):
            writer.write(2 as UInt8)
            writer.write(at)
        case .failed(let failure):
            writer.write(3 as UInt8)
            writer.write(failure)
        case .exited(let exit):
            writer.write(4 as UInt8)
            writer.write(exit)
        case .execStarted(let id, let pid):
            writer.write(5 as UInt8)
            writer.write(id)
            writer.write(pid)
        case .execFailed(let id, let failure):
            writer.write(6 as UInt8)
            writer.write(id)
            writer.write(failure)
        case .execExited(let id, let code):
            writer.write(7 as UInt8)
            writer.write(id)
            writer.write(code)
        case .snapshot(let snapshot):
            writer.write(8 as UInt8)
            writer.write(snapshot)
        case .logRotated:
            writer.write(9 as UInt8)
        case .outOfMemory:
            writer.write(10 as UInt8)
        }
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .created(pid: try reader.read())
        case 1: self = .ready
        case 2: self = .started(at: try reader.read())
        case 3: self = .failed(try reader.read())
        case 4: self = .exited(try reader.read())
        case 5: self = .execStarted(id: try reader.read(), pid: try reader.read())
        case 6: self = .execFailed(id: try reader.read(), try reader.read())
        case 7: self = .execExited(id: try reader.read(), code: try reader.read())
        case 8: self = .snapshot(try reader.read())
        case 9: self = .logRotated
        case 10: self = .outOfMemory
        default: throw unknownMessage
        }
    }
}

private let unknownMessage = BerthError.internal("daemon and shim do not understand each other: unknown message")

private func enumerated<Value: RawRepresentable>(
    _ type: Value.Type, _ reader: inout WireReader
) throws(BerthError) -> Value where Value.RawValue == String {
    guard let value = Value(rawValue: try reader.read()) else { throw unknownMessage }
    return value
}

extension Log: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(path)
        writer.write(maximumSize)
        writer.write(maximumFiles)
        writer.write(isCompressed)
        writer.write(attributes)
        writer.write(forward)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            path: try reader.read(), maximumSize: try reader.read(), maximumFiles: try reader.read())
        isCompressed = try reader.read()
        attributes = try reader.read()
        forward = try reader.read()
    }
}

extension LogForward: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(kind.rawValue)
        writer.write(transport.rawValue)
        writer.write(address)
        writer.write(port)
        writer.write(format.rawValue)
        writer.write(facility)
        writer.write(tag)
        writer.write(host)
        writer.write(fields)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            kind: try enumerated(Kind.self, &reader), transport: try enumerated(Transport.self, &reader),
            address: try reader.read(), port: try reader.read())
        format = try enumerated(Format.self, &reader)
        facility = try reader.read()
        tag = try reader.read()
        host = try reader.read()
        fields = try reader.read()
    }
}

extension PublishedPort: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(transport.rawValue)
        writer.write(hostAddress)
        writer.write(hostPort)
        writer.write(containerAddress)
        writer.write(containerPort)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            transport: try enumerated(Transport.self, &reader), hostAddress: try reader.read(),
            hostPort: try reader.read(), containerAddress: try reader.read(),
            containerPort: try reader.read())
    }
}

extension NameService: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(files)
        writer.write(upstream)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            files: try reader.read(), upstream: try reader.read())
    }
}

extension Attach: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(input)
        writer.write(output)
        writer.write(error)
        writer.write(isRaw)
        writer.write(announcesTime)
        writer.write(isForeground)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            input: try reader.read(), output: try reader.read(), error: try reader.read())
        isRaw = try reader.read()
        announcesTime = try reader.read()
        isForeground = try reader.read()
    }
}

extension Exec: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(id)
        writer.write(process)
        writer.write(user)
        writer.write(additionalGroups)
        writer.write(seccompFile)
        writer.write(input)
        writer.write(output)
        writer.write(error)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            id: try reader.read(), process: try reader.read(), user: try reader.read(),
            additionalGroups: try reader.read(), seccompFile: try reader.read(), input: try reader.read(),
            output: try reader.read(), error: try reader.read())
    }
}

extension Exit: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(code)
        writer.write(outOfMemory)
        writer.write(time)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            code: try reader.read(), outOfMemory: try reader.read(), time: try reader.read())
    }
}

extension Failure: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(kind.rawValue)
        writer.write(message)
        writer.write(port)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(try enumerated(Kind.self, &reader), try reader.read(), port: try reader.read())
    }
}

extension Snapshot.RunningExec: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(id)
        writer.write(pid)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        self.init(
            id: try reader.read(), pid: try reader.read())
    }
}

extension Snapshot: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(version)
        writer.write(phase.rawValue)
        writer.write(pid)
        writer.write(startedAt)
        writer.write(exit)
        writer.write(execs)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        let version: UInt32 = try reader.read()
        self.init(
            phase: try enumerated(Phase.self, &reader), pid: try reader.read(), startedAt: try reader.read(),
            exit: try reader.read(), execs: try reader.read())
        self.version = version
    }
}

extension Launch: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.write(version)
        writer.write(id)
        writer.write(bundle)
        writer.write(lowerDirectories)
        writer.write(upperDirectory)
        writer.write(workDirectory)
        writer.write(cgroupPath)
        writer.write(user)
        writer.write(additionalGroups)
        writer.write(seccompFile)
        writer.write(log)
        writer.write(keepsInputOpen)
        writer.write(closesInputWithClient)
        writer.write(ports)
        writer.write(names)
        writer.write(endsWithDaemon)
        writer.write(followedMounts)
    }

    public init(from reader: inout WireReader) throws(BerthError) {
        let version: UInt32 = try reader.read()
        guard version == shimProtocolVersion else {
            throw .internal("daemon and shim are of different versions: \(version) and \(shimProtocolVersion)")
        }
        let id: String = try reader.read()
        let bundle: String = try reader.read()
        let lowerDirectories: [String] = try reader.read()
        let upperDirectory: String = try reader.read()
        let workDirectory: String = try reader.read()
        self.init(id: id, bundle: bundle, cgroupPath: try reader.read())
        self.lowerDirectories = lowerDirectories
        self.upperDirectory = upperDirectory
        self.workDirectory = workDirectory
        user = try reader.read()
        additionalGroups = try reader.read()
        seccompFile = try reader.read()
        log = try reader.read()
        keepsInputOpen = try reader.read()
        closesInputWithClient = try reader.read()
        ports = try reader.read()
        names = try reader.read()
        endsWithDaemon = try reader.read()
        followedMounts = try reader.read()
    }
}
