import EngineAPI
import Errors
import Testing

@testable import CLI

@Suite struct ParseTests {
    @Test(arguments: [
        ("512m", Int64(512 << 20)), ("1g", 1 << 30), ("1.5G", 3 << 29), ("64KiB", 65536), ("10b", 10), ("7", 7),
        ("2kb", 2048), ("0", 0), ("1 g", 1 << 30),
    ])
    func bytes(_ text: String, _ value: Int64) throws { #expect(try Parse.bytes(text) == value) }

    @Test(arguments: ["", "-1", "m", "12q", "1..5g", "9999999999g"])
    func badBytes(_ text: String) {
        #expect(throws: BerthError.self) { try Parse.bytes(text) }
    }

    @Test(arguments: [
        ("1.5", Int64(1_500_000_000)), ("2", 2_000_000_000), (".25", 250_000_000), ("0.000000001", 1),
    ])
    func cpus(_ text: String, _ value: Int64) throws { #expect(try Parse.nanoCPUs(text) == value) }

    @Test func tooPreciseCPUs() {
        #expect(throws: BerthError.self) { try Parse.nanoCPUs("0.0000000001") }
        #expect(throws: BerthError.self) { try Parse.nanoCPUs("two") }
    }

    @Test(arguments: [
        ("30s", Int64(30_000_000_000)), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000), ("250ms", 250_000_000),
        ("0", 0), ("-5s", -5_000_000_000),
    ])
    func durations(_ text: String, _ value: Int64) throws { #expect(try Parse.duration(text) == value) }

    @Test func durationsNeedUnits() {
        #expect(throws: BerthError.self) { try Parse.duration("30") }
        #expect(throws: BerthError.self) { try Parse.duration("s") }
    }
}

@Suite struct PortSpecTests {
    private func texts(_ text: String) throws -> [String] {
        try PortSpec.parse(text).map { "\($0.binding.hostIp)|\($0.binding.hostPort)|\($0.containerPort)" }
    }

    @Test(arguments: [
        ("80", ["||80/tcp"]),
        ("8080:80", ["|8080|80/tcp"]),
        ("127.0.0.1:8080:80/udp", ["127.0.0.1|8080|80/udp"]),
        ("127.0.0.1::80", ["127.0.0.1||80/tcp"]),
        ("[::1]:8080:80", ["[::1]|8080|80/tcp"]),
        ("8000-8001:80-81", ["|8000|80/tcp", "|8001|81/tcp"]),
        ("8000-8010:80", ["|8000-8010|80/tcp"]),
        ("7000-7001", ["||7000/tcp", "||7001/tcp"]),
        ("published=8080,target=80,protocol=udp", ["|8080|80/udp"]),
    ])
    func forms(_ text: String, _ expected: [String]) throws { #expect(try texts(text) == expected) }

    @Test(arguments: ["", "http", "80:", "70000:80", "8000-8001:80-82", "80/icmp", "host:80:80", "9-8", "1:2:3:4"])
    func refused(_ text: String) {
        #expect(throws: BerthError.self) { try PortSpec.parse(text) }
    }

    @Test func exposed() throws {
        #expect(try PortSpec.exposed("53/udp") == ["53/udp"])
        #expect(try PortSpec.exposed("7000-7001") == ["7000/tcp", "7001/tcp"])
    }
}

@Suite struct MountSpecTests {
    private let folder = WorkingFolder(path: "/home/me/project", home: "/home/me")

    @Test func relativeSourcesBecomeAbsolute() throws {
        #expect(try MountSpec.volume("./data:/data:ro", in: folder) == .bind("/home/me/project/data:/data:ro"))
        #expect(try MountSpec.volume("..:/up", in: folder) == .bind("/home/me:/up"))
        #expect(try MountSpec.volume("~/x:/x", in: folder) == .bind("/home/me/x:/x"))
        #expect(try MountSpec.volume("/a/../b:/b", in: folder) == .bind("/b:/b"))
    }

    @Test func namesAndAnonymousVolumes() throws {
        #expect(try MountSpec.volume("cache:/var/cache", in: folder) == .bind("cache:/var/cache"))
        #expect(try MountSpec.volume("/data", in: folder) == .anonymous("/data"))
    }

    @Test(arguments: ["data", "a:b", ":/x", "a::b", "a:/b:ro:z"])
    func refused(_ text: String) {
        #expect(throws: BerthError.self) { try MountSpec.volume(text, in: folder) }
    }

    @Test func longForm() throws {
        let mount = try MountSpec.mount("type=bind,src=conf,dst=/etc/conf,readonly,bind-propagation=rslave", in: folder)
        #expect(
            mount
                == Mount(
                    type: "bind", source: "/home/me/project/conf", target: "/etc/conf", readOnly: true,
                    bindOptions: BindOptions(propagation: "rslave")))
        let memory = try MountSpec.mount("type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1777", in: folder)
        #expect(memory.tmpfsOptions == TmpfsOptions(sizeBytes: 64 << 20, mode: 0o1777))
        let volume = try MountSpec.mount(
            "source=v,target=/v,volume-opt=type=nfs,volume-opt=o=addr,volume-nocopy", in: folder)
        #expect(volume.type == "volume")
        #expect(volume.volumeOptions?.noCopy == true)
        #expect(volume.volumeOptions?.driverConfig?.options == ["type": "nfs", "o": "addr"])
    }

    @Test(arguments: [
        "type=bind,target=/x", "source=x", "type=bind,source=a,target=/b,nope=1", "type=tmpfs,source=a,target=/b",
    ])
    func badLongForm(_ text: String) {
        #expect(throws: BerthError.self) { try MountSpec.mount(text, in: folder) }
    }
}

@Suite struct EnvironmentSpecTests {
    @Test func flagsWinOverFilesAndNamesTakeTheirValueFromHere() throws {
        let merged = try EnvironmentSpec.merge(
            files: [("a.env", "# note\n\nA=1\n  B=two words \nHOME\nNOT_SET\n")], flags: ["A=2", "PATH", "MISSING"],
            environment: ["HOME": "/root", "PATH": "/bin"])
        #expect(merged == ["A=2", "B=two words ", "HOME=/root", "PATH=/bin"])
    }

    @Test func badNamesAreTold() {
        #expect(throws: BerthError.self) {
            try EnvironmentSpec.merge(files: [("a.env", "a b=1")], flags: [], environment: [:])
        }
        #expect(throws: BerthError.self) { try EnvironmentSpec.merge(files: [], flags: ["=x"], environment: [:]) }
    }
}

@Suite struct ResourceSpecTests {
    @Test func ulimits() throws {
        #expect(try ResourceSpec.ulimit("nofile=1024:2048") == Ulimit(name: "nofile", hard: 2048, soft: 1024))
        #expect(try ResourceSpec.ulimit("nproc=100") == Ulimit(name: "nproc", hard: 100, soft: 100))
        #expect(throws: BerthError.self) { try ResourceSpec.ulimit("nofile=2:1") }
    }

