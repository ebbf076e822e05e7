/// Decimal numbers as C's printf writes them, without a locale.
enum Decimal {
    /// `%.Nf`.
    static func fixed(_ value: Double, places: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = (abs(value) * scale).rounded(.toNearestOrEven)
        guard scaled < 9e18 else { return "\(value)" }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let digits = String(Int64(scaled))
        guard places > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    /// `%.Ng` for numbers between 0 and 10^N: at most so many digits, no zeros at the end.
    static func general(_ value: Double, digits: Int) -> String {
        var whole = 1
        var rest = abs(value)
        while rest >= 10 {
            rest /= 10
            whole += 1
        }
        var text = fixed(value, places: max(0, digits - whole))
        // Rounding may have added a digit in front (9.999 -> 10.00).
        if text.contains("."), text.filter(\.isNumber).count > digits, abs(value) >= 1 { text.removeLast() }
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }
}
