/// Decides what a container's name server does with a query: a pure function of its bytes and of the
/// tables of the container's networks.
public enum Resolver {
    public enum Outcome: Sendable, Equatable {
        /// Send these bytes back.
        case answer([UInt8])
        /// Not a name of ours: ask the upstream servers and pass their answer on.
        case forward
        /// Not a query at all; answering could start a loop.
        case drop
    }

    public enum Transport: Sendable {
        case datagram, stream
    }

    /// Tables are asked in order and the first that knows the name decides, as in Docker. A known
    /// name without an address of the asked type gives an empty answer, never a look upstream.
    /// `rotation` is any growing number: it turns the order of a name's several addresses.
    public static func resolve(
        _ bytes: [UInt8], in tables: [NameTable], over transport: Transport = .datagram, rotation: Int = 0
    ) -> Outcome {
        let query: Query
        do throws(Query.Fault) {
            query = try Query(parsing: bytes)
        } catch {
            switch error {
            case .notAQuery: return .drop
            case .refused(let code): return .answer(Response.header(of: bytes, code))
            }
        }
        let limit = limit(of: query, over: transport)
        if let edns = query.edns, edns.version != 0 {
            return .answer(Response.compose(query, .badVersion, limit: limit))
        }
        guard query.recordClass == 1, let name = query.name, let records = records(name, query.type, tables) else {
            return .forward
        }
        return .answer(Response.compose(query, .noError, rotated(records, by: rotation), limit: limit))
    }

    /// An answer without records, for a query that `resolve` forwarded in vain: `serverFailure` when
    /// no upstream server answered, `nameError` when there is none to ask. Nil for what is no query.
    public static func reply(
        to bytes: [UInt8], with code: ResponseCode, over transport: Transport = .datagram
    ) -> [UInt8]? {
        do throws(Query.Fault) {
            let query = try Query(parsing: bytes)
            return Response.compose(query, code, limit: limit(of: query, over: transport))
        } catch {
            switch error {
            case .notAQuery: return nil
            case .refused(let refusal): return Response.header(of: bytes, refusal)
            }
        }
    }

    private static func limit(of query: Query, over transport: Transport) -> Int {
        switch transport {
        case .datagram: min(query.edns?.payloadSize ?? 512, 4096)
        case .stream: 65535
        }
    }

    /// Records for a name, or nil when no table knows it.
    private static func records(_ name: String, _ type: RecordType, _ tables: [NameTable]) -> [RecordData]? {
        if let address = reverseAddress(name) {
            for table in tables {
                guard let name = table.name(of: address) else { continue }
                return type == .ptr || type == .any ? [.pointer(name)] : []
            }
            return nil
        }
        for table in tables {
            guard let addresses = table.addresses(of: name) else { continue }
            switch type {
            case .a: return addresses.filter { $0.family == .v4 }.map(RecordData.address)
            case .aaaa: return addresses.filter { $0.family == .v6 }.map(RecordData.address)
            case .any: return addresses.map(RecordData.address)
            default: return []
            }
        }
        return nil
    }

    /// The address that a name below `in-addr.arpa` (RFC 1035 §3.5) or `ip6.arpa` (RFC 3596 §2.5) spells.
    static func reverseAddress(_ name: String) -> IPAddress? {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count == 6, labels.suffix(2).elementsEqual(["in-addr", "arpa"]) {
            return IPAddress(labels.prefix(4).reversed().joined(separator: "."))
        }
        if labels.count == 34, labels.suffix(2).elementsEqual(["ip6", "arpa"]) {
            var value: UInt128 = 0
            for label in labels.prefix(32).reversed() {
                guard label.count == 1, let digit = label.first?.hexDigitValue else { return nil }
                value = value << 4 | UInt128(digit)
            }
            return IPAddress(.v6, value)
        }
        return nil
    }

    private static func rotated(_ records: [RecordData], by rotation: Int) -> [RecordData] {
        guard records.count > 1 else { return records }
        let start = Int(rotation.magnitude % UInt(records.count))
        return Array(records[start...] + records[..<start])
    }
}
