import Errors

/// Reads JSON (RFC 8259) into template values, keeping the order of keys and the digits of numbers,
/// which Foundation's decoder does not.
struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private static let deepest = 512

    static func read(_ bytes: [UInt8]) throws(BerthError) -> TemplateValue {
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value()
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.malformed() }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func value() throws(BerthError) -> TemplateValue {
        skipSpace()
        guard depth < Self.deepest else { throw malformed() }
        switch peek {
        case UInt8(ascii: "{"): return .object(try fields())
        case UInt8(ascii: "["): return .list(try items())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func fields() throws(BerthError) -> [TemplateValue.Field] {
        depth += 1
        defer { depth -= 1 }
        position += 1
        var fields: [TemplateValue.Field] = []
        skipSpace()
        if take("}") { return fields }
        while true {
            skipSpace()
            let name = try string()
            skipSpace()
            guard take(":") else { throw malformed() }
            fields.append(.init(name: name, value: try value()))
            skipSpace()
            if take("}") { return fields }
            guard take(",") else { throw malformed() }
        }
    }

    private mutating func items() throws(BerthError) -> [TemplateValue] {
        depth += 1
        defer { depth -= 1 }
        position += 1
        var items: [TemplateValue] = []
        skipSpace()
        if take("]") { return items }
        while true {
            items.append(try value())
            skipSpace()
            if take("]") { return items }
            guard take(",") else { throw malformed() }
        }
    }

    private mutating func string() throws(BerthError) -> String {
        guard take("\"") else { throw malformed() }
        var out: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): out += try escaped()
            default: out.append(byte)
            }
        }
        throw malformed()
    }

    private mutating func escaped() throws(BerthError) -> [UInt8] {
        guard let byte = peek else { throw malformed() }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "u"): return Array(String(try unicodeScalar()).utf8)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        default: throw malformed()
        }
    }

    private mutating func unicodeScalar() throws(BerthError) -> Unicode.Scalar {
        let first = try hexadecimal()
        // A pair of surrogates stands for one scalar beyond the basic plane; a lone one for nothing.
        guard (0xD800..<0xDC00).contains(first), take("\\"), take("u") else {
            return Unicode.Scalar(first) ?? "\u{FFFD}"
        }
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second) else { return "\u{FFFD}" }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
    }

    private mutating func hexadecimal() throws(BerthError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw malformed() }
        position += 4
        return value
    }

    private mutating func number() throws(BerthError) -> TemplateValue {
        let start = position
        while let byte = peek, "+-0123456789.eE".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard Double(text) != nil else { throw malformed() }
        return .number(text)
    }

    private mutating func word(_ word: StaticString, _ value: TemplateValue) throws(BerthError) -> TemplateValue {
        for byte in "\(word)".utf8 {
            guard peek == byte else { throw malformed() }
            position += 1
        }
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func malformed() -> BerthError {
        .internal("the daemon's answer is not JSON (at byte \(position))")
    }
}
