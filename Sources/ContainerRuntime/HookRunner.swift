import Errors
import Glibc
import Linux
import OCI

/// Runs hooks of `config.json` one after the other; each reads the container's state from its
/// standard input.
public struct HookRunner {
    private let stage: String
    private let state: String
    private let directory: String

    /// `directory` is where the hooks run, the bundle for those of the host.
    public init(stage: String, state: JSONValue, directory: String) {
        self.stage = stage
        self.state = state.text()
        self.directory = directory
    }

    /// Stops at the first hook that fails or is too slow.
    public func run(_ hooks: [RuntimeSpec.Hook]?) throws(BerthError) {
        for (index, hook) in (hooks ?? []).enumerated() {
            let ended: Ended
            do throws(SystemError) {
                ended = try run(hook)
            } catch {
                throw failure(hook, index, "\(error)", "")
            }
            switch ended.status {
            case .exited(0)?: continue
            case .exited(let code)?: throw failure(hook, index, "exit status \(code)", ended.output)
            case .signaled(let signal)?: throw failure(hook, index, "signal \(signal)", ended.output)
            case nil: throw failure(hook, index, "it did not end within \(hook.timeout ?? 0) s", ended.output)
            }
        }
    }

    private func failure(_ hook: RuntimeSpec.Hook, _ index: Int, _ what: String, _ output: String) -> BerthError {
        let said = output.isEmpty ? "" : ", output: \(output)"
        return .internal("error running \(stage) hook #\(index) (\(hook.path)): \(what)\(said)")
    }

    private struct Ended {
        /// Nil when it was killed for being too slow.
        var status: ExitStatus?
        /// The beginning of what it wrote to its standard output and error.
        var output: String
    }

    private func run(_ hook: RuntimeSpec.Hook) throws(SystemError) -> Ended {
        // Files in memory: neither side has to wait for the other to read or write.
        let input = try FileDescriptor.memory("state")
        try input.writeAll(state)
        try input.seek(0)
        let output = try FileDescriptor.memory("output")
        // A hook without an environment gets ours: hooks written for other runtimes expect that.
        let pid = try Linux.Process.spawn(
            hook.path, hook.args ?? [hook.path], environment: hook.env ?? Linux.Process.environment,
            inheriting: [.init(input, as: 0), .init(output, as: 1), .init(output, as: 2)], directory: directory)
        let pidfd = try Linux.Process.openPidfd(pid)
        var status: ExitStatus?
        if try Linux.Process.awaitEnd(of: pidfd, milliseconds: hook.timeout.map { Int64($0) * 1000 } ?? 0) {
            status = try Linux.Process.wait(pid)
        } else {
            try Linux.Process.signal(SIGKILL, to: pidfd)
            _ = try Linux.Process.wait(pid)
        }
        let said = try output.read(upTo: 4096, at: 0)
        var text = String(decoding: said, as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return Ended(status: status, output: text)
    }
}
