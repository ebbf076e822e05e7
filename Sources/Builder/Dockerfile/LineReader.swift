/// A here-document: the lines between `<<NAME` and `NAME`.
struct Heredoc: Hashable, Sendable {
    let name: String
    /// Whether variables in it are replaced by the builder (for COPY and ADD); not so if the name was quoted.
    let expands: Bool
    /// `<<-`: leading tabs are dropped.
    let dropsTabs: Bool
    var content: String
}

/// One instruction as text: its physical lines joined, comments dropped.
struct LogicalLine: Sendable {
    var text: String
    /// First and last physical line, from 1.
    let line: Int
    var endLine: Int
    var heredocs: [Heredoc] = []
}

/// Parser directives: the comments at the very top of a Dockerfile.
struct Directives: Sendable {
    var syntax: (value: String, line: Int)?
    var escape: Unicode.Scalar = "\\"
    var check: String?
}

/// Cuts the text of a Dockerfile into instructions.
struct LineReader {
    private let lines: [String]
    private var next = 0
    private(set) var directives = Directives()

    init(_ text: String) throws(ParseError) {
        var scalars = Substring(text).unicodeScalars
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        lines = String(scalars).utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            String(Substring($0.last == 0x0D ? $0.dropLast() : $0))
        }
        try readDirectives()
    }

    private mutating func readDirectives() throws(ParseError) {
        if lines.first?.hasPrefix("#!") == true { next = 1 }
        var seen: Set<String> = []
        while next < lines.count {
            guard let (name, value) = Self.directive(lines[next]) else { return }
            let line = next + 1
            guard seen.insert(name).inserted else {
                throw ParseError(line: line, reason: "only one \(name) parser directive can be used")
            }
            switch name {
            case "syntax": directives.syntax = (value, line)
            case "check": directives.check = value
            default:
                guard value == "\\" || value == "`", let escape = value.unicodeScalars.first else {
                    throw ParseError(
                        line: line, reason: "invalid escape token '\(value)' does not match ` or \\")
                }
                directives.escape = escape
            }
            next += 1
        }
    }

    /// `# name=value` with a name that is a directive's.
    private static func directive(_ line: String) -> (name: String, value: String)? {
        let line = line.trimmingSpaces()
        guard line.hasPrefix("#") else { return nil }
        let parts = line.dropFirst().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let name = String(parts[0]).trimmingSpaces().lowercased()
        guard ["syntax", "escape", "check"].contains(name) else { return nil }
        return (name, String(parts[1]).trimmingSpaces())
    }

    /// The next instruction, or nil at the end.
    mutating func read() throws(ParseError) -> LogicalLine? {
        while next < lines.count {
            let start = lines[next].trimmingLeadingSpaces()
            if start.isEmpty || start.hasPrefix("#") {
                next += 1
                continue
            }
            let line = next + 1
            var instruction = LogicalLine(text: joined(), line: line, endLine: next)
            instruction.text = instruction.text.trimmingSpaces()
            if instruction.text.isEmpty { continue }
            try readHeredocs(&instruction)
            return instruction
        }
        return nil
    }

    /// Joins physical lines as long as they end in the escape character.
    private mutating func joined() -> String {
        var text = ""
        var isFirst = true
        while next < lines.count {
            let line = isFirst ? lines[next].trimmingLeadingSpaces() : lines[next]
            next += 1
            let start = line.trimmingLeadingSpaces()
            // Comments and empty lines inside a continued instruction are dropped; they do not end it.
            if !isFirst, start.isEmpty || start.hasPrefix("#") { continue }
            isFirst = false
            guard let head = withoutContinuation(line) else {
                text += line
                break
            }
            text += head
        }
        return text
    }

    /// The line without its trailing escape character, or nil if it has none (or an escaped one).
    private func withoutContinuation(_ line: String) -> String? {
        var scalars = Substring(line).unicodeScalars
        while let last = scalars.last, last == " " || last == "\t" { scalars.removeLast() }
        guard scalars.last == directives.escape else { return nil }
        scalars.removeLast()
        return scalars.last == directives.escape ? nil : String(scalars)
    }

    private mutating func readHeredocs(_ instruction: inout LogicalLine) throws(ParseError) {
        guard Self.takesHeredocs(instruction.text), instruction.text.contains("<<") else { return }
        for var heredoc in heredocs(in: instruction.text) {
            var body = ""
            while true {
                guard next < lines.count else {
                    throw ParseError(line: instruction.line, reason: "unterminated heredoc")
                }
                var line = lines[next]
                next += 1
                if heredoc.dropsTabs { line = String(line.drop { $0 == "\t" }) }
                if line == heredoc.name { break }
                body += line + "\n"
            }
            heredoc.content = body
            instruction.heredocs.append(heredoc)
        }
        instruction.endLine = next
    }

    private static func takesHeredocs(_ text: String) -> Bool {
        var words = text.split(whereSeparator: \.isWhitespace).prefix(2).map { $0.uppercased() }
        if words.first == "ONBUILD" { words.removeFirst() }
        return ["RUN", "COPY", "ADD"].contains(words.first)
    }

    /// The words `[n]<<[-]NAME` of an instruction, in order.
    private func heredocs(in text: String) -> [Heredoc] {
        rawWords(text, escape: directives.escape).compactMap { Heredoc(word: $0, escape: directives.escape) }
    }
}

extension Heredoc {
    /// From a word such as `<<EOF`, `3<<-EOF` or `<<"EOF"`; nil for any other word.
    init?(word: String, escape: Unicode.Scalar) {
        var rest = Substring(word).unicodeScalars
        while let digit = rest.first, ("0"..."9").contains(digit) { rest.removeFirst() }
        guard rest.starts(with: "<<".unicodeScalars) else { return nil }
        rest.removeFirst(2)
        let dropsTabs = rest.first == "-"
        if dropsTabs { rest.removeFirst() }
        guard !rest.isEmpty, !rest.contains("<") else { return nil }
        let written = String(rest)
        guard let name = try? Expander.unquoting(written, escape: escape), !name.isEmpty else { return nil }
        self.init(name: name, expands: name == written, dropsTabs: dropsTabs, content: "")
    }
}

extension String {
    func trimmingLeadingSpaces() -> String {
        var scalars = Substring(self).unicodeScalars
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        return String(scalars)
    }

    func trimmingSpaces() -> String {
        var scalars = Substring(trimmingLeadingSpaces()).unicodeScalars
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }
}
