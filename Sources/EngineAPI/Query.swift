import Errors
import FoundationEssentials

/// The query of a request target: names and values in order, a name possibly several times.
public struct Query: Equatable, Sendable {
    public private(set) var items: [(name: String, value: String)] = []

    public init() {}

    /// - Parameter percentEncoded: what stands after `?`; `+` is a space, as forms have it.
    public init(percentEncoded: some StringProtocol) {
        for item in percentEncoded.split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? Self.decoded(parts[1]) : ""
            items.append((Self.decoded(parts[0]), value))
        }
    }

    public static func == (left: Query, right: Query) -> Bool {
        left.items.elementsEqual(right.items) { $0 == $1 }
    }

    /// Ready to stand after `?`.
    public var percentEncoded: String {
        items.map { Self.encoded($0.name) + "=" + Self.encoded($0.value) }.joined(separator: "&")
    }

    /// Undoes percent-encoding; a `%` without two hexadecimal digits stands for itself.
    ///
    /// - Parameter plusIsSpace: as in forms and queries, not in paths.
    public static func decoded(_ text: some StringProtocol, plusIsSpace: Bool = true) -> String {
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        let source = Array(text.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var index = 0
        while index < source.count {
            let byte = source[index]
            index += 1
            if byte == UInt8(ascii: "%"), index + 1 < source.count,
                let high = digit(source[index]), let low = digit(source[index + 1])
            {
                bytes.append(high << 4 | low)
                index += 2
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters and `/` and `:`.
    public static func encoded(_ text: some StringProtocol) -> String {
        let hexadecimal = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: ":"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

// MARK: - Reading

extension Query {
    /// The first value of `name`; `nil` if absent or empty, as Docker does not tell these apart.
    public func string(_ name: String) -> String? {
        guard let value = items.first(where: { $0.name == name })?.value, !value.isEmpty else { return nil }
        return value
    }

    public func required(_ name: String) throws -> String {
        guard let value = string(name) else {
            throw BerthError.invalidArgument("the query parameter \"\(name)\" is required")
        }
        return value
    }

    public func all(_ name: String) -> [String] {
        items.filter { $0.name == name && !$0.value.isEmpty }.map(\.value)
    }

    /// Docker's reading of truth: everything but `0`, `no`, `false` and `none` is true.
    public func bool(_ name: String, default fallback: Bool = false) -> Bool {
        guard let value = string(name)?.lowercased() else { return fallback }
        return !["0", "no", "false", "none"].contains(value)
    }

    public func integer<Number: FixedWidthInteger>(_ name: String) throws -> Number? {
        guard let value = string(name) else { return nil }
        guard let number = Number(value) else {
            throw BerthError.invalidArgument("invalid query parameter \"\(name)\": \"\(value)\" is not a number")
        }
        return number
    }

    public func json<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value? {
        guard let value = string(name) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(value.utf8))
        } catch {
            throw BerthError.invalidArgument("invalid JSON in the query parameter \"\(name)\": \(value)", cause: error)
        }
    }
}

// MARK: - Writing

extension Query {
    public mutating func add(_ name: String, _ value: String?) {
        if let value, !value.isEmpty { items.append((name, value)) }
    }

    public mutating func add(_ name: String, _ values: [String]) {
        for value in values { add(name, value) }
    }

    public mutating func add(_ name: String, _ number: (some FixedWidthInteger)?) {
        if let number { items.append((name, String(number))) }
    }

    /// Adds `name=1` or `name=0`, and nothing if `value` is what the server assumes anyway.
    public mutating func add(_ name: String, _ value: Bool, default fallback: Bool = false) {
        if value != fallback { items.append((name, value ? "1" : "0")) }
    }

    public mutating func add(_ name: String, json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        items.append((name, String(decoding: try encoder.encode(value), as: UTF8.self)))
    }

    public mutating func add(_ filters: Filters) throws {
        if !filters.isEmpty { try add("filters", json: filters) }
    }
}

/// Options of one operation that travel in the query.
public protocol QueryOptions: Sendable, Equatable {
    /// Throws `invalidArgument` naming the parameter that cannot be read.
    init(_ query: Query) throws

    func query() throws -> Query
}
