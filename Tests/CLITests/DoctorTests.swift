import Client
import EngineAPI
import Linux
import Testing

@testable import CLI

@Suite struct DoctorKernelTests {
    @Test(arguments: [
        ("6.1.0-18-amd64", Finding.Level.ok), ("5.12.0", .ok), ("5.11.22-7-pve", .problem),
        ("3.10.0-1160.el7.x86_64", .problem), ("4.19.0", .problem), ("10.2", .ok), ("5.15rc1", .ok),
        ("strange", .warning),
    ])
    func versions(_ release: String, _ level: Finding.Level) {
        #expect(KernelVersionCheck.finding(release, repair: "r").level == level)
    }

    private static let config = KernelConfig(
        "# Automatically generated\nCONFIG_OVERLAY_FS=m\n# CONFIG_VETH is not set\nCONFIG_NF_TABLES=y\nCONFIG_HZ=250\n")

    @Test func aConfigurationHasWhatIsBuiltInOrAModule() {
        #expect(Self.config.enabled == ["CONFIG_OVERLAY_FS", "CONFIG_NF_TABLES"])
        #expect(Self.config.missing(["CONFIG_NF_TABLES", "CONFIG_VETH", "CONFIG_HZ"]) == ["CONFIG_VETH", "CONFIG_HZ"])
    }

    private func feature(_ option: String, _ outcome: KernelFeatureCheck.Outcome, _ config: KernelConfig?) -> Finding {
        KernelFeatureCheck.finding(
            "thing", [option], repair: "modprobe thing_mod", outcome, config, newKernel: "new kernel")
    }

    @Test func whatFailsOrIsMissingIsAProblem() {
        let failed = feature("CONFIG_OVERLAY_FS", .fails("fsopen overlay: No such device"), Self.config)
        #expect(failed.level == .problem && failed.remedy == "modprobe thing_mod")
        #expect(failed.fact == "fsopen overlay: No such device")
        let missing = feature("CONFIG_VETH", .notAllowed, Self.config)
        #expect(missing.level == .problem && missing.fact.contains("CONFIG_VETH") && missing.remedy == "new kernel")
        let failing = feature("CONFIG_VETH", .fails("no such device"), Self.config)
        #expect(failing.level == .problem && failing.remedy == "new kernel")
        #expect(feature("CONFIG_OVERLAY_FS", .forbidden("not permitted"), nil).remedy == CapabilityCheck.remedy)
        #expect(feature("CONFIG_OVERLAY_FS", .works, Self.config) == .ok("thing", "works (tried)"))
        #expect(feature("CONFIG_OVERLAY_FS", .notAllowed, nil).level == .ok)
    }

    @Test func controllers() {
        #expect(CgroupCheck.controllers(mode: .v2, ["cpu", "memory", "pids", "io"]).level == .ok)
        let missing = CgroupCheck.controllers(mode: .hybrid, ["cpu", "pids"])
        #expect(missing.level == .problem && missing.fact == "versions 1 and 2, without memory")
        #expect(missing.remedy.contains("cgroup_enable=memory"))
        #expect(CgroupCheck.swap(limits: false).remedy.contains("swapaccount=1"))
        #expect(CgroupCheck.swap(limits: nil).level == .ok)
    }

    @Test func boundingSets() throws {
        let status = "Name:\tberthd\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n"
        let all = try #require(CapabilityCheck.bounding(status))
        #expect(all == .all && CapabilityCheck.finding(all).level == .ok)
        #expect(CapabilityCheck.bounding("Name:\tx\n") == nil)
        let few = CapabilityCheck.finding(all.subtracting(CapabilitySet(names: ["MKNOD"])))
        #expect(few.level == .problem && few.fact.hasPrefix("CAP_MKNOD cannot be had"))
        #expect(CapabilityCheck.finding(all.subtracting(.systemAdministration)).fact.contains("making containers"))
    }
}

@Suite struct DoctorStorageTests {
    private func levels(_ room: StorageCheck.Room) -> [Finding.Level] {
        StorageCheck.findings("/var/lib/berth", room).map(\.level)
    }

