import DNS
import Errors

/// Hands out the addresses of one subnet: the lowest free one, so that the same history gives the
/// same addresses. A value: whoever keeps the network's state keeps this with it, and after a restart
/// reserves again what its records say.
public struct AddressAllocator: Sendable {
    public let subnet: Subnet
    /// The part of the subnet to choose from; addresses outside it can only be asked for by name.
    public let range: Subnet
    private var taken: Set<UInt128> = []
    /// No address of the range below this one is free.
    private var lowest: UInt128

    /// `reserved` are addresses that no container may have: the gateway and auxiliary ones. The
    /// network's own address and, for IPv4, its broadcast address are never given out.
    public init(subnet: Subnet, range: Subnet? = nil, reserved: [IPAddress] = []) throws(BerthError) {
        let range = range ?? subnet
        guard subnet.contains(range) else {
            throw .invalidArgument("invalid ip-range \(range): it is not inside the subnet \(subnet)")
        }
        self.subnet = subnet
        self.range = range
        lowest = range.base.value
        // A /31 or /32 (RFC 3021) has no room for either and needs neither.
        if subnet.prefix < subnet.family.width - 1 {
            taken.insert(subnet.base.value)
            if subnet.family == .v4 { taken.insert(subnet.last.value) }
        }
        for address in reserved {
            guard subnet.contains(address) else {
                throw .invalidArgument("invalid address \(address): it is not inside the subnet \(subnet)")
            }
            taken.insert(address.value)
        }
    }

    /// The address that a network's gateway gets when none is asked for: the first one of the range.
    public static func defaultGateway(of subnet: Subnet) -> IPAddress {
        IPAddress(subnet.family, subnet.base.value + (subnet.prefix < subnet.family.width - 1 ? 1 : 0))
    }

    /// The lowest free address.
    public mutating func allocate() throws(BerthError) -> IPAddress {
        let last = range.last.value
        var candidate = lowest
        while candidate <= last, taken.contains(candidate) {
            guard candidate < last else { break }
            candidate += 1
        }
        guard taken.insert(candidate).inserted else {
            lowest = last
            let family = subnet.family == .v4 ? "IPv4" : "IPv6"
            throw .unavailable("no available \(family) addresses on this network's address pools: \(range)")
        }
        lowest = candidate
        return IPAddress(subnet.family, candidate)
    }

    /// Takes a certain address.
    public mutating func reserve(_ address: IPAddress) throws(BerthError) {
        guard subnet.contains(address) else {
            throw .invalidArgument("invalid endpoint settings: no configured subnet contains IP address \(address)")
        }
        guard taken.insert(address.value).inserted else { throw .conflict("Address already in use: \(address)") }
    }

    /// Gives an address back. One that is not taken is fine.
    public mutating func release(_ address: IPAddress) {
        guard subnet.contains(address), taken.remove(address.value) != nil else { return }
        if range.contains(address) { lowest = min(lowest, address.value) }
    }
}
