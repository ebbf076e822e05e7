import DNS
import Errors

/// A network whose members hang on one bridge of the host.
public struct BridgeNetwork: Sendable, Equatable {
    /// Where its members' packets may go besides each other.
    public enum Reach: Sendable, Equatable {
        /// Anywhere by way of the host; `masquerade` lends them the host's address.
        case outside(masquerade: Bool)
        /// Nowhere but the host itself.
        case `internal`
    }

    /// Whether members may talk to each other directly (`com.docker.network.bridge.enable_icc`).
    public enum PeerTraffic: Sendable, Equatable { case allowed, denied }

    /// Who made the bridge.
    public enum Ownership: Sendable, Equatable {
        /// Berth makes and removes it.
        case berth
        /// It was there (`--bridge`): its addresses are used as they are and it is never removed.
        case host
    }

    /// The bridge's interface name, at most 15 bytes.
    public var bridge: String
    /// The host's addresses on it, which are the members' gateways: at most one per family.
    public var gateways: [InterfacePrefix]
    public var mtu: UInt32?
    public var reach: Reach
    public var peerTraffic: PeerTraffic
    public var ownership: Ownership

    public init(
        bridge: String, gateways: [InterfacePrefix], mtu: UInt32? = nil, reach: Reach = .outside(masquerade: true),
        peerTraffic: PeerTraffic = .allowed, ownership: Ownership = .berth
    ) {
        self.bridge = bridge
        self.gateways = gateways
        self.mtu = mtu
        self.reach = reach
        self.peerTraffic = peerTraffic
        self.ownership = ownership
    }

    func gateway(_ family: IPAddress.Family) -> InterfacePrefix? { gateways.first { $0.address.family == family } }
}

/// A container's place in a network. The identifier is new each time that the container starts: the
/// interface of its last run may still be going away in the kernel.
public struct Endpoint: Sendable, Equatable {
    /// Hexadecimal; its start names the host's end of the cable.
    public var id: String
    /// The interface inside the container: `eth0`.
    public var interface: String
    /// At most one per family.
    public var addresses: [IPAddress]
    /// Nil: derived from the address.
    public var hardwareAddress: HardwareAddress?
    /// The container's default route goes through this endpoint. No effect in an internal network.
    public var hasDefaultRoute: Bool
    public var ports: [PortMapping]

    public init(
        id: String, interface: String, addresses: [IPAddress], hardwareAddress: HardwareAddress? = nil,
        hasDefaultRoute: Bool = true, ports: [PortMapping] = []
    ) {
        self.id = id
        self.interface = interface
        self.addresses = addresses
        self.hardwareAddress = hardwareAddress
        self.hasDefaultRoute = hasDefaultRoute
        self.ports = ports
    }

    /// The hardware address that the interface has: the one asked for, or Docker's `02:42` and the
    /// IPv4 address, so that an address that moves on leaves no stale neighbours behind.
    public var effectiveHardwareAddress: HardwareAddress? {
        hardwareAddress ?? addresses.min().map(HardwareAddress.init(for:))
    }
}

/// Six bytes, written `02:42:ac:12:00:02`.
public struct HardwareAddress: Hashable, Sendable, LosslessStringConvertible {
    public let bytes: [UInt8]

    /// `02:42` and the last four bytes of an address.
    public init(for address: IPAddress) { bytes = [0x02, 0x42] + address.bytes.suffix(4) }

    public init?(_ text: String) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        let bytes = parts.compactMap { $0.utf8.count == 2 && $0.first != "+" ? UInt8($0, radix: 16) : nil }
        // The lowest bit of the first byte marks a group of receivers, which no interface can be.
        guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0 else { return nil }
        self.bytes = bytes
    }

    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}

/// A protocol that has ports.
public enum TransportProtocol: String, Sendable, Hashable, CaseIterable {
    case tcp, udp, sctp

    /// As in an IP header.
    var number: UInt8 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .sctp: 132
        }
    }
}

/// A port of the host that leads to one of a container.
public struct PortMapping: Sendable, Hashable, CustomStringConvertible {
    public var transport: TransportProtocol
    /// An address of the host, or `0.0.0.0` or `::` for all of a family.
    public var hostAddress: IPAddress
    public var hostPort: UInt16
    public var containerPort: UInt16

    public init(_ transport: TransportProtocol, host: IPAddress, port: UInt16, to containerPort: UInt16) {
        self.transport = transport
        hostAddress = host
        hostPort = port
        self.containerPort = containerPort
    }

    public var description: String {
        let host = hostAddress.family == .v4 ? "\(hostAddress)" : "[\(hostAddress)]"
        return "\(host):\(hostPort)->\(containerPort)/\(transport.rawValue)"
    }

    /// Docker's words for a host port that something else holds; `owner` says what.
    public func allocatedElsewhere(owner: String? = nil) -> BerthError {
        .conflict(
            "Bind for \(hostAddress):\(hostPort) failed: port is already allocated" + (owner.map { " (\($0))" } ?? ""))
    }
}
