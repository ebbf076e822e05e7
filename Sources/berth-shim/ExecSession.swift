import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI
import ShimProtocol

/// A further program in the container, with streams of its own.
final class ExecSession {
    let id: String
    let streams: Streams
    private(set) var pid: pid_t = 0
    private(set) var terminal: FileDescriptor?
    private(set) var exitCode: Int32?
    private let request: Exec
    private let process: RuntimeSpec.Process
    private let loop: EventLoop
    /// The program has ended and all it wrote was read.
    var onExit: (Int32) -> Void = { _ in }
    /// Clients, too, are gone.
    var onEnd: () -> Void = {}

    init(_ request: Exec, loop: EventLoop) throws {
        id = request.id
        self.request = request
        self.loop = loop
        process = try JSON.decode(RuntimeSpec.Process.self, from: Array(request.process.utf8))
        streams = Streams(loop: loop, isTerminal: process.terminal == true, log: nil, closesInputWithClient: true)
    }

    func start(in container: FileDescriptor, cgroup: Cgroup, namespaces: Namespaces, seccomp: SeccompFilter?) throws {
        var plan = ProcessPlan(process: process)
        plan.user = request.user
        plan.additionalGroups = request.additionalGroups
        plan.seccomp = seccomp
        let (standardIO, connect) = try makeStandardIO()
        let new = try NewExec.start(
            ExecPlan(
                process: plan, standardIO: standardIO, target: container, cgroup: cgroup, namespaces: namespaces))
        pid = new.pid
        terminal = new.terminal
        try connect(new.terminal)
        streams.onDrained = { [weak self] in self?.finishIfDone() }
        streams.onIdle = { [weak self] in self?.finishIfDone() }
    }

    private func makeStandardIO() throws -> (StandardIO, connect: (FileDescriptor?) throws -> Void) {
        if process.terminal == true {
            let size = process.consoleSize
            return (
                .terminal(rows: UInt16(clamping: size?.height ?? 0), columns: UInt16(clamping: size?.width ?? 0)),
                { [streams] master in
                    guard let master else { throw BerthError.internal("the exec's terminal is missing") }
                    try streams.read(master, as: .output)
                    try streams.feed(try master.duplicate())
                }
            )
        }
        let output = try FileDescriptor.pipe()
        let error = try FileDescriptor.pipe()
        let input = request.input ? try FileDescriptor.pipe() : nil
        let standardIO = StandardIO.descriptors(
            input: try input?.read ?? FileDescriptor.open("/dev/null", O_RDONLY), output: output.write,
            error: error.write)
        return (
            standardIO,
            { [streams] _ in
                try streams.read(output.read, as: .output)
                try streams.read(error.read, as: .error)
                if let input { try streams.feed(input.write) }
            }
        )
    }

    func ended(_ status: ExitStatus) {
        exitCode = status.code
        // A process that the program left running may hold its output for ever.
        loop.after(milliseconds: 300) { [weak self] in self?.streams.finishReading() }
        finishIfDone()
    }

    private var wasTold = false

    private func finishIfDone() {
        guard let exitCode, streams.isDrained else { return }
        if !wasTold {
            wasTold = true
            onExit(exitCode)
        }
        if streams.isIdle { onEnd() }
    }
}
