import FoundationEssentials

/// A time as the engine writes it: RFC 3339, with a fraction of any length.
struct LogTime: Comparable {
    private let text: Substring

    init(_ text: String?) { self.text = (text ?? "").trimmingSuffix { $0 == "Z" }[...] }

    /// Compared as text, which is right for times in UTC however long their fractions are.
    static func < (left: LogTime, right: LogTime) -> Bool { left.text < right.text }

    private var whole: Substring { text.prefix { $0 != "." } }

    /// Nil for a time that is not set (year 1) or not in UTC.
    var date: Date? { seconds.map { $0.addingTimeInterval(Double("0\(fraction)") ?? 0) } }

    private var fraction: Substring { text.dropFirst(whole.count) }

    private var seconds: Date? {
        guard let date = try? Date(whole + "Z", strategy: .iso8601), date.timeIntervalSince1970 > 0 else { return nil }
        return date
    }

    /// Seconds since 1970 with their fraction, as `since` of the Engine API takes times; nil for a time
    /// that is not set.
    var unix: String? {
        seconds.map { String(Int64($0.timeIntervalSince1970)) + fraction }
    }
}
