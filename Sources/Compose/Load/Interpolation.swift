import Errors
import OrderedCollections

/// Substitution of `$NAME` and `${NAME…}` in values (Compose specification, "Interpolation").
///
/// Forms: `$V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+r} ${V+r}`, where `d`, `e` and `r` may hold
/// further substitutions, and `$$` for a dollar sign.
public struct Interpolation {
    /// Looks up a variable; nil when it is not set.
    public typealias Lookup = (String) -> String?

    /// Why a text cannot be substituted.
    enum Failure: Error, Equatable {
        case malformed(String)
        case missing(name: String, message: String)

        /// With Compose's texts.
        func message(at path: String) -> String {
            switch self {
            case .malformed(let text):
                "invalid interpolation format for \(path): \"\(text)\"; you may need to escape any $ with another $"
            case .missing(let name, let message):
                "error while interpolating \(path): required variable \(name) is missing a value"
                    + (message.isEmpty ? "" : ": \(message)")
            }
        }
    }

    private let lookup: Lookup
    /// Variables that were asked for without a default and are not set, each once, in order.
    public private(set) var unset: [String] = []

    public init(lookup: @escaping Lookup) {
        self.lookup = lookup
    }

    /// The text with every substitution made.
    mutating func expand(_ text: String) throws(Failure) -> String {
        guard text.contains("$") else { return text }
        var cursor = Cursor(text)
        return try expand(&cursor, nested: false)
    }

    /// Expands up to the end, or up to the `}` that closes the surrounding braces.
    private mutating func expand(_ cursor: inout Cursor, nested: Bool) throws(Failure) -> String {
        var result = ""
        while let character = cursor.peek {
            if nested, character == "}" { return result }
            cursor.advance()
            guard character == "$" else {
                result.append(character)
                continue
            }
            switch cursor.peek {
            case "$":
                cursor.advance()
                result.append("$")
            case "{":
                cursor.advance()
                result += try braced(&cursor)
            case let next? where Self.startsName(next):
                result += value(of: cursor.name())
            default:
                throw .malformed(cursor.text)
            }
        }
        if nested { throw .malformed(cursor.text) }
        return result
    }

    private mutating func braced(_ cursor: inout Cursor) throws(Failure) -> String {
        guard let first = cursor.peek, Self.startsName(first) else { throw .malformed(cursor.text) }
        let name = cursor.name()
        let current = lookup(name)
        guard let next = cursor.peek else { throw .malformed(cursor.text) }
        if next == "}" {
            cursor.advance()
            return value(of: name)
        }
        let emptyCounts = next == ":"
        if emptyCounts { cursor.advance() }
        guard let sign = cursor.peek, "-?+".contains(sign) else { throw .malformed(cursor.text) }
        cursor.advance()
        let isSet = current != nil && !(emptyCounts && current == "")

        // The branch that is not taken must not complain about what is unset in it.
        let unsetBefore = unset
        let branch = Result { () throws(Failure) in try expand(&cursor, nested: true) }
        let operand: String
        switch branch {
        case .success(let text):
            operand = text
        case .failure(.missing(let inner, let message)):
            if sign == "-", isSet { operand = "" } else { throw .missing(name: inner, message: message) }
            cursor.skipToClosingBrace()
        case .failure(let failure):
            throw failure
        }
        cursor.advance()

        switch sign {
        case "-":
            if isSet { unset = unsetBefore }
            return isSet ? current ?? "" : operand
        case "+":
            if !isSet { unset = unsetBefore }
            return isSet ? operand : ""
        default:
            guard isSet else { throw .missing(name: name, message: operand) }
            unset = unsetBefore
            return current ?? ""
        }
    }

    private mutating func value(of name: String) -> String {
        if let value = lookup(name) { return value }
        if !unset.contains(name) { unset.append(name) }
        return ""
    }

    private static func startsName(_ character: Character) -> Bool {
        character == "_" || (character.isASCII && character.isLetter)
    }

    /// A position in a text.
    private struct Cursor {
        let text: String
        private var index: String.Index

        init(_ text: String) {
            self.text = text
            index = text.startIndex
        }

        var peek: Character? { index < text.endIndex ? text[index] : nil }

        mutating func advance() {
            if index < text.endIndex { index = text.index(after: index) }
        }

        mutating func name() -> String {
            let rest = text[index...]
            let name = rest.prefix { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
            index = name.endIndex
            return String(name)
        }

        mutating func skipToClosingBrace() {
            var depth = 0
            while let character = peek {
                if character == "{" { depth += 1 }
                if character == "}" {
                    if depth == 0 { return }
                    depth -= 1
                }
                advance()
            }
        }
    }
}

extension Tree {
    /// The tree with substitutions made in every value; keys stay as they are.
    ///
    /// - Throws: `invalidArgument` that names the file, the line and the key.
    func interpolated(with interpolation: inout Interpolation, path: String = "") throws(BerthError) -> Tree {
        var copy = self
        switch content {
        case .null:
            break
        case .scalar(let text, let plain):
            do {
                copy.content = .scalar(try interpolation.expand(text), plain: plain)
            } catch {
                throw self.error(error.message(at: path))
            }
        case .sequence(let items):
            var result: [Tree] = []
            for (index, item) in items.enumerated() {
                result.append(try item.interpolated(with: &interpolation, path: "\(path)[\(index)]"))
            }
            copy.content = .sequence(result)
        case .mapping(let entries):
            var result: OrderedDictionary<String, Tree> = [:]
            for (key, value) in entries {
                let child = path.isEmpty ? key : "\(path).\(key)"
                result[key] = try value.interpolated(with: &interpolation, path: child)
            }
            copy.content = .mapping(result)
        }
        return copy
    }
}
