import Engine
import Errors
import FoundationEssentials
import Linux
import Logging
import Networking
import Server

/// What the daemon runs with: flags over the settings file over defaults.
struct Settings {
    var engine: EngineConfiguration
    let endpoints: [Server.Endpoint]
    let logLevel: Logger.Level
    let tls: ServerTLS?

    /// `daemon.json`, with dockerd's keys where they mean the same. Keys that are not known are errors,
    /// as dockerd has it: a typing mistake would otherwise go unnoticed.
    private struct File: Decodable {
        var hosts: [String]?
        var dataRoot: String?
        var execRoot: String?
        var bridge: String?
        var bip: String?
        var defaultAddressPools: [Pool]?
        var dns: [String]?
        var caBundle: String?
        var cgroupParent: String?
        var logLevel: String?
        var logDriver: String?
        var logOptions: [String: String]?
        var defaultShmSize: Int64?
        var initProcess: Bool?
        var tls: Bool?
        var tlsverify: Bool?
        var tlscacert: String?
        var tlscert: String?
        var tlskey: String?
        var registryMirrors: [String]?
        var insecureRegistries: [String]?
        var registries: [String: RegistryOptions.Registry]?
        var proxies: RegistryOptions.Proxies?

        struct Pool: Decodable {
            var base: String
            var size: Int
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case hosts, bridge, bip, dns, tls, tlsverify, tlscacert, tlscert, tlskey, registries, proxies
            case registryMirrors = "registry-mirrors"
            case insecureRegistries = "insecure-registries"
            case dataRoot = "data-root"
            case execRoot = "exec-root"
            case defaultAddressPools = "default-address-pools"
            case caBundle = "ca-bundle"
            case cgroupParent = "cgroup-parent"
            case logLevel = "log-level"
            case logDriver = "log-driver"
            case logOptions = "log-opts"
            case defaultShmSize = "default-shm-size"
            case initProcess = "init"
        }
    }

    init(_ flags: Daemon) throws {
        let file = try Self.read(flags.configFile)
        let bridge = flags.bridge ?? file.bridge ?? "berth0"
        let pools =
            try flags.defaultAddressPool.map { try AddressPools.Pool(option: $0) }
            + (file.defaultAddressPools ?? []).map {
                try AddressPools.Pool(base: try Subnet(cidr: $0.base), size: $0.size)
            }
        let bip = flags.bip ?? file.bip
        var engine = EngineConfiguration(
            dataRoot: try Self.absolute(flags.dataRoot ?? file.dataRoot ?? "/var/lib/berth"),
            executionRoot: try Self.absolute(flags.execRoot ?? file.execRoot ?? "/run/berth"),
            shimPath: try Self.program("berth-shim"), bridge: bridge,
            bridgeAddress: try bip.map { try InterfacePrefix(cidr: $0) },
            addressPools: pools.isEmpty ? .standard : AddressPools(pools),
            cgroupParent: flags.cgroupParent ?? file.cgroupParent
                ?? (bridge == "berth0" ? "/berth" : "/berth-\(bridge)"),
            version: Daemon.version)
        engine.tracesRuns = flags.traceRuns
        engine.dns = flags.dns.isEmpty ? file.dns ?? [] : flags.dns
        engine.logDriver = file.logDriver ?? engine.logDriver
        engine.logOptions = file.logOptions ?? [:]
        try engine.checkLogDriver()
        engine.defaultShmSize = file.defaultShmSize ?? engine.defaultShmSize
        engine.usesInitByDefault = flags.initProcess || file.initProcess ?? false
        if let bundle = flags.caBundle ?? file.caBundle {
            guard Files.exists(bundle) else { throw BerthError.notFound("--ca-bundle: no such file: \(bundle)") }
            engine.caBundle = try Self.absolute(bundle)
            engine.handsCABundleByDefault = true
        } else {
            engine.caBundle = Self.hostBundles.first { Files.exists($0) }
        }
        engine.registries = try RegistryOptions(
            mirrors: flags.registryMirror + (file.registryMirrors ?? []),
            insecure: flags.insecureRegistry + (file.insecureRegistries ?? []), registries: file.registries ?? [:],
            proxies: file.proxies, caBundle: flags.caBundle ?? file.caBundle,
            folder: Files.parent(of: try Self.absolute(flags.configFile))
        ).settings(environment: ProcessInfo.processInfo.environment)
        let hosts = flags.host.isEmpty ? file.hosts ?? [] : flags.host
        let usesTLS = flags.tls ?? file.tls
        let verifies = flags.tlsverify ?? file.tlsverify ?? false
        let places = try (hosts.isEmpty ? ["unix://\(engine.executionRoot)/berth.sock"] : hosts).flatMap {
            try Server.Endpoint.parse(
                $0, environment: ProcessInfo.processInfo.environment, hasTLS: verifies || usesTLS == true)
        }
        endpoints = places
        let overTCP = places.filter { if case .tcp = $0 { true } else { false } }
        tls = verifies || usesTLS == true ? try Self.tls(flags, file, verifies: verifies) : nil
        if tls == nil, let first = overTCP.first {
            guard usesTLS == false else {
                throw BerthError.invalidArgument(
                    "\(first): whoever can reach this port would be root on this host. Use --tlsverify with "
                        + "--tlscacert, --tlscert and --tlskey, or say --tls=false to serve it without encryption")
            }
            engine.warnings = overTCP.map {
                "API is accessible on \($0) without encryption: access to the remote API is equivalent to root access "
                    + "on the host"
            }
        }
        self.engine = engine
        let level = flags.logLevel ?? file.logLevel ?? "info"
        guard let parsed = Logger.Level(rawValue: level == "warn" ? "warning" : level) else {
            throw BerthError.invalidArgument("unknown log level \"\(level)\"")
        }
        logLevel = parsed
    }

