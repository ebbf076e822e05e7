import OCI

/// A Dockerfile as parsed: nothing is expanded yet.
struct Dockerfile: Sendable {
    var escape: Unicode.Scalar
    /// The ARG instructions before the first FROM.
    var globals: [Argument]
    var stages: [Stage]
    /// Things that work but were not meant, with their lines.
    var warnings: [String]
}

/// What follows one FROM.
struct Stage: Sendable {
    let index: Int
    /// From `AS`, in lower case.
    let name: String?
    /// The image or earlier stage, not expanded.
    let base: String
    let platform: String?
    let line: Int
    let text: String
    var instructions: [Instruction] = []

    /// The stage as messages name it.
    var title: String { name ?? "\(index)" }
}

struct Instruction: Sendable {
    let line: Int
    /// As it was written, on one line.
    let text: String
    let command: Command
}

/// `NAME=value`, both with variables and quotes as written.
struct Variable: Hashable, Sendable {
    var name: String
    var value: String
}

/// `ARG NAME[=value]`.
struct Argument: Hashable, Sendable {
    var name: String
    var value: String?
}

enum CommandLine: Hashable, Sendable {
    /// For the shell of the image.
    case shell(String)
    /// A program and its arguments.
    case exec([String])

    var isEmpty: Bool {
        switch self {
        case .shell(let text): text.isEmpty
        case .exec(let words): words.isEmpty
        }
    }
}

enum Command: Sendable {
    case add(Copy)
    case argument([Argument])
    case command(CommandLine)
    case copy(Copy)
    case entrypoint(CommandLine)
    case environment([Variable])
    case expose([String])
    case healthcheck(Healthcheck)
    case label([Variable])
    case maintainer(String)
    case onBuild(String)
    case run(Run)
    case shell([String])
    case stopSignal(String)
    case user(String)
    case volume([String])
    case workingDirectory(String)
}

extension Command {
    /// The stages or images that files are taken from.
    var stageNames: [String] {
        switch self {
        case .copy(let copy), .add(let copy): [copy.from].compactMap { $0 }
        case .run(let run): run.mounts.compactMap(RunMount.from)
        default: []
        }
    }
}

struct Run: Sendable {
    enum Network: String, Sendable { case standard = "default", none, host }

    var commandLine: CommandLine
    var heredocs: [Heredoc]
    /// The values of `--mount`, not expanded.
    var mounts: [String]
    var network: Network?
}

/// COPY and ADD.
struct Copy: Sendable {
    enum Source: Hashable, Sendable {
        /// A path or, for ADD, a URL.
        case path(String)
        case heredoc(Heredoc)
    }

    var sources: [Source]
    var destination: String
    var from: String?
    var owner: String?
    var mode: String?
    var isLinked = false
    var keepsParents = false
    var excludes: [String] = []
    var checksum: String?
    /// Whether archives are unpacked; nil is the instruction's own rule.
    var unpacks: Bool?
}

/// HEALTHCHECK; times are as written and have been checked, see `Duration`.
enum Healthcheck: Sendable {
    case none
    case command(CommandLine, ImageConfig.Healthcheck)
}
