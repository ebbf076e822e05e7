/// Replaces variables and removes quotes and escapes in the words of an instruction, by the rules
/// of the Dockerfile reference, section "Environment replacement".
///
/// Forms: `$v`, `${v}`, `${v:-w}`, `${v-w}`, `${v:+w}`, `${v+w}`, `${v:?w}`, `${v?w}`, `${v#p}`,
/// `${v##p}`, `${v%p}`, `${v%%p}`, `${v/p/r}`, `${v//p/r}`; the words within may hold variables
/// themselves. A variable that is not set is replaced by nothing.
struct Expander {
    let escape: Unicode.Scalar
    /// The value of a variable; nil if it is not set.
    let value: (String) -> String?

    init(escape: Unicode.Scalar = "\\", value: @escaping (String) -> String?) {
        self.escape = escape
        self.value = value
    }

    /// The text as one word, white space and all.
    func word(_ text: String) throws(SyntaxError) -> String {
        var scan = Scan(text, self)
        try scan.run(until: nil)
        return scan.text
    }

    /// The text as words: split at white space that is not quoted, within values of variables too.
    func words(_ text: String) throws(SyntaxError) -> [String] {
        var scan = Scan(text, self)
        try scan.run(until: nil)
        return scan.words
    }

    /// The text with `$` forms replaced but quotes kept: the content of a here-document.
    func document(_ text: String) throws(SyntaxError) -> String {
        var scan = Scan(text, self, keepsQuotes: true)
        try scan.run(until: nil)
        return scan.text
    }

    /// Removes quotes and escapes and leaves variables as they are written.
    static func unquoting(_ text: String, escape: Unicode.Scalar) throws(SyntaxError) -> String {
        var scan = Scan(text, Expander(escape: escape) { _ in nil }, keepsVariables: true)
        try scan.run(until: nil)
        return scan.text
    }
}

/// One walk over a text.
private struct Scan {
    private let input: [Unicode.Scalar]
    private var position = 0
    private let expander: Expander
    private let keepsQuotes: Bool
    private let keepsVariables: Bool
    private var output = String.UnicodeScalarView()
    private var finished: [String] = []
    private var current: String.UnicodeScalarView?
    /// Of variables within variables. Who writes a Dockerfile must not decide how deep our stack gets,
    private var depth = 0
    /// nor, by a value that holds another ten times and so on, how much memory it takes.
    private var replaced = 0

    private static let mostDepth = 100
    /// No longer string can be handed to a program.
    private static let mostReplaced = 128 << 10

    init(_ text: String, _ expander: Expander, keepsQuotes: Bool = false, keepsVariables: Bool = false) {
        input = Array(text.unicodeScalars)
        self.expander = expander
        self.keepsQuotes = keepsQuotes
        self.keepsVariables = keepsVariables
    }

    var text: String { String(output) }
    var words: [String] { finished + (current.map { [String($0)] } ?? []) }

    private var peek: Unicode.Scalar? { position < input.count ? input[position] : nil }

    private mutating func take() -> Unicode.Scalar? {
        guard let scalar = peek else { return nil }
        position += 1
        return scalar
    }

    /// Adds text that is part of a word whatever it is (`literal`), or whose spaces end words.
    private mutating func add(_ text: some Sequence<Unicode.Scalar>, literal: Bool) {
        for scalar in text {
            output.append(scalar)
            if !literal, scalar.properties.isWhitespace {
                endWord()
            } else {
                current = current ?? String.UnicodeScalarView()
                current?.append(scalar)
            }
        }
    }

    private mutating func endWord() {
        if let word = current { finished.append(String(word)) }
        current = nil
    }

    /// Reads up to `stops` outside quotes, or to the end. The stop itself is taken too.
    @discardableResult
    mutating func run(until stops: Set<Unicode.Scalar>?) throws(SyntaxError) -> Unicode.Scalar? {
        while let scalar = take() {
            if let stops, stops.contains(scalar) { return scalar }
            switch scalar {
            case "'" where !keepsQuotes: try single()
            case "\"" where !keepsQuotes: try double()
            case "$": add(try dollar(), literal: keepsVariables)
            case expander.escape: escaped()
            default: add([scalar], literal: false)
            }
        }
        if stops != nil { throw SyntaxError("syntax error: missing '}'") }
        return nil
    }

    private mutating func escaped() {
        guard let next = take() else {
            // A lone escape at the end means nothing, except in a document, where it is text.
            if keepsQuotes { add([expander.escape], literal: true) }
            return
        }
        if keepsQuotes, next != "$", next != expander.escape { add([expander.escape], literal: true) }
        add([next], literal: true)
    }

