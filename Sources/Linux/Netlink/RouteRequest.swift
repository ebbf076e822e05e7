import CLinux
import Glibc

/// How a request names an interface.
public enum LinkReference: Sendable {
    case index(Int32)
    case name(String)
}

/// A change of an interface.
public enum LinkSetting: Sendable {
    case up
    case down
    /// Make it a port of the bridge with this index.
    case master(Int32)
    case noMaster
    case mtu(UInt32)
    case hardwareAddress([UInt8])
    case name(String)
    /// Give it no `fe80::` address of its own when it comes up.
    case noLinkLocal
    /// As a port of a bridge.
    case port(Set<PortFlag>)
}

/// How a port of a bridge forwards.
public enum PortFlag: Sendable {
    /// It talks to the bridge itself but to no other isolated port.
    case isolated
    /// Frames may leave by the port that they came in by.
    case hairpin
}

/// One end of a virtual cable.
public struct VethEnd: Sendable {
    public var name: String
    /// Six bytes, or nil for a random one.
    public var hardwareAddress: [UInt8]?
    /// The namespace to be created in, or nil for that of the socket.
    public var namespace: NetworkNamespace?

    public init(name: String, hardwareAddress: [UInt8]? = nil, namespace: NetworkNamespace? = nil) {
        self.name = name
        self.hardwareAddress = hardwareAddress
        self.namespace = namespace
    }
}

/// A change for `RouteSocket.execute`. Addresses are in network order, four bytes or sixteen.
public struct RouteRequest: Sendable {
    let message: NetlinkMessage
}

// MARK: - Links

extension RouteRequest {
    /// Fails with `EEXIST` when the name is taken.
    public static func createBridge(name: String, hardwareAddress: [UInt8], mtu: UInt32?) -> RouteRequest {
        var message = link(flags: NLM_F_CREATE | NLM_F_EXCL, subject: name)
        message.attribute(IFLA_IFNAME, name)
        message.attribute(IFLA_ADDRESS, hardwareAddress)
        if let mtu { message.attribute(IFLA_MTU, mtu) }
        message.nested(IFLA_LINKINFO, marked: false) { $0.attribute(IFLA_INFO_KIND, Array("bridge".utf8)) }
        return RouteRequest(message: message)
    }

    /// Creates both ends at once, `far` directly in its namespace, so that it is never seen in ours
    /// and a clash of names there undoes all. Both are down. `master` is the bridge of the near end.
    public static func createVeth(near: VethEnd, far: VethEnd, mtu: UInt32?, master: Int32?) -> RouteRequest {
        var message = link(flags: NLM_F_CREATE | NLM_F_EXCL, subject: near.name)
        appendEnd(near, mtu: mtu, to: &message)
        if let master { message.attribute(IFLA_MASTER, master) }
        message.nested(IFLA_LINKINFO, marked: false) { message in
            message.attribute(IFLA_INFO_KIND, Array("veth".utf8))
            message.nested(IFLA_INFO_DATA, marked: false) { message in
                message.nested(VETH_INFO_PEER, marked: false) { message in
                    message.append(ifinfomsg())
                    appendEnd(far, mtu: mtu, to: &message)
                }
            }
        }
        return RouteRequest(message: message)
    }

    private static func appendEnd(_ end: VethEnd, mtu: UInt32?, to message: inout NetlinkMessage) {
        message.attribute(IFLA_IFNAME, end.name)
        if let mtu { message.attribute(IFLA_MTU, mtu) }
        if let address = end.hardwareAddress { message.attribute(IFLA_ADDRESS, address) }
        if let namespace = end.namespace { message.attribute(IFLA_NET_NS_FD, namespace.descriptor.rawValue) }
    }

