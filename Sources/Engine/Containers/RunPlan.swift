import EngineAPI
import Errors
import FoundationEssentials
import Linux
import OCI
import ShimProtocol

/// What one run of a container needs on disk and tells its shim: `config.json`, the files mounted
/// on `/etc`, the compiled seccomp filter, the launch message.
struct RunPlan: Sendable {
    private let record: ContainerRecord
    private let services: Services
    private let input: SpecInput
    private let hostMounts: HostMounts

    init(_ record: ContainerRecord, services: Services) throws {
        self.record = record
        self.services = services
        hostMounts = HostMounts(record, configuration: services.configuration)
        var input = try SpecInput(record, services: services)
        for index in input.mounts.indices where input.mounts[index].subpath != nil {
            input.mounts[index].source = hostMounts.subpath(index)
        }
        self.input = input
    }

    /// Blocking: writes the files and returns the message.
    func write() throws -> Launch {
        let bundle = services.configuration.bundle(of: record.id)
        // Not for other users of the host: `config.json` holds the environment, and with it secrets.
        try Files.makeDirectories(bundle + "/rootfs", mode: 0o700)
        try? Files.unlink(bundle + "/exit")
        try writeEtcFiles()
        try PropagationCheck.check(record.mounts)
        try hostMounts.make(defaultSize: services.configuration.defaultShmSize)
        let spec = try services.specs.build(input)
        // Not synced: it is worth nothing after a reboot.
        try Files.write(bundle + "/config.json", String(decoding: try JSONEncoder().encode(spec), as: UTF8.self))
        try RunRecord(record).write(to: bundle)
        return try launch(bundle)
    }

    private func launch(_ bundle: String) throws -> Launch {
        var launch = Launch(id: record.id, bundle: bundle, cgroupPath: input.cgroupPath)
        launch.lowerDirectories = record.layers
        launch.upperDirectory = record.workspace.upper
        launch.workDirectory = record.workspace.work
        launch.user = record.config.user
        launch.additionalGroups = record.hostConfig.groupAdd ?? []
        launch.seccompFile = try SeccompKey.file(input, services)
        let driver = try LogDriver(record.hostConfig.logConfig, defaults: services.configuration)
        try driver.checkService()
        launch.log = try driver.log(for: record, directory: services.configuration.directory(of: record.id))
        if let path = launch.log?.path, !path.isEmpty { try Files.makeDirectories(Files.parent(of: path), mode: 0o710) }
        launch.keepsInputOpen = record.config.openStdin
        launch.closesInputWithClient = record.config.stdinOnce
        launch.ports = ports
        launch.names = record.nameService(services)
        launch.followedMounts = input.mounts.filter { $0.kind == .bind }.map(\.destination)
        return launch
    }

    private var ports: [PublishedPort] {
        let address = record.endpoints.first { $0.networkID == record.gatewayEndpoint }?.address
        guard let address else { return [] }
        return record.publishedPorts.compactMap { port in
            PublishedPort.Transport(rawValue: port.transport).map {
                PublishedPort(
                    transport: $0, hostAddress: port.hostAddress, hostPort: port.hostPort, containerAddress: address,
                    containerPort: port.containerPort)
            }
        }
    }

    // MARK: /etc

    private func writeEtcFiles() throws {
        let directory = services.configuration.directory(of: record.id)
        try Files.makeDirectories(directory, mode: 0o710)
        try Files.write(directory + "/hostname", record.config.hostname + "\n")
        try Files.write(directory + "/resolv.conf", ResolverFile.render(record, services: services))
        try Files.write(directory + "/hosts", hosts())
    }

    private func hosts() -> String {
        if record.hostConfig.networkMode == "host", let own = try? Files.readText("/etc/hosts") {
            return own + extraHosts()
        }
        var lines = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::\tip6-localnet
            ff00::\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        lines += extraHosts()
        for link in record.endpoints.flatMap(\.links) {
            let names = link.split(separator: ":").map(String.init)
            guard let target = names.first, let other = try? services.board.find(target),
                let address = other.record.endpoints.first?.address
            else { continue }
            lines += "\(address)\t\(names.count > 1 ? names[1] : target) \(other.record.name)\n"
        }
        let domain = record.config.domainname.isEmpty ? "" : "\(record.config.hostname).\(record.config.domainname) "
        for endpoint in record.endpoints {
            for address in [endpoint.address, endpoint.addressIPv6].compactMap({ $0 }) {
                lines += "\(address)\t\(domain)\(record.config.hostname)\n"
            }
        }
        return lines
    }

    private func extraHosts() -> String {
        (record.hostConfig.extraHosts ?? []).map { entry in
            // The first colon or equals sign: the address may have more.
            guard let split = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else { return "" }
            var address = String(entry[entry.index(after: split)...])
            if address == "host-gateway" { address = gateway }
            if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
            return "\(address)\t\(entry[..<split])\n"
        }.joined()
    }

    /// The host, as the container's networks see it.
    private var gateway: String {
        let entry = record.gatewayEndpoint.flatMap { try? services.networks.find($0) }
        return entry?.record.pools.first?.gateway ?? "127.0.0.1"
    }
}

/// What a container's seccomp filter depends on, as the key of the cache.
enum SeccompKey {
    static func file(_ input: SpecInput, _ services: Services) throws -> String {
        let host = input.hostConfig
        let key = [
            host.privileged ? "privileged" : "", (host.capAdd ?? []).sorted().joined(separator: ","),
            (host.capDrop ?? []).sorted().joined(separator: ","),
            (host.securityOpt ?? []).filter { $0.hasPrefix("seccomp") }.joined(separator: ","),
        ].joined(separator: "|")
        return try services.seccomp.file(for: key) { try services.specs.seccompFilter(for: input) }
    }
}
