public import Errors

/// How values travel between the daemon and a shim: little-endian numbers, counted byte strings,
/// fields in the order they are declared. Both ends come from one install, and a shim that outlives
/// an upgrade is told from its successor by `ShimProtocolVersion` in the first frame.
public protocol WireValue: Sendable {
    func write(to writer: inout WireWriter)
    init(from reader: inout WireReader) throws(BerthError)
}

public struct WireWriter {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func write(_ value: some WireValue) { value.write(to: &self) }

    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ data: some Collection<UInt8>) {
        integer(UInt32(data.count))
        bytes.append(contentsOf: data)
    }
}

public struct WireReader {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    public mutating func read<Value: WireValue>(_ type: Value.Type = Value.self) throws(BerthError) -> Value {
        try Value(from: &self)
    }

    mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws(BerthError) -> Number {
        let size = MemoryLayout<Number>.size
        guard rest.count >= size else { throw Self.truncated }
        defer { rest.removeFirst(size) }
        return rest.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(as: Number.self)) }
    }

    mutating func raw() throws(BerthError) -> ArraySlice<UInt8> {
        let count = Int(try integer(UInt32.self))
        guard rest.count >= count else { throw Self.truncated }
        defer { rest.removeFirst(count) }
        return rest.prefix(count)
    }

    static let truncated = BerthError.internal("a message between daemon and shim ends too soon")
}

// MARK: - Building blocks

extension WireValue where Self: FixedWidthInteger {
    public func write(to writer: inout WireWriter) { writer.integer(self) }
    public init(from reader: inout WireReader) throws(BerthError) { self = try reader.integer(Self.self) }
}
extension UInt8: WireValue {}
extension UInt16: WireValue {}
extension UInt32: WireValue {}
extension UInt64: WireValue {}
extension Int32: WireValue {}
extension Int64: WireValue {}

extension Bool: WireValue {
    public func write(to writer: inout WireWriter) { writer.integer(self ? 1 as UInt8 : 0) }
    public init(from reader: inout WireReader) throws(BerthError) { self = try reader.integer(UInt8.self) != 0 }
}

extension String: WireValue {
    public func write(to writer: inout WireWriter) { writer.raw(utf8) }
    public init(from reader: inout WireReader) throws(BerthError) {
        self = String(decoding: try reader.raw(), as: UTF8.self)
    }
}

extension Array: WireValue where Element: WireValue {
    public func write(to writer: inout WireWriter) {
        writer.integer(UInt32(count))
        for element in self { element.write(to: &writer) }
    }
    public init(from reader: inout WireReader) throws(BerthError) {
        let count = try reader.integer(UInt32.self)
        self = []
        for _ in 0..<count { append(try Element(from: &reader)) }
    }
}

extension Optional: WireValue where Wrapped: WireValue {
    public func write(to writer: inout WireWriter) {
        (self != nil).write(to: &writer)
        if let self { self.write(to: &writer) }
    }
    public init(from reader: inout WireReader) throws(BerthError) {
        self = try Bool(from: &reader) ? .some(try Wrapped(from: &reader)) : .none
    }
}

// MARK: - Frames

/// Messages in a byte stream: a 32-bit length before each.
public enum Frame {
    /// More than any message needs; a longer one is a fault, not a reason to allocate.
    public static let limit = 16 << 20

    public static func encode(_ value: some WireValue) -> [UInt8] {
        var writer = WireWriter()
        writer.write(value)
        var frame = WireWriter()
        frame.raw(writer.bytes)
        return frame.bytes
    }

    public static func decode<Value: WireValue>(_ type: Value.Type, _ body: [UInt8]) throws(BerthError) -> Value {
        var reader = WireReader(body)
        return try reader.read(type)
    }

    /// Takes the first whole frame off the front of a buffer; nil while it is incomplete.
    public static func takeFirst(of buffer: inout [UInt8]) throws(BerthError) -> [UInt8]? {
        guard buffer.count >= 4 else { return nil }
        let length = Int(buffer[0]) | Int(buffer[1]) << 8 | Int(buffer[2]) << 16 | Int(buffer[3]) << 24
        guard length <= limit else { throw .internal("a message between daemon and shim claims \(length) bytes") }
        guard buffer.count >= 4 + length else { return nil }
        defer { buffer.removeFirst(4 + length) }
        return Array(buffer[4..<(4 + length)])
    }
}
