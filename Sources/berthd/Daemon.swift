import ArgumentParser
import Engine
import Errors
import Linux
import Logging
import Server
import ServiceLifecycle

/// `berthd`: puts the parts together and serves until it is told to stop. Containers go on without it.
@main
struct Daemon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "berthd", abstract: "The Berth container engine's daemon.", version: "Berth version \(version)")

    static let version = "0.1.0"

    @Option(
        name: [.customShort("H"), .long],
        help: "Where to listen: unix://PATH, tcp://ADDRESS:PORT or fd:// (repeatable).")
    var host: [String] = []

    @Option(help: "Directory of everything that lasts (default: /var/lib/berth).")
    var dataRoot: String?

    @Option(help: "Directory of everything that does not outlive a reboot (default: /run/berth).")
    var execRoot: String?

    @Option(help: "Settings as JSON; flags win over it.")
    var configFile = "/etc/berth/daemon.json"

    @Option(help: "Name of the default network's bridge (default: berth0).")
    var bridge: String?

    @Option(help: "Address and size of the default network, as 172.17.0.1/16.")
    var bip: String?

    @Option(help: "Where networks get their subnets: base=10.10.0.0/16,size=24 (repeatable).")
    var defaultAddressPool: [String] = []

    @Option(help: "Ask this address for images of Docker Hub first (repeatable).")
    var registryMirror: [String] = []

    @Option(help: "Registry that may be used without a trusted certificate: host[:port] or a block (repeatable).")
    var insecureRegistry: [String] = []

    @Option(help: "DNS server for names outside (repeatable; default: the host's).")
    var dns: [String] = []

    @Option(help: "Speak TLS over TCP; false serves everybody who can reach the port, as root.")
    var tls: Bool?

    @Option(help: "Speak TLS over TCP, and only to clients with a certificate of --tlscacert.")
    var tlsverify: Bool?

    @Option(help: "Authorities of clients' certificates (PEM).")
    var tlscacert: String?

    @Option(help: "The daemon's certificate (PEM).")
    var tlscert: String?

    @Option(help: "The key of the daemon's certificate (PEM).")
    var tlskey: String?

    @Option(help: "Hand this bundle of certificate authorities to every container and build step.")
    var caBundle: String?

    @Option(help: "Parent of the containers' cgroups (default: /berth, or /BRIDGE for another bridge).")
    var cgroupParent: String?

    @Flag(name: .customLong("init"), help: "Run an init as process 1 of containers that do not say otherwise.")
    var initProcess = false

    @Option(help: "Write the process's number to this file.")
    var pidfile: String?

    @Option(help: "trace, debug, info, notice, warning or error.")
    var logLevel: String?

    @Flag(help: "Tell in the log where the time of each container's start and end goes.")
    var traceRuns = false

    @Flag(help: "Take away what this daemon made on the host (bridges, rules, settings), and exit.")
    var tearDown = false

    /// `--tls` and `--tlsverify` alone mean true, as they do to dockerd.
    static func main() async {
        let words = CommandLine.arguments.dropFirst().map { word in
            ["--tls", "--tlsverify"].contains(word) ? word + "=true" : word
        }
        await main(Array(words))
    }

    func run() async throws {
        do {
            try await serve()
        } catch let error as BerthError {
            throw CleanExit.failure(error.message)
        }
    }

    private func serve() async throws {
        // Nothing of a shim is waited for by its number: the kernel takes its end off our hands, and what
        // became of a container its shim says. A client that goes away is an error of one write.
        Linux.Signals.ignore([.brokenPipe, .childEnded])
        var settings = try Settings(self)
        // Every container takes a few.
        settings.engine.openFiles = try ResourceLimits.raiseOpenFiles()
        var logger = Logger(label: "berthd") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = settings.logLevel
        for warning in settings.engine.warnings { logger.warning("\(warning)") }
        let engine = try await Engine(settings.engine, logger: logger)
        if tearDown { return try await engine.tearDown() }
        if let pidfile { try Files.writeAtomically(pidfile, "\(Linux.Process.ownID)\n".utf8, durable: false) }
        defer { if let pidfile { try? Files.unlink(pidfile) } }
        let server = APIServer(
            endpoints: settings.endpoints, backend: engine, version: Self.version, logger: logger,
            tls: settings.tls)
        let group = ServiceGroup(
            services: [ServerService(server: server)], gracefulShutdownSignals: [.sigterm, .sigint],
            // Its own log is a dump of our values.
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await group.run()
        } catch {
            await engine.close()
            throw error
        }
        await engine.close()
    }
}

/// The API server as a part of the daemon's life: a request to stop ends it in good order.
private struct ServerService: Service {
    let server: APIServer

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await server.run() }
    }
}

extension CleanExit {
    /// An error in one line, without usage.
    fileprivate static func failure(_ message: String) -> any Error { Failure(description: "berthd: \(message)") }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
