import CLinux
import Glibc

/// An interface.
public struct Link: Sendable, Equatable {
    public let index: Int32
    public let name: String
    public let isUp: Bool
    public let mtu: UInt32
    public let hardwareAddress: [UInt8]
    /// The bridge that it is a port of.
    public let master: Int32?
    /// `bridge`, `veth`, …; nil for real hardware and the loopback.
    public let kind: String?
    /// Of a veth: the other end's index in the other end's namespace.
    public let peer: Int32?
}

/// An address of an interface, in network order.
public struct InterfaceAddress: Sendable, Equatable {
    public let link: Int32
    public let address: [UInt8]
    public let prefix: Int

    /// `fe80::/10`, which the kernel gives to an interface by itself.
    public var isLinkLocal: Bool { address.count == 16 && address[0] == 0xfe && address[1] & 0xc0 == 0x80 }
}

/// A route of the main table, in network order.
public struct Route: Sendable, Equatable {
    /// Four or sixteen bytes; all zero with a prefix of 0 for the default route.
    public let destination: [UInt8]
    public let prefix: Int
    public let gateway: [UInt8]?
    public let link: Int32?
}

/// `NETLINK_ROUTE` in the network namespace of the thread that opens it. For one thread at a time.
public struct RouteSocket: ~Copyable {
    private var socket: NetlinkSocket

    public init() throws(SystemError) { socket = try NetlinkSocket(family: NETLINK_ROUTE) }

    /// Carries out requests in order, in one system call. Throws the first error with the kernel's
    /// words. What stands behind a failed request is tried all the same: put nothing there that
    /// would harm.
    public mutating func execute(_ requests: [RouteRequest]) throws(SystemError) {
        try socket.exchange(requests.map(\.message))
    }

    public mutating func links() throws(SystemError) -> [Link] {
        try socket.dump(Self.linkQuery(flags: NLM_F_DUMP, reference: nil)) { Self.link($0) }
    }

    /// Nil when there is none of that name.
    public mutating func link(named name: String) throws(SystemError) -> Link? {
        var found: Link?
        do throws(SystemError) {
            try socket.exchange([Self.linkQuery(flags: 0, reference: .name(name))]) { found = Self.link($0) }
        } catch {
            if error.errno == ENODEV { return nil }
            throw error
        }
        return found
    }

    /// The addresses of all interfaces, or of one.
    public mutating func addresses(of link: Int32? = nil) throws(SystemError) -> [InterfaceAddress] {
        var message = NetlinkMessage(UInt16(RTM_GETADDR), flags: NLM_F_DUMP, call: "RTM_GETADDR")
        message.append(ifaddrmsg())
        return try socket.dump(message) { reply in
            guard let header = reply.fixedPart(ifaddrmsg.self) else { return nil }
            let index = Int32(bitPattern: header.ifa_index)
            if let link, link != index { return nil }
            let attributes = reply.attributes(after: MemoryLayout<ifaddrmsg>.size)
            // On a point-to-point link IFA_ADDRESS is the other side.
            guard let address = attributes[IFA_LOCAL] ?? attributes[IFA_ADDRESS] else { return nil }
            return InterfaceAddress(link: index, address: Array(address), prefix: Int(header.ifa_prefixlen))
        }
    }

    /// Routes of the main table to other hosts, of both families.
    public mutating func routes() throws(SystemError) -> [Route] {
        var message = NetlinkMessage(UInt16(RTM_GETROUTE), flags: NLM_F_DUMP, call: "RTM_GETROUTE")
        message.append(rtmsg())
        return try socket.dump(message) { reply in
            guard let header = reply.fixedPart(rtmsg.self), Int32(header.rtm_type) == RTN_UNICAST else { return nil }
            let attributes = reply.attributes(after: MemoryLayout<rtmsg>.size)
            let table = attributes[RTA_TABLE.rawValue]?.value(UInt32.self) ?? UInt32(header.rtm_table)
            let length: Int
            switch Int32(header.rtm_family) {
            case AF_INET: length = 4
            case AF_INET6: length = 16
            default: return nil
            }
            guard table == RT_TABLE_MAIN.rawValue else { return nil }
            return Route(
                destination: attributes[RTA_DST.rawValue].map(Array.init) ?? Array(repeating: 0, count: length),
                prefix: Int(header.rtm_dst_len), gateway: attributes[RTA_GATEWAY.rawValue].map(Array.init),
                link: attributes[RTA_OIF.rawValue]?.value(Int32.self))
        }
    }

    private static func linkQuery(flags: Int32, reference: LinkReference?) -> NetlinkMessage {
        var message = RouteRequest.link(RTM_GETLINK, "RTM_GETLINK", flags: flags, reference: reference)
        // Counters are the larger part of the answer and nobody asked for them.
        message.attribute(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        return message
    }

    static func link(_ reply: NetlinkReply) -> Link? {
        guard Int(reply.type) == Int(RTM_NEWLINK), let header = reply.fixedPart(ifinfomsg.self) else { return nil }
        let attributes = reply.attributes(after: MemoryLayout<ifinfomsg>.size)
        guard let name = attributes[IFLA_IFNAME]?.text else { return nil }
        let kind = attributes[IFLA_LINKINFO].flatMap { NetlinkAttributes($0)[IFLA_INFO_KIND]?.text }
        return Link(
            index: header.ifi_index, name: name, isUp: header.ifi_flags & UInt32(IFF_UP) != 0,
            mtu: attributes[IFLA_MTU]?.value(UInt32.self) ?? 0,
            hardwareAddress: attributes[IFLA_ADDRESS].map(Array.init) ?? [],
            master: attributes[IFLA_MASTER]?.value(Int32.self), kind: kind,
            peer: attributes[IFLA_LINK]?.value(Int32.self))
    }
}
