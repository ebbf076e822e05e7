import Errors

/// Functions of templates: Go's own that need no reflection, and Docker's.
enum TemplateFunctions {
    static let names: Set<String> = [
        "json", "jsonPretty", "split", "join", "title", "lower", "upper", "pad", "padlen", "truncate", "println",
        "print", "printf", "len", "index", "slice", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "html",
        "js", "urlquery",
    ]

    static func call(_ name: String, _ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        switch name {
        case "json": return .string(try first(name, arguments).json)
        case "jsonPretty": return .string(try first(name, arguments).prettyJSON(indent: "  "))
        case "lower": return .string(try first(name, arguments).text.lowercased())
        case "upper": return .string(try first(name, arguments).text.uppercased())
        case "title": return .string(title(try first(name, arguments).text))
        case "html": return .string(Escaping.html(try first(name, arguments).text))
        case "js": return .string(String(TemplateValue.quoted(try first(name, arguments).text).dropFirst().dropLast()))
        case "urlquery": return .string(Escaping.urlQuery(try first(name, arguments).text))
        case "split", "join": return try splitOrJoin(name, arguments)
        case "pad": return try pad(arguments)
        case "truncate": return try truncate(arguments)
        case "print": return .string(printed(arguments))
        case "println": return .string(arguments.map(\.text).joined(separator: " ") + "\n")
        case "printf":
            guard case .string(let format)? = arguments.first else { throw misuse(name, "wants a format") }
            return .string(FormatVerbs.apply(format, Array(arguments.dropFirst())))
        case "len", "padlen": return .int(try length(arguments))
        case "index": return try index(arguments)
        case "slice": return try slice(arguments)
        case "not": return .bool(!(try first(name, arguments).isTrue))
        case "and": return arguments.first { !$0.isTrue } ?? arguments.last ?? .absent
        case "or": return arguments.first { $0.isTrue } ?? arguments.last ?? .absent
        default: return .bool(try compare(name, arguments))
        }
    }

    private static func first(_ name: String, _ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        guard let value = arguments.first else { throw misuse(name, "wants an argument") }
        return value
    }

    /// Blanks only between operands of which neither is a text, as Go's `fmt.Print` has it.
    private static func printed(_ arguments: [TemplateValue]) -> String {
        var out = ""
        var isBehindText = true
        for argument in arguments {
            var isText = false
            if case .string = argument { isText = true }
            if !isBehindText, !isText { out += " " }
            out += argument.text
            isBehindText = isText
        }
        return out
    }

    private static func title(_ text: String) -> String {
        var atStart = true
        return String(
            text.map { character -> String in
                defer { atStart = character.isWhitespace }
                return atStart ? character.uppercased() : String(character)
            }.joined())
    }

    private static func splitOrJoin(
        _ name: String, _ arguments: [TemplateValue]
    ) throws(BerthError) -> TemplateValue {
        guard arguments.count == 2 else { throw misuse(name, "wants two arguments") }
        let separator = arguments[1].text
        if name == "join" {
            guard case .list(let items) = arguments[0] else { throw misuse(name, "wants a list") }
            return .string(items.map(\.text).joined(separator: separator))
        }
        let text = arguments[0].text
        if separator.isEmpty { return .list(text.map { .string(String($0)) }) }
        return .list(parts(of: text, separatedBy: separator).map { .string($0) })
    }