    @Test func devices() throws {
        #expect(
            try ResourceSpec.device("/dev/fuse:r")
                == DeviceMapping(pathOnHost: "/dev/fuse", pathInContainer: "/dev/fuse", cgroupPermissions: "r"))
        #expect(
            try ResourceSpec.device("/dev/a:/dev/b:rw")
                == DeviceMapping(pathOnHost: "/dev/a", pathInContainer: "/dev/b", cgroupPermissions: "rw"))
    }

    @Test func restartPolicies() throws {
        #expect(try RestartSpec.parse("on-failure:3") == RestartPolicy(name: "on-failure", maximumRetryCount: 3))
        #expect(try RestartSpec.parse(nil) == nil)
        #expect(throws: BerthError.self) { try RestartSpec.parse("sometimes") }
    }

    @Test func networks() throws {
        #expect(
            try NetworkSpec.parse("name=back,alias=db,ip=172.30.0.5")
                == NetworkSpec.Attachment(name: "back", aliases: ["db"], ip: "172.30.0.5"))
        #expect(try NetworkSpec.parse("host") == NetworkSpec.Attachment(name: "host"))
        #expect(try NetworkSpec.extraHost("a=[::1]") == "a:::1")
        #expect(try NetworkSpec.extraHost("db:host-gateway") == "db:host-gateway")
        #expect(throws: BerthError.self) { try NetworkSpec.extraHost("db:nowhere") }
    }

    @Test func subnetsContainAddresses() {
        #expect(AddressPrefix("172.28.0.0/16")?.contains("172.28.5.4") == true)
        #expect(AddressPrefix("172.28.0.0/16")?.contains("172.29.0.1") == false)
        #expect(AddressPrefix("fd00::/64")?.contains("fd00::1") == true)
        #expect(AddressPrefix("fd00::/64")?.contains("fd01::1") == false)
    }
}

