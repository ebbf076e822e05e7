import DNS
import Errors
import Linux

/// Where new networks get their subnets from when none is asked for.
public struct AddressPools: Sendable {
    /// A block that is cut into subnets of `size` prefix bits.
    public struct Pool: Sendable, Equatable {
        public let base: Subnet
        public let size: Int

        /// Throws `invalidArgument` when subnets of that size do not fit the base.
        public init(base: Subnet, size: Int) throws(BerthError) {
            guard (base.prefix...base.family.width).contains(size) else {
                throw .invalidArgument(
                    "invalid default address pool: size \(size), the prefix of each subnet, does not fit \(base)")
            }
            self.base = base
            self.size = size
        }

        /// As in `--default-address-pool base=10.10.0.0/16,size=24`.
        public init(option: String) throws(BerthError) {
            var base: Subnet?
            var size: Int?
            for field in option.split(separator: ",") {
                let pair = field.split(separator: "=", maxSplits: 1).map(String.init)
                switch (pair.first, pair.count) {
                case ("base", 2): base = try Subnet(cidr: pair[1])
                case ("size", 2): size = Int(pair[1])
                default:
                    throw .invalidArgument("invalid default address pool \"\(option)\": unknown field \"\(field)\"")
                }
            }
            guard let base, let size else {
                throw .invalidArgument(
                    "invalid default address pool \"\(option)\": write it as base=10.10.0.0/16,size=24")
            }
            try self.init(base: base, size: size)
        }

        fileprivate var step: UInt128 { 1 << UInt128(base.family.width - size) }
    }

    public let pools: [Pool]

    public init(_ pools: [Pool]) { self.pools = pools }

    /// Docker's: `172.17.0.0/16` to `172.31.0.0/16`, then `192.168.0.0/20` and its fifteen neighbours.
    public static let standard: AddressPools = {
        let blocks: [(UInt128, prefix: Int, size: Int)] = [
            (0xac11_0000, 16, 16), (0xac12_0000, 16, 16), (0xac13_0000, 16, 16), (0xac14_0000, 14, 16),
            (0xac18_0000, 14, 16), (0xac1c_0000, 14, 16), (0xc0a8_0000, 16, 20),
        ]
        return AddressPools(
            blocks.compactMap { base, prefix, size in
                Subnet(containing: IPAddress(.v4, base), prefix: prefix).flatMap { try? Pool(base: $0, size: size) }
            })
    }()

    /// The first subnet of the pools that overlaps nothing in `taken`.
    public func choose(_ family: IPAddress.Family = .v4, avoiding taken: [Subnet]) throws(BerthError) -> Subnet {
        for pool in pools where pool.base.family == family {
            let near = taken.filter(pool.base.overlaps)
            var start = pool.base.base.value
            let end = pool.base.last.value
            while start <= end, let candidate = Subnet(containing: IPAddress(family, start), prefix: pool.size) {
                guard let obstacle = near.first(where: candidate.overlaps) else { return candidate }
                // Behind whichever reaches further, the obstacle or the candidate itself.
                let last = max(obstacle.last.value, candidate.last.value)
                guard last < end else { break }
                start = last + 1
            }
        }
        throw .invalidArgument(
            """
            all predefined address pools have been fully subnetted: remove unused networks, name a subnet with \
            --subnet, or give the daemon more with --default-address-pool
            """)
    }

    /// Refuses a subnet that was asked for and overlaps one of `networks`, in Docker's words.
    public static func check(_ subnet: Subnet, against networks: [Subnet]) throws(BerthError) {
        if let other = networks.first(where: subnet.overlaps) {
            throw BerthError(
                .permissionDenied,
                "invalid pool request: Pool overlaps with other one on this address space (\(subnet) with \(other))")
        }
    }

    /// What the host itself can reach without its default route: subnets of its interfaces and routes
    /// to others (a VPN's for one), of this thread's network namespace.
    public static func takenByHost() throws(BerthError) -> [Subnet] {
        do throws(SystemError) {
            var socket = try RouteSocket()
            let routed = try socket.routes().filter { $0.prefix > 0 }.map { ($0.destination, $0.prefix) }
            let own = try socket.addresses().map { ($0.address, $0.prefix) }
            let subnets = (routed + own).compactMap { bytes, prefix in
                IPAddress(bytes: bytes).flatMap { Subnet(containing: $0, prefix: prefix) }
            }
            return Array(Set(subnets))
        } catch {
            throw BerthError("reading the host's routes", error)
        }
    }
}
