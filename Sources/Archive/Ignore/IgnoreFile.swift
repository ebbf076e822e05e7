import Errors

/// A `.dockerignore` file: which paths of a build context stay out of it.
///
/// The rules are Docker's: one pattern a line, `#` comments, `!` re-includes, the last pattern that
/// matches decides. A pattern also matches everything below a directory that it matches.
public struct IgnoreFile: Sendable {
    private let patterns: [IgnorePattern]

    /// - Throws: `BerthError.invalidArgument` for a malformed pattern, naming its line.
    public init(text: String) throws(BerthError) {
        var patterns: [IgnorePattern] = []
        let body = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        for (index, line) in body.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.hasPrefix("#") { continue }
            if let pattern = try IgnorePattern(line: line, number: index + 1) { patterns.append(pattern) }
        }
        self.patterns = patterns
    }

    /// True when there is nothing to exclude.
    public var isEmpty: Bool { patterns.isEmpty }

    /// Whether a path, relative to the context and with `/` between its parts, stays out.
    public func excludes(_ relativePath: String) -> Bool {
        let path = Array(cleaned(relativePath).unicodeScalars)
        guard !path.isEmpty, path != ["."] else { return false }
        var excluded = false
        for pattern in patterns where pattern.isNegated == excluded && pattern.matches(path) {
            excluded = !pattern.isNegated
        }
        return excluded
    }

    /// Whether something below an excluded directory may be included again by a `!` pattern. When
    /// not, the directory need not be read at all.
    public func mayContainIncluded(_ directory: String) -> Bool {
        let components = cleaned(directory).split(separator: "/").map { Array($0.unicodeScalars) }
        return patterns.contains { $0.isNegated && $0.mayMatchBelow(components) }
    }
}

/// Go's `path.Clean` of a relative path: no empty parts, no `.`, `..` taken back where it can be.
func cleaned(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
        if part == "..", let last = parts.last, last != ".." {
            parts.removeLast()
        } else if part != ".." || !path.hasPrefix("/") {
            parts.append(part)
        }
    }
    return parts.joined(separator: "/")
}