@Suite struct RequestTests {
    private let context = RequestContext(
        folder: WorkingFolder(path: "/w", home: "/h"), environment: ["TOKEN": "s"], read: { _ in "" })

    private func request(_ words: String...) throws -> ContainerCreateRequest {
        var command = RunCommand()
        let outcome = try FlagParser(RunCommand.flags, interspersed: false).parse(words, into: &command)
        return try command.options.request(
            image: outcome.arguments[0], command: Array(outcome.arguments.dropFirst()), detached: command.detached,
            in: context)
    }

    @Test func aTypicalRun() throws {
        let request = try request(
            "-it", "--rm", "-p", "127.0.0.1:8080:80", "-v", "./d:/d", "-v", "/anon", "-e", "TOKEN", "--cpus", "1.5",
            "-m", "256m", "--network", "back", "--network-alias", "web", "--entrypoint", "sh", "alpine", "-c", "true")
        #expect(request.config.image == "alpine")
        #expect(request.config.cmd == ["-c", "true"])
        #expect(request.config.entrypoint == ["sh"])
        #expect(request.config.env == ["TOKEN=s"])
        #expect(request.config.exposedPorts == ["80/tcp"])
        #expect(request.config.volumes == ["/anon"])
        #expect(request.config.openStdin && request.config.stdinOnce && request.config.tty)
        #expect(request.config.attachStdin && request.config.attachStdout && request.config.attachStderr)
        #expect(request.hostConfig.binds == ["/w/d:/d"])
        #expect(request.hostConfig.portBindings["80/tcp"] == [PortBinding(hostIp: "127.0.0.1", hostPort: "8080")])
        #expect(request.hostConfig.nanoCpus == 1_500_000_000)
        #expect(request.hostConfig.memory == 256 << 20)
        #expect(request.hostConfig.autoRemove)
        #expect(request.hostConfig.networkMode == "back")
        #expect(request.networkingConfig.endpointsConfig["back"]?.aliases == ["web"])
    }

    @Test func detachedAttachesNothing() throws {
        let request = try request("-d", "-i", "alpine")
        #expect(request.config.openStdin && !request.config.stdinOnce)
        #expect(!request.config.attachStdin && !request.config.attachStdout && !request.config.attachStderr)
        #expect(request.networkingConfig.endpointsConfig.isEmpty)
        #expect(request.hostConfig.networkMode == "default")
    }

    @Test func emptyEntrypointResetsTheImages() throws {
        #expect(try request("--entrypoint", "", "alpine", "ls").config.entrypoint == [""])
        #expect(try request("--entrypoint=", "alpine", "ls").config.entrypoint == [""])
    }

    @Test func contradictionsAreRefused() {
        #expect(throws: BerthError.self) { try request("--rm", "--restart", "always", "alpine") }
        #expect(throws: BerthError.self) { try request("-d", "-a", "stdout", "alpine") }
        #expect(throws: BerthError.self) { try request("--no-healthcheck", "--health-cmd", "x", "alpine") }
    }

    @Test(arguments: [
        ("exec: \"nope\": executable file not found in $PATH", Int32(127)),
        ("exec /x: permission denied", 126), ("exec /etc: is a directory", 126), ("port is already allocated", 125),
    ])
    func exitCodesOfStart(_ message: String, _ code: Int32) {
        #expect(RunCommand.exitCode(forStartFailure: message) == code)
    }
}
