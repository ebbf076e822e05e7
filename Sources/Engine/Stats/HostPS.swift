import EngineAPI
import Errors
import Glibc
import Linux

/// The host's ps(1), for listings that the engine does not make itself.
struct HostPS {
    private let arguments: [String]

    init(_ arguments: [String]) throws(BerthError) {
        for argument in arguments {
            // `-o pid=…` renames the column that tells which lines are the container's.
            if let custom = argument.split(separator: ",").first(where: {
                $0.hasPrefix("pid=") || $0.hasSuffix("opid=")
            }) {
                throw .invalidArgument("specifying \"\(custom)\" is not allowed")
            }
        }
        self.arguments = arguments
    }

    /// The lines of these processes.
    func list(_ processes: Set<pid_t>) throws(BerthError) -> TopResponse {
        let output = try run()
        var lines = output.split(separator: "\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { throw .internal("ps \(arguments.joined(separator: " ")) printed nothing") }
        let titles = lines.removeFirst().split(separator: " ").map(String.init)
        guard let column = titles.firstIndex(of: "PID") else {
            throw .internal("Couldn't find PID field in ps output")
        }
        let rows = lines.compactMap { line -> [String]? in
            // The last column, the command, may hold blanks.
            let fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
            guard fields.count > column, let pid = pid_t(fields[column]), processes.contains(pid) else { return nil }
            return fields
        }
        return TopResponse(titles: titles, processes: rows)
    }

    private func run() throws(BerthError) -> String {
        guard let program = ["/usr/bin/ps", "/bin/ps"].first(where: { Files.exists($0) }) else {
            throw .unavailable(
                "the host has no ps program, which top needs for these arguments; without arguments it does not")
        }
        do throws(SystemError) {
            let (pid, output) = try spawn(program)
            let text: [UInt8]
            do throws(SystemError) {
                text = try output.readToEnd()
            } catch {
                kill(pid, SIGKILL)
                throw error
            }
            // The daemon lets the kernel reap its children, so there is no exit code to be had: ps that
            // refuses its arguments prints nothing to its standard output.
            if text.isEmpty { throw SystemError("ps", errno: EINVAL) }
            return String(decoding: text, as: UTF8.self)
        } catch {
            if error.call == "ps" {
                throw .invalidArgument(
                    "ps: \(arguments.joined(separator: " ")): the host's ps does not take these arguments")
            }
            throw BerthError("running ps", error)
        }
    }

    /// The writing end closes when this returns, so that the reader meets an end.
    private func spawn(_ program: String) throws(SystemError) -> (pid_t, output: FileDescriptor) {
        let nothing = try FileDescriptor.open("/dev/null", O_RDWR)
        let pipe = try FileDescriptor.pipe()
        let pid = try Linux.Process.spawn(
            program, ["ps"] + arguments, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C", "COLUMNS=4096"],
            inheriting: [
                Linux.Process.Inheritance(nothing, as: 0), Linux.Process.Inheritance(pipe.write, as: 1),
                Linux.Process.Inheritance(nothing, as: 2),
            ])
        return (pid, pipe.read)
    }
}
