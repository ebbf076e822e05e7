/// What a misspelt word was probably meant to be.
enum Spelling {
    /// - Returns: the words that are only a slip away, nearest first.
    static func nearest(to word: String, among candidates: [String]) -> [String] {
        let word = word.lowercased()
        let tolerance = word.count < 4 ? 1 : word.count < 8 ? 2 : 3
        return candidates.compactMap { candidate -> (distance: Int, text: String)? in
            if word.count > 1, candidate.hasPrefix(word) { return (0, candidate) }
            let distance = distance(word, candidate)
            return distance <= tolerance ? (distance, candidate) : nil
        }
        .sorted { ($0.distance, $0.text) < ($1.distance, $1.text) }
        .map(\.text)
    }

    /// Letters to insert, drop, replace or swap with a neighbour (the optimal string alignment distance).
    static func distance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left), Array(right))
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var rows = [Array(0...b.count)]
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                var best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    best = min(best, rows[i - 2][j - 2] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
