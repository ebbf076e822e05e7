import Errors

/// A mistake in a Dockerfile. `line` counts from 1.
struct ParseError: Error {
    let line: Int
    let reason: String

    /// In Docker's words.
    var berthError: BerthError { .invalidArgument("dockerfile parse error on line \(line): \(reason)") }
}

/// A mistake whose line the caller knows.
struct SyntaxError: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    func at(_ line: Int) -> ParseError { ParseError(line: line, reason: reason) }
}

/// The candidate that `word` was most likely meant to be, for `did you mean`: the one with the
/// fewest edits, if they are no more than a third of the word.
func suggestion(for word: String, among candidates: [String]) -> String? {
    let best = candidates.map { ($0, editDistance(word.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = best, distance <= max(1, word.count / 3) else { return nil }
    return candidate
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
private func editDistance(_ first: String, _ second: String) -> Int {
    let a = Array(first), b = Array(second)
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var rows = [Array(0...b.count)]
    for i in 1...a.count {
        var row = [i]
        for j in 1...b.count {
            var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, rows[i - 2][j - 2] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
