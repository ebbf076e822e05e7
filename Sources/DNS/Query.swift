/// A question to a name server (RFC 1035 §4.1), as far as Berth answers it itself.
public struct Query: Sendable {
    public let id: UInt16
    public let recursionDesired: Bool
    /// The name in lower case without the final dot, or nil when it holds bytes that no name of a
    /// container can have (a dot inside a label, broken UTF-8).
    public let name: String?
    public let type: RecordType
    /// 1 is the internet, the only class in use.
    public let recordClass: UInt16
    /// The question as it came, which the answer repeats byte for byte: some clients vary the case
    /// of a name at random and check that it comes back so.
    let question: [UInt8]
    /// The client speaks EDNS(0) (RFC 6891).
    let edns: EDNS?

    struct EDNS: Sendable {
        /// The largest datagram that the client takes.
        let payloadSize: Int
        let version: UInt8
    }

    /// Why a datagram is not a query that can be answered from a table.
    enum Fault: Error {
        /// Too short, or itself a response: answering it could start a loop.
        case notAQuery
        /// The header is sound; the rest is refused with this code.
        case refused(ResponseCode)
    }

    init(parsing bytes: [UInt8]) throws(Fault) {
        var reader = Reader(bytes)
        guard let id = reader.uint16(), let flags = reader.uint16(), let questions = reader.uint16(),
            let answers = reader.uint16(), let authorities = reader.uint16(), let additionals = reader.uint16(),
            flags & 0x8000 == 0
        else { throw .notAQuery }
        guard flags >> 11 & 0xf == 0 else { throw .refused(.notImplemented) }
        guard questions == 1, answers == 0, authorities == 0 else { throw .refused(.formatError) }

        let start = reader.position
        guard let labels = reader.labels(), let type = reader.uint16(), let recordClass = reader.uint16() else {
            throw .refused(.formatError)
        }
        self.id = id
        self.recursionDesired = flags & 0x0100 != 0
        self.name = Self.name(of: labels)
        self.type = RecordType(rawValue: type)
        self.recordClass = recordClass
        self.question = Array(bytes[start..<reader.position])
        self.edns = try Self.options(&reader, records: Int(additionals))
    }

    private static func name(of labels: [ArraySlice<UInt8>]) -> String? {
        var text: [UInt8] = []
        for label in labels {
            if label.contains(UInt8(ascii: ".")) { return nil }
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            text.append(contentsOf: label.lazy.map(lowercased))
        }
        return String(validating: text, as: UTF8.self)
    }

    /// The OPT pseudo-record among the additional records, if any.
    private static func options(_ reader: inout Reader, records: Int) throws(Fault) -> EDNS? {
        var found: EDNS?
        for _ in 0..<records {
            guard reader.skipName(), let type = reader.uint16(), let payload = reader.uint16(),
                let extended = reader.uint32(), let length = reader.uint16(), reader.skip(Int(length))
            else { throw .refused(.formatError) }
            guard type == RecordType.opt.rawValue else { continue }
            guard found == nil else { throw .refused(.formatError) }
            found = EDNS(payloadSize: max(512, Int(payload)), version: UInt8(truncatingIfNeeded: extended >> 16))
        }
        return found
    }
}

/// The type of a record (RFC 1035 §3.2.2 and later). Any number is allowed.
public struct RecordType: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let a = RecordType(rawValue: 1)
    public static let ptr = RecordType(rawValue: 12)
    public static let aaaa = RecordType(rawValue: 28)
    public static let opt = RecordType(rawValue: 41)
    public static let any = RecordType(rawValue: 255)
}

/// The outcome of a query (RFC 1035 §4.1.1, RFC 6891 §9).
public enum ResponseCode: UInt16, Sendable {
    case noError = 0
    case formatError = 1
    case serverFailure = 2
    /// NXDOMAIN.
    case nameError = 3
    case notImplemented = 4
    case refused = 5
    case badVersion = 16
}

/// ASCII only: DNS compares no other letters without case (RFC 4343).
@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// Reads a message front to back; every read says nil rather than leave the message.
struct Reader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func uint16() -> UInt16? {
        guard bytes.count - position >= 2 else { return nil }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    mutating func uint32() -> UInt32? {
        guard let high = uint16(), let low = uint16() else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    mutating func skip(_ count: Int) -> Bool {
        guard bytes.count - position >= count else { return false }
        position += count
        return true
    }

    /// The labels of a name without compression: in a query's first name there is nothing to point
    /// back to. At most 255 bytes, of labels of at most 63 (RFC 1035 §2.3.4).
    mutating func labels() -> [ArraySlice<UInt8>]? {
        var labels: [ArraySlice<UInt8>] = []
        let start = position
        while let length = byte() {
            if length == 0 { return position - start <= 255 ? labels : nil }
            let first = position
            guard length < 64, skip(Int(length)) else { return nil }
            labels.append(bytes[first..<position])
        }
        return nil
    }

    /// Passes over a name, compressed or not.
    mutating func skipName() -> Bool {
        while let length = byte() {
            switch length {
            case 0: return true
            case 1..<64: guard skip(Int(length)) else { return false }
            case 0xc0...: return skip(1)
            default: return false
            }
        }
        return false
    }
}
