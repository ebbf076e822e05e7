/// A terminal of a given size, as far as progress displays use one: text, line ends, and the escape
/// sequences that move the cursor up and down and clear. Lines that go out at the top are kept.
struct FakeTerminal {
    let width: Int
    let height: Int
    private(set) var lines: [[Character]] = [[]]
    private var row = 0
    private var column = 0
    /// Lines that were longer than the terminal is wide, or moves beyond the top of the screen.
    private(set) var faults: [String] = []
    /// Characters that were written, without escape sequences.
    private(set) var written = 0

    init(width: Int, height: Int = 24) {
        self.width = width
        self.height = height
    }

    /// What is on the lines, without spaces at their ends and empty lines at the end.
    var text: [String] {
        var text = lines.map { line in
            var line = String(line)
            while line.last == " " { line.removeLast() }
            return line
        }
        while text.last == "" { text.removeLast() }
        return text
    }

    mutating func write(_ text: String) {
        var rest = Array(text)[...]
        while let character = rest.popFirst() {
            switch character {
            case "\r": column = 0
            case "\n", "\r\n":
                row += 1
                column = 0
                if row == lines.count { lines.append([]) }
            case "\u{1B}": escape(&rest)
            default: put(character)
            }
        }
    }

    private mutating func put(_ character: Character) {
        let columns = character.unicodeScalars.first.map { $0.value >= 0x4E00 && $0.value < 0xA000 ? 2 : 1 } ?? 1
        if column + columns > width { faults.append("line \(row) is too long: \(String(lines[row]))") }
        while lines[row].count <= column { lines[row].append(" ") }
        lines[row][column] = character
        // The second half of a wide character.
        if columns == 2 {
            while lines[row].count <= column + 1 { lines[row].append(" ") }
            lines[row][column + 1] = "\u{200B}"
        }
        column += columns
        written += 1
    }

    private mutating func escape(_ rest: inout ArraySlice<Character>) {
        guard rest.popFirst() == "[" else { return }
        var parameter = ""
        while let character = rest.popFirst() {
            guard character.isLetter else {
                parameter.append(character)
                continue
            }
            let count = Int(parameter) ?? 1
            switch character {
            case "A":
                row -= count
                if row < lines.count - height { faults.append("moved above the screen") }
                row = max(0, row)
            case "B": row = min(lines.count - 1, row + count)
            case "K": lines[row] = Array(lines[row].prefix(column))
            case "J":
                lines[row] = Array(lines[row].prefix(column))
                lines.removeSubrange((row + 1)...)
            default: break
            }
            return
        }
    }
}
