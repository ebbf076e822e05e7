import EngineAPI
import Errors
import Linux

/// Turns port bindings as users write them into host ports with numbers: an empty one takes a free
/// port, a range its first free one, an empty address all of both families.
struct PortChooser: Sendable {
    private let bindings: [String: [PortBinding]]
    private let taken: Set<PortRecord>

    init(_ record: ContainerRecord, taken: Set<PortRecord>) {
        var bindings = record.hostConfig.portBindings.bindings.filter { !$0.value.isEmpty }
        if record.hostConfig.publishAllPorts {
            for port in record.config.exposedPorts ?? [] where bindings[port] == nil {
                bindings[port] = [PortBinding()]
            }
        }
        self.bindings = bindings
        self.taken = taken
    }

    var isTrivial: Bool { bindings.isEmpty }

    func choose() throws -> [PortRecord] {
        var chosen: [PortRecord] = []
        for (port, bindings) in bindings.sorted(by: { $0.key < $1.key }) {
            let (number, transport) = try Self.parse(port)
            for binding in bindings {
                let addresses = binding.hostIp.isEmpty ? Self.allAddresses : [binding.hostIp]
                let hostPort = try pick(binding.hostPort, transport, addresses, chosen)
                chosen += addresses.map {
                    PortRecord(transport: transport, hostAddress: $0, hostPort: hostPort, containerPort: number)
                }
            }
        }
        return chosen
    }

    /// `80/tcp`, or `80`.
    static func parse(_ text: String) throws(BerthError) -> (UInt16, transport: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        let transport = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard let first = parts.first, let number = UInt16(first), number > 0,
            ["tcp", "udp", "sctp"].contains(transport)
        else { throw .invalidArgument("invalid port specification: \"\(text)\"") }
        return (number, transport)
    }

    private static let allAddresses: [String] =
        Files.exists("/proc/net/if_inet6") ? ["0.0.0.0", "::"] : ["0.0.0.0"]

    private func pick(
        _ text: String, _ transport: String, _ addresses: [String], _ chosen: [PortRecord]
    ) throws(BerthError) -> UInt16 {
        let ends = text.split(separator: "-", maxSplits: 1)
        if ends.count == 1, let port = UInt16(ends[0]), port > 0 { return port }
        let range: ClosedRange<UInt16>
        if ends.isEmpty || text == "0" {
            range = Self.ephemeral
        } else {
            guard ends.count == 2, let low = UInt16(ends[0]), let high = UInt16(ends[1]), low > 0, low <= high else {
                throw .invalidArgument("invalid port specification: \"\(text)\"")
            }
            range = low...high
        }
        let own = Set((chosen + taken).filter { $0.transport == transport }.map(\.hostPort))
        // Free ports begin at a random place: two containers that start at once rarely meet.
        let first = ends.count == 2 ? range.lowerBound : UInt16.random(in: range)
        for candidate in [Array(first...range.upperBound), Array(range.lowerBound..<first)].joined()
        where !own.contains(candidate) && Self.isFree(candidate, transport, addresses) {
            return candidate
        }
        throw .conflict("all ports are allocated (\(range.lowerBound)-\(range.upperBound)/\(transport))")
    }

    private static func isFree(_ port: UInt16, _ transport: String, _ addresses: [String]) -> Bool {
        let kind: InternetSocket.Kind = transport == "udp" ? .udp : .tcp
        return addresses.allSatisfy { address in
            SocketAddress(address, port: port).flatMap { try? InternetSocket.bind(kind, $0) } != nil
        }
    }

    /// As Docker chooses.
    private static let ephemeral: ClosedRange<UInt16> = 32768...60999
}
