import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port, as the kernel takes it.
public struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private var length: socklen_t = 0

    /// From address literals; nil when it is neither version's.
    public init?(_ address: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, address, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            store(four)
        } else if inet_pton(AF_INET6, address, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            store(six)
        } else {
            return nil
        }
    }

    fileprivate init() {}

    private mutating func store<Raw>(_ raw: Raw) {
        length = socklen_t(MemoryLayout<Raw>.size)
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: raw, as: Raw.self) }
    }

    var family: Int32 { Int32(storage.ss_family) }

    fileprivate func withRaw<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    fileprivate mutating func withMutableRaw<Result>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                withUnsafeMutablePointer(to: &length) { body(raw, $0) }
            }
        }
    }
}

/// TCP and UDP sockets, non-blocking, in the present network namespace.
public enum InternetSocket {
    public enum Kind: Sendable {
        case tcp, udp, sctp

        fileprivate var type: Int32 { self == .udp ? Int32(SOCK_DGRAM.rawValue) : Int32(SOCK_STREAM.rawValue) }
        fileprivate var proto: Int32 {
            switch self {
            case .tcp: Int32(IPPROTO_TCP)
            case .udp: Int32(IPPROTO_UDP)
            case .sctp: 132
            }
        }
    }

    /// Binds, and listens but for UDP. An IPv6 socket takes IPv6 only, so that both versions of a
    /// port can be held side by side.
    public static func bind(_ kind: Kind, _ address: SocketAddress, backlog: Int32 = 128) throws(SystemError)
        -> FileDescriptor
    {
        let socket = try make(kind, address)
        // A port whose last connections are still in TIME_WAIT is free.
        if kind == .tcp { try set(socket, SOL_SOCKET, SO_REUSEADDR) }
        if address.family == AF_INET6 { try set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        try systemCall("bind") { address.withRaw { Glibc.bind(socket.rawValue, $0, $1) } }
        if kind != .udp { try systemCall("listen") { listen(socket.rawValue, backlog) } }
        return socket
    }

    /// Starts to connect; the socket becomes writable when that is done, one way or the other.
    public static func connect(_ kind: Kind, _ address: SocketAddress) throws(SystemError) -> FileDescriptor {
        let socket = try make(kind, address)
        do throws(SystemError) {
            try systemCall("connect") { address.withRaw { Glibc.connect(socket.rawValue, $0, $1) } }
        } catch {
            if error.errno != EINPROGRESS { throw error }
        }
        return socket
    }

    /// One datagram and its sender; nil when none waits.
    public static func receive(_ socket: FileDescriptor, upTo count: Int) -> (bytes: [UInt8], from: SocketAddress)? {
        var from = SocketAddress()
        var received = -1
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            received = from.withMutableRaw { recvfrom(socket.rawValue, buffer.baseAddress, count, 0, $0, $1) }
            filled = max(0, received)
        }
        return received < 0 ? nil : (bytes, from)
    }

    /// Sends one datagram. One that cannot be sent is lost, as datagrams are.
    public static func send(_ bytes: [UInt8], to address: SocketAddress, over socket: FileDescriptor) {
        _ = address.withRaw { sendto(socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1) }
    }

    private static func make(_ kind: Kind, _ address: SocketAddress) throws(SystemError) -> FileDescriptor {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        return FileDescriptor(
            owning: try systemCall("socket") { socket(address.family, kind.type | flags, kind.proto) })
    }

    private static func set(_ socket: FileDescriptor, _ level: Int32, _ option: Int32) throws(SystemError) {
        var one: Int32 = 1
        try systemCall("setsockopt") {
            setsockopt(socket.rawValue, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}

/// Ends one direction of a connected socket: the far side reads an end of file.
public func shutdownWriting(_ socket: FileDescriptor) {
    _ = shutdown(socket.rawValue, Int32(SHUT_WR))
}

/// Ends both directions of a connected socket, whoever else still holds a descriptor for it.
public func shutdownSocket(_ socket: FileDescriptor) {
    _ = shutdown(socket.rawValue, Int32(SHUT_RDWR))
}
