import DNS
import Errors
import Glibc
import Linux

/// The process that holds a port of the host.
public struct PortOwner: Sendable, Equatable, CustomStringConvertible {
    public let pid: Int32
    /// The kernel's short name of the process.
    public let command: String
    public let arguments: [String]

    public var description: String { "held by \(command), pid \(pid)" }

    /// Who holds a port: a socket bound to this address or to all, or, when all are asked for, to any.
    /// Nil when nobody does, or when the owner cannot be seen (another PID namespace, the kernel
    /// itself). Looks through `/proc`, which takes some milliseconds: for error messages.
    public static func find(_ transport: TransportProtocol, _ address: IPAddress, port: UInt16) -> PortOwner? {
        let inodes = Set(
            SocketTable.files(transport).flatMap { file -> [UInt64] in
                guard let text = try? Files.readText(file) else { return [] }
                return SocketTable.sockets(in: text).filter { $0.holds(address, port, transport) }.map(\.inode)
            })
        return inodes.isEmpty ? nil : process(holding: inodes)
    }

    private static func process(holding inodes: Set<UInt64>) -> PortOwner? {
        let targets = Set(inodes.map { "socket:[\($0)]" })
        guard let processes = try? FileDescriptor.openDirectory("/proc").entries() else { return nil }
        for process in processes {
            guard let pid = Int32(process), let directory = try? FileDescriptor.openDirectory("/proc/\(pid)/fd"),
                let descriptors = try? directory.entries(),
                descriptors.contains(where: { (try? directory.readLink($0)).map(targets.contains) ?? false })
            else { continue }
            let command = (try? Files.readText("/proc/\(pid)/comm")) ?? ""
            let arguments = ((try? Files.read("/proc/\(pid)/cmdline")) ?? []).split(separator: 0)
            return PortOwner(
                pid: pid, command: String(command.prefix { $0 != "\n" }),
                arguments: arguments.map { String(decoding: $0, as: UTF8.self) })
        }
        return nil
    }
}

/// `/proc/net/tcp` and its kin, of the calling thread's namespace.
enum SocketTable {
    struct Entry: Equatable {
        let address: IPAddress
        let port: UInt16
        let state: UInt8
        let inode: UInt64

        func holds(_ wanted: IPAddress, _ port: UInt16, _ transport: TransportProtocol) -> Bool {
            // 0A is LISTEN; connected TCP sockets share their listener's port and do not count.
            guard self.port == port, transport != .tcp || state == 0x0a else { return false }
            return wanted.isUnspecified || address.isUnspecified || address == wanted || isMapped(wanted)
        }

        /// `::ffff:127.0.0.1` is how an IPv6 socket holds an IPv4 address.
        private func isMapped(_ wanted: IPAddress) -> Bool {
            address.family == .v6 && wanted.family == .v4 && address.value == 0xffff_0000_0000 | wanted.value
        }
    }

    /// A socket of either family may hold an IPv4 port.
    static func files(_ transport: TransportProtocol) -> [String] {
        switch transport {
        case .tcp: ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"]
        case .udp: ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"]
        case .sctp: []  // its table has another form, and SCTP servers on a host are rare
        }
    }

    static func sockets(in text: String) -> [Entry] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, let state = UInt8(fields[3], radix: 16), let inode = UInt64(fields[9]) else {
                return nil
            }
            let local = fields[1].split(separator: ":")
            guard local.count == 2, let address = address(local[0]), let port = UInt16(local[1], radix: 16) else {
                return nil
            }
            return Entry(address: address, port: port, state: state, inode: inode)
        }
    }

    /// Words of 32 bits, each printed as a number in host order although its bytes are in network order.
    private static func address(_ text: Substring) -> IPAddress? {
        var bytes: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            withUnsafeBytes(of: word) { bytes.append(contentsOf: $0) }
            rest = rest.dropFirst(8)
        }
        return IPAddress(bytes: bytes)
    }
}
