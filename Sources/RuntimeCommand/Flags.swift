import Errors

/// The flags of one command, as the runtimes' clients write them: `--name value`, `--name=value` or with
/// one dash, and a letter for some.
struct FlagTable {
    var valued: Set<String> = []
    var switches: Set<String> = []
    /// Letter → name.
    var letters: [String: String] = [:]
    /// What follows the first word without a dash is not looked at for flags.
    var stopsAtFirstWord = false

    /// Reads flags and words. The rest after `--` are words.
    func parse(_ arguments: some Sequence<String>) throws(BerthError) -> ParsedFlags {
        var parsed = ParsedFlags()
        var rest = Array(arguments)[...]
        while let word = rest.popFirst() {
            if word == "--" {
                parsed.words += rest
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                parsed.words.append(word)
                if stopsAtFirstWord {
                    parsed.words += rest
                    break
                }
                continue
            }
            try take(word, &rest, into: &parsed)
        }
        return parsed
    }

    private func take(
        _ word: String, _ rest: inout ArraySlice<String>, into parsed: inout ParsedFlags
    ) throws(BerthError) {
        var name = String(word.drop { $0 == "-" })
        var value: String?
        if let equals = name.firstIndex(of: "=") {
            value = String(name[name.index(after: equals)...])
            name = String(name[..<equals])
        }
        name = letters[name] ?? name
        if switches.contains(name) {
            guard let isOn = value.map({ ["true": true, "1": true, "false": false, "0": false][$0] }) ?? true else {
                throw .invalidArgument("flag --\(name): \"\(value ?? "")\" is neither true nor false")
            }
            parsed.values[name] = isOn ? ["true"] : nil
        } else if valued.contains(name) {
            guard let value = value ?? rest.popFirst() else {
                throw .invalidArgument("flag needs an argument: \(word)")
            }
            parsed.values[name, default: []].append(value)
        } else {
            throw .invalidArgument("flag provided but not defined: \(word)")
        }
    }
}

/// What was found.
struct ParsedFlags {
    var values: [String: [String]] = [:]
    var words: [String] = []

    subscript(_ name: String) -> String? { values[name]?.last }
    func all(_ name: String) -> [String] { values[name] ?? [] }
    func isOn(_ name: String) -> Bool { values[name] != nil }

    /// A whole number, or nil when the flag was not given.
    func number<Number: FixedWidthInteger>(_ name: String, _ type: Number.Type) throws(BerthError) -> Number? {
        guard let text = self[name] else { return nil }
        guard let number = Number(text) else {
            throw .invalidArgument("flag --\(name): \"\(text)\" is not a number that fits")
        }
        return number
    }

    /// A size such as `64m` or `-1`.
    func bytes(_ name: String) throws(BerthError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let bytes = Self.bytes(text) else {
            throw .invalidArgument("flag --\(name): \"\(text)\" is not a size such as 64m")
        }
        return bytes
    }

    static func bytes(_ text: String) -> Int64? {
        var digits = text.lowercased()
        if digits == "-1" { return -1 }
        if digits.hasSuffix("b") { digits.removeLast() }
        if digits.hasSuffix("i") { digits.removeLast() }
        var factor: Int64 = 1
        if let unit = digits.last, let power = "kmgt".firstIndex(of: unit) {
            digits.removeLast()
            factor = 1 << (10 * Int64("kmgt".distance(from: "kmgt".startIndex, to: power) + 1))
        }
        guard let number = Int64(digits), number >= 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// The one word there must be, a container's ID.
    func onlyID() throws(BerthError) -> String {
        guard words.count == 1 else {
            throw .invalidArgument("exactly one argument, the container's ID, is required")
        }
        return words[0]
    }
}