    @Test func room() {
        let plenty = StorageCheck.Room(type: "ext4", free: 50_000_000_000, inodes: 100_000, freeInodes: 90_000)
        #expect(levels(plenty) == [.ok, .ok])
        var room = plenty
        room.free = 2_000_000_000
        room.freeInodes = 3000
        #expect(levels(room) == [.warning, .warning])
        room.free = 1000
        room.freeInodes = 10
        #expect(levels(room) == [.problem, .problem])
        // btrfs has no such number.
        #expect(levels(.init(type: "btrfs", free: 50_000_000_000)) == [.ok])
    }

    @Test func unsuitableFileSystems() {
        let network = StorageCheck.findings("/data", .init(type: "nfs4", free: 50_000_000_000))
        #expect(network.map(\.level) == [.problem] && network[0].fact.contains("nfs4"))
        #expect(network[0].remedy.contains("--data-root"))
        #expect(levels(.init(type: "xfs", free: 50_000_000_000, tellsTypes: false)) == [.problem])
        #expect(levels(.init(type: "xfs", free: 50_000_000_000, isReadOnly: true, tellsTypes: true)) == [.problem])
    }

    @Test func theLastAndLongestMountHolds() {
        let mounts = MountInfo.parse(
            """
            27 1 254:0 / / rw - ext4 /dev/vda rw
            28 27 0:30 / /var/lib rw - tmpfs tmpfs rw
            29 27 0:31 / /var/lib/berth rw - nfs4 server:/x rw
            30 27 0:32 / /var/lib/berth rw - xfs /dev/vdb rw
            31 27 0:33 / /var/libx rw - btrfs /dev/vdc rw

            """)
        #expect(StorageCheck.mount(of: "/var/lib/berth/images", among: mounts)?.type == "xfs")
        #expect(StorageCheck.mount(of: "/var/lib/berthold", among: mounts)?.type == "tmpfs")
        #expect(StorageCheck.mount(of: "/home", among: mounts)?.type == "ext4")
    }

    @Test func clocks() {
        #expect(ClockCheck.finding(0).level == .problem)
        #expect(ClockCheck.finding(1_780_000_000_000_000_000).level == .ok)
    }
}

@Suite struct DoctorNetworkTests {
    @Test func nameServers() {
        func check(_ text: String?, _ behind: String? = nil) -> Finding {
            NameServerCheck.finding(text, behindStub: behind)
        }
        #expect(check("# none\nsearch example\nnameserver\n").level == .problem)
        #expect(check(nil).fact.contains("cannot be read"))
        #expect(check("nameserver 10.0.0.1\n nameserver 1.1.1.1 # two\n") == .ok("DNS", "10.0.0.1, 1.1.1.1"))
        let stub = check("nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.168.1.1\n")
        #expect(stub.level == .ok && stub.fact.contains("systemd-resolved") && stub.fact.contains("192.168.1.1"))
        #expect(check("nameserver 127.0.0.53\n", "# empty\n").level == .warning)
        #expect(check("nameserver 127.0.0.1\n").fact.contains("through the host"))
    }

    private static let chains = """
        table ip filter {
        \tchain INPUT {
        \t\ttype filter hook input priority filter; policy drop;
        \t}
        \tchain FORWARD {
        \t\ttype filter hook forward priority filter; policy drop;
        \t}
        \tchain DOCKER-USER {
        \t}
        }
        table inet own {
        \tchain forward {
        \t\ttype filter hook forward priority filter; policy accept;
        \t}
        }
        table bridge b {
        \tchain forward {
        \t\ttype filter hook forward priority filter; policy drop;
        \t}
        }
        """

