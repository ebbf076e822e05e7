import Errors

/// A command line that could not be read: its text is complete.
struct CommandLineFailure: Error, Equatable {
    var text: String
    var code: Int32
}

/// What a command line asks for.
enum Invocation {
    /// Only to show a text: help or a version.
    case text(String)
    case command(any Command, GlobalOptions, path: String)

    /// - Parameter words: the command line without the program's name.
    init(_ words: [String]) throws {
        var options = GlobalOptions()
        let outcome: FlagParser<GlobalOptions>.Outcome
        do {
            outcome = try FlagParser(GlobalOptions.flags, interspersed: false).parse(words, into: &options)
        } catch let error as UsageError {
            throw CommandLineFailure(
                text: "\(error.message)\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\n"
                    + "Run 'berth --help' for more information", code: 125)
        }
        if options.printsVersion {
            self = .text("Berth version \(BerthVersion.version), build \(BerthVersion.build)\n")
            return
        }
        var rest = outcome.arguments[...]
        if rest.first == "help" {
            rest.removeFirst()
            self = .text(try Self.help(Array(rest)))
            return
        }
        guard !outcome.wantsHelp, !rest.isEmpty else {
            self = .text(try Self.help([]))
            return
        }
        self = try Self.resolve(&rest, in: Commands.root, path: "berth", options)
    }

    /// - Parameter project: what stood before a command of Compose's.
    private static func resolve(
        _ rest: inout ArraySlice<String>, in group: CommandGroup, path: String, _ options: GlobalOptions,
        project: ComposeOptions? = nil
    ) throws -> Invocation {
        guard let word = rest.first, word != "--help", word != "-h" else {
            return .text(
                Help.text(
                    of: group, path: path, usage: project == nil ? "COMMAND" : "[OPTIONS] COMMAND",
                    options: project == nil ? "" : Help.options(ComposeOptions.flags)))
        }
        guard let entry = group.entry(named: word) else {
            if word.hasPrefix("-") {
                throw CommandLineFailure(
                    text:
                        "unknown flag: \(word)\n\nUsage:  \(path) COMMAND\n\nRun '\(path) --help' for more information",
                    code: 125)
            }
            throw CommandLineFailure(
                text: "berth: unknown command: \(path) \(word)\n\nRun '\(path) --help' for more information", code: 1)
        }
        rest.removeFirst()
        let path = "\(path) \(word)"
        switch entry.target {
        case .group(let inner): return try resolve(&rest, in: inner, path: path, options)
        case .compose(let inner): return try compose(&rest, in: inner, path: path, options)
        case .command(let type):
            let invocation = try parse(type, Array(rest), path: path, options)
            guard let project, case .command(var member as any ComposeMember, _, _) = invocation else {
                return invocation
            }
            member.project = project
            return .command(member, options, path: path)
        }
    }

    private static func compose(
        _ rest: inout ArraySlice<String>, in group: CommandGroup, path: String, _ options: GlobalOptions
    ) throws -> Invocation {
        var project = ComposeOptions()
        let outcome: FlagParser<ComposeOptions>.Outcome
        do {
            outcome = try FlagParser(ComposeOptions.flags, interspersed: false).parse(Array(rest), into: &project)
        } catch let error as UsageError {
            throw CommandLineFailure(
                text:
                    "\(error.message)\n\nUsage:  \(path) [OPTIONS] COMMAND\n\nRun '\(path) --help' for more information",
                code: 16)
        }
        if project.printsVersion {
            return .text("Berth Compose version v\(BerthVersion.version)\n")
        }
        rest = outcome.wantsHelp ? [] : outcome.arguments[...]
        return try resolve(&rest, in: group, path: path, options, project: project)
    }

    private static func parse<Root: Command>(
        _ type: Root.Type, _ words: [String], path: String, _ options: GlobalOptions
    ) throws -> Invocation {
        var command = Root()
        do {
            let parser = FlagParser(Root.flags, interspersed: Root.syntax.interspersed)
            let outcome = try parser.parse(words, into: &command)
            if outcome.wantsHelp { return .text(Help.text(of: type, path: path)) }
            if let complaint = Root.syntax.arguments.complaint(outcome.arguments.count) {
                throw CommandLineFailure(
                    text: "berth: '\(path)' \(complaint)\n\n\(Help.usageLine(path, Root.syntax))\n\n"
                        + "Run '\(path) --help' for more information", code: Root.failureCode)
            }
            command.arguments = outcome.arguments
        } catch let error as UsageError {
            throw CommandLineFailure(
                text: "\(error.message)\n\n\(Help.usageLine(path, Root.syntax))\n\n"
                    + "Run '\(path) --help' for more information", code: 125)
        }
        return .command(command, options, path: path)
    }

    private static func help(_ words: [String]) throws -> String {
        guard !words.isEmpty else {
            return Help.text(
                of: Commands.root, path: "berth", usage: "[OPTIONS] COMMAND",
                options: Help.options(GlobalOptions.flags))
        }
        var rest = (words + ["--help"])[...]
        guard case .text(let text) = try resolve(&rest, in: Commands.root, path: "berth", GlobalOptions()) else {
            return ""
        }
        return text
    }
}
