import Errors

extension Dockerfile {
    /// Parses the text of a Dockerfile.
    ///
    /// - Throws: `invalidArgument` in Docker's words, with the line number where there is one.
    init(_ text: String, name: String = "Dockerfile") throws(BerthError) {
        do throws(ParseError) {
            self = try Self.parse(text)
        } catch {
            throw error.berthError
        }
        if stages.isEmpty {
            throw globals.isEmpty
                ? .invalidArgument("the Dockerfile (\(name)) cannot be empty: it holds no instruction")
                : .invalidArgument("dockerfile contains no stages to build: \(name) has no FROM instruction")
        }
    }

    private static func parse(_ text: String) throws(ParseError) -> Dockerfile {
        var reader = try LineReader(text)
        if let (syntax, line) = reader.directives.syntax {
            do {
                try checkFrontend(syntax)
            } catch {
                throw error.at(line)
            }
        }
        var file = Dockerfile(escape: reader.directives.escape, globals: [], stages: [], warnings: [])
        while let line = try reader.read() {
            do throws(SyntaxError) {
                try file.append(line)
            } catch {
                throw error.at(line.line)
            }
        }
        return file
    }

    /// A `# syntax=` line or `BUILDKIT_SYNTAX`: any of Docker's own front-end images means ours.
    static func checkFrontend(_ value: String) throws(SyntaxError) {
        let image = plainWords(value).first ?? ""
        var repository = image.split(separator: "@", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        if let colon = repository.lastIndex(of: ":"), !repository[colon...].contains("/") {
            repository = String(repository[..<colon])
        }
        let names = ["docker/dockerfile", "docker/dockerfile-upstream"]
        guard names.contains(where: { repository == $0 || repository.hasSuffix("/" + $0) }) else {
            throw SyntaxError(
                "the front-end image \"\(image)\" cannot be used: this builder reads Dockerfiles itself; remove the "
                    + "syntax line or write # syntax=docker/dockerfile:1")
        }
    }

    private mutating func append(_ line: LogicalLine) throws(SyntaxError) {
        let (word, rest) = firstWord(line.text)
        let keyword = word.uppercased()
        guard keyword != "FROM" else {
            stages.append(try Self.stage(line, rest, index: stages.count, escape: escape))
            if let name = stages.last?.name, stages.dropLast().contains(where: { $0.name == name }) {
                warnings.append("line \(line.line): DuplicateStageName: stage name \"\(name)\" is used twice")
            }
            return
        }
        let command = try InstructionParser(line: line, escape: escape).command(keyword, rest)
        if stages.isEmpty {
            guard case .argument(let arguments) = command else {
                throw SyntaxError(
                    "no build stage in current context: \(keyword) stands before FROM, where only ARG may")
            }
            globals += arguments
            return
        }
        if case .maintainer = command {
            warnings.append("line \(line.line): MaintainerDeprecated: use LABEL org.opencontainers.image.authors")
        }
        if let warning = Lint.warning(about: command, in: stages[stages.count - 1], after: stages.dropLast()) {
            warnings.append("line \(line.line): \(warning)")
        }
        stages[stages.count - 1].instructions.append(
            Instruction(line: line.line, text: "\(keyword) \(rest)", command: command))
    }

    private static func stage(
        _ line: LogicalLine, _ text: String, index: Int, escape: Unicode.Scalar
    ) throws(SyntaxError) -> Stage {
        let (words, rest) = try leadingFlags(text, escape: escape)
        let flags = try Flags(words, allowed: ["platform": .text])
        let arguments = plainWords(rest)
        var name: String?
        if arguments.count == 3, arguments[1].uppercased() == "AS" {
            name = arguments[2].lowercased()
            guard isStageName(arguments[2].lowercased()) else {
                throw SyntaxError(
                    "invalid name for build stage: \"\(arguments[2])\", "
                        + "name can't start with a number or contain symbols")
            }
        } else if arguments.count != 1 {
            throw SyntaxError("FROM requires either one or three arguments")
        }
        return Stage(
            index: index, name: name, base: arguments[0], platform: flags[text: "platform"], line: line.line,
            text: "FROM \(text)")
    }

    private static func isStageName(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, ("a"..."z").contains(first) else { return false }
        return name.unicodeScalars.allSatisfy { $0.isASCIIAlphanumeric || "-_.".unicodeScalars.contains($0) }
    }
}