    @Test func chainsThatDrop() {
        let found = ForwardingCheck.droppingChains(Self.chains)
        #expect(found == [.init(table: "ip filter", name: "FORWARD")])
        func check(_ rules: String) -> Finding {
            ForwardingCheck.finding(found[0], rules: rules, bridge: "berth0", docker: true)
        }
        let plain = check("iifname \"docker0\" accept")
        #expect(plain.level == .warning && plain.fact.contains("Docker"))
        #expect(
            plain.remedy == "nft insert rule ip filter FORWARD iifname berth0 accept && "
                + "nft insert rule ip filter FORWARD oifname berth0 accept")
        #expect(check("iifname \"berth0\" accept").level == .ok)
    }

    @Test func theOlderFilter() {
        #expect(ForwardingCheck.legacyDrops("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n", bridge: "berth0"))
        #expect(!ForwardingCheck.legacyDrops("-P FORWARD ACCEPT\n", bridge: "berth0"))
        #expect(!ForwardingCheck.legacyDrops("-P FORWARD DROP\n-A FORWARD -i berth0 -j ACCEPT\n", bridge: "berth0"))
    }

    @Test func forwardingMattersOnceTheDaemonRuns() {
        #expect(ForwardingCheck.forwarding("0", daemonRuns: false).level == .ok)
        #expect(ForwardingCheck.forwarding("0", daemonRuns: true).remedy == "sysctl -w net.ipv4.ip_forward=1")
        #expect(ForwardingCheck.forwarding("1", daemonRuns: true).level == .ok)
    }

    @Test(arguments: [("32768\t60999", Finding.Level.ok), ("40000 40100", .warning), ("", .warning), ("9 1", .warning)])
    func ports(_ text: String, _ level: Finding.Level) { #expect(ForwardingCheck.ports(text).level == level) }

    @Test func ufw() {
        let drop = "DEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_FORWARD_POLICY=\"DROP\"\n"
        #expect(ForwardingCheck.ufw("# x\nENABLED=no\n", drop, bridge: "b0") == nil)
        #expect(ForwardingCheck.ufw("ENABLED=yes\n", drop, bridge: "b0")?.remedy.contains("in on b0") == true)
        #expect(ForwardingCheck.ufw("ENABLED=yes\n", "DEFAULT_FORWARD_POLICY=\"ACCEPT\"", bridge: "b0")?.level == .ok)
    }

    @Test func proxies() {
        func check(_ shell: [String: String], _ daemon: [String: String]?, https: String? = nil) -> Finding {
            var settings = DaemonSettings(DaemonFlags(words: []), file: "/f.json", nil)
            settings.httpsProxy = https
            return ProxyCheck.finding(shell: shell, daemon: daemon, settings, restart: "restart it")
        }
        let shell = ["https_proxy": "http://me:secret@proxy:3128"]
        let missing = check(shell, ["HTTP_PROXY": "http://proxy:1"])
        #expect(missing.level == .warning && missing.fact == "HTTPS_PROXY of this shell is not the daemon's")
        #expect(
            missing.remedy
                == "add \"proxies\": {\"https-proxy\": \"http://***@proxy:3128\"} to /f.json, then restart it")
        #expect(check(shell, ["HTTPS_PROXY": "http://proxy:3128"]).level == .ok)
        #expect(check(shell, [:], https: "http://proxy:3128").level == .ok)
        #expect(check(shell, nil) == .ok("proxies", "http://***@proxy:3128; the daemon's are not seen"))
        #expect(check([:], [:]) == .ok("proxies", "none"))
    }
}

@Suite struct DoctorDaemonTests {
    @Test func flagsWinOverTheFile() {
        let text = """
            {"data-root": "/file", "bridge": "filebridge", "registry-mirrors": ["https://m1"],
             "insecure-registries": ["10.0.0.0/8", "reg:5000"], "proxies": {"https-proxy": "http://p"},
             "registries": {"ghcr.io": {"mirrors": ["https://m2"]}, "quay.io": {"server": "https://own"}}}
            """
        let flags = DaemonFlags(words: ["berthd", "--data-root=/flag", "--registry-mirror", "https://m0"])
        let settings = DaemonSettings(flags, file: "/f", Array(text.utf8))
        #expect(settings.complaint == nil)
        #expect(settings.dataRoot == "/flag" && settings.bridge == "filebridge")
        #expect(settings.mirrors == ["https://m0", "https://m1", "https://m2"])
        #expect(settings.registries == ["10.0.0.0/8", "reg:5000", "ghcr.io", "https://own"])
        #expect(settings.httpsProxy == "http://p" && settings.httpProxy == nil)
        #expect(DaemonSettings(flags, file: "/f", Array("{".utf8)).complaint == "/f is not a JSON object")
    }

