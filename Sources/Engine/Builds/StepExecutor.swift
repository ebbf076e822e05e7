import Builder
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import Networking
import OCI
import ShimProtocol

/// Runs a RUN step as a container of its own, without a record: nobody can list or attach to it,
/// and all that stays of it is what it wrote into its workspace.
struct StepExecutor: Executor {
    let services: Services

    /// Of the client whose build it is, by registry.
    var auth: [String: AuthConfig] = [:]
    /// Where the progress of pulls goes.
    var progress: (any ProgressSink)?

    func fetch(_ reference: Reference, platform: Platform?) async throws -> Image {
        let auth = AuthConfig.matching(reference.registry, in: auth)
        let repository = services.registries.repository(reference, auth?.credentials)
        let report = TransferReport(progress)
        do {
            let outcome = try await PullJob(
                services: services, repository: repository, reference: reference, platform: platform, report: report
            ).run()
            await report.finish()
            return outcome.image
        } catch {
            await report.finish()
            throw error
        }
    }

    func run(_ step: RunStep, output: any StepOutput) async throws -> Int32 {
        let run = try StepRun(step, services: services)
        do {
            let code = try await withTaskCancellationHandler {
                try await run.execute(output)
            } onCancel: {
                run.kill()
            }
            await run.cleanUp()
            try Task.checkCancellation()
            return code
        } catch {
            await run.cleanUp()
            throw error
        }
    }
}

/// One RUN step under way.
private final class StepRun: Sendable {
    private let step: RunStep
    private let services: Services
    private let id = randomID()
    private let bundle: String
    private let mountPoints: StepMountPoints

    init(_ step: RunStep, services: Services) throws {
        self.step = step
        self.services = services
        bundle = services.configuration.bundle(of: id)
        mountPoints = StepMountPoints(step)
    }

    private var cgroup: Cgroup {
        Cgroup("\(services.configuration.cgroupParent)/build-\(id)", in: services.hierarchies)
    }

    func kill() { try? cgroup.killAll() }

    func execute(_ output: any StepOutput) async throws -> Int32 {
        let (launch, endpoint) = try await prepare()
        let connection = try await ShimConnection.launch(
            launch, shim: services.configuration.shimPath, log: services.shimLog)
        defer { connection.close() }
        let stream = try attach(connection)
        let reading = Task { await Self.read(stream, to: output) }
        var exit: Exit?
        for await event in connection.events {
            switch event {
            case .created(let pid):
                if let (endpoint, network) = endpoint {
                    let driver = services.networks.driver
                    try await blocking {
                        try driver.connect(endpoint, to: network, in: try NetworkNamespace.of(process: pid))
                    }
                }
                try connection.send(.start)
            case .failed(let failure):
                reading.cancel()
                throw BerthError(
                    failure.kind == .setup ? .internal : .invalidArgument, failure.message, cause: failure)
            case .exited(let end): exit = end
            default: continue
            }
            if exit != nil { break }
        }
        // Cancelled: the stream of events ends before the step does. The shim ends with its connection,
        // and only then does its output.
        if exit == nil { connection.close() }
        await reading.value
        try Task.checkCancellation()
        guard let exit else { throw BerthError.internal("the step's shim ended without a word") }
        if exit.outOfMemory { throw BerthError.invalidArgument("the step was killed for want of memory") }
        return exit.code
    }

    /// Our end of the step's output. The other end is the shim's alone, so that its end is ours.
    private func attach(_ connection: ShimConnection) throws -> FileDescriptor {
        let (ours, theirs) = try UnixSocket.pair()
        try connection.send(.attach(Attach(input: false, output: true, error: true)), descriptor: theirs)
        return ours
    }

    func cleanUp() async {
        let cgroup = cgroup
        let bundle = bundle
        let points = mountPoints
        try? await blocking {
            try? cgroup.killAll()
            try? cgroup.remove()
            points.removeThoseMade()
            try Files.removeTree(bundle)
        }
        services.networks.leave(id, networkID: bridgeID ?? "")
    }

    // MARK: Preparing

    private var bridgeID: String? {
        step.network == .standard ? (try? services.networks.find("bridge"))?.record.id : nil
    }

