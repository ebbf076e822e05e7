/// The notations of the Compose specification for numbers, sizes and durations.
enum Values {
    /// Decimal, or `0x`, `0o`, `0b`; a leading zero means octal, as file modes are written.
    static func integer(_ text: String) -> Int? {
        let digits = text.replacingUnderscores()
        if digits.hasPrefix("0x") { return Int(digits.dropFirst(2), radix: 16) }
        if digits.hasPrefix("0o") { return Int(digits.dropFirst(2), radix: 8) }
        if digits.hasPrefix("0b") { return Int(digits.dropFirst(2), radix: 2) }
        if digits.count > 1, digits.hasPrefix("0") { return Int(digits, radix: 8) }
        return Int(digits)
    }

    /// Bytes with an optional unit `b k m g t p` (binary), with or without `b` or `ib` behind it.
    static func bytes(_ text: String) -> Int64? {
        let lowered = text.trimmed().lowercased()
        let number = lowered.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        var unit = lowered.dropFirst(number.count).drop(while: \.isWhitespace)
        if unit.hasSuffix("ib") {
            unit = unit.dropLast(2)
        } else if unit.count > 1, unit.hasSuffix("b") {
            unit = unit.dropLast()
        }
        let units: [Substring: Int64] = [
            "": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50,
        ]
        guard let factor = units[unit] else { return nil }
        if let whole = Int64(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        guard let value = Double(number) else { return nil }
        return Int64(exactly: (value * Double(factor)).rounded(.towardZero))
    }

    /// Go's notation: `1h2m3.5s`, units `ns us µs ms s m h` and days; `0` needs no unit.
    static func duration(_ text: String) -> Duration? {
        let nanosecondsPerUnit: [Substring: Double] = [
            "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86_400e9,
        ]
        var rest = text.trimmed()[...]
        if rest == "0" { return .zero }
        guard !rest.isEmpty else { return nil }
        let negative = rest.hasPrefix("-")
        if negative { rest = rest.dropFirst() }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let factor = nanosecondsPerUnit[unit] else { return nil }
            total += value * factor
        }
        guard let nanoseconds = Int64(exactly: total.rounded()) else { return nil }
        return .nanoseconds(negative ? -nanoseconds : nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, as the Engine API counts durations.
    var wholeNanoseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }

    /// Seconds, rounded up.
    var wholeSeconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) + (attoseconds > 0 ? 1 : 0)
    }

    /// Go's notation, such as `1m30s`.
    var goText: String {
        let total = wholeNanoseconds
        if total == 0 { return "0s" }
        if total < 0 { return "-" + Duration.nanoseconds(-total).goText }
        if total < 1_000_000_000 {
            if total % 1_000_000 == 0 { return "\(total / 1_000_000)ms" }
            if total % 1000 == 0 { return "\(total / 1000)µs" }
            return "\(total)ns"
        }
        let fraction = total % 1_000_000_000
        let seconds = total / 1_000_000_000
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
        text += String(seconds % 60)
        if fraction > 0 {
            let digits = String(fraction)
            let padded = String(repeating: "0", count: 9 - digits.count) + digits
            text += "." + padded.trimmingSuffix { $0 == "0" }
        }
        return text + "s"
    }
}

extension String {
    func replacingUnderscores() -> String { filter { $0 != "_" } }
}
