import Errors
import OCI

/// Parses one instruction other than FROM.
struct InstructionParser {
    let line: LogicalLine
    let escape: Unicode.Scalar

    static let keywords = [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ]

    /// The trigger of an ONBUILD, as an instruction of the image that builds on it.
    static func trigger(_ text: String, escape: Unicode.Scalar) throws(SyntaxError) -> Command {
        // The stored text holds the here-documents of the trigger below its first line.
        var reader: LineReader
        let line: LogicalLine
        do throws(ParseError) {
            reader = try LineReader(text)
            guard let first = try reader.read() else { throw ParseError(line: 1, reason: "empty ONBUILD trigger") }
            line = first
        } catch {
            throw SyntaxError(error.reason)
        }
        let (word, rest) = firstWord(line.text)
        return try InstructionParser(line: line, escape: escape).command(word.uppercased(), rest)
    }

    func command(_ keyword: String, _ text: String) throws(SyntaxError) -> Command {
        guard Self.keywords.contains(keyword) else {
            let hint = suggestion(for: keyword, among: Self.keywords).map { " (did you mean \($0)?)" } ?? ""
            throw SyntaxError("unknown instruction: \(keyword)\(hint)")
        }
        let (words, rest) = try leadingFlags(text, escape: escape)
        let flags = try Flags(words, allowed: Self.flags(of: keyword))
        switch keyword {
        case "ADD": return .add(try copy(keyword, flags, rest))
        case "COPY": return .copy(try copy(keyword, flags, rest))
        case "RUN": return .run(try run(flags, rest))
        case "CMD": return .command(try commandLine(rest))
        case "ENTRYPOINT": return .entrypoint(try commandLine(rest))
        case "HEALTHCHECK": return .healthcheck(try healthcheck(flags, rest))
        case "ENV": return .environment(try variables(keyword, rest))
        case "LABEL": return .label(try variables(keyword, rest))
        case "ARG": return .argument(try arguments(rest))
        case "WORKDIR": return .workingDirectory(try one(keyword, rest))
        case "USER": return .user(try one(keyword, rest))
        case "STOPSIGNAL": return .stopSignal(try one(keyword, rest))
        case "MAINTAINER": return .maintainer(try one(keyword, rest))
        case "EXPOSE": return .expose(try some(keyword, plainWords(rest)))
        case "VOLUME": return .volume(try volumes(rest))
        case "SHELL": return .shell(try shell(rest))
        default: return .onBuild(try onBuild(rest))
        }
    }

    private static func flags(of keyword: String) -> [String: Flags.Kind] {
        switch keyword {
        case "RUN": ["mount": .list, "network": .text, "security": .text]
        case "COPY":
            ["from": .text, "chown": .text, "chmod": .text, "link": .flag, "parents": .flag, "exclude": .list]
        case "ADD":
            [
                "chown": .text, "chmod": .text, "link": .flag, "exclude": .list, "checksum": .text, "unpack": .flag,
                "keep-git-dir": .flag,
            ]
        case "HEALTHCHECK":
            [
                "interval": .text, "timeout": .text, "start-period": .text, "start-interval": .text,
                "retries": .text,
            ]
        default: [:]
        }
    }

    // MARK: Arguments

    private func one(_ keyword: String, _ text: String) throws(SyntaxError) -> String {
        guard !text.isEmpty else { throw SyntaxError("\(keyword) requires exactly one argument") }
        return text
    }

    private func some(_ keyword: String, _ words: [String]) throws(SyntaxError) -> [String] {
        guard !words.isEmpty else { throw SyntaxError("\(keyword) requires at least one argument") }
        return words
    }

    private func commandLine(_ text: String) throws(SyntaxError) -> CommandLine {
        if let words = try jsonWords(text) { return .exec(words) }
        return .shell(text)
    }

    private func volumes(_ text: String) throws(SyntaxError) -> [String] {
        let words = try some("VOLUME", try jsonWords(text) ?? plainWords(text))
        guard words.allSatisfy({ !$0.trimmingSpaces().isEmpty }) else {
            throw SyntaxError("VOLUME specified can not be an empty string")
        }
        return words.map { $0.trimmingSpaces() }
    }

    private func shell(_ text: String) throws(SyntaxError) -> [String] {
        if text.isEmpty { throw SyntaxError("SHELL requires at least one argument") }
        guard let words = try jsonWords(text) else {
            throw SyntaxError("SHELL requires the arguments to be in JSON form")
        }
        return try some("SHELL", words)
    }

    /// `NAME=value …`, or the old `NAME value with spaces`.
    private func variables(_ keyword: String, _ text: String) throws(SyntaxError) -> [Variable] {
        let words = try some(keyword, rawWords(text, escape: escape))
        guard words[0].contains("=") else {
            let (name, value) = firstWord(text)
            guard !value.isEmpty else { throw SyntaxError("\(keyword) must have two arguments") }
            return [Variable(name: name, value: value)]
        }
        var variables: [Variable] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw SyntaxError("Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            guard !parts[0].isEmpty else { throw SyntaxError("\(keyword) names can not be blank") }
            variables.append(Variable(name: parts[0], value: parts[1]))
        }
        return variables
    }

