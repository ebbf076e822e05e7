import EngineAPI
import Errors

/// `--network` and the flags that say how the container is on it.
enum NetworkSpec {
    struct Attachment: Equatable {
        var name: String
        var aliases: [String] = []
        var ip: String?
        var ip6: String?
        var macAddress: String?
        var driverOptions: [String: String] = [:]
        var linkLocalAddresses: [String] = []
        var gatewayPriority = 0
    }

    /// `name`, or `name=backend,alias=db,ip=172.30.0.5`.
    static func parse(_ text: String) throws(BerthError) -> Attachment {
        guard text.contains("name=") else { return Attachment(name: text) }
        var network = Attachment(name: "")
        for field in text.split(separator: ",") {
            let (key, value) = Parse.pair(String(field))
            let text = value ?? ""
            switch key {
            case "name": network.name = text
            case "alias": network.aliases.append(text)
            case "ip": network.ip = text
            case "ip6": network.ip6 = text
            case "mac-address": network.macAddress = text
            case "link-local-ip": network.linkLocalAddresses.append(text)
            case "gw-priority": network.gatewayPriority = try Parse.int(text)
            case "driver-opt":
                let (name, option) = Parse.pair(text)
                network.driverOptions[name] = option ?? ""
            default: throw .invalidArgument("invalid key \(key) in \"\(field)\"")
            }
        }
        guard !network.name.isEmpty else { throw .invalidArgument("network name is missing in \"\(text)\"") }
        return network
    }

    static func add(_ options: ContainerOptions, to request: inout ContainerCreateRequest) throws {
        var attachments = try options.networks.map(parse)
        var first = attachments.isEmpty ? Attachment(name: "default") : attachments.removeFirst()
        first.aliases += options.networkAliases
        first.ip = first.ip ?? options.ip
        first.ip6 = first.ip6 ?? options.ip6
        first.macAddress = first.macAddress ?? options.macAddress
        first.linkLocalAddresses += options.linkLocalAddresses

        request.hostConfig.networkMode = first.name
        request.hostConfig.extraHosts = options.extraHosts.isEmpty ? nil : try options.extraHosts.map(extraHost)
        request.hostConfig.dns = options.dns.isEmpty ? nil : options.dns
        request.hostConfig.dnsOptions = options.dnsOptions.isEmpty ? nil : options.dnsOptions
        request.hostConfig.dnsSearch = options.dnsSearch.isEmpty ? nil : options.dnsSearch
        request.hostConfig.links = options.links.isEmpty ? nil : options.links
        for network in [first] + attachments where network != Attachment(name: "default") {
            request.networkingConfig.endpointsConfig[network.name] = endpoint(network)
        }
    }

    static func endpoint(_ network: Attachment) -> EndpointSettings {
        var endpoint = EndpointSettings()
        endpoint.aliases = network.aliases.isEmpty ? nil : network.aliases
        endpoint.macAddress = network.macAddress ?? ""
        endpoint.driverOpts = network.driverOptions.isEmpty ? nil : network.driverOptions
        endpoint.gwPriority = network.gatewayPriority
        if network.ip != nil || network.ip6 != nil || !network.linkLocalAddresses.isEmpty {
            endpoint.ipamConfig = EndpointIPAMConfig(
                ipv4Address: network.ip ?? "", ipv6Address: network.ip6 ?? "",
                linkLocalIPs: network.linkLocalAddresses.isEmpty ? nil : network.linkLocalAddresses)
        }
        return endpoint
    }

    /// `name:address` or `name=address`, with an IPv6 address perhaps in brackets, as `name:address`.
    static func extraHost(_ text: String) throws(BerthError) -> String {
        guard let end = text.firstIndex(where: { $0 == ":" || $0 == "=" }), end != text.startIndex else {
            throw .invalidArgument("bad format for add-host: \"\(text)\"")
        }
        var address = text[text.index(after: end)...]
        if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
        let isIPv4 =
            address.split(separator: ".", omittingEmptySubsequences: false).count == 4
            && address.split(separator: ".").allSatisfy { UInt8($0) != nil }
        guard address == "host-gateway" || isIPv4 || address.contains(":") else {
            throw .invalidArgument("invalid IP address in add-host: \"\(address)\"")
        }
        return "\(text[..<end]):\(address)"
    }
}
