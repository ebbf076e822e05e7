import CYajl
import Errors

/// Reads JSON into `Decodable` values without Foundation, over yajl's parse tree. Numbers stay text
/// until the wanted type is known, so 64-bit values keep every bit.
public enum JSON {
    public static func decode<Value: Decodable>(_ type: Value.Type, from text: [UInt8]) throws(BerthError) -> Value {
        var message = [CChar](repeating: 0, count: 512)
        let root = (text + [0]).withUnsafeBytes { bytes in
            yajl_tree_parse(bytes.bindMemory(to: CChar.self).baseAddress, &message, message.count)
        }
        guard let root else {
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .invalidArgument("invalid JSON: \(String(decoding: text, as: UTF8.self))")
        }
        defer { yajl_tree_free(root) }
        do {
            return try Value(from: Node(value: root, codingPath: []))
        } catch let error as DecodingError {
            throw .invalidArgument(describe(error))
        } catch {
            throw .invalidArgument("\(error)")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            let whole = (context.codingPath.map(\.stringValue) + [key.stringValue]).joined(separator: ".")
            return "missing field \(whole)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return "field \(path(context)): \(context.debugDescription)"
        @unknown default:
            return "\(error)"
        }
    }
}

private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int?
    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }
    init(intValue: Int) {
        stringValue = "[\(intValue)]"
        self.intValue = intValue
    }
}

/// A value of the tree. The tree outlives every node: `JSON.decode` frees it last.
private struct Node: Decoder {
    let value: yajl_val
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    var isNull: Bool { value.pointee.type == yajl_t_null }

    func mismatch(_ wanted: String) -> DecodingError {
        .typeMismatch(
            Any.self,
            DecodingError.Context(codingPath: codingPath, debugDescription: "expected \(wanted), found \(kind)"))
    }

    private var kind: String {
        switch value.pointee.type {
        case yajl_t_string: "a string"
        case yajl_t_number: "a number"
        case yajl_t_object: "an object"
        case yajl_t_array: "an array"
        case yajl_t_null: "null"
        default: "a boolean"
        }
    }

    func container<K: CodingKey>(keyedBy type: K.Type) throws -> KeyedDecodingContainer<K> {
        guard value.pointee.type == yajl_t_object else { throw mismatch("an object") }
        let object = value.pointee.u.object
        var fields: [String: yajl_val] = [:]
        fields.reserveCapacity(object.len)
        for index in 0..<object.len {
            if let name = object.keys[index], let field = object.values[index] { fields[String(cString: name)] = field }
        }
        return KeyedDecodingContainer(Keyed<K>(fields: fields, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard value.pointee.type == yajl_t_array else { throw mismatch("an array") }
        return Unkeyed(array: value.pointee.u.array, codingPath: codingPath)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }
}

extension Node: SingleValueDecodingContainer {
    func decodeNil() -> Bool { isNull }

    func decode(_ type: Bool.Type) throws -> Bool {
        switch value.pointee.type {
        case yajl_t_true: true
        case yajl_t_false: false
        default: throw mismatch("a boolean")
        }
    }

    func decode(_ type: String.Type) throws -> String {
        guard value.pointee.type == yajl_t_string else { throw mismatch("a string") }
        return String(cString: value.pointee.u.string)
    }

    func decode(_ type: Double.Type) throws -> Double {
        guard value.pointee.type == yajl_t_number else { throw mismatch("a number") }
        return value.pointee.u.number.d
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }

    private func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
        guard value.pointee.type == yajl_t_number else { throw mismatch("a number") }
        let text = String(cString: value.pointee.u.number.r)
        if let number = Number(text) { return number }
        if let number = Number(exactly: value.pointee.u.number.d) { return number }
        throw mismatch("a whole number that fits \(type)")
    }

    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try T(from: self) }
}

private struct Keyed<K: CodingKey>: KeyedDecodingContainerProtocol {
    let fields: [String: yajl_val]
    let codingPath: [any CodingKey]
    var allKeys: [K] { fields.keys.compactMap { K(stringValue: $0) } }

    func contains(_ key: K) -> Bool { fields[key.stringValue] != nil }

    private func node(_ key: K) throws -> Node {
        guard let value = fields[key.stringValue] else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "missing"))
        }
        return Node(value: value, codingPath: codingPath + [key])
    }

    func decodeNil(forKey key: K) throws -> Bool { try node(key).isNull }
    func decode(_ type: Bool.Type, forKey key: K) throws -> Bool { try node(key).decode(type) }
    func decode(_ type: String.Type, forKey key: K) throws -> String { try node(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: K) throws -> Double { try node(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: K) throws -> Float { try node(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: K) throws -> Int { try node(key).decode(type) }
    func decode(_ type: Int8.Type, forKey key: K) throws -> Int8 { try node(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: K) throws -> Int16 { try node(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: K) throws -> Int32 { try node(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: K) throws -> Int64 { try node(key).decode(type) }
    func decode(_ type: UInt.Type, forKey key: K) throws -> UInt { try node(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: K) throws -> UInt8 { try node(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: K) throws -> UInt16 { try node(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: K) throws -> UInt32 { try node(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: K) throws -> UInt64 { try node(key).decode(type) }
    func decode<T: Decodable>(_ type: T.Type, forKey key: K) throws -> T { try T(from: node(key)) }

    func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: K) throws -> KeyedDecodingContainer<N> {
        try node(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: K) throws -> any UnkeyedDecodingContainer {
        try node(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { throw unsupported }
    func superDecoder(forKey key: K) throws -> any Decoder { try node(key) }

    private var unsupported: DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: "classes with a superclass are not read"))
    }
}

private struct Unkeyed: UnkeyedDecodingContainer {
    let array: yajl_val_s.__Unnamed_union_u.__Unnamed_struct_array
    let codingPath: [any CodingKey]
    var currentIndex = 0
    var count: Int? { array.len }
    var isAtEnd: Bool { currentIndex >= array.len }

    private mutating func next() throws -> Node {
        guard !isAtEnd, let value = array.values[currentIndex] else {
            throw DecodingError.valueNotFound(
                Any.self, .init(codingPath: codingPath, debugDescription: "the array ends here"))
        }
        defer { currentIndex += 1 }
        return Node(value: value, codingPath: codingPath + [Key(intValue: currentIndex)])
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, let value = array.values[currentIndex], value.pointee.type == yajl_t_null else { return false }
        currentIndex += 1
        return true
    }
    mutating func decode(_ type: Bool.Type) throws -> Bool { try next().decode(type) }
    mutating func decode(_ type: String.Type) throws -> String { try next().decode(type) }
    mutating func decode(_ type: Double.Type) throws -> Double { try next().decode(type) }
    mutating func decode(_ type: Float.Type) throws -> Float { try next().decode(type) }
    mutating func decode(_ type: Int.Type) throws -> Int { try next().decode(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try next().decode(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try next().decode(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try next().decode(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try next().decode(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try next().decode(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next().decode(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next().decode(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next().decode(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next().decode(type) }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try T(from: next()) }
    mutating func nestedContainer<N: CodingKey>(keyedBy type: N.Type) throws -> KeyedDecodingContainer<N> {
        try next().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}
