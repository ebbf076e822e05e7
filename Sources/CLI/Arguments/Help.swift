/// Help texts in Docker's layout.
enum Help {
    static func usageLine(_ path: String, _ syntax: CommandSyntax) -> String {
        "Usage:  \(path) \(syntax.usage)".trimmingSuffixSpaces()
    }

    static func text<Root: Command>(of type: Root.Type, path: String) -> String {
        let syntax = Root.syntax
        var text = "\(usageLine(path, syntax))\n\n\(syntax.summary)\n"
        let options = options(Root.flags)
        if !options.isEmpty { text += "\nOptions:\n\(options)" }
        return text
    }

    static func text(of group: CommandGroup, path: String, usage: String, options: String = "") -> String {
        var text = "Usage:  \(path) \(usage)\n\n\(group.summary)\n"
        if !options.isEmpty { text += "\nOptions:\n\(options)" }
        let groups = group.entries.filter { if case .command = $0.target { false } else { !$0.isHidden } }
        let commands = group.entries.filter { if case .command = $0.target { !$0.isHidden } else { false } }
        if !groups.isEmpty { text += "\nManagement Commands:\n\(list(groups))" }
        if !commands.isEmpty { text += "\nCommands:\n\(list(commands))" }
        return text + "\nRun '\(path) COMMAND --help' for more information on a command.\n"
    }

    private static func list(_ entries: [CommandEntry]) -> String {
        let width = (entries.map { $0.names[0].count }.max() ?? 0) + 2
        return entries.sorted { $0.names[0] < $1.names[0] }.map {
            "  " + $0.names[0].padded(to: width) + ($0.summary.split(separator: "\n").first ?? "") + "\n"
        }.joined()
    }

    static func options<Root>(_ flags: [Flag<Root>]) -> String {
        let rows = flags.filter { !$0.isHidden }.sorted { $0.long < $1.long }.map { flag in
            let short = flag.short.map { "-\($0), " } ?? "    "
            let value = if case .named(let name) = flag.value { " \(name)" } else { "" }
            let fallback = flag.fallback.map { " (default \($0))" } ?? ""
            return (name: "  \(short)--\(flag.long)\(value)", help: flag.help + fallback)
        }
        let width = (rows.map(\.name.count).max() ?? 0) + 3
        return rows.map { $0.name.padded(to: width) + $0.help.indentingFollowingLines(by: width) + "\n" }.joined()
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

    fileprivate func indentingFollowingLines(by width: Int) -> String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .joined(separator: "\n" + String(repeating: " ", count: width))
    }
}
