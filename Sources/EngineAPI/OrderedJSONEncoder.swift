/// Writes JSON as Go does: fields in the order of their declaration, dictionaries sorted by key.
///
/// Foundation's encoder gives fields in a random or in alphabetical order; people read
/// `docker inspect`, and tools compare two of its outputs.
public struct OrderedJSONEncoder: Sendable {
    public init() {}

    /// Throws `EncodingError` for numbers that JSON does not have.
    public func encode(_ value: some Encodable) throws -> [UInt8] {
        let node = try Node(value)
        var bytes: [UInt8] = []
        node.write(to: &bytes)
        return bytes
    }
}

/// A JSON value that is being built.
private final class Node {
    private enum Kind { case null, text, object, array }

    private var kind = Kind.null
    /// A finished scalar.
    private var text: String = ""
    /// Of an object, as many as children.
    private var keys: [String] = []
    private var children: [Node] = []

    init() {}

    init<Value: Encodable>(_ value: Value) throws { try set(value) }

    func beginObject() { kind = .object }
    func beginArray() { kind = .array }

    var count: Int { children.count }

    func add(_ child: Node, forKey key: String) {
        keys.append(key)
        children.append(child)
    }

    func add(_ child: Node) { children.append(child) }

    func setNull() { kind = .null }

    private func set(scalar: String) {
        kind = .text
        text = scalar
    }

    func set(_ value: Bool) { set(scalar: value ? "true" : "false") }

    func set(number value: some FixedWidthInteger) { set(scalar: String(value)) }

    func set(number value: some BinaryFloatingPoint & LosslessStringConvertible) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: "JSON has no \(value)"))
        }
        let text = String(value)
        set(scalar: text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    func set(_ value: String) { set(scalar: Self.quoted(value)) }

    func set<Value: Encodable>(_ value: Value) throws {
        switch value {
        case let value as String: set(value)
        case let value as Int: set(number: value)
        case let value as Bool: set(value)
        case let value as any StringDictionary: try value.encode(sortedInto: self)
        default: try value.encode(to: NodeEncoder(node: self))
        }
    }

    func write(to bytes: inout [UInt8]) {
        switch kind {
        case .null: bytes += "null".utf8
        case .text: bytes += text.utf8
        case .object:
            bytes.append(UInt8(ascii: "{"))
            for (index, key) in keys.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += Self.quoted(key).utf8
                bytes.append(UInt8(ascii: ":"))
                children[index].write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array:
            bytes.append(UInt8(ascii: "["))
            for (index, child) in children.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                child.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    private static func quoted(_ value: String) -> String {
        let hexadecimal = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.utf8.count + 2)
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\r"): bytes += "\\r".utf8
            case UInt8(ascii: "\t"): bytes += "\\t".utf8
            case 0..<0x20:
                bytes += "\\u00".utf8
                bytes += [hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}

private protocol StringDictionary {
    func encode(sortedInto node: Node) throws
}

extension Dictionary: StringDictionary where Key == String, Value: Encodable {
    fileprivate func encode(sortedInto node: Node) throws {
        node.beginObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) { node.add(try Node(value), forKey: key) }
    }
}

// MARK: - Encoder

private struct NodeEncoder: Encoder {
    let node: Node
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.beginObject()
        return KeyedEncodingContainer(ObjectContainer(node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.beginArray()
        return ArrayContainer(node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { ScalarContainer(node: node) }
}

private struct ObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: Node
    var codingPath: [any CodingKey] { [] }

    private func child(_ key: some CodingKey) -> Node {
        let child = Node()
        node.add(child, forKey: key.stringValue)
        return child
    }

    mutating func encodeNil(forKey key: Key) { child(key).setNull() }
    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try child(key).set(value) }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        NodeEncoder(node: child(key)).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        NodeEncoder(node: child(key)).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        let child = Node()
        node.add(child, forKey: "super")
        return NodeEncoder(node: child)
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder { NodeEncoder(node: child(key)) }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
    let node: Node
    var codingPath: [any CodingKey] { [] }
    var count: Int { node.count }

    private func child() -> Node {
        let child = Node()
        node.add(child)
        return child
    }

    mutating func encodeNil() { child().setNull() }
    mutating func encode<Value: Encodable>(_ value: Value) throws { try child().set(value) }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        NodeEncoder(node: child()).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        NodeEncoder(node: child()).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { NodeEncoder(node: child()) }
}

private struct ScalarContainer: SingleValueEncodingContainer {
    let node: Node
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil() { node.setNull() }
    mutating func encode(_ value: Bool) { node.set(value) }
    mutating func encode(_ value: String) { node.set(value) }
    mutating func encode(_ value: Double) throws { try node.set(number: value) }
    mutating func encode(_ value: Float) throws { try node.set(number: value) }
    mutating func encode(_ value: Int) { node.set(number: value) }
    mutating func encode(_ value: Int8) { node.set(number: value) }
    mutating func encode(_ value: Int16) { node.set(number: value) }
    mutating func encode(_ value: Int32) { node.set(number: value) }
    mutating func encode(_ value: Int64) { node.set(number: value) }
    mutating func encode(_ value: UInt) { node.set(number: value) }
    mutating func encode(_ value: UInt8) { node.set(number: value) }
    mutating func encode(_ value: UInt16) { node.set(number: value) }
    mutating func encode(_ value: UInt32) { node.set(number: value) }
    mutating func encode(_ value: UInt64) { node.set(number: value) }
    mutating func encode<Value: Encodable>(_ value: Value) throws { try node.set(value) }
}
