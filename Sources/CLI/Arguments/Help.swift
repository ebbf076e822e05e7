/// Help texts in Docker's layout.
enum Help {
    /// Columns that texts are broken at.
    static var width: Int { max(40, (Console.width ?? 80) - 1) }

    /// `Usage:` with a line for each form of the command.
    static func usageLine(_ path: String, _ syntax: CommandSyntax) -> String {
        let forms = syntax.usage.split(separator: "\n", omittingEmptySubsequences: false).map {
            "\(path) \($0)".trimmingSuffixSpaces()
        }
        return "Usage:  " + forms.joined(separator: "\n        ")
    }

    /// - Parameter program: the name that this program was called by.
    static func text<Root: Command>(of type: Root.Type, path: String, program: String, width: Int = width) -> String {
        let syntax = Root.syntax
        var text = "\(usageLine(path, syntax))\n\n\(syntax.summary)\n"
        let names = Commands.paths(of: type)
        if names.count > 1 {
            text += "\nAliases:\n  " + names.map { "\(program) \($0)" }.joined(separator: ", ") + "\n"
        }
        let options = options(Root.flags, width: width)
        if !options.isEmpty { text += "\nOptions:\n\(options)" }
        return text + examples(Examples.of(type), program)
    }

    static func text(
        of group: CommandGroup, path: String, usage: String, options: String = "", optionsTitle: String = "Options"
    ) -> String {
        var text = "Usage:  \(path) \(usage)\n\n\(group.summary)\n"
        let shown = group.entries.filter { !$0.isHidden }
        let common = shown.filter(\.isCommon)
        let groups = shown.filter { if case .command = $0.target { false } else { true } }
        let commands = shown.filter { if case .command = $0.target { !$0.isCommon } else { false } }
        let isRoot = !common.isEmpty
        if !isRoot, !options.isEmpty { text += "\n\(optionsTitle):\n\(options)" }
        let width = max(12, (shown.map { $0.names[0].count }.max() ?? 0) + 2)
        for (title, entries) in [
            ("Common Commands", common), ("Management Commands", sorted(groups)), ("Commands", sorted(commands)),
        ] where !entries.isEmpty {
            text += "\n\(title):\n\(list(entries, width))"
        }
        if isRoot, !options.isEmpty { text += "\n\(optionsTitle):\n\(options)" }
        return text + "\nRun '\(path) COMMAND --help' for more information on a command.\n"
    }

    private static func sorted(_ entries: [CommandEntry]) -> [CommandEntry] {
        entries.sorted { $0.names[0] < $1.names[0] }
    }

    private static func list(_ entries: [CommandEntry], _ width: Int) -> String {
        entries.map {
            "  " + $0.names[0].padded(to: width) + ($0.summary.split(separator: "\n").first ?? "") + "\n"
        }.joined()
    }

    private static func examples(_ examples: [Example], _ program: String) -> String {
        guard !examples.isEmpty else { return "" }
        let blocks = examples.map { example in
            let lines = example.lines.map { $0.filling(program: program) }
            return "  # \(example.purpose)\n" + lines.map { "  \($0)\n" }.joined()
        }
        return "\nExamples:\n" + blocks.joined(separator: "\n")
    }

    /// A table of flags: names aligned, texts broken at `width` and indented below each other.
    static func options<Root>(_ flags: [Flag<Root>], width: Int = width) -> String {
        let rows = flags.filter { !$0.isHidden }.sorted { $0.long < $1.long }.map { flag in
            let short = flag.short.map { "-\($0), " } ?? "    "
            let value = if case .named(let name) = flag.value { " \(name)" } else { "" }
            let fallback = flag.fallback.map { " (default \($0))" } ?? ""
            return (name: "  \(short)--\(flag.long)\(value)", help: flag.help + fallback)
        }
        let column = (rows.map(\.name.count).max() ?? 0) + 3
        return rows.map { row in
            let lines = row.help.split(separator: "\n", omittingEmptySubsequences: false).flatMap {
                wrapped(String($0), to: max(24, width - column))
            }
            return row.name.padded(to: column)
                + lines.joined(separator: "\n" + String(repeating: " ", count: column)) + "\n"
        }.joined()
    }

    /// Lines of at most `width` columns, broken at spaces.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        // Texts that are only a little longer stay on one line, as Docker's do.
        let slop = 5
        var lines: [String] = []
        var rest = text[...]
        while rest.count > width + slop, let space = rest.prefix(width).lastIndex(of: " "), space != rest.startIndex {
            lines.append(String(rest[..<space]))
            rest = rest[rest.index(after: space)...]
        }
        return lines + [String(rest)]
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }

    fileprivate func trimmingSuffixSpaces() -> String {
        var text = self
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }

    /// `$ ` stands for the program's name, behind which one like `docker-compose` needs no `compose`.
    fileprivate func filling(program: String) -> String {
        let isCompose = Program(calledAs: program).isCompose
        return replacing(isCompose ? "$ compose " : "$ ", with: program + " ")
    }
}
