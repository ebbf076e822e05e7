import Client
import Errors

/// `berth logs`.
struct LogsCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] CONTAINER", "Show what a container wrote", .exactly(1))
    static let flags: [Flag<LogsCommand>] = [
        .bool(\.details, "details", nil, "Show the attributes that the log driver was given"),
        .bool(\.follow, "follow", "f", "Go on with new output as it comes"),
        .string(
            \.since, "since", nil,
            "Only from this time on (RFC 3339, or a duration such as 42m)"),
        .string(\.tail, "tail", "n", "Number of lines from the end, or \"all\"", fallback: "\"all\""),
        .bool(\.timestamps, "timestamps", "t", "Put the time before each line"),
        .string(
            \.until, "until", nil,
            "Only up to this time (RFC 3339, or a duration such as 42m)"),
    ]

    var details = false
    var follow = false
    var since: String?
    var tail: String?
    var timestamps = false
    var until: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let container = try await session.client.inspectContainer(arguments[0])
        let body = try await session.client.logs(
            container.id, follow: follow, since: try since.map { try TimeSpec.parse($0) },
            until: try until.map { try TimeSpec.parse($0) }, timestamps: timestamps, tail: tail, details: details)
        if container.config.tty {
            for try await bytes in body { Console.write(bytes, to: Console.output) }
        } else {
            try await Console.copy(StreamFrames(body: body))
        }
    }
}

/// Points in time as users give them.
enum TimeSpec {
    /// Seconds since 1970, with nanoseconds behind the point, as the API takes them.
    /// - Parameter text: that, an RFC 3339 time or date, or a duration before now.
    static func parse(_ text: String) throws(BerthError) -> String {
        if Double(text) != nil { return text }
        if let nanoseconds = try? Parse.duration(text) {
            return String(Human.now() - nanoseconds / 1_000_000_000)
        }
        let padded = padded(text)
        guard let seconds = Human.seconds(rfc3339: padded) else {
            throw .invalidArgument(
                "failed to parse value as time or duration: \"\(text)\"")
        }
        let fraction = padded.split(separator: ".").dropFirst().first?.prefix(while: \.isNumber) ?? ""
        return fraction.isEmpty ? String(seconds) : "\(seconds).\(fraction)"
    }

    /// A date without a clock begins at midnight, a clock without seconds at the full minute.
    private static func padded(_ text: String) -> String {
        switch text.count {
        case 10: text + "T00:00:00"
        case 16: text + ":00"
        default: text
        }
    }
}
