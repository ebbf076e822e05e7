/// The `--name=value` words of one instruction, checked against those that it has.
struct Flags {
    enum Kind { case text, list, flag }

    private var values: [String: [String]] = [:]

    /// - Throws: for unknown, repeated and empty flags.
    init(_ words: [String], allowed: [String: Kind]) throws(SyntaxError) {
        for word in words where word != "--" {
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            guard let kind = allowed[name] else {
                let hint = suggestion(for: name, among: allowed.keys.sorted()).map { " (did you mean --\($0)?)" } ?? ""
                throw SyntaxError("unknown flag: --\(name)\(hint)")
            }
            if kind != .list, values[name] != nil { throw SyntaxError("duplicate flag specified: \(name)") }
            switch (kind, parts.count > 1 ? String(parts[1]) : nil) {
            case (_, let value?): values[name, default: []].append(value)
            case (.flag, nil): values[name] = ["true"]
            case (_, nil): throw SyntaxError("missing a value on flag: \(name)")
            }
        }
    }

    subscript(text name: String) -> String? { values[name]?.first.flatMap { $0.isEmpty ? nil : $0 } }
    subscript(list name: String) -> [String] { values[name] ?? [] }

    func bool(_ name: String) throws(SyntaxError) -> Bool? {
        guard let text = values[name]?.first else { return nil }
        guard let value = parseBool(text) else {
            throw SyntaxError("expecting boolean value for flag \(name), not: \(text)")
        }
        return value
    }
}

/// Go's `strconv.ParseBool`.
func parseBool(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: nil
    }
}

/// Go's `time.ParseDuration`: `1h30m`, `1.5s`, `300ms`; in nanoseconds. Nil if it is none.
func parseDuration(_ text: String) -> Int64? {
    var rest = Substring(text)
    let isNegative = rest.first == "-"
    if let sign = rest.first, sign == "-" || sign == "+" { rest.removeFirst() }
    if rest == "0" { return 0 }
    guard !rest.isEmpty else { return nil }
    let units: [(String, Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]
    var total = 0.0
    while !rest.isEmpty {
        let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number) else { return nil }
        rest = rest.dropFirst(number.count)
        let unit = rest.prefix { !($0.isNumber || $0 == ".") }
        guard let scale = units.first(where: { $0.0 == unit })?.1 else { return nil }
        rest = rest.dropFirst(unit.count)
        total += value * scale
    }
    guard total < 9e18 else { return nil }
    return Int64(isNegative ? -total : total)
}
