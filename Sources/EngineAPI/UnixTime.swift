import Errors

/// A point in time as queries have it: seconds since 1970, optionally with a fraction.
public struct UnixTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var seconds: Int64
    public var nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// - Parameter text: `1700000000` or `1700000000.000000123`.
    public init(_ text: String) throws {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = Int64(parts[0]) else {
            throw BerthError.invalidArgument("invalid timestamp \"\(text)\": want seconds since 1970")
        }
        self.seconds = seconds
        nanoseconds = 0
        guard parts.count == 2 else { return }
        let digits = parts[1].prefix(9)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let fraction = Int32(digits + String(repeating: "0", count: 9 - digits.count))
        else {
            throw BerthError.invalidArgument("invalid timestamp \"\(text)\": want seconds since 1970")
        }
        nanoseconds = fraction
    }

    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    public init(timeNano: Int64) {
        self.init(seconds: timeNano / 1_000_000_000, nanoseconds: Int32(timeNano % 1_000_000_000))
    }

    /// Nanoseconds since 1970; times too far away to be counted so are as far away as can be.
    public var timeNano: Int64 {
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        let (sum, isTooLarge) = whole.addingReportingOverflow(Int64(nanoseconds))
        return isTooLarge ? .max : sum
    }

    public var description: String {
        let fraction = String(nanoseconds)
        return "\(seconds).\(String(repeating: "0", count: 9 - fraction.count))\(fraction)"
    }
}

extension Query {
    /// `nil` if absent, empty or `0`, which clients send for "no limit".
    public func time(_ name: String) throws -> UnixTime? {
        guard let text = string(name), text != "0" else { return nil }
        return try UnixTime(text)
    }
}

/// Go's zero time: what a time that never came is on the wire. Go's clients refuse an empty string.
public let zeroTime = "0001-01-01T00:00:00Z"
