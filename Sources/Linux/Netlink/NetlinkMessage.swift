import CLinux
import Glibc

/// A netlink message under construction: the header, a fixed part of the family, attributes.
/// Lengths are patched in as it grows; the sequence number is the socket's to give.
struct NetlinkMessage: Sendable {
    static let headerSize = 16

    private(set) var bytes: [UInt8]
    /// What is being asked and of what, for error messages: `RTM_NEWLINK`, `eth0`.
    let call: String
    let subject: String

    init(_ type: UInt16, flags: Int32, call: String, subject: String = "") {
        self.call = call
        self.subject = subject
        bytes = []
        bytes.reserveCapacity(256)
        // The kernel takes a port of zero for the socket's own.
        append(
            nlmsghdr(
                nlmsg_len: 0, nlmsg_type: type, nlmsg_flags: UInt16(truncatingIfNeeded: flags | NLM_F_REQUEST),
                nlmsg_seq: 0, nlmsg_pid: 0))
    }

    /// Appends an integer or a C structure as it lies in memory; netlink is in host order.
    mutating func append<Value: BitwiseCopyable>(_ value: Value) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
        seal()
    }

    mutating func attribute(_ type: some BinaryInteger, _ payload: [UInt8]) {
        appendAttributeHeader(type, length: payload.count)
        bytes.append(contentsOf: payload)
        seal()
    }

    mutating func attribute<Value: FixedWidthInteger & BitwiseCopyable>(_ type: some BinaryInteger, _ value: Value) {
        appendAttributeHeader(type, length: MemoryLayout<Value>.size)
        append(value)
    }

    /// A string with its final zero byte, which some families insist on.
    mutating func attribute(_ type: some BinaryInteger, _ text: String) {
        attribute(type, Array(text.utf8) + [0])
    }

    /// An attribute whose payload is what `body` appends. `marked` sets NLA_F_NESTED, which newer
    /// families demand and old ones do not know.
    mutating func nested(
        _ type: some BinaryInteger, marked: Bool = true, _ body: (inout NetlinkMessage) -> Void
    ) {
        let start = bytes.count
        appendAttributeHeader(marked ? Int32(type) | NLA_F_NESTED : Int32(type), length: 0)
        body(&self)
        store(UInt16(bytes.count - start), at: start)
        seal()
    }

    /// Sets the number by which the answer is found.
    mutating func number(_ sequence: UInt32) { store(sequence, at: 8) }

    private mutating func appendAttributeHeader(_ type: some BinaryInteger, length: Int) {
        let header = (UInt16(4 + length), UInt16(truncatingIfNeeded: type))
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
    }

    /// Pads to four bytes and writes the new length into the header.
    private mutating func seal() {
        while !bytes.count.isMultiple(of: 4) { bytes.append(0) }
        store(UInt32(bytes.count), at: 0)
    }

    private mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<(offset + $0.count), with: $0) }
    }
}

/// A message of the kernel's: its type and what follows the header.
struct NetlinkReply {
    let type: UInt16
    let payload: ArraySlice<UInt8>

    /// The attributes behind the family's fixed part of `size` bytes.
    func attributes(after size: Int) -> NetlinkAttributes {
        NetlinkAttributes(payload.dropFirst((size + 3) & ~3))
    }

    /// The family's fixed part; nil when the message is too short for it.
    func fixedPart<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? { payload.value(type) }
}

/// The attributes of a message or of a nested attribute. What does not fit its frame ends the list.
struct NetlinkAttributes: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> (type: Int, value: ArraySlice<UInt8>)? {
        guard let length = rest.value(UInt16.self), let type = rest.dropFirst(2).value(UInt16.self),
            length >= 4, Int(length) <= rest.count
        else { return nil }
        let value = rest.dropFirst(4).prefix(Int(length) - 4)
        rest = rest.dropFirst((Int(length) + 3) & ~3)
        // The two upper bits are flags (nested, byte order).
        return (Int(type & 0x3fff), value)
    }

    subscript(type: some BinaryInteger) -> ArraySlice<UInt8>? {
        first { $0.type == Int(type) }?.value
    }
}

extension ArraySlice<UInt8> {
    /// The first bytes as a value in host order, or nil when there are too few.
    func value<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? {
        withUnsafeBytes { $0.count >= MemoryLayout<Value>.size ? $0.loadUnaligned(as: Value.self) : nil }
    }

    /// The text up to the first zero byte.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }

    /// A number in network order.
    var bigEndian: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }
}