    private func arguments(_ text: String) throws(SyntaxError) -> [Argument] {
        var arguments: [Argument] = []
        for word in try some("ARG", rawWords(text, escape: escape)) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty else { throw SyntaxError("ARG names can not be blank") }
            arguments.append(Argument(name: parts[0], value: parts.count == 2 ? parts[1] : nil))
        }
        return arguments
    }

    // MARK: RUN, COPY, ADD, HEALTHCHECK, ONBUILD

    private func run(_ flags: Flags, _ text: String) throws(SyntaxError) -> Run {
        let commandLine = try commandLine(text)
        guard !commandLine.isEmpty else { throw SyntaxError("RUN requires at least one argument") }
        var network: Run.Network?
        if let text = flags[text: "network"] {
            guard let value = Run.Network(rawValue: text) else {
                throw SyntaxError("unsupported network mode \"\(text)\": use default, none or host")
            }
            network = value
        }
        switch flags[text: "security"] {
        case nil, "sandbox": break
        case "insecure"?:
            throw SyntaxError(
                "security.insecure is not allowed: RUN --security=insecure is not offered by this builder")
        case let other?: throw SyntaxError("security \"\(other)\" is not valid: use sandbox or insecure")
        }
        for mount in flags[list: "mount"] { try RunMount.check(mount) }
        return Run(
            commandLine: commandLine, heredocs: line.heredocs, mounts: flags[list: "mount"], network: network)
    }

    private func copy(_ keyword: String, _ flags: Flags, _ text: String) throws(SyntaxError) -> Copy {
        let words = try jsonWords(text) ?? plainWords(text)
        guard let destination = words.last, words.count >= 2 else {
            throw SyntaxError(
                words.isEmpty
                    ? "\(keyword) requires at least two arguments"
                    : "\(keyword) requires at least two arguments, but only one was provided. "
                        + "Destination could not be determined")
        }
        if destination.hasPrefix("<<"), !line.heredocs.isEmpty {
            throw SyntaxError("\(keyword) cannot accept a heredoc as a destination")
        }
        if flags[text: "from"]?.contains("$") == true {
            throw SyntaxError("'--from' doesn't support variable expansion, define alias stage instead")
        }
        var heredocs = line.heredocs[...]
        let sources = words.dropLast().map { word -> Copy.Source in
            if let next = heredocs.first, Heredoc(word: word, escape: escape)?.name == next.name {
                heredocs.removeFirst()
                return .heredoc(next)
            }
            return .path(word)
        }
        return Copy(
            sources: Array(sources), destination: destination, from: flags[text: "from"],
            owner: flags[text: "chown"], mode: flags[text: "chmod"], isLinked: try flags.bool("link") ?? false,
            keepsParents: try flags.bool("parents") ?? false, excludes: flags[list: "exclude"],
            checksum: flags[text: "checksum"], unpacks: try flags.bool("unpack"))
    }

    private func healthcheck(_ flags: Flags, _ text: String) throws(SyntaxError) -> Healthcheck {
        let (word, rest) = firstWord(text)
        switch word.uppercased() {
        case "": throw SyntaxError("HEALTHCHECK requires at least one argument")
        case "NONE":
            guard rest.isEmpty else { throw SyntaxError("HEALTHCHECK NONE takes no arguments") }
            return .none
        case "CMD":
            let command = try commandLine(rest)
            guard !command.isEmpty else { throw SyntaxError("Missing command after HEALTHCHECK CMD") }
            var check = ImageConfig.Healthcheck()
            check.interval = try interval("interval", flags)
            check.timeout = try interval("timeout", flags)
            check.startPeriod = try interval("start-period", flags)
            check.startInterval = try interval("start-interval", flags)
            if let text = flags[text: "retries"] {
                guard let retries = Int(text) else {
                    throw SyntaxError("invalid --retries: \"\(text)\" is not a number")
                }
                guard retries >= 0 else { throw SyntaxError("--retries cannot be negative (\(retries))") }
                check.retries = retries
            }
            return .command(command, check)
        default: throw SyntaxError("Unknown type \"\(word.uppercased())\" in HEALTHCHECK (try CMD)")
        }
    }

    /// A time in nanoseconds: 0 (the default), or at least a millisecond.
    private func interval(_ name: String, _ flags: Flags) throws(SyntaxError) -> Int64? {
        guard let text = flags[text: name] else { return nil }
        guard let value = parseDuration(text) else { throw SyntaxError("time: invalid duration \"\(text)\"") }
        guard value == 0 || value >= 1_000_000 else {
            throw SyntaxError("Interval \"\(name)\" cannot be less than 1ms")
        }
        return value
    }

    private func onBuild(_ text: String) throws(SyntaxError) -> String {
        let (word, rest) = firstWord(text)
        let keyword = word.uppercased()
        switch keyword {
        case "": throw SyntaxError("ONBUILD requires at least one argument")
        case "ONBUILD": throw SyntaxError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        case "FROM", "MAINTAINER": throw SyntaxError("\(keyword) isn't allowed as an ONBUILD trigger")
        default: break
        }
        _ = try command(keyword, rest)
        let documents = line.heredocs.map { $0.content + $0.name + "\n" }.joined()
        return documents.isEmpty ? "\(keyword) \(rest)" : "\(keyword) \(rest)\n\(documents)"
    }
}
