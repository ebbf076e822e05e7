import Errors
import OrderedCollections

/// The format of `.env` and `env_file` (Compose specification, "Env_file format").
///
/// `KEY=value`, `export KEY=value`, `KEY: value`; `#` comments; single quotes take the text as it
/// is, over several lines if need be; double quotes know `\n \r \t \" \\ \$`, both forms without
/// quotes and with double quotes substitute variables. A line `KEY` alone takes the variable from
/// the surrounding environment.
public enum DotEnv {
    /// Parses a file's text.
    ///
    /// - Parameters:
    ///   - file: the path that errors name.
    ///   - lookup: variables from outside; those set earlier in the file come first.
    /// - Returns: the variables in order. A nil value is a lone `KEY` that is not set outside.
    public static func parse(
        _ text: String, file: String, lookup: @escaping Interpolation.Lookup
    ) throws(BerthError) -> OrderedDictionary<String, String?> {
        var parser = DotEnvParser(text: text, file: file, lookup: lookup)
        return try parser.run()
    }

    /// Parses the `raw` format: `KEY=VALUE` lines, nothing interpreted.
    public static func parseRaw(_ text: String) -> OrderedDictionary<String, String?> {
        var result: OrderedDictionary<String, String?> = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            result[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        return result
    }
}

private struct DotEnvParser {
    let file: String
    let lookup: Interpolation.Lookup
    private let characters: [Character]
    private var position = 0
    private var line = 1
    private var result: OrderedDictionary<String, String?> = [:]

    init(text: String, file: String, lookup: @escaping Interpolation.Lookup) {
        self.file = file
        self.lookup = lookup
        let body = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : Substring(text)
        characters = body.map { $0 == "\r\n" ? "\n" : $0 }
    }

    mutating func run() throws(BerthError) -> OrderedDictionary<String, String?> {
        while skipBlank() {
            let name = try key()
            skipSpaces()
            switch peek {
            case "=", ":":
                advance()
                skipSpaces()
                result[name] = .some(try value())
            case nil, "\n", "#":
                skipLine()
                result[name] = .some(lookup(name))
            default:
                throw error("unexpected character \"\(peek.map(String.init) ?? "")\" in variable name \"\(name)\"")
            }
        }
        return result
    }

    private var peek: Character? { position < characters.count ? characters[position] : nil }

    private mutating func advance() {
        if peek == "\n" { line += 1 }
        position += 1
    }

    /// Goes to the next statement; false at the end.
    private mutating func skipBlank() -> Bool {
        while let character = peek {
            if character == "#" {
                skipLine()
            } else if character.isWhitespace {
                advance()
            } else {
                return true
            }
        }
        return false
    }

    private mutating func skipSpaces() {
        while let character = peek, character != "\n", character.isWhitespace { advance() }
    }

    private mutating func skipLine() {
        while let character = peek, character != "\n" { advance() }
    }

    private mutating func key() throws(BerthError) -> String {
        var name = word()
        if name == "export" {
            skipSpaces()
            name = word()
        }
        guard !name.isEmpty else {
            throw error("unexpected character \"\(peek.map(String.init) ?? "")\" at the start of a variable name")
        }
        return name
    }

    private mutating func word() -> String {
        let start = position
        while let character = peek, character.isLetter || character.isNumber || "_.-[]".contains(character) {
            advance()
        }
        return String(characters[start..<position])
    }

    private mutating func value() throws(BerthError) -> String {
        switch peek {
        case "'": try quoted(by: "'")
        case "\"": try quoted(by: "\"")
        default: try bare()
        }
    }

    private mutating func bare() throws(BerthError) -> String {
        let start = position
        let firstLine = line
        while let character = peek, character != "\n" {
            // A comment needs a space before it, so that `#` may be part of a value.
            if character == "#", position == start || characters[position - 1].isWhitespace { break }
            advance()
        }
        let text = String(characters[start..<position])
        skipLine()
        return try expand(String(text.trimmingSuffix(while: \.isWhitespace)), line: firstLine)
    }

    private mutating func quoted(by quote: Character) throws(BerthError) -> String {
        let firstLine = line
        advance()
        var text = ""
        while let character = peek, character != quote {
            advance()
            guard character == "\\", let next = peek else {
                text.append(character)
                continue
            }
            if quote == "'" {
                if next == "'" { advance() }
                text.append(next == "'" ? "'" : "\\")
                continue
            }
            advance()
            text += Self.escape(next)
        }
        guard peek == quote else {
            throw error("unterminated quoted value", line: firstLine)
        }
        advance()
        skipSpaces()
        guard peek == nil || peek == "\n" || peek == "#" else {
            throw error("unexpected text after the closing quote")
        }
        skipLine()
        return quote == "'" ? text : try expand(text, line: firstLine)
    }

    private static func escape(_ character: Character) -> String {
        switch character {
        case "n": "\n"
        case "r": "\r"
        case "t": "\t"
        case "\"", "\\": String(character)
        // Stays a dollar sign through the substitution that follows.
        case "$": "$$"
        default: "\\\(character)"
        }
    }

    private func expand(_ text: String, line: Int) throws(BerthError) -> String {
        let own = result
        let outer = lookup
        // What was set outside wins, as it does when the file's variables are used.
        var interpolation = Interpolation { name in outer(name) ?? own[name] ?? nil }
        do {
            return try interpolation.expand(text)
        } catch {
            // A lone dollar in a .env value is a dollar.
            if case .malformed = error { return text }
            throw self.error(error.message(at: "a value"), line: line)
        }
    }

    private func error(_ message: String, line: Int? = nil) -> BerthError {
        .invalidArgument("failed to read \(file): line \(line ?? self.line): \(message)")
    }
}

extension StringProtocol {
    func trimmingSuffix(while predicate: (Character) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, predicate(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }

    func trimmed() -> String {
        String(drop(while: \.isWhitespace).trimmingSuffix(while: \.isWhitespace))
    }
}
