import Errors

/// How many arguments a command takes beside its flags.
enum ArgumentCount: Sendable, Equatable {
    case none
    case exactly(Int)
    case atLeast(Int)
    case atMost(Int)
    case between(Int, Int)
    case any

    /// - Returns: what is wrong with `count`, in Docker's words; nil when it is right.
    func complaint(_ count: Int) -> String? {
        func plural(_ number: Int) -> String { number == 1 ? "\(number) argument" : "\(number) arguments" }
        switch self {
        case .none: return count == 0 ? nil : "accepts no arguments."
        case .exactly(let wanted): return count == wanted ? nil : "requires exactly \(plural(wanted))."
        case .atLeast(let least): return count >= least ? nil : "requires at least \(plural(least))."
        case .atMost(let most): return count <= most ? nil : "requires at most \(plural(most))."
        case .between(let least, let most):
            return (least...most).contains(count)
                ? nil : "requires at least \(least) and at most \(plural(most))."
        case .any: return nil
        }
    }
}

/// What help says of a command, and how its words are read.
struct CommandSyntax: Sendable {
    /// What follows the command's name: `[OPTIONS] CONTAINER [CONTAINER...]`; one line for each form.
    let usage: String
    let summary: String
    let arguments: ArgumentCount
    /// Whether flags may follow arguments.
    let interspersed: Bool

    init(_ usage: String, _ summary: String, _ arguments: ArgumentCount, interspersed: Bool = true) {
        self.usage = usage
        self.summary = summary
        self.arguments = arguments
        self.interspersed = interspersed
    }
}

/// One command: its flags are declared once, as a table of where each value goes.
protocol Command: Sendable {
    static var syntax: CommandSyntax { get }
    static var flags: [Flag<Self>] { get }

    /// Exit code for a command line that cannot be read, and for errors of the daemon.
    static var failureCode: Int32 { get }
    /// Signals to hand to the command instead of dying of them.
    var signals: [Int32] { get }

    var arguments: [String] { get set }

    init()

    /// What is wrong with these arguments beside their number: slips that have a likely meaning.
    static func complaint(about arguments: [String]) -> String?
    /// How short flags were drawn together, for commands that have something to say of it.
    mutating func typed(_ clusters: [FlagCluster])

    /// - Throws: `ExitCode` for an end that has been told already, anything else to be told.
    func run(in session: Session) async throws
}

extension Command {
    static var flags: [Flag<Self>] { [] }
    static var failureCode: Int32 { 1 }
    var signals: [Int32] { [] }

    static func complaint(about arguments: [String]) -> String? { nil }
    mutating func typed(_ clusters: [FlagCluster]) {}
}

/// Ends the command with this exit code and no further word.
struct ExitCode: Error, Equatable {
    var code: Int32

    init(_ code: Int32) { self.code = code }
}
