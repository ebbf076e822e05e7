import CLinux
import Glibc

/// A connection that the kernel tracks, in one direction.
public struct ConnectionTuple: Sendable, Equatable {
    /// In network order, four bytes or sixteen.
    public let source: [UInt8]
    public let destination: [UInt8]
    public let sourcePort: UInt16
    public let destinationPort: UInt16
}

/// A tracked connection: what the client sent and, with addresses translated, what it is answered
/// with.
public struct TrackedConnection: Sendable {
    public let original: ConnectionTuple
    public let reply: ConnectionTuple
    let family: UInt8
    /// The original tuple and the zone as the kernel gave them, by which it finds the entry again.
    let identity: [(type: UInt16, value: [UInt8])]
}

extension NetfilterSocket {
    /// Forgets tracked connections of a protocol (`IPPROTO_UDP`, …) that `condition` picks, so that
    /// their next packet goes through address translation anew. One that ended meanwhile is fine.
    @discardableResult
    public mutating func forgetConnections(
        protocol number: Int32, where condition: (TrackedConnection) -> Bool
    ) throws(SystemError) -> Int {
        let found = try socket.dump(Conntrack.message(Conntrack.get, "IPCTNL_MSG_CT_GET", flags: NLM_F_DUMP)) {
            Conntrack.connection($0, protocol: number)
        }.filter(condition)
        for connection in found {
            var message = Conntrack.message(
                Conntrack.delete, "IPCTNL_MSG_CT_DELETE", flags: NLM_F_ACK, family: connection.family)
            for (type, value) in connection.identity { message.attribute(type, value) }
            do throws(SystemError) {
                try socket.exchange([message])
            } catch {
                guard error.errno == ENOENT else { throw error }
            }
        }
        return found.count
    }
}

/// Numbers of `linux/netfilter/nfnetlink_conntrack.h`.
private enum Conntrack {
    static let get: UInt16 = 1
    static let delete: UInt16 = 2
    // Of a connection.
    static let original = 1
    static let reply = 2
    static let zone = 18
    // Of a tuple, of its addresses and of its protocol.
    static let addresses = 1
    static let transport = 2
    static let number = 1
    static let sourcePort = 2
    static let destinationPort = 3

    static func message(
        _ type: UInt16, _ call: String, flags: Int32, family: UInt8 = UInt8(AF_UNSPEC)
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | type, flags: flags, call: call, subject: "connection tracking")
        message.append(nfgenmsg(nfgen_family: family, version: UInt8(NFNETLINK_V0), res_id: 0))
        return message
    }

    static func connection(_ message: NetlinkReply, protocol wanted: Int32) -> TrackedConnection? {
        guard let header = message.fixedPart(nfgenmsg.self) else { return nil }
        let attributes = message.attributes(after: MemoryLayout<nfgenmsg>.size)
        guard let originalBytes = attributes[original], let replyBytes = attributes[reply],
            let original = tuple(originalBytes, protocol: wanted), let reply = tuple(replyBytes, protocol: wanted)
        else { return nil }
        var identity = [(UInt16(Self.original) | UInt16(NLA_F_NESTED), Array(originalBytes))]
        if let zone = attributes[Self.zone] { identity.append((UInt16(Self.zone), Array(zone))) }
        return TrackedConnection(original: original, reply: reply, family: header.nfgen_family, identity: identity)
    }

    private static func tuple(_ bytes: ArraySlice<UInt8>, protocol wanted: Int32) -> ConnectionTuple? {
        let parts = NetlinkAttributes(bytes)
        guard let addresses = parts[addresses].map(NetlinkAttributes.init),
            let transport = parts[transport].map(NetlinkAttributes.init),
            let number = transport[number]?.first, Int32(number) == wanted,
            // IPv4 source and destination are 1 and 2, those of IPv6 are 3 and 4.
            let source = addresses[1] ?? addresses[3], let destination = addresses[2] ?? addresses[4],
            let sourcePort = transport[sourcePort], let destinationPort = transport[destinationPort]
        else { return nil }
        return ConnectionTuple(
            source: Array(source), destination: Array(destination),
            sourcePort: UInt16(truncatingIfNeeded: sourcePort.bigEndian),
            destinationPort: UInt16(truncatingIfNeeded: destinationPort.bigEndian))
    }
}
