import EngineAPI
import Errors

/// One published port: `[address:][host]:container[/protocol]`, taken apart into single ports.
struct PortSpec: Equatable {
    /// `80/tcp`.
    var containerPort: String
    var binding: PortBinding

    /// Reads the short forms (`80`, `8080:80`, `127.0.0.1::80/udp`, `8000-8010:80-90`, `[::1]:80:80`) and
    /// the long one (`published=8080,target=80,protocol=tcp`).
    static func parse(_ text: String) throws(BerthError) -> [PortSpec] {
        if text.contains("target=") { return [try long(text)] }
        var (rest, proto) = try split(text)
        guard let container = lastPart(of: &rest) else { throw empty(text) }
        let host = lastPart(of: &rest)
        let address = rest
        guard let containerRange = PortRange(container) else {
            if container.isEmpty { throw empty(text) }
            throw .invalidArgument("invalid containerPort: \(container)")
        }
        if !address.isEmpty, !isAddress(address) { throw .invalidArgument("invalid IP address: \(address)") }
        guard let host, !host.isEmpty else {
            return containerRange.ports.map {
                PortSpec(containerPort: "\($0)/\(proto)", binding: PortBinding(hostIp: address, hostPort: ""))
            }
        }
        guard let hostRange = PortRange(host) else { throw .invalidArgument("invalid hostPort: \(host)") }
        return try pair(containerRange, hostRange, host, proto, address, text)
    }

    private static func pair(
        _ container: PortRange, _ host: PortRange, _ hostText: String, _ proto: String, _ address: String,
        _ text: String
    ) throws(BerthError) -> [PortSpec] {
        // A single container port may take any free one of a range of the host's.
        if container.count == 1, host.count > 1 {
            return [
                PortSpec(
                    containerPort: "\(container.first)/\(proto)",
                    binding: PortBinding(hostIp: address, hostPort: hostText))
            ]
        }
        guard container.count == host.count else {
            throw .invalidArgument(
                "invalid ranges specified for container and host Ports: \(container) and \(host) (in \"\(text)\")")
        }
        return zip(container.ports, host.ports).map {
            PortSpec(containerPort: "\($0)/\(proto)", binding: PortBinding(hostIp: address, hostPort: "\($1)"))
        }
    }

    private static func long(_ text: String) throws(BerthError) -> PortSpec {
        var spec = PortSpec(containerPort: "", binding: PortBinding())
        var target = ""
        var proto = "tcp"
        for field in text.split(separator: ",") {
            let (key, value) = Parse.pair(String(field))
            switch key {
            case "target": target = value ?? ""
            case "published": spec.binding.hostPort = value ?? ""
            case "protocol": proto = value ?? ""
            case "host_ip": spec.binding.hostIp = value ?? ""
            case "mode", "name", "app_protocol": break
            default: throw .invalidArgument("invalid field key \(key)")
            }
        }
        guard UInt16(target) != nil else { throw .invalidArgument("invalid containerPort: \(target)") }
        spec.containerPort = "\(target)/\(proto)"
        return spec
    }

    /// An exposed port or range: `80`, `53/udp`, `7000-7009`.
    static func exposed(_ text: String) throws(BerthError) -> [String] {
        let (ports, proto) = try split(text)
        guard !ports.contains(":"), let range = PortRange(ports) else {
            throw .invalidArgument("invalid range format for --expose: \(text)")
        }
        return range.ports.map { "\($0)/\(proto)" }
    }

    private static func split(_ text: String) throws(BerthError) -> (ports: String, proto: String) {
        guard let slash = text.lastIndex(of: "/") else { return (text, "tcp") }
        let proto = text[text.index(after: slash)...].lowercased()
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw .invalidArgument("invalid proto: \(proto)") }
        return (String(text[..<slash]), proto)
    }

    /// Takes what stands behind the last colon that is not part of an address in brackets.
    private static func lastPart(of text: inout String) -> String? {
        guard !text.isEmpty else { return nil }
        if text.hasSuffix("]") { return nil }
        guard let colon = text.lastIndex(of: ":") else {
            defer { text = "" }
            return text
        }
        defer { text = String(text[..<colon]) }
        return String(text[text.index(after: colon)...])
    }

    private static func isAddress(_ text: String) -> Bool {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        return AddressPrefix("\(bare)/0") != nil
    }

    private static func empty(_ text: String) -> BerthError {
        .invalidArgument("no port specified: \(text)<empty>")
    }
}

/// One port, or several that follow each other.
struct PortRange: CustomStringConvertible {
    let first: UInt16
    let last: UInt16

    init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let from = ends.first.flatMap({ UInt16($0) }), ends.count <= 2 else { return nil }
        first = from
        guard ends.count == 2 else {
            last = from
            return
        }
        guard let to = UInt16(ends[1]), to >= from else { return nil }
        last = to
    }

    var ports: ClosedRange<UInt16> { first...last }
    var count: Int { ports.count }
    var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}
