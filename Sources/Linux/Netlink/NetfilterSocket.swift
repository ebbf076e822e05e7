import CLinux
import Glibc

/// An element of an nf_tables set or map. Keys and values are in network order, the fields of a
/// concatenation each padded to four bytes.
public struct SetElement: Hashable, Sendable {
    public let key: [UInt8]
    /// What a map maps the key to; nil in a set.
    public let value: [UInt8]?
    /// In an interval set a range is two elements: its first key, and the first key beyond it with
    /// this mark.
    public let endsInterval: Bool

    public init(_ key: [UInt8], to value: [UInt8]? = nil, endsInterval: Bool = false) {
        self.key = key
        self.value = value
        self.endsInterval = endsInterval
    }
}

/// Changes of the elements of one table that take effect together or not at all.
public struct ElementTransaction: Sendable {
    /// The table's name; the family is `inet`.
    public let table: String
    var messages: [NetlinkMessage] = []

    /// Elements per message: an attribute's length has 16 bits, and an element takes at most some
    /// hundred bytes.
    private static let chunk = 256

    public init(table: String) { self.table = table }

    public var isEmpty: Bool { messages.isEmpty }

    /// An element that is there already with the same value is fine; with another value the
    /// transaction fails with `EEXIST` or `EBUSY`.
    public mutating func add(_ elements: [SetElement], to set: String) {
        append(NFT_MSG_NEWSETELEM.rawValue, "NFT_MSG_NEWSETELEM", NLM_F_CREATE, elements, set)
    }

    /// The transaction fails with `ENOENT` when an element is not there.
    public mutating func delete(_ elements: [SetElement], from set: String) {
        append(NFT_MSG_DELSETELEM.rawValue, "NFT_MSG_DELSETELEM", 0, elements, set)
    }

    private mutating func append(
        _ type: UInt32, _ call: String, _ flags: Int32, _ elements: [SetElement], _ set: String
    ) {
        var rest = elements[...]
        while !rest.isEmpty {
            var message = Self.message(type, call, flags: flags | NLM_F_ACK, table: table, set: set)
            message.nested(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue) { message in
                for element in rest.prefix(Self.chunk) { Self.append(element, to: &message) }
            }
            messages.append(message)
            rest = rest.dropFirst(Self.chunk)
        }
    }

    private static func append(_ element: SetElement, to message: inout NetlinkMessage) {
        message.nested(NFTA_LIST_ELEM.rawValue) { message in
            if element.endsInterval {
                message.attribute(NFTA_SET_ELEM_FLAGS.rawValue, UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue).bigEndian)
            }
            message.nested(NFTA_SET_ELEM_KEY.rawValue) { $0.attribute(NFTA_DATA_VALUE.rawValue, element.key) }
            if let value = element.value {
                message.nested(NFTA_SET_ELEM_DATA.rawValue) { $0.attribute(NFTA_DATA_VALUE.rawValue, value) }
            }
        }
    }

    static func message(
        _ type: UInt32, _ call: String, flags: Int32, table: String, set: String
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type), flags: flags, call: call, subject: "\(table) \(set)")
        message.append(nfgenmsg(nfgen_family: UInt8(NFPROTO_INET), version: UInt8(NFNETLINK_V0), res_id: 0))
        message.attribute(NFTA_SET_ELEM_LIST_TABLE.rawValue, table)
        message.attribute(NFTA_SET_ELEM_LIST_SET.rawValue, set)
        return message
    }

    /// The messages between the two that open and close a transaction.
    var framed: [NetlinkMessage] {
        [NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END].map { type in
            var message = NetlinkMessage(UInt16(type), flags: 0, call: "nf_tables transaction", subject: table)
            message.append(
                nfgenmsg(
                    nfgen_family: UInt8(AF_UNSPEC), version: UInt8(NFNETLINK_V0),
                    res_id: UInt16(NFNL_SUBSYS_NFTABLES).bigEndian))
            return message
        }.inserting(messages)
    }
}

extension [NetlinkMessage] {
    /// These two with `others` between them.
    fileprivate func inserting(_ others: [NetlinkMessage]) -> [NetlinkMessage] {
        prefix(1) + others + suffix(1)
    }
}

/// `NETLINK_NETFILTER` in the network namespace of the thread that opens it. For one thread at a time.
public struct NetfilterSocket: ~Copyable {
    var socket: NetlinkSocket

    public init() throws(SystemError) { socket = try NetlinkSocket(family: NETLINK_NETFILTER) }

    /// Goes on with the descriptor of an earlier one whose last exchange did not fail. Closing such a
    /// descriptor soon after elements were deleted waits, some ten milliseconds, until the kernel has
    /// freed them; so it pays to keep it.
    public init(reusing descriptor: FileDescriptor) { socket = NetlinkSocket(reusing: descriptor) }

    public var descriptor: FileDescriptor { socket.descriptor }

    /// Carries out all changes of a transaction, or none and throws the first reason.
    public mutating func commit(_ transaction: ElementTransaction) throws(SystemError) {
        guard !transaction.isEmpty else { return }
        let messages = transaction.framed
        try socket.exchange(messages, unanswered: [0, messages.count - 1])
    }

    /// The elements of a set; nil when there is no such table or set.
    public mutating func elements(of set: String, table: String) throws(SystemError) -> [SetElement]? {
        let message = ElementTransaction.message(
            NFT_MSG_GETSETELEM.rawValue, "NFT_MSG_GETSETELEM", flags: NLM_F_DUMP, table: table, set: set)
        do throws(SystemError) {
            return try socket.dump(message) { Self.elements($0) }.flatMap { $0 }
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// The names of the tables of family `inet`.
    public mutating func tables() throws(SystemError) -> [String] {
        var message = NetlinkMessage(
            UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(NFT_MSG_GETTABLE.rawValue), flags: NLM_F_DUMP,
            call: "NFT_MSG_GETTABLE")
        message.append(nfgenmsg(nfgen_family: UInt8(NFPROTO_INET), version: UInt8(NFNETLINK_V0), res_id: 0))
        return try socket.dump(message) { reply in
            reply.attributes(after: MemoryLayout<nfgenmsg>.size)[NFTA_TABLE_NAME.rawValue]?.text
        }
    }

    static func elements(_ reply: NetlinkReply) -> [SetElement]? {
        guard let list = reply.attributes(after: MemoryLayout<nfgenmsg>.size)[NFTA_SET_ELEM_LIST_ELEMENTS.rawValue]
        else { return nil }
        return NetlinkAttributes(list).compactMap { _, element in
            let attributes = NetlinkAttributes(element)
            func data(_ type: UInt32) -> [UInt8]? {
                attributes[type].flatMap { NetlinkAttributes($0)[NFTA_DATA_VALUE.rawValue] }.map(Array.init)
            }
            guard let key = data(NFTA_SET_ELEM_KEY.rawValue) else { return nil }
            let flags = attributes[NFTA_SET_ELEM_FLAGS.rawValue]?.bigEndian ?? 0
            return SetElement(
                key, to: data(NFTA_SET_ELEM_DATA.rawValue),
                endsInterval: flags & UInt64(NFT_SET_ELEM_INTERVAL_END.rawValue) != 0)
        }
    }
}
