import ContainerRuntime
import Glibc
import Linux

/// What goes wrong is said where the caller looks for it: in the file of `--log`, in the form of
/// `--log-format`, and errors on standard error too, since a person may be the caller.
struct Log: Sendable {
    enum Format: String { case text, json }
    enum Level: String { case debug, warning, error }

    var file: FileDescriptor?
    var format = Format.text
    var isDebug = false

    func debug(_ message: String) { if isDebug { write(.debug, message) } }
    func warning(_ message: String) { write(.warning, message) }

    func error(_ message: String) {
        write(.error, message)
        if file != nil { Self.complain(message) }
    }

    private func write(_ level: Level, _ message: String) {
        guard let file else {
            Self.complain(level == .error ? message : "\(level.rawValue): \(message)")
            return
        }
        let time = Clock.rfc3339(Clock.now())
        let line =
            switch format {
            case .json:
                JSONValue.object([
                    ("level", .string(level.rawValue)), ("msg", .string(message)), ("time", .string(time)),
                ])
                .text()
            case .text:
                "time=\"\(time)\" level=\(level.rawValue) msg=\(JSONValue.string(message).text())"
            }
        try? file.writeAll(line + "\n")
    }

    /// Standard error stays what the caller gave us: it may be the container's.
    static func complain(_ message: String) {
        let line = Array("berth-runtime: \(message)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
    }

    static func print(_ text: String) {
        let line = Array((text + "\n").utf8)
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