    private func prepare() async throws -> (Launch, (Endpoint, BridgeNetwork)?) {
        var endpoint: (Endpoint, BridgeNetwork)?
        if let bridgeID, let network = try services.networks.find(bridgeID).record.bridgeNetwork {
            let place = EndpointRecord(networkID: bridgeID, networkName: "bridge", endpointID: randomID(), aliases: [])
            let joined = try services.networks.join(id, name: "build-\(id.prefix(12))", endpoint: place)
            let addresses = [joined.address, joined.addressIPv6].compactMap { $0.flatMap { IPAddress($0) } }
            endpoint = (Endpoint(id: joined.endpointID, interface: "eth0", addresses: addresses), network)
        }
        let launch = try await blocking { try self.write() }
        return (launch, endpoint)
    }

    private func write() throws -> Launch {
        try Files.makeDirectories(bundle + "/rootfs", mode: 0o700)
        try writeEtcFiles()
        let input = input
        var spec = try services.specs.build(input)
        spec.mounts =
            (spec.mounts ?? [])
            + (try step.mounts.enumerated().map {
                try RuntimeSpec.Mount($0.element, number: $0.offset, bundle: bundle)
            })
        try Files.write(bundle + "/config.json", String(decoding: try JSONEncoder().encode(spec), as: UTF8.self))
        var launch = Launch(id: id, bundle: bundle, cgroupPath: input.cgroupPath)
        launch.lowerDirectories = step.layers.isEmpty ? [services.configuration.dataRoot + "/empty"] : step.layers
        launch.upperDirectory = step.workspace.upper
        launch.workDirectory = step.workspace.work
        launch.user = step.user
        launch.endsWithDaemon = true
        launch.seccompFile = try SeccompKey.file(input, services)
        let upstream = upstream
        if step.network == .standard, ResolverFile.needsForwarder(upstream) {
            launch.names = NameService(files: [], upstream: upstream)
        }
        return launch
    }

    private var upstream: [String] {
        services.configuration.dns.isEmpty ? ResolverFile.host().servers : services.configuration.dns
    }

    private func writeEtcFiles() throws {
        let servers = step.network == .standard && ResolverFile.needsForwarder(upstream) ? ["127.0.0.11"] : upstream
        try Files.write(bundle + "/resolv.conf", servers.map { "nameserver \($0)\n" }.joined())
        try Files.write(bundle + "/hostname", hostname + "\n")
        var hosts = "127.0.0.1\tlocalhost \(hostname)\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        for entry in step.extraHosts {
            guard let split = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else { continue }
            hosts += "\(entry[entry.index(after: split)...])\t\(entry[..<split])\n"
        }
        try Files.write(bundle + "/hosts", hosts)
    }

    private var hostname: String { step.hostname ?? "buildkitsandbox" }

    private var input: SpecInput {
        var host = HostConfig()
        host.networkMode = step.network == .standard ? "bridge" : step.network.rawValue
        host.shmSize = step.shmSize ?? services.configuration.defaultShmSize
        host.ulimits = step.ulimits.map { EngineAPI.Ulimit(name: $0.name, hard: $0.hard, soft: $0.soft) }
        let config = ContainerConfig(
            hostname: hostname, user: step.user, env: step.environment, cmd: step.args,
            workingDir: step.workingDirectory)
        let wantsCA = step.handsCABundle || services.configuration.handsCABundleByDefault
        return SpecInput(
            id: id, config: config, hostConfig: host, mounts: [], hostname: hostname, domainname: "",
            hostsFile: bundle + "/hosts", hostnameFile: bundle + "/hostname", resolvFile: bundle + "/resolv.conf",
            network: step.network == .host ? .host : .new, pid: .new, ipc: .new, uts: .new, cgroup: .new,
            caBundle: wantsCA ? services.configuration.caBundle : nil, initPath: nil, cgroupPath: cgroup.path,
            defaultShmSize: services.configuration.defaultShmSize)
    }

    // MARK: Output

    private static func read(_ socket: FileDescriptor, to output: any StepOutput) async {
        try? await SocketStream.frames(of: socket.rawValue) { isError, payload in
            await output.write(payload, stream: isError ? .error : .output)
        }
    }
}
