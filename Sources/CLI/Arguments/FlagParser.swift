import Errors

/// A command line that does not follow a command's flags and arguments.
struct UsageError: Error, Equatable {
    var message: String

    init(_ message: String) { self.message = message }
}

/// Short flags in one word of which the last took the rest of the word as its value: `-iter`.
struct FlagCluster: Sendable, Equatable {
    var word: String
    /// The letters before the last flag.
    var switches: [Character]
    var flag: Character
    var value: String
}

/// Goes through a command line as Go's pflag does.
struct FlagParser<Root> {
    private var byLong: [String: Flag<Root>] = [:]
    private var byShort: [Character: Flag<Root>] = [:]
    /// Whether flags may follow arguments. Where they may not, everything from the first argument on
    /// is left alone: it belongs to the program in the container.
    private let interspersed: Bool

    init(_ flags: [Flag<Root>], interspersed: Bool) {
        self.interspersed = interspersed
        for flag in flags {
            byLong[flag.long] = flag
            if let short = flag.short { byShort[short] = flag }
        }
    }

    struct Outcome: Equatable {
        var arguments: [String]
        /// `--help`, or `-h` where that is no flag of the command's own.
        var wantsHelp: Bool
        /// Number of arguments before `--`; nil when it did not occur.
        var argumentsBeforeDashes: Int?
        var clusters: [FlagCluster] = []
    }

    func parse(_ words: [String], into root: inout Root) throws -> Outcome {
        var outcome = Outcome(arguments: [], wantsHelp: false)
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                outcome.argumentsBeforeDashes = outcome.arguments.count
                outcome.arguments += rest
                break
            } else if word.hasPrefix("--") {
                if try parseLong(word.dropFirst(2), &rest, &root) { outcome.wantsHelp = true }
            } else if word.hasPrefix("-"), word != "-" {
                if try parseCluster(word, &rest, &root, &outcome.clusters) { outcome.wantsHelp = true }
            } else {
                outcome.arguments.append(word)
                if !interspersed {
                    outcome.arguments += rest
                    break
                }
            }
            if outcome.wantsHelp { break }
        }
        return outcome
    }

    /// - Returns: whether help was asked for.
    private func parseLong(
        _ text: Substring, _ rest: inout ArraySlice<String>, _ root: inout Root
    ) throws -> Bool {
        let equals = text.firstIndex(of: "=")
        let name = String(text[..<(equals ?? text.endIndex)])
        guard let flag = byLong[name] else {
            if name == "help" { return true }
            let near = Spelling.nearest(to: name, among: byLong.values.filter { !$0.isHidden }.map(\.long))
            throw UsageError(
                "unknown flag: --\(name)" + (near.first.map { "\nDid you mean --\($0)?" } ?? ""))
        }
        let value: String
        if let equals {
            value = String(text[text.index(after: equals)...])
        } else if case .switched = flag.value {
            value = "true"
        } else if let next = rest.popFirst() {
            value = next
        } else {
            throw UsageError("flag needs an argument: --\(name)")
        }
        try apply(flag, value, &root)
        return false
    }

    /// `-abc`, of which each letter is a switch and the last one may have a value: the rest of the
    /// word, with or without `=`, or the next word.
    private func parseCluster(
        _ word: String, _ rest: inout ArraySlice<String>, _ root: inout Root, _ clusters: inout [FlagCluster]
    ) throws -> Bool {
        var letters = word.dropFirst()
        var switches: [Character] = []
        while let letter = letters.popFirst() {
            guard let flag = byShort[letter] else {
                if letter == "h" { return true }
                // `-name` for `--name`.
                let long = word.dropFirst().prefix { $0 != "=" }
                throw UsageError(
                    "unknown shorthand flag: '\(letter)' in \(word)"
                        + (byLong[String(long)] == nil ? "" : "\nDid you mean --\(long)?"))
            }
            if letters.count > 1, letters.first == "=" {
                try apply(flag, String(letters.dropFirst()), &root)
                return false
            }
            if case .switched = flag.value {
                try apply(flag, "true", &root)
                switches.append(letter)
                continue
            }
            if !letters.isEmpty {
                clusters.append(.init(word: word, switches: switches, flag: letter, value: String(letters)))
                try apply(flag, String(letters), &root)
            } else if let next = rest.popFirst() {
                try apply(flag, next, &root)
            } else {
                throw UsageError("flag needs an argument: '\(letter)' in \(word)")
            }
            return false
        }
        return false
    }

    private func apply(_ flag: Flag<Root>, _ value: String, _ root: inout Root) throws {
        do {
            try flag.set(&root, value)
        } catch let error as BerthError {
            throw UsageError("invalid argument \"\(value)\" for \"\(flag.spelling)\" flag: \(error.message)")
        }
    }
}
