import FoundationEssentials

/// The host's sockets that hold a port, from `/proc/net/{tcp,tcp6,udp,udp6}` (proc(5)).
struct ListeningSockets: Sendable {
    struct Socket: Sendable, Equatable {
        var proto: String
        /// Nil is every address.
        var address: String?
        var port: Int
        var inode: String
    }

    var sockets: [Socket] = []

    static func read() -> ListeningSockets {
        var result = ListeningSockets()
        for (file, proto) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            guard let data = FileManager.default.contents(atPath: "/proc/net/\(file)") else { continue }
            result.sockets += parse(String(decoding: data, as: UTF8.self), proto: proto)
        }
        return result
    }

    /// Parses one of the tables; of TCP only listening sockets count.
    static func parse(_ table: String, proto: String) -> [Socket] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9 else { return nil }
            // 0A is TCP_LISTEN; an unconnected UDP socket is in state 07 (TCP_CLOSE).
            guard fields[3] == (proto == "tcp" ? "0A" : "07") else { return nil }
            let parts = fields[1].split(separator: ":")
            guard parts.count == 2, let port = Int(parts[1], radix: 16), let address = address(parts[0]) else {
                return nil
            }
            return Socket(proto: proto, address: address.text, port: port, inode: String(fields[9]))
        }
    }

    /// The inode of a socket that takes the port.
    func holder(of port: HostPort) -> String? {
        sockets.first { socket in
            HostPort(address: socket.address, number: socket.port, proto: socket.proto).collides(with: port)
        }?.inode
    }

    private struct Address {
        /// Nil is every address.
        var text: String?
    }

    /// An address as the kernel prints it: 32-bit words in the byte order of the host.
    private static func address(_ hex: Substring) -> Address? {
        var bytes: [UInt8] = []
        var rest = hex
        while rest.count >= 8 {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            withUnsafeBytes(of: word) { bytes += $0 }
            rest = rest.dropFirst(8)
        }
        if bytes.allSatisfy({ $0 == 0 }) { return Address(text: nil) }
        // A mapped IPv4 address (RFC 4291, section 2.5.5.2) takes the port of the IPv4 address.
        let isMapped =
            bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        if bytes.count == 4 || isMapped {
            return Address(text: bytes.suffix(4).map { String($0) }.joined(separator: "."))
        }
        if bytes == [UInt8](repeating: 0, count: 15) + [1] { return Address(text: "::1") }
        let groups = stride(from: 0, to: 16, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }
        return Address(text: groups.joined(separator: ":"))
    }
}

/// Finds the process that holds a socket.
enum ProcessOwner {
    /// The name and ID of the process and the service that it belongs to, such as `python3 (pid 4711)` or
    /// `nginx (pid 4712, nginx.service)`; nil when it cannot be seen, for want of rights or because it
    /// is a container's.
    static func describe(inode: String) -> String? {
        guard let processes = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return nil }
        for process in processes where process.allSatisfy(\.isNumber) {
            let folder = "/proc/\(process)/fd"
            guard let descriptors = try? FileManager.default.contentsOfDirectory(atPath: folder) else { continue }
            for descriptor in descriptors {
                let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(descriptor)")
                guard link == "socket:[\(inode)]" else { continue }
                let name = text("/proc/\(process)/comm")?.trimmed() ?? "a process"
                if name == "systemd" { return "a socket unit of systemd (systemctl list-sockets shows it)" }
                let unit = text("/proc/\(process)/cgroup").flatMap(unit(cgroups:)).map { ", \($0)" } ?? ""
                return "\(name) (pid \(process)\(unit))"
            }
        }
        return nil
    }

    /// The systemd service in the lines of `/proc/PID/cgroup`.
    static func unit(cgroups: String) -> String? {
        for line in cgroups.split(separator: "\n") {
            if let unit = line.split(separator: "/").first(where: { $0.hasSuffix(".service") }) { return String(unit) }
        }
        return nil
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
