import Errors

/// Go's `filepath.Match` over a whole path, with `**` for any number of components.
///
/// `*` and `?` do not match `/`; `[a-z]`, `[^a-z]` and `\x` are as in Go.
struct PathPattern {
    private enum Part {
        case literal(Unicode.Scalar)
        case one
        case any
        case set([ClosedRange<UInt32>], negated: Bool)
    }
    private enum Component { case parts([Part]), anyDepth }

    private let components: [Component]

    /// - Throws: `syntax error in pattern`, as Go has it.
    init(_ pattern: String) throws(SyntaxError) {
        var components: [Component] = []
        for text in pattern.split(separator: "/") {
            components.append(text == "**" ? .anyDepth : .parts(try Self.parts(String(text))))
        }
        self.components = components
    }

    /// Whether a path has to be matched against names rather than taken as it is.
    static func isPattern(_ path: String) -> Bool { path.contains { "*?[\\".contains($0) } }

    func matches(_ path: String) -> Bool {
        Self.match(components[...], path.split(separator: "/")[...])
    }

    /// Whether something below the directory `path` may match.
    func mayMatch(below path: String) -> Bool {
        var rest = components[...]
        for name in path.split(separator: "/") {
            switch rest.first {
            case nil: return false
            case .anyDepth: return true
            case .parts(let parts):
                guard Self.match(parts[...], Array(name.unicodeScalars)[...]) else { return false }
                rest.removeFirst()
            }
        }
        return !rest.isEmpty
    }

    private static func match(_ pattern: ArraySlice<Component>, _ path: ArraySlice<Substring>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        switch first {
        case .anyDepth:
            return (path.startIndex...path.endIndex).contains { match(pattern.dropFirst(), path[$0...]) }
        case .parts(let parts):
            guard let name = path.first, match(parts[...], Array(name.unicodeScalars)[...]) else { return false }
            return match(pattern.dropFirst(), path.dropFirst())
        }
    }

    private static func match(_ pattern: ArraySlice<Part>, _ name: ArraySlice<Unicode.Scalar>) -> Bool {
        var pattern = pattern
        var name = name
        // Where to resume when what follows the last `*` turns out not to fit.
        var retry: (pattern: ArraySlice<Part>, name: ArraySlice<Unicode.Scalar>)?
        while true {
            if case .any = pattern.first {
                pattern.removeFirst()
                retry = (pattern, name)
                continue
            }
            if pattern.isEmpty, name.isEmpty { return true }
            if let part = pattern.first, let scalar = name.first, fits(part, scalar) {
                pattern.removeFirst()
                name.removeFirst()
                continue
            }
            guard let (saved, rest) = retry, !rest.isEmpty else { return false }
            pattern = saved
            name = rest.dropFirst()
            retry = (saved, name)
        }
    }

    private static func fits(_ part: Part, _ scalar: Unicode.Scalar) -> Bool {
        switch part {
        case .literal(let expected): scalar == expected
        case .one, .any: true
        case .set(let ranges, let negated): ranges.contains { $0.contains(scalar.value) } != negated
        }
    }

    private static func parts(_ text: String) throws(SyntaxError) -> [Part] {
        let bad = SyntaxError("syntax error in pattern \"\(text)\"")
        var parts: [Part] = []
        var input = Array(text.unicodeScalars)[...]
        while let scalar = input.popFirst() {
            switch scalar {
            case "*": parts.append(.any)
            case "?": parts.append(.one)
            case "\\":
                guard let next = input.popFirst() else { throw bad }
                parts.append(.literal(next))
            case "[":
                guard let part = set(&input) else { throw bad }
                parts.append(part)
            default: parts.append(.literal(scalar))
            }
        }
        return parts
    }

    /// After `[`; nil if it is not well formed.
    private static func set(_ input: inout ArraySlice<Unicode.Scalar>) -> Part? {
        let negated = input.first == "^"
        if negated { input.removeFirst() }
        var ranges: [ClosedRange<UInt32>] = []
        func bound() -> Unicode.Scalar? {
            guard let scalar = input.popFirst(), scalar != "-", scalar != "]" || ranges.isEmpty else { return nil }
            return scalar == "\\" ? input.popFirst() : scalar
        }
        while true {
            if input.first == "]", !ranges.isEmpty {
                input.removeFirst()
                return .set(ranges, negated: negated)
            }
            guard let low = bound() else { return nil }
            var high = low
            if input.first == "-" {
                input.removeFirst()
                guard let upper = bound() else { return nil }
                high = upper
            }
            guard low.value <= high.value else { return nil }
            ranges.append(low.value...high.value)
        }
    }
}
