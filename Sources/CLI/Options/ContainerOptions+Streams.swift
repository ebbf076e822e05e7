import Client
import Errors

extension ContainerOptions {
    /// The streams that the command line will be attached to.
    func attachedStreams(detached: Bool) throws(BerthError) -> AttachedStreams {
        if detached {
            guard attach.isEmpty else { throw .invalidArgument("Conflicting options: -a and -d") }
            return AttachedStreams(input: false, output: false, error: false)
        }
        guard !attach.isEmpty else { return AttachedStreams(input: interactive, output: true, error: true) }
        var streams = AttachedStreams(input: false, output: false, error: false)
        for name in attach {
            switch name.lowercased() {
            case "stdin": streams.input = true
            case "stdout": streams.output = true
            case "stderr": streams.error = true
            default: throw .invalidArgument("valid streams are STDIN, STDOUT and STDERR")
            }
        }
        return streams
    }
}
