/// A name that the command line may use, and what it stands for.
struct CommandEntry: Sendable {
    enum Target: Sendable {
        case command(any Command.Type)
        case group(CommandGroup)
        /// A group whose commands share flags that stand before the command's name.
        case compose(CommandGroup)
    }

    /// The first is the one that help shows.
    let names: [String]
    let target: Target
    /// Stands first in help.
    let isCommon: Bool
    let isHidden: Bool

    init(_ names: String..., runs type: any Command.Type, common: Bool = false, hidden: Bool = false) {
        self.names = names
        target = .command(type)
        isCommon = common
        isHidden = hidden
    }

    init(_ names: String..., opens group: CommandGroup) {
        self.names = names
        target = .group(group)
        isCommon = false
        isHidden = false
    }

    init(_ names: String..., composes group: CommandGroup) {
        self.names = names
        target = .compose(group)
        isCommon = false
        isHidden = false
    }

    var summary: String {
        switch target {
        case .command(let type): type.syntax.summary
        case .group(let group), .compose(let group): group.summary
        }
    }
}

/// Commands below one word.
struct CommandGroup: Sendable {
    let summary: String
    let entries: [CommandEntry]

    func entry(named name: String) -> CommandEntry? { entries.first { $0.names.contains(name) } }
}
