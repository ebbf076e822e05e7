import Errors

/// A piece of a template's text: words to copy, or the inside of `{{ }}`.
enum TemplateChunk: Equatable {
    case text(String)
    case action([TemplateToken])
}

/// A token inside `{{ }}`.
enum TemplateToken: Equatable {
    /// `.Name`; the lone dot is the empty name.
    case field(String)
    case variable(String)
    case word(String)
    case string(String)
    case number(String)
    case pipe
    case openParenthesis
    case closeParenthesis
    case assign
    case declare
    case comma
    /// White space between operands, which separates `.A .B` from `.A.B`.
    case space
}

/// Cuts a template into chunks, with the trim markers `{{-` and `-}}` applied.
struct GoTemplateLexer {
    private let text: [Character]
    private var position = 0

    static func chunks(of text: String) throws(BerthError) -> [TemplateChunk] {
        var lexer = GoTemplateLexer(text: Array(text))
        return try lexer.run()
    }

    private init(text: [Character]) { self.text = text }

    private mutating func run() throws(BerthError) -> [TemplateChunk] {
        var chunks: [TemplateChunk] = []
        var plain: [Character] = []
        var trimsNext = false
        func flush() {
            var piece = plain
            if trimsNext { piece.removeFirst(piece.prefix { $0.isWhitespace }.count) }
            if !piece.isEmpty { chunks.append(.text(String(piece))) }
            plain = []
        }
        while position < text.count {
            guard starts(with: "{{") else {
                plain.append(text[position])
                position += 1
                continue
            }
            position += 2
            if starts(with: "- ") || starts(with: "-\t") || starts(with: "-\n") {
                position += 1
                while let last = plain.last, last.isWhitespace { plain.removeLast() }
            }
            flush()
            trimsNext = false
            let (tokens, trims) = try action()
            trimsNext = trims
            if let tokens { chunks.append(.action(tokens)) }
        }
        flush()
        return chunks
    }

    /// - Returns: the tokens, nil for a comment; and whether white space after the action goes.
    private mutating func action() throws(BerthError) -> ([TemplateToken]?, trims: Bool) {
        skipSpace()
        if starts(with: "/*") {
            while position < text.count, !starts(with: "*/") { position += 1 }
            position += 2
            skipSpace()
            let trims = take("-}}")
            guard trims || take("}}") else { throw broken("unclosed comment") }
            return (nil, trims)
        }
        var tokens: [TemplateToken] = []
        while true {
            let hadSpace = skipSpace()
            if take("}}") { return (tokens, false) }
            if hadSpace || tokens.isEmpty, starts(with: "-}}") {
                position += 3
                return (tokens, true)
            }
            guard position < text.count else { throw broken("unclosed action") }
            if hadSpace, !tokens.isEmpty { tokens.append(.space) }
            tokens.append(try token())
        }
    }

    private mutating func token() throws(BerthError) -> TemplateToken {
        let character = text[position]
        switch character {
        case "|":
            position += 1
            return .pipe
        case "(":
            position += 1
            return .openParenthesis
        case ")":
            position += 1
            return .closeParenthesis
        case ",":
            position += 1
            return .comma
        case "\"": return .string(try quoted())
        case "`": return .string(try rawQuoted())
        case "'": return .number(try characterConstant())
        case ".":
            position += 1
            return .field(identifier())
        case "$":
            position += 1
            return .variable(identifier())
        case "=":
            position += 1
            return .assign
        case ":":
            guard take(":=") else { throw broken("unexpected \":\"") }
            return .declare
        case _ where character.isNumber || character == "-" || character == "+":
            return .number(number())
        case _ where character.isLetter || character == "_": return .word(identifier())
        default: throw broken("unexpected \"\(character)\" in operand")
        }
    }

    private mutating func identifier() -> String {
        let start = position
        while position < text.count, text[position].isLetter || text[position].isNumber || text[position] == "_" {
            position += 1
        }
        return String(text[start..<position])
    }

    private mutating func number() -> String {
        let start = position
        position += 1
        while position < text.count, text[position].isNumber || text[position] == "." { position += 1 }
        return String(text[start..<position])
    }

    private mutating func quoted() throws(BerthError) -> String {
        position += 1
        var out = ""
        while position < text.count {
            let character = text[position]
            position += 1
            if character == "\"" { return out }
            guard character == "\\", position < text.count else {
                out.append(character)
                continue
            }
            out.append(Self.escapes[text[position]] ?? text[position])
            position += 1
        }
        throw broken("unterminated quoted string")
    }

    private static let escapes: [Character: Character] = ["n": "\n", "t": "\t", "r": "\r"]

    private mutating func rawQuoted() throws(BerthError) -> String {
        position += 1
        guard let end = text[position...].firstIndex(of: "`") else { throw broken("unterminated raw quoted string") }
        defer { position = end + 1 }
        return String(text[position..<end])
    }

    private mutating func characterConstant() throws(BerthError) -> String {
        guard position + 2 < text.count, text[position + 2] == "'", let scalar = text[position + 1].unicodeScalars.first
        else { throw broken("malformed character constant") }
        position += 3
        return String(scalar.value)
    }

    private func starts(with prefix: String) -> Bool { text[position...].starts(with: prefix) }

    private mutating func take(_ prefix: String) -> Bool {
        guard starts(with: prefix) else { return false }
        position += prefix.count
        return true
    }

    @discardableResult
    private mutating func skipSpace() -> Bool {
        let start = position
        while position < text.count, text[position].isWhitespace { position += 1 }
        return position > start
    }

    private func broken(_ why: String) -> BerthError {
        .invalidArgument("template parsing error: template: :1: \(why)")
    }
}
