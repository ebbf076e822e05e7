/// What a record of an answer says.
enum RecordData {
    case address(IPAddress)
    /// A name in text form, without the final dot.
    case pointer(String)

    var type: RecordType {
        switch self {
        case .address(let address): address.family == .v4 ? .a : .aaaa
        case .pointer: .ptr
        }
    }

    /// The wire form, or nil when a name does not fit one.
    var bytes: [UInt8]? {
        switch self {
        case .address(let address): return address.bytes
        case .pointer(let name):
            var bytes: [UInt8] = []
            for label in name.utf8.split(separator: UInt8(ascii: ".")) {
                guard label.count < 64 else { return nil }
                bytes.append(UInt8(label.count))
                bytes.append(contentsOf: label)
            }
            bytes.append(0)
            return bytes.count <= 255 ? bytes : nil
        }
    }
}

/// Composes the answer to a query.
struct Response {
    /// Seconds that a client may keep an answer. Short, because a recreated container has a new
    /// address and some clients (nginx for one) hold on to the old one for exactly this long.
    static let timeToLive: UInt32 = 10
    /// What this side takes in a datagram; a size that survives every path (RFC 9715).
    static let payloadSize: UInt16 = 1232

    /// The answer's bytes. Records that do not fit `limit` are left off and the TC bit is set, which
    /// makes the client ask again over TCP.
    static func compose(
        _ query: Query, _ code: ResponseCode, _ records: [RecordData] = [], limit: Int
    ) -> [UInt8] {
        let options = query.edns.map { _ in optionRecord(code) } ?? []
        var body: [UInt8] = []
        var count: UInt16 = 0
        var truncated = false
        for record in records {
            guard let encoded = encode(record) else { continue }
            if 12 + query.question.count + body.count + encoded.count + options.count > limit {
                truncated = true
                break
            }
            body.append(contentsOf: encoded)
            count += 1
        }
        // QR, then what came in, recursion available: names of others are looked up upstream.
        var flags: UInt16 = 0x8080 | code.rawValue & 0xf
        if query.recursionDesired { flags |= 0x0100 }
        if truncated { flags |= 0x0200 }

        var message: [UInt8] = []
        message.reserveCapacity(12 + query.question.count + body.count + options.count)
        for field in [query.id, flags, 1, count, 0, options.isEmpty ? 0 : 1] { append(field, to: &message) }
        message.append(contentsOf: query.question)
        message.append(contentsOf: body)
        message.append(contentsOf: options)
        return message
    }

    /// An answer without a question, for a query that could not be read beyond its header.
    static func header(of query: [UInt8], _ code: ResponseCode) -> [UInt8] {
        [query[0], query[1], 0x80 | query[2] & 0x79, 0x80 | UInt8(code.rawValue & 0xf)] + Array(repeating: 0, count: 8)
    }

    private static func encode(_ record: RecordData) -> [UInt8]? {
        guard let data = record.bytes else { return nil }
        // The owner is the question's name, which always starts right behind the header.
        var bytes: [UInt8] = [0xc0, 0x0c]
        append(record.type.rawValue, to: &bytes)
        append(1, to: &bytes)
        append(UInt16(timeToLive >> 16), to: &bytes)
        append(UInt16(timeToLive & 0xffff), to: &bytes)
        append(UInt16(data.count), to: &bytes)
        bytes.append(contentsOf: data)
        return bytes
    }

    private static func optionRecord(_ code: ResponseCode) -> [UInt8] {
        var bytes: [UInt8] = [0]
        append(RecordType.opt.rawValue, to: &bytes)
        append(payloadSize, to: &bytes)
        // The code's upper bits, then version 0; no flags, no options.
        append((code.rawValue >> 4) << 8, to: &bytes)
        append(0, to: &bytes)
        append(0, to: &bytes)
        return bytes
    }

    private static func append(_ value: UInt16, to bytes: inout [UInt8]) {
        bytes.append(UInt8(value >> 8))
        bytes.append(UInt8(value & 0xff))
    }
}
