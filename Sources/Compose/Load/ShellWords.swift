/// Splits a command line the way a shell does, without expanding anything: what `command: "…"`
/// and `entrypoint: "…"` mean in a Compose file.
enum ShellWords {
    /// - Returns: the words, or nil when a quote is not closed.
    static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = text.makeIterator()
        while let character = rest.next() {
            switch (quote, character) {
            case ("'", "'"), ("\"", "\""):
                quote = nil
            case ("'", _):
                word = (word ?? "") + String(character)
            case ("\"", "\\"):
                guard let next = rest.next() else { return nil }
                let escaped = "\"\\$`\n".contains(next)
                word = (word ?? "") + (escaped ? "" : "\\") + (next == "\n" ? "" : String(next))
            case ("\"", _):
                word = (word ?? "") + String(character)
            case (_, "'"), (_, "\""):
                quote = character
                word = word ?? ""
            case (_, "\\"):
                guard let next = rest.next() else { return nil }
                if next != "\n" { word = (word ?? "") + String(next) }
            case (_, _) where character.isWhitespace:
                if let finished = word { words.append(finished) }
                word = nil
            default:
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else { return nil }
        if let finished = word { words.append(finished) }
        return words
    }
}
