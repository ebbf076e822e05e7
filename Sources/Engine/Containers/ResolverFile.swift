import EngineAPI
import Linux
import Networking

/// `/etc/resolv.conf`: the host's, and what a container gets.
enum ResolverFile {
    struct Host {
        var servers: [String] = []
        var search: [String] = []
        var options: [String] = []
    }

    /// The host's settings. Where systemd's stub is in the way, the file behind it has the real servers.
    static func host() -> Host {
        let stub = parse((try? Files.readText("/etc/resolv.conf")) ?? "")
        guard stub.servers == ["127.0.0.53"], let real = try? Files.readText("/run/systemd/resolve/resolv.conf") else {
            return stub
        }
        let parsed = parse(real)
        return parsed.servers.isEmpty ? stub : parsed
    }

    static func parse(_ text: String) -> Host {
        var host = Host()
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            switch words.first {
            case "nameserver": if words.count > 1 { host.servers.append(words[1]) }
            case "search", "domain": host.search = Array(words.dropFirst())
            case "options": host.options += words.dropFirst()
            default: continue
            }
        }
        return host
    }

    /// Servers for names that are not the engine's own: the container's, the daemon's, the host's.
    static func upstream(record: ContainerRecord, configuration: EngineConfiguration) -> [String] {
        if let own = record.hostConfig.dns, !own.isEmpty { return own }
        return configuration.dns.isEmpty ? host().servers : configuration.dns
    }

    /// A loopback address of the host means nothing inside a container: the shim has to ask there.
    static func needsForwarder(_ servers: [String]) -> Bool {
        servers.isEmpty || servers.contains { IPAddress($0)?.isLoopback ?? true }
    }

    static func render(_ record: ContainerRecord, services: Services) -> String {
        let host = host()
        let isOnHost = record.hostConfig.networkMode == "host"
        let service = isOnHost ? nil : record.nameService(services)
        let servers = service == nil ? upstream(record: record, configuration: services.configuration) : ["127.0.0.11"]
        var lines = servers.map { "nameserver \($0)" }
        let search = record.hostConfig.dnsSearch.flatMap { $0.isEmpty ? nil : $0 } ?? host.search
        if !search.isEmpty, search != ["."] { lines.append("search \(search.joined(separator: " "))") }
        var options = record.hostConfig.dnsOptions.flatMap { $0.isEmpty ? nil : $0 } ?? host.options
        if service != nil, !options.contains(where: { $0.hasPrefix("ndots:") }) { options.append("ndots:0") }
        if !options.isEmpty { lines.append("options \(options.joined(separator: " "))") }
        return lines.joined(separator: "\n") + "\n"
    }
}