    private static func parts(of text: String, separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = text[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }

    /// `pad text before after`: spaces around a text that is not empty.
    private static func pad(_ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        guard arguments.count == 3, let before = Int(arguments[1].text), let after = Int(arguments[2].text) else {
            throw misuse("pad", "wants a text and two numbers")
        }
        let text = arguments[0].text
        guard !text.isEmpty else { return .string("") }
        return .string(
            String(repeating: " ", count: max(0, before)) + text + String(repeating: " ", count: max(0, after)))
    }

    private static func truncate(_ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        guard arguments.count == 2, let length = Int(arguments[1].text) else {
            throw misuse("truncate", "wants a text and a length")
        }
        return .string(String(arguments[0].text.prefix(max(0, length))))
    }

    private static func length(_ arguments: [TemplateValue]) throws(BerthError) -> Int {
        switch try first("len", arguments) {
        case .string(let text): return text.utf8.count
        case .list(let items): return items.count
        case .object(let fields): return fields.count
        case .null: return 0
        default: throw misuse("len", "wants a text, a list or a map")
        }
    }

    private static func index(_ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        var value = try first("index", arguments)
        for key in arguments.dropFirst() {
            switch value {
            case .object: value = value.field(key.text) ?? .absent
            case .list(let items):
                guard let position = Int(key.text), items.indices.contains(position) else {
                    throw misuse("index", "index out of range: \(key.text)")
                }
                value = items[position]
            // Go shows the zero value of what a map would hold; of text that is nothing.
            case .null, .absent: return .string("")
            default: throw misuse("index", "can't index item of this type")
            }
        }
        if case .absent = value { return .string("") }
        return value
    }

    private static func slice(_ arguments: [TemplateValue]) throws(BerthError) -> TemplateValue {
        let bounds = arguments.dropFirst().compactMap { Int($0.text) }
        func range(_ count: Int) throws(BerthError) -> Range<Int> {
            let from = bounds.first ?? 0
            let to = bounds.count > 1 ? bounds[1] : count
            guard from >= 0, from <= to, to <= count else { throw misuse("slice", "index out of range") }
            return from..<to
        }
        switch try first("slice", arguments) {
        case .string(let text):
            let bytes = Array(text.utf8)
            return .string(String(decoding: bytes[try range(bytes.count)], as: UTF8.self))
        case .list(let items): return .list(Array(items[try range(items.count)]))
        default: throw misuse("slice", "wants a text or a list")
        }
    }

    private static func compare(_ name: String, _ arguments: [TemplateValue]) throws(BerthError) -> Bool {
        guard arguments.count >= 2 else { throw misuse(name, "wants two arguments") }
        let (left, right) = (arguments[0], arguments[1])
        switch name {
        case "eq": return arguments.dropFirst().contains { left.equals($0) }
        case "ne": return !left.equals(right)
        case "lt": return left.isLess(than: right)
        case "le": return left.isLess(than: right) || left.equals(right)
        case "gt": return right.isLess(than: left)
        case "ge": return right.isLess(than: left) || left.equals(right)
        default: throw misuse(name, "is not known")
        }
    }

    private static func misuse(_ name: String, _ why: String) -> BerthError {
        .invalidArgument("template: :1: error calling \(name): \(name) \(why)")
    }
}

extension TemplateValue {
    fileprivate func equals(_ other: TemplateValue) -> Bool {
        switch (self, other) {
        case (.number(let left), .number(let right)): Double(left) == Double(right)
        case (.string(let left), .string(let right)): left == right
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null), (.absent, .null), (.null, .absent), (.absent, .absent): true
        default: false
        }
    }

    fileprivate func isLess(than other: TemplateValue) -> Bool {
        if case .number(let left) = self, case .number(let right) = other {
            return (Double(left) ?? 0) < (Double(right) ?? 0)
        }
        return text < other.text
    }
}

/// The verbs of Go's `fmt.Printf` that make sense of JSON values.
enum FormatVerbs {
    static func apply(_ format: String, _ arguments: [TemplateValue]) -> String {
        var out = ""
        var rest = format[...]
        var values = arguments[...]
        while let character = rest.popFirst() {
            guard character == "%" else {
                out.append(character)
                continue
            }
            let flags = rest.prefix { "-+0 #".contains($0) }
            rest = rest.dropFirst(flags.count)
            let width = rest.prefix(while: \.isNumber)
            rest = rest.dropFirst(width.count)
            var precision: Int?
            if rest.first == "." {
                rest.removeFirst()
                let digits = rest.prefix(while: \.isNumber)
                rest = rest.dropFirst(digits.count)
                precision = Int(digits) ?? 0
            }
            guard let verb = rest.popFirst() else { return out + "%!(NOVERB)" }
            if verb == "%" {
                out.append("%")
                continue
            }
            guard let value = values.popFirst() else {
                out += "%!\(verb)(MISSING)"
                continue
            }
            out += pad(text(verb, value, precision), flags, Int(width) ?? 0)
        }
        return out
    }

    private static func text(_ verb: Character, _ value: TemplateValue, _ precision: Int?) -> String {
        switch verb {
        case "q": return TemplateValue.quoted(value.text)
        case "x":
            if case .number(let number) = value, let integer = Int(number) { return String(integer, radix: 16) }
            return value.text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case "f": return Decimal.fixed(Double(value.text) ?? 0, places: precision ?? 6)
        case "d": return Double(value.text).map { String(Int64($0)) } ?? "%!d(string=\(value.text))"
        default: return precision.map { String(value.text.prefix($0)) } ?? value.text
        }
    }

    private static func pad(_ text: String, _ flags: Substring, _ width: Int) -> String {
        let fill = max(0, width - text.count)
        if flags.contains("-") { return text + String(repeating: " ", count: fill) }
        return String(repeating: flags.contains("0") ? "0" : " ", count: fill) + text
    }
}

/// Text for other languages.
private enum Escaping {
    static func html(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&#34;"
            case "'": "&#39;"
            default: String(character)
            }
        }.joined()
    }

    static func urlQuery(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            case UInt8(ascii: " "): "+"
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
