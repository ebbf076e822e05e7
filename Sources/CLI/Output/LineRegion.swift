/// Lines at the end of a terminal's text that are redrawn in place. Only what changed is written.
///
/// The cursor stands at the beginning of the line below them between two calls.
struct LineRegion {
    private var drawn: [String] = []

    /// Escape sequences and text that turn what is shown into `lines`, each of which must fit into the
    /// width of the terminal.
    mutating func update(_ lines: [String]) -> String {
        guard lines != drawn else { return "" }
        var out = ""
        for (index, line) in lines.enumerated() where index < drawn.count && line != drawn[index] {
            let up = drawn.count - index
            out += "\u{1B}[\(up)A\r\(line)\u{1B}[K\u{1B}[\(up)B\r"
        }
        if lines.count < drawn.count {
            out += "\u{1B}[\(drawn.count - lines.count)A\r\u{1B}[J"
        } else {
            for line in lines[drawn.count...] { out += line + "\n" }
        }
        drawn = lines
        return out
    }

    /// Text that a terminal holds back until it is whole, so that no half picture is seen (the synchronized
    /// updates of newer terminals; others ignore the sequence).
    static func atOnce(_ text: String) -> String { text.isEmpty ? "" : "\u{1B}[?2026h\(text)\u{1B}[?2026l" }

    /// What is shown stays as it is; what comes next begins below it.
    mutating func settle() { drawn = [] }
}

/// A bar with its numbers, as wide as there is room.
enum ProgressBar {
    private static let longest = 50
    private static let shortest = 8

    /// - Parameters:
    ///   - room: columns that the result may take.
    ///   - total: 0 when it is not known.
    /// - Returns: `[=====>    ]  12.3MB/45.6MB`, without the bar where it would be too short to read, and
    ///   empty where there is not even room for the numbers.
    static func text(current: Int64, total: Int64, room: Int) -> String {
        guard current > 0 || total > 0 else { return "" }
        let numbers =
            total > 0
            ? "\(Human.size(current))/\(Human.size(total))" : Human.size(current)
        guard numbers.count <= room else { return "" }
        // Room for the longest number, so that the bar does not change its length from one moment to the next.
        let reserved = max(numbers.count, "999.9MB/".count + Human.size(total).count)
        let width = min(longest, room - reserved - 4)
        guard total > 0, width >= shortest else { return numbers }
        let filled = Int(Double(width) * min(1, max(0, Double(current) / Double(total))))
        let bar = filled == width ? String(repeating: "=", count: width) : String(repeating: "=", count: filled) + ">"
        return "[\(bar.padded(to: width))]  \(numbers)"
    }
}
