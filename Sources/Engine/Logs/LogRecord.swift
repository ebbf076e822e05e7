import FoundationEssentials
import Glibc

/// Reads records of a json-file log, such as
/// `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.6Z"}`.
///
/// Logs are read far more often than they are odd: the exact form that shims write is taken apart by
/// hand, into buffers that are used again for the next record; anything else goes to the JSON decoder.
struct LogRecordParser {
    enum Stream: UInt8 {
        case output = 1
        case error = 2
    }

    // The record that was read last.
    private(set) var stream = Stream.output
    /// RFC 3339, as it stands in the file.
    private(set) var time: [UInt8] = []
    /// The bytes that the program wrote; a part of a line when they do not end with a newline.
    private(set) var text: [UInt8] = []

    /// False when the line is no record.
    mutating func parse(_ line: UnsafeBufferPointer<UInt8>) -> Bool { parseUsual(line) || parseAny(line) }

    // MARK: The usual form

    private mutating func parseUsual(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        let start: StaticString = #"{"log":""#
        guard line.holds(start, at: 0), let quote = unescape(line, from: start.utf8CodeUnitCount) else { return false }
        let output: StaticString = #"","stream":"stdout","#
        let error: StaticString = #"","stream":"stderr","#
        if line.holds(output, at: quote) {
            stream = .output
        } else if line.holds(error, at: quote) {
            stream = .error
        } else {
            return false
        }
        // Attributes, if there are any, stand between the stream and the time, which is last.
        let label: StaticString = #""time":""#
        var place = quote + output.utf8CodeUnitCount
        if line.holds(#""attrs":{"#, at: place) {
            let last = line.count - label.utf8CodeUnitCount
            guard
                let found = stride(from: last, through: max(place, line.count - 60), by: -1)
                    .first(where: { line.holds(label, at: $0) })
            else { return false }
            place = found
        }
        guard line.holds(label, at: place) else { return false }
        let begin = place + label.utf8CodeUnitCount
        guard let close = line[begin...].firstIndex(of: UInt8(ascii: "\"")), close + 2 == line.count,
            line[close + 1] == UInt8(ascii: "}")
        else { return false }
        time.removeAll(keepingCapacity: true)
        time.append(contentsOf: UnsafeBufferPointer(rebasing: line[begin..<close]))
        return true
    }

    /// Reads the string that begins at `index` and returns the place of its closing quote; nil for
    /// what is not a JSON string.
    private mutating func unescape(_ line: UnsafeBufferPointer<UInt8>, from index: Int) -> Int? {
        text.removeAll(keepingCapacity: true)
        var index = index
        while index < line.count {
            let plain = index
            while index < line.count, line[index] != UInt8(ascii: "\""), line[index] != UInt8(ascii: "\\") {
                index += 1
            }
            if plain < index { text.append(contentsOf: UnsafeBufferPointer(rebasing: line[plain..<index])) }
            guard index < line.count else { return nil }
            if line[index] == UInt8(ascii: "\"") { return index }
            guard index + 1 < line.count else { return nil }
            let letter = line[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
            case UInt8(ascii: "u"):
                guard let scalar = Self.unicode(line, &index) else { return nil }
                text.append(contentsOf: String(Character(scalar)).utf8)
            default: return nil
            }
        }
        return nil
    }

    /// The four digits after `\u`, and the second half of a surrogate pair.
    private static func unicode(_ line: UnsafeBufferPointer<UInt8>, _ index: inout Int) -> Unicode.Scalar? {
        guard let first = fourDigits(line, index) else { return nil }
        index += 4
        guard (0xd800...0xdfff).contains(first) else { return Unicode.Scalar(first) }
        guard first < 0xdc00, index + 6 <= line.count, line[index] == UInt8(ascii: "\\"),
            line[index + 1] == UInt8(ascii: "u"), let second = fourDigits(line, index + 2),
            (0xdc00...0xdfff).contains(second)
        else { return "\u{fffd}" }
        index += 6
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    }

    private static func fourDigits(_ line: UnsafeBufferPointer<UInt8>, _ index: Int) -> UInt32? {
        guard index + 4 <= line.count else { return nil }
        var value: UInt32 = 0
        for digit in line[index..<index + 4] {
            guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(number)
        }
        return value
    }

    // MARK: Any form

    private struct Wire: Decodable {
        var log: String?
        var stream: String?
        var time: String
    }

    private mutating func parseAny(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(line)) else { return false }
        stream = wire.stream == "stderr" ? .error : .output
        time = Array(wire.time.utf8)
        text = Array((wire.log ?? "").utf8)
        return true
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether these ASCII bytes stand at a place.
    func holds(_ bytes: StaticString, at index: Int) -> Bool {
        guard index + bytes.utf8CodeUnitCount <= count, let base = baseAddress else { return false }
        return memcmp(base + index, bytes.utf8Start, bytes.utf8CodeUnitCount) == 0
    }
}

/// Times of log records.
enum LogTime {
    /// Nanoseconds since 1970 of an RFC 3339 time; nil when it is none.
    static func nanoseconds(_ text: some RandomAccessCollection<UInt8>) -> Int64? {
        let bytes = Array(text)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard bytes.count >= 20, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if bytes[index] == UInt8(ascii: ".") {
            var unit: Int64 = 100_000_000
            index += 1
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) {
                fraction += Int64(bytes[index] - 0x30) * unit
                unit /= 10
                index += 1
            }
        }
        var offset: Int64 = 0
        guard index < bytes.count else { return nil }
        if bytes[index] != UInt8(ascii: "Z") {
            guard let hours = number(index + 1..<index + 3), let minutes = number(index + 4..<index + 6) else {
                return nil
            }
            offset = (hours * 60 + minutes) * 60 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
        }
        let seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : nanoseconds + fraction
    }

    /// Days from 1970 to a date of the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years are counted from March, so that the leap day is the last.
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The time with nine digits of fraction, so that columns line up.
    static func padded(_ time: [UInt8]) -> [UInt8] {
        guard time.count < 30, time.last == UInt8(ascii: "Z"), time.count >= 20 else { return time }
        var digits = time.dropLast()
        if digits.count == 19 { digits.append(UInt8(ascii: ".")) }
        return digits + [UInt8](repeating: UInt8(ascii: "0"), count: 29 - digits.count) + [UInt8(ascii: "Z")]
    }
}
