import EngineAPI
import Errors
import Linux
import OCI
import Testing

@testable import Engine

extension SpecInput {
    static let example = SpecInput(
        id: "abc", config: ContainerConfig(env: ["A=1"], cmd: ["sh", "-c", "true"]), hostConfig: HostConfig(),
        mounts: [],
        hostname: "box", domainname: "", hostsFile: "/h", hostnameFile: "/n", resolvFile: "/r", network: .new,
        pid: .new,
        ipc: .new, uts: .new, cgroup: .new, caBundle: nil, initPath: nil, cgroupPath: "/berth/abc",
        defaultShmSize: 64 << 20)
}

struct SpecTests {
    private let builder: SpecBuilder

    init() throws {
        builder = SpecBuilder(hierarchies: try CgroupHierarchies.detect(), available: .all)
    }

    private func build(_ change: (inout SpecInput) -> Void = { _ in }) throws -> RuntimeSpec {
        var input = SpecInput.example
        change(&input)
        return try builder.build(input)
    }

    private func mount(_ spec: RuntimeSpec, _ path: String) -> RuntimeSpec.Mount? {
        spec.mounts?.first { $0.destination == path }
    }

    @Test func defaultsAreDockers() throws {
        let spec = try build()
        #expect(spec.process?.args == ["sh", "-c", "true"])
        #expect(
            spec.process?.env == [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=box", "A=1",
            ])
        #expect(spec.process?.capabilities?.bounding?.count == 14)
        #expect(spec.process?.capabilities?.effective == spec.process?.capabilities?.bounding)
        #expect(spec.process?.capabilities?.inheritable == nil)
        #expect(spec.process?.cwd == "/")
        #expect(spec.hostname == "box")
        #expect(
            spec.mounts?.map(\.destination) == [
                "/proc", "/dev", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm", "/etc/resolv.conf", "/etc/hostname",
                "/etc/hosts", "/sys/fs/cgroup",
            ])
        #expect(mount(spec, "/dev/shm")?.options?.contains("size=67108864") == true)
        #expect(mount(spec, "/sys")?.options?.contains("ro") == true)
        #expect(spec.linux?.namespaces?.map(\.type) == [.mount, .network, .uts, .pid, .ipc, .cgroup])
        #expect(
            spec.linux?.devices?.map(\.path)
                == ["null", "zero", "full", "random", "urandom", "tty"].map { "/dev/\($0)" })
        #expect(spec.linux?.resources?.devices?.first?.allow == false)
        #expect(spec.linux?.maskedPaths?.contains("/proc/kcore") == true)
        #expect(spec.linux?.maskedPaths?.contains("/proc/interrupts") == true)
        #expect(spec.linux?.readonlyPaths?.contains("/proc/sys") == true)
        #expect(spec.linux?.resources?.memory == nil)
        #expect(spec.linux?.resources?.cpu == nil)
    }

    @Test func privilegedIsEverything() throws {
        let spec = try build { $0.hostConfig.privileged = true }
        #expect(spec.linux?.maskedPaths == nil)
        #expect(spec.linux?.readonlyPaths == nil)
        #expect(mount(spec, "/sys")?.options?.contains("rw") == true)
        #expect(mount(spec, "/sys/fs/cgroup")?.options?.contains("rw") == true)
        #expect(spec.process?.capabilities?.bounding == CapabilitySet.all.names)
        #expect(spec.linux?.resources?.devices?.count == 1)
        #expect(spec.linux?.devices?.contains { $0.path == "/dev/null" } == true)
    }

    @Test func capabilitiesFollowDockersRules() throws {
        func chosen(_ add: [String], _ drop: [String]) throws -> CapabilitySet {
            try CapabilityChoice(HostConfig(capAdd: add, capDrop: drop)).capabilities
        }
        let standard = CapabilityChoice.standard
        #expect(try chosen(["net_admin"], []) == standard.union(CapabilitySet(names: ["NET_ADMIN"])))
        #expect(try chosen([], ["CAP_MKNOD"]) == standard.subtracting(CapabilitySet(names: ["MKNOD"])))
        #expect(try chosen(["CHOWN"], ["ALL"]) == CapabilitySet(names: ["CHOWN"]))
        #expect(
            try chosen(["ALL"], ["SYS_ADMIN"]) == CapabilitySet.all.subtracting(CapabilitySet(names: ["SYS_ADMIN"])))
        let error = #expect(throws: BerthError.self) { try chosen(["FLY"], []) }
        #expect(error?.message == #"invalid CapAdd: unknown capability: "CAP_FLY""#)
        #expect(error?.code == .invalidArgument)
    }

    @Test func whatTheHostLacksIsLeftOut() throws {
        let poor = SpecBuilder(
            hierarchies: builder.hierarchies, available: CapabilitySet.all.subtracting(CapabilitySet(names: ["CHOWN"])))
        let spec = try poor.build(.example)
        #expect(spec.process?.capabilities?.bounding?.contains("CAP_CHOWN") == false)
        #expect(spec.process?.capabilities?.bounding?.count == 13)
    }

    @Test func environmentIsLayered() throws {
        let spec = try build {
            $0.config.tty = true
            $0.config.env = ["PATH=/bin", "TERM", "X=1", "X=2"]
            $0.extraEnvironment = ["PROXY=p"]
        }
        #expect(spec.process?.env == ["PATH=/bin", "HOSTNAME=box", "PROXY=p", "X=2"])
        #expect(spec.process?.terminal == true)
    }

    @Test func certificatesLeaveNoTrace() throws {
        let spec = try build {
            $0.caBundle = "/ca.crt"
            $0.config.env = ["PIP_CERT=/own"]
        }
        #expect(mount(spec, "/dev/berth-ca.crt")?.options?.contains("ro") == true)
        #expect(spec.process?.env?.contains("SSL_CERT_FILE=/dev/berth-ca.crt") == true)
        #expect(spec.process?.env?.contains("PIP_CERT=/own") == true)
        let hidden = try build {
            $0.caBundle = "/ca.crt"
            $0.mounts = [.bind("/dev", "/dev")]
        }
        #expect(mount(hidden, "/dev/berth-ca.crt") == nil)
        #expect(hidden.process?.env?.contains { $0.hasPrefix("SSL_CERT_FILE") } == false)
        #expect(mount(hidden, "/dev/pts") == nil)
    }

    @Test func mountsAreTranslated() throws {
        var readOnly = ResolvedMount.bind("/src", "/etc/hosts")
        readOnly.isReadOnly = true
        var shared = ResolvedMount.bind("/s", "/s")
        shared.propagation = "rshared"
        let spec = try build {
            $0.mounts = [readOnly, shared]
            $0.hostConfig.tmpfs = ["/run": "size=1m,exec"]
            $0.hostConfig.readonlyRootfs = true
            $0.initPath = "/init"
        }
        #expect(mount(spec, "/etc/hosts")?.source == "/src")
        #expect(mount(spec, "/etc/hosts")?.options == ["rbind", "rro", "rprivate"])
        #expect(mount(spec, "/s")?.options == ["rbind", "rshared"])
        #expect(spec.linux?.rootfsPropagation == "rshared")
        #expect(mount(spec, "/run")?.options == ["nosuid", "nodev", "size=1m", "exec", "rprivate"])
        #expect(mount(spec, "/etc/resolv.conf")?.options?.contains("ro") == true)
        #expect(mount(spec, "/dev")?.options?.contains("ro") == false)
        #expect(spec.root?.readonly == true)
        #expect(spec.process?.args?.prefix(2) == ["/sbin/docker-init", "--"])
        #expect(throws: BerthError.self) { try build { $0.mounts = [.bind("/x", "/proc/self")] } }
        let error = #expect(throws: BerthError.self) { try build { $0.hostConfig.tmpfs = ["/t": "colour=red"] } }
        #expect(error?.message == #"invalid tmpfs option ["colour" "red"]"#)
    }

    @Test func resourcesAreTranslated() throws {
        let spec = try build {
            $0.hostConfig.memory = 100 << 20
            $0.hostConfig.nanoCpus = 1_500_000_000
            $0.hostConfig.pidsLimit = 20
            $0.hostConfig.cpusetCpus = "0"
            $0.hostConfig.ulimits = [Ulimit(name: "nofile", hard: -1, soft: 1024)]
            $0.hostConfig.oomScoreAdj = 7
            $0.hostConfig.deviceCgroupRules = ["c 13:* rw"]
        }
        let resources = spec.linux?.resources
        #expect(resources?.memory?.limit == 100 << 20)
        #expect(resources?.memory?.swap == 200 << 20)
        #expect(resources?.cpu?.quota == 150_000)
        #expect(resources?.cpu?.period == 100_000)
        #expect(resources?.cpu?.cpus == "0")
        #expect(resources?.pids?.limit == 20)
        #expect(spec.process?.rlimits?.first?.type == "RLIMIT_NOFILE")
        #expect(spec.process?.rlimits?.first?.hard == .max)
        #expect(spec.process?.oomScoreAdj == 7)
        #expect(resources?.devices?.last?.major == 13)
        #expect(resources?.devices?.last?.minor == nil)
    }

    @Test func devicesAreLookedUp() throws {
        let spec = try build {
            $0.hostConfig.devices = [
                DeviceMapping(pathOnHost: "/dev/zero", pathInContainer: "/dev/nil", cgroupPermissions: "r")
            ]
        }
        #expect(spec.linux?.devices?.last?.path == "/dev/nil")
        #expect(spec.linux?.devices?.last?.minor == 5)
        #expect(spec.linux?.resources?.devices?.last?.access == "r")
        #expect(throws: BerthError.self) { try build { $0.hostConfig.devices = [DeviceMapping(pathOnHost: "/nope")] } }
        #expect(throws: BerthError.self) { try build { $0.hostConfig.deviceCgroupRules = ["x 1:2 r"] } }
        #expect(throws: BerthError.self) { try build { $0.hostConfig.deviceRequests = [DeviceRequest(count: -1)] } }
    }

    @Test func sysctlsNeedTheirNamespace() throws {
        let spec = try build { $0.hostConfig.sysctls = ["net.core.somaxconn": "1024"] }
        #expect(spec.linux?.sysctl?["net.core.somaxconn"] == "1024")
        let error = #expect(throws: BerthError.self) {
            try build {
                $0.network = .host
                $0.hostConfig.sysctls = ["net.core.somaxconn": "1024"]
            }
        }
        #expect(error?.message == #"sysctl "net.core.somaxconn" not allowed in host network namespace"#)
        #expect(throws: BerthError.self) { try build { $0.hostConfig.sysctls = ["vm.swappiness": "1"] } }
    }

    @Test func securityOptionsAreRead() throws {
        let spec = try build {
            $0.hostConfig.securityOpt = ["no-new-privileges:true", "systempaths=unconfined", "label=disable"]
        }
        #expect(spec.process?.noNewPrivileges == true)
        #expect(spec.linux?.maskedPaths == nil)
        let profile = #"seccomp={"defaultAction":"SCMP_ACT_ALLOW"}"#
        #expect(
            try SecurityOptions(HostConfig(securityOpt: [profile])).seccomp
                == .profile(#"{"defaultAction":"SCMP_ACT_ALLOW"}"#))
        #expect(throws: BerthError.self) { try SecurityOptions(HostConfig(securityOpt: ["what"])) }
        #expect(throws: BerthError.self) { try SecurityOptions(HostConfig(securityOpt: ["what=ever"])) }
    }

    @Test func execsAreLikeTheContainer() throws {
        let process = try builder.execProcess(
            request: ExecCreateRequest(
                tty: true, consoleSize: [20, 80], env: ["A=2"], workingDir: "/tmp", cmd: ["ls"]),
            input: .example)
        #expect(process.args == ["ls"])
        #expect(process.cwd == "/tmp")
        #expect(process.env?.contains("TERM=xterm") == true)
        #expect(process.env?.contains("A=2") == true)
        #expect(process.consoleSize?.width == 80)
        #expect(process.capabilities?.bounding?.count == 14)
        #expect(throws: BerthError.self) {
            try builder.execProcess(request: ExecCreateRequest(), input: .example)
        }
    }

    @Test func mistakesAreToldInDockersWords() {
        func message(_ host: HostConfig) -> String? {
            do throws(BerthError) {
                try HostConfigCheck.check(host)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(message(HostConfig()) == nil)
        #expect(message(HostConfig(memory: 1000)) == "Minimum memory limit allowed is 6MB")
        #expect(
            message(HostConfig(memorySwap: 1 << 30))
                == "You should always set the Memory limit when using Memoryswap limit, see usage")
        #expect(message(HostConfig(nanoCpus: 1 << 50))?.hasPrefix("range of CPUs is from 0.01 to") == true)
        #expect(
            message(HostConfig(nanoCpus: 1, cpuQuota: 5000))
                == "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        #expect(message(HostConfig(ulimits: [Ulimit(name: "wings")])) == "invalid ulimit type: wings")
        #expect(HostConfigCheck.completed(HostConfig(memory: 10 << 20)).memorySwap == 20 << 20)
    }

    @Test func nothingToRunIsAMistake() {
        let error = #expect(throws: BerthError.self) { try build { $0.config.cmd = nil } }
        #expect(error?.message == "no command specified")
    }
}

extension ResolvedMount {
    static func bind(_ source: String, _ destination: String) -> ResolvedMount {
        ResolvedMount(
            kind: .bind, source: source, destination: destination, isReadOnly: false, propagation: "", options: [],
            mode: "")
    }
}