    @Test func versions() {
        func check(_ name: String, _ version: String) -> Finding {
            var answer = SystemVersion()
            answer.platform = VersionPlatform(name: name)
            answer.version = version
            return DaemonCheck.finding(answer, at: "unix:///s", restart: "restart it")
        }
        #expect(check("Berth Engine", BerthVersion.version).level == .ok)
        let old = check("Berth Engine", "0.0.1")
        #expect(old.level == .warning && old.fact.contains("0.0.1") && old.remedy == "restart it")
        #expect(check("Docker Engine - Community", "28.0").fact.contains("Docker Engine"))
    }

    private func facts(_ host: String, pid: Int32?, _ words: [String]) throws -> DaemonFacts {
        DaemonFacts(
            host: try EngineHost(parsing: host), answer: .late, pid: pid, commandLine: words,
            settings: DaemonSettings(DaemonFlags(words: words), file: "/f", nil), environment: nil,
            startsByItself: false)
    }

    @Test func aDaemonIsStartedAgainAsItWas() throws {
        let running = try facts("unix:///s", pid: 42, ["/usr/bin/berthd", "-H", "unix:///s", "--data-root=/my data"])
        #expect(
            running.restart == "kill 42 && tail --pid=42 -f /dev/null && "
                + "/usr/bin/berthd -H unix:///s '--data-root=/my data' &")
        #expect(try facts("unix:///s", pid: nil, []).restart == "berthd -H unix:///s &")
    }

    private static let users = HostUsers(
        groups: "root:x:0:\ndocker:x:998:anna,ben\nberth:x:997:anna\nbroken\nberth2:x:none:\n")

    private func access(_ mode: UInt32, group: UInt32) -> SocketAccess {
        SocketAccess(path: "/s", owner: 0, group: group, permissions: mode, users: Self.users)
    }

    private func user(_ name: String, groups: [UInt32] = []) -> HostUsers.User {
        HostUsers.User(name: name, id: 1000, groups: groups)
    }

    @Test func whoMayUseTheSocket() {
        #expect(access(0o660, group: 997).finding(for: user("anna", groups: [997])).level == .ok)
        #expect(access(0o660, group: 0).finding(for: .init(name: "root", id: 0, groups: [0])).level == .ok)
        let stranger = access(0o660, group: 997).finding(for: user("carl"))
        #expect(stranger.level == .problem && stranger.remedy == "usermod -aG berth carl")
        let early = access(0o660, group: 997).finding(for: user("anna"))
        #expect(early.level == .problem && early.remedy == "newgrp berth")
        let open = access(0o666, group: 997).finding(for: user("carl"))
        #expect(open.level == .warning && open.remedy == "chmod 660 /s")
    }

    @Test func nobodyIsPutIntoTheGroupRoot() {
        let remedy = access(0o660, group: 0).finding(for: user("carl")).remedy
        #expect(remedy == "usermod -aG berth carl && chgrp berth /s && chmod 660 /s")
    }

    @Test func groups() {
        let both = GroupCheck.finding(Self.users, restart: nil)
        #expect(both.level == .warning && both.remedy == "usermod -aG berth ben")
        let none = GroupCheck.finding(HostUsers(groups: "root:x:0:\n"), restart: "restart it")
        #expect(none.remedy == "groupadd --system berth && restart it")
        #expect(GroupCheck.finding(HostUsers(groups: "berth:x:9:anna\n"), restart: nil).level == .ok)
    }

    @Test func limits() {
        let text = """
            Limit                     Soft Limit           Hard Limit           Units
            Max processes             1                    1                    processes
            Max open files            1024                 524288               files
            """
        #expect(LimitCheck.openFiles(text) == 1024)
        #expect(LimitCheck.openFiles("Max open files            unlimited            unlimited   files") == .max)
        #expect(LimitCheck.finding(openFiles: 1024, restart: "r").remedy == "ulimit -n 1048576 && r")
        #expect(LimitCheck.finding(openFiles: 20000, restart: "r").level == .ok)
        #expect(LimitCheck.finding(instances: 64, watches: 100_000).level == .warning)
        #expect(LimitCheck.finding(instances: 128, watches: 100_000).level == .ok)
    }
}