    private mutating func single() throws(SyntaxError) {
        current = current ?? String.UnicodeScalarView()
        while let scalar = take() {
            if scalar == "'" { return }
            add([scalar], literal: true)
        }
        throw SyntaxError("unexpected end of statement while looking for matching single-quote")
    }

    private mutating func double() throws(SyntaxError) {
        current = current ?? String.UnicodeScalarView()
        while let scalar = take() {
            switch scalar {
            case "\"": return
            case "$": add(try dollar(), literal: true)
            case expander.escape:
                guard let next = take() else { break }
                if next != "\"", next != "$", next != expander.escape { add([scalar], literal: true) }
                add([next], literal: true)
            default: add([scalar], literal: true)
            }
        }
        throw SyntaxError("unexpected end of statement while looking for matching double-quote")
    }

    /// What stands for the variable after a `$`.
    private mutating func dollar() throws(SyntaxError) -> [Unicode.Scalar] {
        let replacement = try variable()
        replaced += replacement.count
        guard replaced <= Self.mostReplaced else {
            throw SyntaxError("variables make more than \(Self.mostReplaced) characters of this text")
        }
        return replacement
    }

    private mutating func variable() throws(SyntaxError) -> [Unicode.Scalar] {
        let start = position - 1
        guard let next = peek else { return ["$"] }
        if next == "{" {
            position += 1
            let replacement = try braces()
            return keepsVariables ? Array(input[start..<position]) : Array(replacement.unicodeScalars)
        }
        let name = takeName()
        if name.isEmpty { return ["$"] }
        if keepsVariables { return Array(input[start..<position]) }
        return Array((expander.value(name) ?? "").unicodeScalars)
    }

    /// A name: letters, digits and `_`, or one digit or special parameter of the shell.
    private mutating func takeName() -> String {
        guard let first = peek else { return "" }
        if ("0"..."9").contains(first) || "@*#?-$!".unicodeScalars.contains(first) {
            position += 1
            return String(String.UnicodeScalarView([first]))
        }
        var name = String.UnicodeScalarView()
        while let scalar = peek, scalar == "_" || scalar.isASCIIAlphanumeric {
            name.append(scalar)
            position += 1
        }
        return String(name)
    }

    /// After `${`.
    private mutating func braces() throws(SyntaxError) -> String {
        if peek == "}" { throw SyntaxError("syntax error: bad substitution") }
        let name = takeName()
        guard !name.isEmpty else { throw SyntaxError("syntax error: bad substitution") }
        let value = expander.value(name)
        guard let operation = take() else { throw SyntaxError("syntax error: missing '}'") }
        switch operation {
        case "}": return value ?? ""
        case ":":
            guard let kind = take() else { throw SyntaxError("syntax error: missing '}'") }
            return try alternative(kind, name, value.flatMap { $0.isEmpty ? nil : $0 }, current: value)
        case "-", "+", "?": return try alternative(operation, name, value, current: value)
        case "#", "%":
            let isLongest = peek == operation
            if isLongest { position += 1 }
            let pattern = ShellPattern(try part(until: ["}"], isPattern: true), escape: expander.escape)
            let subject = value ?? ""
            return operation == "#"
                ? pattern.removingPrefix(of: subject, longest: isLongest)
                : pattern.removingSuffix(of: subject, longest: isLongest)
        case "/":
            let all = peek == "/"
            if all { position += 1 }
            var end: Unicode.Scalar? = "/"
            let pattern = ShellPattern(
                try part(until: ["/", "}"], isPattern: true, end: &end), escape: expander.escape)
            let replacement = end == "/" ? try part(until: ["}"]) : ""
            return pattern.replacing(in: value ?? "", with: replacement, all: all)
        default: throw SyntaxError("unsupported modifier (\(operation)) in substitution")
        }
    }

    private mutating func alternative(
        _ kind: Unicode.Scalar, _ name: String, _ set: String?, current: String?
    ) throws(SyntaxError) -> String {
        switch kind {
        case "-":
            let word = try part(until: ["}"])
            return set ?? word
        case "+":
            let word = try part(until: ["}"])
            return set == nil ? "" : word
        case "?":
            let word = try part(until: ["}"])
            if let set { return set }
            if keepsVariables { return "" }
            let reason = word.isEmpty ? (current == nil ? "not allowed to be unset" : "not allowed to be empty") : word
            throw SyntaxError("\(name): \(reason)")
        default: throw SyntaxError("unsupported modifier (:\(kind)) in substitution")
        }
    }

