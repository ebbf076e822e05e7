import DNS
import Glibc
import Linux

@testable import Networking

/// A host of its own for a test: a network namespace with an interface to a second one, the world.
/// Both end with the last descriptor, and everything in them. Needs root; sends nothing out.
struct Lab {
    let host: NetworkNamespace
    let world: NetworkNamespace
    let driver: BridgeDriver
    let root: String

    static let hostAddress = IPAddress("10.219.0.1")!
    static let worldAddress = IPAddress("10.219.0.2")!

    /// Whether this process may make network namespaces.
    static let isPossible = geteuid() == 0 && (try? NetworkNamespace.make()) != nil

    init() throws {
        host = try NetworkNamespace.make()
        world = try NetworkNamespace.make()
        // Made only when the driver has something to remember.
        root = "/tmp/berth-lab-\(getpid())-\(UInt32.random(in: .min ... .max))"
        driver = try BridgeDriver(defaultBridge: "brt0", executionRoot: root, vethPrefix: "vtst")
        let world = world
        try inside(host) {
            var socket = try RouteSocket()
            try socket.execute([
                .set(.name("lo"), [.up]),
                .createVeth(
                    near: VethEnd(name: "up0"), far: VethEnd(name: "up0", namespace: world), mtu: nil, master: nil),
                .set(.name("up0"), [.up]),
            ])
            let link = try socket.link(named: "up0")!
            try socket.execute([.addAddress(Lab.hostAddress.bytes, prefix: 24, to: link.index)])
        }
        try inside(world) {
            var socket = try RouteSocket()
            let link = try socket.link(named: "up0")!
            try socket.execute([
                .set(.index(link.index), [.up]), .addAddress(Lab.worldAddress.bytes, prefix: 24, to: link.index),
                // So that a refusal to forward is the host's doing and not a missing route's.
                .addRoute(gateway: Lab.hostAddress.bytes, on: link.index),
            ])
        }
        let driver = driver
        try inside(host) {
            // A new namespace takes this from the machine's first one.
            try Files.writeKernel("/proc/sys/net/ipv4/ip_forward", "0")
            try driver.start()
        }
    }

    func close() { try? Files.removeTree(root) }

    /// Runs on the host; the driver acts where its caller's thread is.
    func onHost<Result: Sendable>(_ body: @Sendable @escaping (BridgeDriver) throws -> Result) throws -> Result {
        let driver = driver
        return try inside(host) { try body(driver) }
    }

    /// Sets whether the firewall sees bridged packets; false when this kernel cannot.
    func filtersOnBridges(_ value: String) throws -> Bool {
        try onHost { _ in
            for name in ["bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"] {
                try Sysctl.writeIfPresent(name, value)
            }
            return (Sysctl.read("bridge/bridge-nf-call-iptables") ?? "0") == value
        }
    }

    func network(
        _ name: String, _ cidr: String, reach: BridgeNetwork.Reach = .outside(masquerade: true),
        peers: BridgeNetwork.PeerTraffic = .allowed
    ) throws -> BridgeNetwork {
        let network = BridgeNetwork(
            bridge: name, gateways: [try InterfacePrefix(cidr: cidr)], reach: reach, peerTraffic: peers)
        try onHost { try $0.create(network) }
        return network
    }

    /// A namespace with an endpoint in it, as good as a container.
    func container(_ id: String, _ address: String, in network: BridgeNetwork, ports: [PortMapping] = []) throws
        -> (namespace: NetworkNamespace, endpoint: Endpoint)
    {
        let namespace = try NetworkNamespace.make()
        let endpoint = Endpoint(id: id, interface: "eth0", addresses: [IPAddress(address)!], ports: ports)
        try onHost { try $0.connect(endpoint, to: network, in: namespace) }
        return (namespace, endpoint)
    }
}

/// Runs `body` in a namespace and passes on whatever it throws.
func inside<Result: Sendable>(
    _ namespace: NetworkNamespace, _ body: @Sendable @escaping () throws -> Result
) throws -> Result {
    try namespace.run { Swift.Result { try body() } }.get()
}

/// A socket that waits for one client.
struct Listener {
    let socket: FileDescriptor
    let transport: TransportProtocol

    init(_ transport: TransportProtocol, port: UInt16, in namespace: NetworkNamespace) throws {
        self.transport = transport
        socket = try inside(namespace) {
            let socket = try openSocket(transport, family: AF_INET6)
            var reuse: Int32 = 1
            setsockopt(socket.rawValue, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            try withUnsafePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    _ = try systemCall("bind") {
                        bind(socket.rawValue, pointer, socklen_t(MemoryLayout<sockaddr_in6>.size))
                    }
                }
            }
            if transport == .tcp { try systemCall("listen") { listen(socket.rawValue, 16) } }
            return socket
        }
    }

    /// Has `client` speak to an address and says whom this listener saw; nil when nothing came.
    func seen(from client: NetworkNamespace, to address: IPAddress, port: UInt16) throws -> IPAddress? {
        try reach(from: client, to: address, port: port, patience: 5000)
    }

    /// Whether anything comes: for what should not, and so with little patience.
    func hears(from client: NetworkNamespace, to address: IPAddress, port: UInt16) throws -> Bool {
        try reach(from: client, to: address, port: port, patience: 300) != nil
    }

    private func reach(
        from client: NetworkNamespace, to address: IPAddress, port: UInt16, patience: Int
    ) throws -> IPAddress? {
        let transport = transport
        let socket = try inside(client) {
            try openSocket(transport, family: address.family == .v4 ? AF_INET : AF_INET6)
        }
        limit(socket, milliseconds: patience)
        guard connectSocket(socket, address, port) == 0 else { return nil }
        if transport == .udp { try socket.writeAll("hello") }
        return try accept(patience: patience)
    }

    /// Takes the next connection or datagram and names its sender.
    func accept(patience: Int = 5000) throws -> IPAddress? {
        limit(socket, milliseconds: patience)
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                if transport == .tcp { return Int(Glibc.accept(socket.rawValue, pointer, &length)) }
                var buffer = [UInt8](repeating: 0, count: 64)
                return recvfrom(socket.rawValue, &buffer, buffer.count, 0, pointer, &length)
            }
        }
        guard result >= 0 else { return nil }
        if transport == .tcp { _ = FileDescriptor(owning: Int32(result)) }
        let bytes = withUnsafeBytes(of: &address.sin6_addr) { Array($0) }
        return bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
            ? IPAddress(bytes: bytes.suffix(4)) : IPAddress(bytes: bytes)
    }
}

func openSocket(_ transport: TransportProtocol, family: Int32) throws -> FileDescriptor {
    let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
    return FileDescriptor(owning: try systemCall("socket") { socket(family, Int32(type.rawValue), 0) })
}

/// What is dropped never answers: nothing waits for longer than this.
private func limit(_ socket: FileDescriptor, milliseconds: Int) {
    var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        setsockopt(socket.rawValue, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
}

func connectSocket(_ socket: FileDescriptor, _ address: IPAddress, _ port: UInt16) -> Int32 {
    var six = sockaddr_in6()
    var four = sockaddr_in()
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    func connect<Address>(_ value: inout Address) -> Int32 {
        withUnsafePointer(to: &value) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket.rawValue, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
    switch address.family {
    case .v4:
        withUnsafeMutableBytes(of: &four.sin_addr) { $0.copyBytes(from: address.bytes) }
        return connect(&four)
    case .v6:
        withUnsafeMutableBytes(of: &six.sin6_addr) { $0.copyBytes(from: address.bytes) }
        return connect(&six)
    }
}