@Suite struct DoctorRegistryTests {
    @Test func addresses() throws {
        let mirror = try #require(RegistryAddress("https://mirror.example:5000/hub/"))
        #expect(mirror.name == "mirror.example:5000" && mirror.path == "/hub" && mirror.scheme == .https)
        let six = try #require(RegistryAddress("http://[::1]:80"))
        #expect(six.host == "::1" && six.port == 80 && six.name == "[::1]:80")
        #expect(RegistryAddress("registry.example")?.port == nil)
        for text in ["10.0.0.0/8", "ftp://x", "http://", "host:port", ""] { #expect(RegistryAddress(text) == nil) }
    }

    @Test func dockerHubIsAskedOnlyWhenToldTo() {
        var settings = DaemonSettings(DaemonFlags(words: []), file: "/f", nil)
        settings.mirrors = ["https://registry-1.docker.io", "https://m", "https://m"]
        settings.registries = ["docker.io", "10.0.0.0/8"]
        func asked(_ online: Bool) -> [String] {
            RegistryCheck.addresses(settings, isOnline: online).map(\.text)
        }
        #expect(asked(false) == ["https://m"])
        #expect(asked(true) == ["https://m", "docker.io"])
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", RegistryCheck.Outcome.answers("")),
        ("HTTP/1.1 401 Unauthorized\r\n", .answers("wants a login")),
        ("SSH-2.0-OpenSSH_9.2\r\n", .fails("what answers there does not speak HTTP")),
        ("", .fails("what answers there does not speak HTTP")),
        (
            "HTTP/1.1 502 Bad Gateway\r\n",
            .fails("GET /v2/ ends with status 502: this is no registry, or it is in trouble")
        ),
    ])
    func answers(_ text: String, _ outcome: RegistryCheck.Outcome) { #expect(RegistryProbe.answer(text) == outcome) }

    @Test func aFailureHasItsRemedy() throws {
        let address = try #require(RegistryAddress("http://127.0.0.1:9"))
        let finding = RegistryCheck.finding(address, .fails("Connection refused"), file: "/f", restart: "r")
        #expect(finding.level == .problem && finding.fact == "http://127.0.0.1:9: Connection refused")
        #expect(finding.remedy == "curl -v http://127.0.0.1:9/v2/, or take it out of /f")
        #expect(RegistryCheck.finding(address, .reachable, file: "/f", restart: "r").level == .ok)
    }
}

@Suite struct DoctorProgramTests {
    @Test func links() {
        func check(own: Bool, dockerHost: String?) -> Finding {
            LinkCheck.finding("docker", path: "/usr/bin/docker", isOwn: own, dockerHost: dockerHost, host: "unix:///s")
        }
        #expect(check(own: true, dockerHost: nil).level == .ok)
        #expect(check(own: false, dockerHost: "unix:///s").level == .ok)
        #expect(check(own: false, dockerHost: nil).remedy == "export DOCKER_HOST=unix:///s")
    }

    @Test func helpers() {
        let fedora = PackageManager(osRelease: "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n")
        #expect(
            HelperCheck.findings(fedora) { _ in false }.map(\.remedy) == [
                "dnf install procps-ng", "dnf install mmdebstrap",
            ])
        let debian = PackageManager(osRelease: "ID=debian\n")
        #expect(HelperCheck.findings(debian) { _ in false }.first?.remedy == "apt-get install procps")
        #expect(HelperCheck.findings(debian) { $0 != "mmdebstrap" }.allSatisfy { $0.level == .ok })
        #expect(PackageManager(osRelease: "ID=alpine\n").command("procps") == "apk add procps")
        let ubuntu = PackageManager(osRelease: "ID=ubuntu\nID_LIKE=debian\n")
        #expect(ubuntu.newKernel == "apt-get install linux-image-generic && reboot")
    }

    @Test func aFindingIsOneLine() {
        let line = Finding.problem("disk", "two\nlines", repair: "do this").line
        #expect(line == "problem  disk                two lines; repair: do this")
    }
}
