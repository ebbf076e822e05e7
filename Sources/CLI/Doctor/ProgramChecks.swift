import Client
import Glibc
import Linux

/// What the names of Docker's programs start.
struct LinkCheck: BlockingCheck {
    let environment: [String: String]
    let host: EngineHost
    let programs: HostPrograms

    func examine() -> [Finding] {
        let own = try? absolutePath("/proc/self/exe")
        let found = ["docker", "Docker", "docker-compose"].compactMap { name in
            programs.locate(name).map { (name, $0, (try? absolutePath($0)) ?? $0) }
        }
        return found.isEmpty
            ? [.ok("docker command", "none on PATH; `make install LINKS=1` makes one of Berth's")]
            : found.map { name, path, target in
                Self.finding(
                    name, path: path, isOwn: target == own || Files.lastComponent(of: target) == "berth",
                    dockerHost: environment["DOCKER_HOST"], host: "\(host)")
            }
    }

    static func finding(_ name: String, path: String, isOwn: Bool, dockerHost: String?, host: String) -> Finding {
        if isOwn { return .ok("\(name) command", "\(path) is Berth's") }
        if dockerHost == host { return .ok("\(name) command", "\(path) is not Berth's; DOCKER_HOST leads it to Berth") }
        return .warning(
            "\(name) command", "\(path) is not Berth's and does not talk to Berth", repair: "export DOCKER_HOST=\(host)"
        )
    }
}

/// Programs of the host that single commands need.
struct HelperCheck: BlockingCheck {
    let programs: HostPrograms
    let packages: PackageManager

    func examine() -> [Finding] {
        Self.findings(packages) { programs.locate($0) != nil }
    }

    static func findings(_ packages: PackageManager, has: (String) -> Bool) -> [Finding] {
        let ps: Finding =
            has("ps")
            ? .ok("ps", "there") : .warning("ps", "missing: `berth top` needs it", repair: packages.command("procps"))
        let makers = ["mmdebstrap", "debootstrap"].filter(has)
        let bootstrap: Finding =
            makers.isEmpty
            ? .warning(
                "mmdebstrap", "missing: `berth image bootstrap` needs it", repair: packages.command("mmdebstrap"))
            : .ok(makers[0], "there, for `berth image bootstrap`")
        return [ps, bootstrap]
    }
}
