import Errors

/// One pattern of an ignore file: Go's `filepath.Match` with `**` for any number of directories.
struct IgnorePattern: Sendable {
    let isNegated: Bool
    private let tokens: [Token]
    /// The pattern's parts between slashes, each a pattern; nil when they cannot be told apart,
    /// which is so for character classes that hold a slash.
    private let components: [[Token]]?

    private enum Token: Sendable, Equatable {
        case literal(Unicode.Scalar)
        /// `?`: one character but `/`.
        case anyCharacter
        /// `*`: any characters but `/`.
        case anyCharacters
        /// `**/` or `**` before more: any directories, or none.
        case anyDirectories
        /// `**` at the end: anything at all.
        case anything
        case oneOf([ClosedRange<Unicode.Scalar>], negated: Bool)
    }

    /// Nil for a line without a pattern.
    init?(line: Substring, number: Int) throws(BerthError) {
        var text = line.trimmed()
        isNegated = text.hasPrefix("!")
        if isNegated {
            text = text.dropFirst().trimmed()
            guard !text.isEmpty else {
                throw .invalidArgument("illegal exclusion pattern: \"!\" (line \(number) of the ignore file)")
            }
        }
        if text.isEmpty { return nil }
        let pattern = cleaned(String(text))
        // `.`, `/` and the like name the context itself, which is never left out.
        if pattern.isEmpty { return nil }
        guard let tokens = Self.parse(Array(pattern.unicodeScalars)) else {
            throw .invalidArgument(
                "syntax error in pattern \"\(text)\" (line \(number) of the ignore file)")
        }
        self.tokens = tokens
        components = pattern.contains("[") ? nil : Self.split(tokens)
    }

    /// Whether the pattern matches the path or a directory above it.
    func matches(_ path: [Unicode.Scalar]) -> Bool {
        Self.matches(tokens, path, orAncestor: true)
    }

    /// Whether a path below the directory could match.
    func mayMatchBelow(_ directory: [[Unicode.Scalar]]) -> Bool {
        guard let components else { return true }
        for (pattern, name) in zip(components, directory) {
            if pattern.contains(.anyDirectories) || pattern.contains(.anything) { return true }
            if !Self.matches(pattern, name, orAncestor: false) { return false }
        }
        // Either the pattern goes deeper, or it matches an ancestor and with it all below.
        return true
    }

    // MARK: Parsing

    /// Nil on a syntax error.
    private static func parse(_ pattern: [Unicode.Scalar]) -> [Token]? {
        var tokens: [Token] = []
        var index = 0
        while index < pattern.count {
            let scalar = pattern[index]
            index += 1
            switch scalar {
            case "*" where index < pattern.count && pattern[index] == "*":
                index += 1
                if index < pattern.count, pattern[index] == "/" { index += 1 }
                tokens.append(index == pattern.count ? .anything : .anyDirectories)
            case "*": tokens.append(.anyCharacters)
            case "?": tokens.append(.anyCharacter)
            case "[":
                guard let token = parseClass(pattern, &index) else { return nil }
                tokens.append(token)
            case "\\":
                guard index < pattern.count else { return nil }
                tokens.append(.literal(pattern[index]))
                index += 1
            default: tokens.append(.literal(scalar))
            }
        }
        return tokens
    }

    private static func parseClass(_ pattern: [Unicode.Scalar], _ index: inout Int) -> Token? {
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        var negated = false
        if index < pattern.count, pattern[index] == "^" {
            negated = true
            index += 1
        }
        func bound() -> Unicode.Scalar? {
            guard index < pattern.count, pattern[index] != "-" else { return nil }
            if pattern[index] == "\\" { index += 1 }
            guard index < pattern.count else { return nil }
            defer { index += 1 }
            return pattern[index]
        }
        while index < pattern.count {
            if pattern[index] == "]", !ranges.isEmpty {
                index += 1
                return .oneOf(ranges, negated: negated)
            }
            if pattern[index] == "]" { return nil }
            guard let low = bound() else { return nil }
            var high = low
            if index < pattern.count, pattern[index] == "-" {
                index += 1
                guard index < pattern.count, pattern[index] != "]", let end = bound() else { return nil }
                high = end
            }
            // An inverted range matches nothing, as in Go; it still counts as a range.
            if low <= high { ranges.append(low...high) } else { ranges.append("\0"..."\0") }
        }
        return nil
    }

    private static func split(_ tokens: [Token]) -> [[Token]] {
        var parts: [[Token]] = [[]]
        for token in tokens {
            if token == .literal("/") { parts.append([]) } else { parts[parts.count - 1].append(token) }
        }
        return parts
    }

    // MARK: Matching

    /// Follows every way to read the pattern at once, so that time is bounded by the product of the
    /// two lengths whatever the pattern is.
    private static func matches(_ tokens: [Token], _ path: [Unicode.Scalar], orAncestor: Bool) -> Bool {
        let width = tokens.count + 1
        return withUnsafeTemporaryAllocation(of: Bool.self, capacity: 4 * width) { storage in
            storage.initialize(repeating: false)
            // The pattern is read up to `i` for each true `reached[i]`, and is inside the directories
            // of a `**` for each true `within[i]`.
            var (reached, within) = (storage[..<width], storage[width..<2 * width])
            var (nextReached, nextWithin) = (storage[2 * width..<3 * width], storage[(3 * width)...])
            reached[reached.startIndex] = true
            skipStars(tokens, &reached)
            for (position, scalar) in path.enumerated() {
                if orAncestor, scalar == "/", position > 0, reached[reached.endIndex - 1] { return true }
                for index in nextReached.indices { nextReached[index] = false }
                for index in nextWithin.indices { nextWithin[index] = false }
                var isAlive = false
                for (index, token) in tokens.enumerated() {
                    let isReached = reached[reached.startIndex + index]
                    guard isReached || within[within.startIndex + index] else { continue }
                    let (stays, goesOn) = step(token, scalar)
                    if stays, token == .anyDirectories {
                        nextWithin[nextWithin.startIndex + index] = true
                    } else if stays {
                        nextReached[nextReached.startIndex + index] = true
                    }
                    if goesOn { nextReached[nextReached.startIndex + index + 1] = true }
                    isAlive = isAlive || stays || goesOn
                }
                if !isAlive { return false }
                skipStars(tokens, &nextReached)
                swap(&reached, &nextReached)
                swap(&within, &nextWithin)
            }
            return reached[reached.endIndex - 1]
        }
    }

    /// A star may stand for nothing.
    private static func skipStars(_ tokens: [Token], _ reached: inout Slice<UnsafeMutableBufferPointer<Bool>>) {
        for (index, token) in tokens.enumerated() where reached[reached.startIndex + index] {
            switch token {
            case .anyCharacters, .anyDirectories, .anything: reached[reached.startIndex + index + 1] = true
            default: break
            }
        }
    }

    /// Whether a character lets the reading stay at the token, and whether it takes it to the next.
    private static func step(_ token: Token, _ scalar: Unicode.Scalar) -> (stays: Bool, goesOn: Bool) {
        switch token {
        case .anyDirectories: (true, scalar == "/")
        case .anything: (true, false)
        case .anyCharacters: (scalar != "/", false)
        case .literal(let literal): (false, literal == scalar)
        case .anyCharacter: (false, scalar != "/")
        case .oneOf(let ranges, let negated): (false, ranges.contains { $0.contains(scalar) } != negated)
        }
    }
}

extension StringProtocol {
    /// Without white space at either end.
    func trimmed() -> SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[endIndex...] }
        return self[first...last]
    }
}