    private static func tls(_ flags: Daemon, _ file: File, verifies: Bool) throws -> ServerTLS {
        guard let certificate = flags.tlscert ?? file.tlscert, let key = flags.tlskey ?? file.tlskey else {
            throw BerthError.invalidArgument("TLS needs a certificate and its key: use --tlscert and --tlskey")
        }
        let authority = flags.tlscacert ?? file.tlscacert
        guard !verifies || authority != nil else {
            throw BerthError.invalidArgument(
                "--tlsverify needs the authority of clients' certificates: use --tlscacert")
        }
        return try ServerTLS(certificate: certificate, key: key, clientAuthority: verifies ? authority : nil)
    }

    /// Where distributions keep their bundle.
    private static let hostBundles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]

    private static func read(_ path: String) throws -> File {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(path)
        } catch {
            if error.errno == 2 { return File() }
            throw BerthError("reading settings", error)
        }
        do {
            let data = Data(bytes)
            let keys = try JSONDecoder().decode([String: AnyValue].self, from: data).keys
            let known = Set(File.CodingKeys.allCases.map(\.rawValue))
            let unknown = keys.filter { !known.contains($0) }.sorted()
            guard unknown.isEmpty else {
                throw BerthError.invalidArgument("\(path): unknown setting \(unknown.joined(separator: ", "))")
            }
            return try JSONDecoder().decode(File.self, from: data)
        } catch let error as DecodingError {
            throw BerthError.invalidArgument("\(path): \(error)")
        }
    }

    /// Any JSON value, of which only the presence matters.
    private struct AnyValue: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    private static func absolute(_ path: String) throws(BerthError) -> String {
        guard path.hasPrefix("/") else { throw .invalidArgument("\(path): paths of the daemon are absolute") }
        return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// A program of the same install: beside this one.
    private static func program(_ name: String) throws(BerthError) -> String {
        guard let own = try? FileDescriptor.openDirectory("/proc/self").readLink("exe") else {
            throw .internal("/proc is not mounted")
        }
        let path = Files.parent(of: own) + "/" + name
        guard Files.exists(path) else { throw .notFound("\(path) is missing: the installation is incomplete") }
        return path
    }
}
