import Client
import Linux

/// `berth doctor`.
struct DoctorCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS]", "Look for what stops Berth from working on this host, and say how to repair it", .none)
    static let flags: [Flag<DoctorCommand>] = [
        .string(\.format, "format", nil, "'json': a JSON object for each finding; or a Go template for each"),
        .bool(\.online, "online", nil, "Ask Docker Hub, too"),
    ]

    var format: String?
    var online = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let format = try format.map { try ListFormat($0, standard: Self.table) }
        let findings = await Self.examine(session, isOnline: online)
        if let format {
            Console.write(try format.render(findings.map(\.row), headings: Self.headings))
        } else {
            Console.write(findings.map { $0.line + "\n" }.joined())
        }
        if findings.contains(where: { $0.level == .problem }) { throw ExitCode(1) }
    }

    private static let table = "{{.Level}}\t{{.Subject}}\t{{.Fact}}\t{{.Remedy}}"
    private static let headings = TemplateValue.row([
        "Level": "LEVEL", "Subject": "SUBJECT", "Fact": "FACT", "Remedy": "REMEDY",
    ])

    /// All checks at the same time; their findings in a fixed order.
    static func examine(_ session: Session, isOnline: Bool) async -> [Finding] {
        let facts = await DaemonFacts.gather(session.client.host, environment: session.environment)
        let checks = checks(facts, environment: session.environment, isOnline: isOnline)
        return await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, await check.findings()) }
            }
            var all: [(Int, [Finding])] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }

    private static func checks(
        _ facts: DaemonFacts, environment: [String: String], isOnline: Bool
    ) -> [any HostCheck] {
        let programs = HostPrograms(path: environment["PATH"])
        let packages = PackageManager.ofHost()
        return [
            KernelVersionCheck(packages: packages),
            KernelFeatureCheck(dataRoot: facts.settings.dataRoot, packages: packages), CgroupCheck(),
            CapabilityCheck(daemon: facts.pid), StorageCheck(dataRoot: facts.settings.dataRoot), ClockCheck(),
            NameServerCheck(),
            ForwardingCheck(bridge: facts.settings.bridge, daemonRuns: facts.answers, programs: programs),
            DaemonCheck(facts: facts), GroupCheck(restart: facts.answers ? facts.restart : nil),
            LimitCheck(daemon: facts.pid, restart: facts.restart),
            ProxyCheck(shell: environment, facts: facts), RegistryCheck(facts: facts, isOnline: isOnline),
            LinkCheck(environment: environment, host: facts.host, programs: programs),
            HelperCheck(programs: programs, packages: packages),
        ]
    }
}