    private mutating func part(until stops: Set<Unicode.Scalar>, isPattern: Bool = false) throws(SyntaxError) -> String
    {
        var end: Unicode.Scalar?
        return try part(until: stops, isPattern: isPattern, end: &end)
    }

    /// A word within braces, itself expanded. In a pattern, escapes stay for the pattern to read.
    private mutating func part(
        until stops: Set<Unicode.Scalar>, isPattern: Bool = false, end: inout Unicode.Scalar?
    ) throws(SyntaxError) -> String {
        var inner = self
        inner.output = String.UnicodeScalarView()
        inner.depth += 1
        guard inner.depth <= Self.mostDepth else {
            throw SyntaxError("variables are nested more than \(Self.mostDepth) deep")
        }
        if isPattern {
            end = try inner.runPattern(until: stops)
        } else {
            end = try inner.run(until: stops)
        }
        position = inner.position
        return inner.text
    }

    private mutating func runPattern(until stops: Set<Unicode.Scalar>) throws(SyntaxError) -> Unicode.Scalar? {
        while let scalar = take() {
            if stops.contains(scalar) { return scalar }
            switch scalar {
            case "$": output.append(contentsOf: try dollar())
            case expander.escape:
                output.append(scalar)
                if let next = take() { output.append(next) }
            default: output.append(scalar)
            }
        }
        throw SyntaxError("syntax error: missing '}'")
    }
}

extension Unicode.Scalar {
    var isASCIIAlphanumeric: Bool {
        ("0"..."9").contains(self) || ("a"..."z").contains(self) || ("A"..."Z").contains(self)
    }
}

/// The patterns of `${v#p}` and its kin: `*` and `?`, and the escape character for both.
struct ShellPattern {
    private enum Part { case literal(Unicode.Scalar), one, any }
    private var parts: [Part] = []

    init(_ text: String, escape: Unicode.Scalar) {
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                parts.append(.literal(scalar))
                isEscaped = false
            } else if scalar == escape {
                isEscaped = true
            } else {
                parts.append(scalar == "*" ? .any : scalar == "?" ? .one : .literal(scalar))
            }
        }
    }

    func removingPrefix(of text: String, longest: Bool) -> String {
        let subject = Array(text.unicodeScalars)
        guard let length = lengths(in: subject, from: 0, longest: longest) else { return text }
        return Self.string(subject[length...])
    }

    func removingSuffix(of text: String, longest: Bool) -> String {
        let subject = Array(text.unicodeScalars)
        let starts = longest ? Array(0...subject.count) : Array((0...subject.count).reversed())
        for start in starts where matches(subject[start...]) { return Self.string(subject[..<start]) }
        return text
    }

    /// Replaces the first match, or all; of several matches at one place the longest is taken.
    func replacing(in text: String, with replacement: String, all: Bool) -> String {
        guard !parts.isEmpty else { return text }
        let subject = Array(text.unicodeScalars)
        var result = String.UnicodeScalarView()
        var start = 0
        while start < subject.count {
            if let length = lengths(in: subject, from: start, longest: true), length > 0 {
                result.append(contentsOf: replacement.unicodeScalars)
                start += length
                if !all { break }
            } else {
                result.append(subject[start])
                start += 1
            }
        }
        result.append(contentsOf: subject[start...])
        return String(result)
    }

    private func lengths(in subject: [Unicode.Scalar], from start: Int, longest: Bool) -> Int? {
        let ends = longest ? Array((start...subject.count).reversed()) : Array(start...subject.count)
        return ends.first { matches(subject[start..<$0]) }.map { $0 - start }
    }

    private func matches(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        var text = text
        var rest = parts[...]
        // Where to resume when the text after the last `*` turns out not to fit.
        var retry: (parts: ArraySlice<Part>, text: ArraySlice<Unicode.Scalar>)?
        while true {
            switch (rest.first, text.first) {
            case (nil, nil): return true
            case (.any, _):
                rest.removeFirst()
                retry = (rest, text)
                continue
            case (.one, _?):
                rest.removeFirst()
                text.removeFirst()
                continue
            case (.literal(let expected), let scalar?) where expected == scalar:
                rest.removeFirst()
                text.removeFirst()
                continue
            default: break
            }
            guard let (parts, tail) = retry, !tail.isEmpty else { return false }
            text = tail.dropFirst()
            rest = parts
            retry = (parts, text)
        }
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        String(String.UnicodeScalarView(scalars))
    }
}