    /// Changes an interface.
    public static func set(_ link: LinkReference, _ settings: [LinkSetting]) -> RouteRequest {
        var header = ifinfomsg()
        for case .up in settings { header.ifi_flags |= UInt32(IFF_UP) }
        if settings.contains(where: { if case .up = $0 { true } else if case .down = $0 { true } else { false } }) {
            header.ifi_change = UInt32(IFF_UP)
        }
        // Not RTM_SETLINK, which does not look at the settings of a bridge's port.
        var message = self.link(flags: 0, header, reference: link)
        for setting in settings {
            switch setting {
            case .up, .down: break
            case .master(let index): message.attribute(IFLA_MASTER, index)
            case .noMaster: message.attribute(IFLA_MASTER, Int32(0))
            case .mtu(let mtu): message.attribute(IFLA_MTU, mtu)
            case .hardwareAddress(let address): message.attribute(IFLA_ADDRESS, address)
            case .name(let name): message.attribute(IFLA_IFNAME, name)
            case .noLinkLocal:
                message.nested(IFLA_AF_SPEC) { message in
                    message.nested(AF_INET6) {
                        $0.attribute(IFLA_INET6_ADDR_GEN_MODE, UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
                    }
                }
            case .port(let flags):
                message.nested(IFLA_LINKINFO) { message in
                    message.attribute(IFLA_INFO_SLAVE_KIND, Array("bridge".utf8))
                    message.nested(IFLA_INFO_SLAVE_DATA) { message in
                        message.attribute(IFLA_BRPORT_MODE, UInt8(flags.contains(.hairpin) ? 1 : 0))
                        message.attribute(IFLA_BRPORT_ISOLATED, UInt8(flags.contains(.isolated) ? 1 : 0))
                    }
                }
            }
        }
        return RouteRequest(message: message)
    }

    /// Deleting one end of a veth deletes the other.
    public static func deleteLink(_ link: LinkReference) -> RouteRequest {
        RouteRequest(message: self.link(RTM_DELLINK, "RTM_DELLINK", flags: 0, reference: link))
    }

    static func link(
        _ type: some BinaryInteger = RTM_NEWLINK, _ call: String = "RTM_NEWLINK", flags: Int32,
        _ header: ifinfomsg = ifinfomsg(), reference: LinkReference? = nil, subject: String = ""
    ) -> NetlinkMessage {
        var header = header
        var subject = subject
        switch reference {
        case .index(let index):
            header.ifi_index = index
            subject = "interface \(index)"
        case .name(let name): subject = name
        case nil: break
        }
        var message = NetlinkMessage(UInt16(type), flags: flags | NLM_F_ACK, call: call, subject: subject)
        message.append(header)
        if case .name(let name) = reference { message.attribute(IFLA_IFNAME, name) }
        return message
    }
}

// MARK: - Addresses and routes

extension RouteRequest {
    /// Gives an interface an address with the prefix of its network (which adds the route to it).
    /// An IPv6 address is usable at once: nobody else can hold an address that we gave out.
    public static func addAddress(_ address: [UInt8], prefix: Int, broadcast: [UInt8]? = nil, to link: Int32)
        -> RouteRequest
    {
        var message = self.address(RTM_NEWADDR, "RTM_NEWADDR", address, prefix, link, NLM_F_CREATE | NLM_F_EXCL)
        if let broadcast { message.attribute(IFA_BROADCAST, broadcast) }
        return RouteRequest(message: message)
    }

    public static func deleteAddress(_ address: [UInt8], prefix: Int, from link: Int32) -> RouteRequest {
        RouteRequest(message: self.address(RTM_DELADDR, "RTM_DELADDR", address, prefix, link, 0))
    }

    private static func address(
        _ type: some BinaryInteger, _ call: String, _ address: [UInt8], _ prefix: Int, _ link: Int32, _ flags: Int32
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            UInt16(type), flags: flags | NLM_F_ACK, call: call, subject: "address of interface \(link)")
        var header = ifaddrmsg()
        header.ifa_family = UInt8(address.count == 4 ? AF_INET : AF_INET6)
        header.ifa_prefixlen = UInt8(prefix)
        header.ifa_index = UInt32(bitPattern: link)
        if address.count == 16 { header.ifa_flags = UInt8(IFA_F_NODAD) }
        message.append(header)
        message.attribute(IFA_LOCAL, address)
        message.attribute(IFA_ADDRESS, address)
        return message
    }

    /// A route to `destination` (nil: the default route) by way of `gateway`. A lower metric wins.
    public static func addRoute(
        to destination: (address: [UInt8], prefix: Int)? = nil, gateway: [UInt8], on link: Int32, metric: UInt32? = nil
    ) -> RouteRequest {
        RouteRequest(
            message: route(RTM_NEWROUTE, "RTM_NEWROUTE", destination, gateway, link, metric, NLM_F_CREATE | NLM_F_EXCL))
    }

    public static func deleteRoute(
        to destination: (address: [UInt8], prefix: Int)? = nil, gateway: [UInt8], on link: Int32
    ) -> RouteRequest {
        RouteRequest(message: route(RTM_DELROUTE, "RTM_DELROUTE", destination, gateway, link, nil, 0))
    }

    private static func route(
        _ type: some BinaryInteger, _ call: String, _ destination: (address: [UInt8], prefix: Int)?,
        _ gateway: [UInt8], _ link: Int32, _ metric: UInt32?, _ flags: Int32
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            UInt16(type), flags: flags | NLM_F_ACK, call: call, subject: "route over interface \(link)")
        var header = rtmsg()
        header.rtm_family = UInt8(gateway.count == 4 ? AF_INET : AF_INET6)
        header.rtm_dst_len = UInt8(destination?.prefix ?? 0)
        header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
        header.rtm_protocol = UInt8(RTPROT_STATIC)
        header.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
        header.rtm_type = UInt8(RTN_UNICAST)
        message.append(header)
        if let destination { message.attribute(RTA_DST.rawValue, destination.address) }
        message.attribute(RTA_GATEWAY.rawValue, gateway)
        message.attribute(RTA_OIF.rawValue, link)
        if let metric { message.attribute(RTA_PRIORITY.rawValue, metric) }
        return message
    }
}
