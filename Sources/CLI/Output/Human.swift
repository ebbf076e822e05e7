import Glibc

/// Sizes and times as people read them, in Docker's words.
enum Human {
    /// Powers of 1000: `77.8MB`, `1.23GB`.
    static func size(_ bytes: Int64, digits: Int = 4) -> String {
        scaled(Double(bytes), base: 1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"], digits)
    }

    static func size(_ bytes: UInt64, digits: Int = 4) -> String {
        size(Int64(clamping: bytes), digits: digits)
    }

    /// Powers of 1024: `1.944GiB`.
    static func binarySize(_ bytes: Int64) -> String {
        scaled(Double(bytes), base: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"], 4)
    }

    private static func scaled(_ value: Double, base: Double, _ units: [String], _ digits: Int) -> String {
        var value = value
        var unit = 0
        while value >= base, unit < units.count - 1 {
            value /= base
            unit += 1
        }
        return Decimal.general(value, digits: digits) + units[unit]
    }

    /// How long something took or is ago.
    static func duration(seconds: Int64) -> String {
        let minutes = seconds / 60
        let hours = Int64((Double(seconds) / 3600).rounded())
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(hours / 24 / 365) years"
        }
    }

    /// - Parameters:
    ///   - then: seconds since 1970.
    ///   - now: seconds since 1970.
    static func ago(_ then: Int64, now: Int64) -> String { duration(seconds: now - then) + " ago" }

    /// `2026-01-02 15:04:05 +0000 UTC`, in the zone of this host.
    /// - Parameter fraction: digits of the second's fraction, shown behind a point.
    static func localTime(_ seconds: Int64, fraction: Substring = "") -> String {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        let zone = parts.tm_zone.map { String(cString: $0) } ?? "UTC"
        let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let clock =
            "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))" + (fraction.isEmpty ? "" : ".\(fraction)")
        return "\(day) \(clock) \(offset(parts.tm_gmtoff)) \(zone)"
    }

    /// RFC 3339, in the zone of this host: `2026-01-02T15:04:05.000000000+01:00`.
    /// - Parameter fraction: nine digits of it.
    static func localTimestamp(nanoseconds: Int64, fraction hasFraction: Bool = true) -> String {
        var time = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        localtime_r(&time, &parts)
        let digits = String(nanoseconds % 1_000_000_000)
        let fraction = hasFraction ? "." + String(repeating: "0", count: 9 - digits.count) + digits : ""
        let offset = offset(parts.tm_gmtoff)
        let zone = parts.tm_gmtoff == 0 ? "Z" : "\(offset.prefix(3)):\(offset.suffix(2))"
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))\(fraction)\(zone)"
    }

    private static func offset(_ seconds: Int) -> String {
        (seconds < 0 ? "-" : "+") + two(Int32(abs(seconds) / 3600)) + two(Int32(abs(seconds) / 60 % 60))
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Seconds of an RFC 3339 time; nil when it is none.
    static func seconds(rfc3339 text: String) -> Int64? {
        let fields = text.split { !$0.isNumber }
        guard fields.count >= 6, let year = Int32(fields[0]), let month = Int32(fields[1]), let day = Int32(fields[2]),
            let hour = Int32(fields[3]), let minute = Int32(fields[4]), let second = Int32(fields[5])
        else { return nil }
        var parts = tm()
        parts.tm_year = year - 1900
        parts.tm_mon = month - 1
        parts.tm_mday = day
        parts.tm_hour = hour
        parts.tm_min = minute
        parts.tm_sec = second
        return Int64(timegm(&parts)) - zoneOffset(of: text)
    }

    /// Seconds that a time's zone is ahead of UTC: what stands behind the last `+` or `-` of its clock.
    private static func zoneOffset(of text: String) -> Int64 {
        guard let clock = text.firstIndex(of: "T"), !text.hasSuffix("Z"),
            let sign = text[clock...].lastIndex(where: { $0 == "+" || $0 == "-" })
        else { return 0 }
        let parts = text[text.index(after: sign)...].split(separator: ":").compactMap { Int64($0) }
        guard parts.count == 2 else { return 0 }
        return (text[sign] == "-" ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60)
    }

    /// An RFC 3339 time as `localTime` shows it; as it is when it is none.
    static func localTime(rfc3339 text: String) -> String {
        guard let seconds = seconds(rfc3339: text) else { return text }
        var fraction = text.split(separator: ".").dropFirst().first?.prefix(while: \.isNumber) ?? ""
        while fraction.last == "0" { fraction.removeLast() }
        return localTime(seconds, fraction: fraction)
    }

    static func now() -> Int64 { Int64(time(nil)) }

    /// The first twelve digits of an ID, without its algorithm.
    static func shortID(_ id: String) -> String {
        let digits = id.hasPrefix("sha256:") ? id.dropFirst("sha256:".count) : id[...]
        return String(digits.prefix(12))
    }

    /// Cut to `length` characters, the last of which then says so.
    static func ellipsis(_ text: String, _ length: Int) -> String {
        text.count <= length ? text : text.prefix(length - 1) + "…"
    }
}
