// Go's rules for JSON, so that structs here can say what Docker's structs say.
//
// A Go field that is not a pointer has a zero value: absent and `null` decode to it, and it is
// written even when it is zero unless it is marked `omitempty`. Swift's synthesised coding knows
// only optionals, so these wrappers carry the rule, and the overloads below make the synthesised
// code use it.

/// A type with a zero value in Go's sense. `nil` is the zero of an optional and is written as `null`.
public protocol ZeroValue {
    init()
}

extension String: ZeroValue {}
extension Bool: ZeroValue {}
extension Int: ZeroValue {}
extension Int64: ZeroValue {}
extension UInt16: ZeroValue {}
extension UInt32: ZeroValue {}
extension UInt64: ZeroValue {}
extension Array: ZeroValue {}
extension Dictionary: ZeroValue {}
extension Optional: ZeroValue {
    public init() { self = nil }
}

/// Absent and `null` decode to the zero value; the zero value is written.
@propertyWrapper
public struct Zero<Value: ZeroValue> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

/// Absent and `null` decode to the zero value; the zero value is left out (Go's `omitempty`).
@propertyWrapper
public struct OmitZero<Value: ZeroValue & Equatable> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

/// A list of words that may also be given as one string (Docker's `strslice`); written as a list or `null`.
@propertyWrapper
public struct WordList {
    public var wrappedValue: [String]?
    public init(wrappedValue: [String]?) { self.wrappedValue = wrappedValue }
}

/// A set written as an object with empty values, `{"80/tcp":{}}` (Go's `map[string]struct{}`), or
/// as `null`.
@propertyWrapper
public struct KeySet {
    public var wrappedValue: Set<String>?
    public init(wrappedValue: Set<String>?) { self.wrappedValue = wrappedValue }
}

/// Like `KeySet`, but left out when `nil`.
@propertyWrapper
public struct OmitNilKeySet {
    public var wrappedValue: Set<String>?
    public init(wrappedValue: Set<String>?) { self.wrappedValue = wrappedValue }
}

extension Zero: Equatable where Value: Equatable {}
extension Zero: Sendable where Value: Sendable {}
extension OmitZero: Equatable {}
extension OmitZero: Sendable where Value: Sendable {}
extension WordList: Equatable, Sendable {}
extension KeySet: Equatable, Sendable {}
extension OmitNilKeySet: Equatable, Sendable {}

// MARK: - Coding

extension Zero: Decodable where Value: Decodable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? Value() : try container.decode(Value.self)
    }
}

extension Zero: Encodable where Value: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

extension OmitZero: Decodable where Value: Decodable {
    public init(from decoder: any Decoder) throws {
        wrappedValue = try Zero<Value>(from: decoder).wrappedValue
    }
}

extension OmitZero: Encodable where Value: Encodable {
    public func encode(to encoder: any Encoder) throws {
        try Zero(wrappedValue: wrappedValue).encode(to: encoder)
    }
}

extension WordList: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            wrappedValue = nil
        } else if let word = try? container.decode(String.self) {
            wrappedValue = [word]
        } else {
            wrappedValue = try container.decode([String].self)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

/// `{}`.
private struct EmptyObject: Codable {}

extension KeySet: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue =
            container.decodeNil() ? nil : Set(try container.decode([String: EmptyObject].self).keys)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(
            wrappedValue.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, EmptyObject()) }) })
    }
}

extension OmitNilKeySet: Codable {
    public init(from decoder: any Decoder) throws { wrappedValue = try KeySet(from: decoder).wrappedValue }

    public func encode(to encoder: any Encoder) throws {
        try KeySet(wrappedValue: wrappedValue).encode(to: encoder)
    }
}

extension KeyedDecodingContainer {
    func decode<Value: Decodable>(_ type: Zero<Value>.Type, forKey key: Key) throws -> Zero<Value> {
        try decodeIfPresent(type, forKey: key) ?? Zero(wrappedValue: Value())
    }

    func decode<Value: Decodable>(_ type: OmitZero<Value>.Type, forKey key: Key) throws -> OmitZero<Value> {
        try decodeIfPresent(type, forKey: key) ?? OmitZero(wrappedValue: Value())
    }

    func decode(_ type: WordList.Type, forKey key: Key) throws -> WordList {
        try decodeIfPresent(type, forKey: key) ?? WordList(wrappedValue: nil)
    }

    func decode(_ type: KeySet.Type, forKey key: Key) throws -> KeySet {
        try decodeIfPresent(type, forKey: key) ?? KeySet(wrappedValue: nil)
    }

    func decode(_ type: OmitNilKeySet.Type, forKey key: Key) throws -> OmitNilKeySet {
        try decodeIfPresent(type, forKey: key) ?? OmitNilKeySet(wrappedValue: nil)
    }
}

extension KeyedEncodingContainer {
    mutating func encode<Value: Encodable>(_ field: OmitZero<Value>, forKey key: Key) throws {
        if field.wrappedValue != Value() {
            try encode(field.wrappedValue, forKey: key)
        }
    }

    mutating func encode(_ field: OmitNilKeySet, forKey key: Key) throws {
        if field.wrappedValue != nil {
            try encodeIfPresent(field, forKey: key)
        }
    }
}
