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

    /// - Parameters:
    ///   - words: the command line without the program's name.
    ///   - program: the name that texts use.
    init(_ words: [String], as program: Program = .standard) throws {
        let reader = CommandLineReader(program: program)
        self = program.isCompose ? try reader.readCompose(words) : try reader.read(words)
    }
}

/// Finds the command that a command line means, and reads its flags.
private struct CommandLineReader {
    let program: Program

    func read(_ words: [String]) throws -> Invocation {
        var options = GlobalOptions()
        let outcome: FlagParser<GlobalOptions>.Outcome
        do {
            outcome = try FlagParser(GlobalOptions.flags, interspersed: false).parse(words, into: &options)
        } catch let error as UsageError {
            throw CommandLineFailure(
                text: "\(error.message)\n\nUsage:  \(program.name) [OPTIONS] COMMAND [ARG...]\n\n"
                    + "Run '\(program.name) --help' for more information", code: 125)
        }
        if options.printsVersion { return .text(program.versionLine) }
        var rest = outcome.arguments[...]
        if rest.first == "help" { return .text(try help(Array(rest.dropFirst()))) }
        guard !outcome.wantsHelp, !rest.isEmpty else { return .text(rootHelp) }
        return try resolve(&rest, in: Commands.root, path: program.name, options)
    }

    /// For a name such as `docker-compose`.
    func readCompose(_ words: [String]) throws -> Invocation {
        var rest = words[...]
        return try compose(&rest, in: ComposeCommands.group, path: program.name, GlobalOptions())
    }

    private var rootHelp: String {
        Help.text(
            of: Commands.root, path: program.name, usage: "[OPTIONS] COMMAND",
            options: Help.options(GlobalOptions.flags), optionsTitle: "Global Options")
    }

    /// `help save` is `save --help`.
    private func help(_ words: [String]) throws -> String {
        guard !words.isEmpty else { return rootHelp }
        var rest = (words + ["--help"])[...]
        guard case .text(let text) = try resolve(&rest, in: Commands.root, path: program.name, GlobalOptions()) else {
            return ""
        }
        return text
    }

    /// - Parameter project: what stood before a command of Compose's.
    private func resolve(
        _ rest: inout ArraySlice<String>, in group: CommandGroup, path: String, _ options: GlobalOptions,
        project: ComposeOptions? = nil
    ) throws -> Invocation {
        if rest.first == "help", group.entry(named: "help") == nil { rest = rest.dropFirst() + ["--help"] }
        guard let word = rest.first, word != "--help", word != "-h" else {
            return .text(
                Help.text(
                    of: group, path: path, usage: project == nil ? "COMMAND" : "[OPTIONS] COMMAND",
                    options: project == nil ? "" : Help.options(ComposeOptions.flags)))
        }
        guard let entry = group.entry(named: word) else { throw unknown(word, in: group, path: path) }
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

    private func unknown(_ word: String, in group: CommandGroup, path: String) -> CommandLineFailure {
        if word.hasPrefix("-") {
            return CommandLineFailure(
                text: "unknown flag: \(word)\n\nUsage:  \(path) COMMAND\n\nRun '\(path) --help' for more information",
                code: 125)
        }
        let names = group.entries.filter { !$0.isHidden }.flatMap(\.names)
        let near = Spelling.nearest(to: word, among: names).prefix(3)
        let suggestion = near.isEmpty ? "" : "Did you mean this?\n" + near.map { "        \($0)\n" }.joined() + "\n"
        return CommandLineFailure(
            text: "\(program.name): unknown command: \(path) \(word)\n\n\(suggestion)"
                + "Run '\(path) --help' for more information", code: 1)
    }

    private func compose(
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
        if project.printsVersion { return .text(program.composeVersionLine) }
        rest = outcome.wantsHelp ? [] : outcome.arguments[...]
        return try resolve(&rest, in: group, path: path, options, project: project)
    }

    private func parse<Root: Command>(
        _ type: Root.Type, _ words: [String], path: String, _ options: GlobalOptions
    ) throws -> Invocation {
        var command = Root()
        let usage = Help.usageLine(path, Root.syntax)
        do {
            let parser = FlagParser(Root.flags, interspersed: Root.syntax.interspersed)
            let outcome = try parser.parse(words, into: &command)
            if outcome.wantsHelp { return .text(Help.text(of: type, path: path, program: program.name)) }
            if let complaint = Root.complaint(about: outcome.arguments) {
                throw CommandLineFailure(text: "\(program.name): \(complaint)", code: Root.failureCode)
            }
            if let complaint = Root.syntax.arguments.complaint(outcome.arguments.count) {
                throw CommandLineFailure(
                    text: "\"\(path)\" \(complaint)\nSee '\(path) --help'.\n\n\(usage)\n\n\(Root.syntax.summary)",
                    code: 1)
            }
            command.typed(outcome.clusters)
            command.arguments = outcome.arguments
        } catch let error as UsageError {
            throw CommandLineFailure(
                text: "\(error.message)\n\n\(usage)\n\nRun '\(path) --help' for more information", code: 125)
        }
        return .command(command, options, path: path)
    }
}
