import Errors

/// Values of flags, read as Docker reads them.
enum Parse {
    /// Go's `strconv.ParseBool`.
    static func bool(_ text: String) throws(BerthError) -> Bool {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw .invalidArgument("expected true or false")
        }
    }

    static func int(_ text: String) throws(BerthError) -> Int {
        guard let value = Int(text) else { throw .invalidArgument("expected a whole number") }
        return value
    }

    static func int64(_ text: String) throws(BerthError) -> Int64 {
        guard let value = Int64(text) else { throw .invalidArgument("expected a whole number") }
        return value
    }

    /// Bytes with an optional unit, each of which is a power of 1024: `512m`, `1.5g`, `64KiB`, `100b`.
    static func bytes(_ text: String) throws(BerthError) -> Int64 {
        let trimmed = text.lowercased()
        let digits = trimmed.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        let unit = trimmed.dropFirst(digits.count).drop { $0 == " " }
        let powers: [Substring: Double] = [
            "": 1, "b": 1, "k": 0x1p10, "m": 0x1p20, "g": 0x1p30, "t": 0x1p40, "p": 0x1p50,
        ]
        var name = unit
        if name.count > 1, name.hasSuffix("b") { name.removeLast() }
        if name.count > 1, name.hasSuffix("i") { name.removeLast() }
        guard let number = Double(digits), number >= 0, let factor = powers[name],
            number * factor < Double(Int64.max)
        else { throw .invalidArgument("invalid size: '\(text)'") }
        return Int64(number * factor)
    }

    /// Bytes, or -1 for no limit.
    static func bytesOrUnlimited(_ text: String) throws(BerthError) -> Int64 {
        text == "-1" ? -1 : try bytes(text)
    }

    /// CPUs as a decimal number, in billionths of one.
    static func nanoCPUs(_ text: String) throws(BerthError) -> Int64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int64(parts[0].isEmpty ? "0" : parts[0]), whole >= 0,
            whole < 1_000_000
        else { throw .invalidArgument("failed to parse \(text) as a rational number") }
        var fraction: Int64 = 0
        if parts.count == 2 {
            guard parts[1].count <= 9 else { throw .invalidArgument("value is too precise") }
            let padded = parts[1] + String(repeating: "0", count: 9 - parts[1].count)
            guard padded.allSatisfy(\.isNumber), let value = Int64(padded) else {
                throw .invalidArgument("failed to parse \(text) as a rational number")
            }
            fraction = value
        }
        return whole * 1_000_000_000 + fraction
    }

    /// A duration as Go writes it (`1h30m`, `1.5s`, `100ms`), in nanoseconds.
    static func duration(_ text: String) throws(BerthError) -> Int64 {
        var rest = text[...]
        var negative = false
        if let sign = rest.first, sign == "-" || sign == "+" {
            negative = sign == "-"
            rest.removeFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { throw invalidDuration(text) }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = durationUnits[String(unit)] else {
                throw invalidDuration(text)
            }
            total += number * factor
        }
        guard total < Double(Int64.max) else { throw invalidDuration(text) }
        return Int64((negative ? -total : total).rounded())
    }

    private static let durationUnits: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]

    private static func invalidDuration(_ text: String) -> BerthError {
        .invalidArgument("invalid duration \"\(text)\": expected numbers with units, such as 1h30m or 500ms")
    }

    /// `KEY=value`, of which the value may be missing.
    static func pair(_ text: String) -> (key: String, value: String?) {
        guard let equals = text.firstIndex(of: "=") else { return (text, nil) }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    /// `key=value` lists as maps; a missing value is empty, as for labels.
    static func map(_ pairs: [String]) -> [String: String] {
        var map: [String: String] = [:]
        for text in pairs {
            let (key, value) = pair(text)
            map[key] = value ?? ""
        }
        return map
    }
}
