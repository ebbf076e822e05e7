import FoundationEssentials

/// Splits at white space outside quotes. Quotes and escapes stay in the words.
func rawWords(_ text: String, escape: Unicode.Scalar) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    var quote: Unicode.Scalar?
    var isInWord = false
    var isEscaped = false
    for scalar in text.unicodeScalars {
        if quote == nil, !isEscaped, scalar.properties.isWhitespace {
            if isInWord { words.append(String(word)) }
            word = String.UnicodeScalarView()
            isInWord = false
            continue
        }
        isInWord = true
        word.append(scalar)
        if isEscaped {
            isEscaped = false
        } else if scalar == escape, quote != "'" {
            isEscaped = true
        } else if let open = quote {
            if scalar == open { quote = nil }
        } else if scalar == "\"" || scalar == "'" {
            quote = scalar
        }
    }
    if isInWord { words.append(String(word)) }
    return words
}

/// Splits at white space, whatever the quotes.
func plainWords(_ text: String) -> [String] {
    text.unicodeScalars.split { $0.properties.isWhitespace }.map { String($0) }
}

/// The first word and what follows the white space after it.
func firstWord(_ text: String) -> (word: String, rest: String) {
    let scalars = text.unicodeScalars
    guard let end = scalars.firstIndex(where: \.properties.isWhitespace) else { return (text, "") }
    return (String(scalars[..<end]), String(scalars[end...]).trimmingSpaces())
}

/// The exec form: a JSON array of strings. Nil if the text is not a JSON array, so that it is taken
/// as the shell form, as Docker does.
func jsonWords(_ text: String) throws(SyntaxError) -> [String]? {
    guard text.hasPrefix("[") else { return nil }
    let data = Data(text.utf8)
    if let words = try? JSONDecoder().decode([String].self, from: data) { return words }
    guard (try? JSONDecoder().decode([Anything].self, from: data)) != nil else { return nil }
    throw SyntaxError("When using JSON array syntax, arrays must be comprised of strings only.")
}

/// Any JSON value; tells an array of other things from text that is not JSON.
private struct Anything: Decodable {
    init(from decoder: any Decoder) {}
}

/// The `--name[=value]` words before the arguments of an instruction, and what follows them.
func leadingFlags(_ text: String, escape: Unicode.Scalar) throws(SyntaxError) -> (flags: [String], rest: String) {
    var flags: [String] = []
    var rest = text
    while rest.hasPrefix("--") {
        guard let word = rawWords(rest, escape: escape).first else { break }
        rest = String(rest.dropFirst(word.count)).trimmingLeadingSpaces()
        if word == "--" { break }
        do {
            // Quotes go; variables stay, they are expanded when the instruction runs.
            flags.append(try Expander.unquoting(word, escape: escape))
        } catch {
            throw SyntaxError("\(error)")
        }
    }
    return (flags, rest)
}
