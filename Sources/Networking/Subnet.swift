import DNS
import Errors

/// The address type, so that users of this target need not import DNS for it.
public typealias IPAddress = DNS.IPAddress

/// A block of addresses: `172.18.0.0/16`.
public struct Subnet: Hashable, Sendable, CustomStringConvertible {
    /// The first address, with all host bits zero.
    public let base: IPAddress
    public let prefix: Int

    /// The block of `prefix` bits that an address lies in; nil when the family has no such prefix.
    public init?(containing address: IPAddress, prefix: Int) {
        guard (0...address.family.width).contains(prefix) else { return nil }
        self.prefix = prefix
        base = IPAddress(address.family, address.value & ~Self.hostMask(address.family, prefix))
    }

    /// A block in CIDR form. `strict` refuses host bits, as in `172.18.0.1/16`.
    public init(cidr text: String, strict: Bool = true) throws(BerthError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let prefix = Int(parts[1]),
            let subnet = Subnet(containing: address, prefix: prefix)
        else { throw .invalidArgument("invalid subnet \(text): write it as address/bits, such as 172.18.0.0/16") }
        guard !strict || subnet.base == address else {
            throw .invalidArgument("invalid subnet \(text): it should be \(subnet)")
        }
        self = subnet
    }

    public var family: IPAddress.Family { base.family }

    /// The last address; the broadcast address of an IPv4 network.
    public var last: IPAddress { IPAddress(family, base.value | Self.hostMask(family, prefix)) }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && (base...last).contains(address)
    }

    public func contains(_ other: Subnet) -> Bool { contains(other.base) && prefix <= other.prefix }

    public func overlaps(_ other: Subnet) -> Bool { contains(other.base) || other.contains(base) }

    public var description: String { "\(base)/\(prefix)" }

    private static func hostMask(_ family: IPAddress.Family, _ prefix: Int) -> UInt128 {
        let hostBits = family.width - prefix
        return hostBits == 128 ? .max : (1 << hostBits) - 1
    }
}

/// An address of an interface together with the network that it stands in: `172.18.0.1/16`.
public struct InterfacePrefix: Hashable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    public let subnet: Subnet

    /// Nil when the address does not lie in the subnet.
    public init?(_ address: IPAddress, in subnet: Subnet) {
        guard subnet.contains(address) else { return nil }
        self.address = address
        self.subnet = subnet
    }

    /// From CIDR form, as in `--bip 172.26.0.1/24`.
    public init(cidr text: String) throws(BerthError) {
        subnet = try Subnet(cidr: text, strict: false)
        guard let slash = text.firstIndex(of: "/"), let address = IPAddress(String(text[..<slash])) else {
            throw .invalidArgument("invalid address \(text): write it as address/bits, such as 172.18.0.1/16")
        }
        self.address = address
    }

    public var description: String { "\(address)/\(subnet.prefix)" }
}
