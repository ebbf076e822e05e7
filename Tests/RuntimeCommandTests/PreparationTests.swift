import Errors
import OCI
import Testing

@testable import RuntimeCommand

struct PreparationTests {
    private func spec(_ change: (inout RuntimeSpec) -> Void = { _ in }) -> RuntimeSpec {
        var spec = RuntimeSpec()
        spec.root = RuntimeSpec.Root(path: "rootfs")
        var process = RuntimeSpec.Process()
        process.args = ["true"]
        spec.process = process
        var linux = RuntimeSpec.Linux()
        linux.namespaces = [RuntimeSpec.Namespace(.mount), RuntimeSpec.Namespace(.uts), RuntimeSpec.Namespace(.ipc)]
        spec.linux = linux
        change(&spec)
        return spec
    }

    @Test func whatTheRuntimeSupplies() throws {
        let prepared = try SpecPreparation(
            spec {
                $0.linux?.devices = [RuntimeSpec.Device(type: "c", path: "/dev/null", major: 1, minor: 3)]
                $0.linux?.resources = RuntimeSpec.Resources()
                $0.linux?.resources?.devices = [RuntimeSpec.DeviceRule(allow: false)]
                $0.mounts = [RuntimeSpec.Mount(destination: "data")]
            })
        let paths = prepared.spec.linux?.devices?.map(\.path) ?? []
        #expect(Set(paths).count == paths.count)
        #expect(Set(paths).isSuperset(of: ["null", "zero", "full", "random", "urandom", "tty"].map { "/dev/" + $0 }))
        // After the rule that forbids all, since the last one that matches counts.
        let rules = prepared.spec.linux?.resources?.devices ?? []
        #expect(rules.first?.allow == false && rules.dropFirst().allSatisfy(\.allow) && rules.count > 8)
        #expect(prepared.spec.process?.capabilities?.bounding == nil && prepared.spec.process?.capabilities != nil)
        #expect(prepared.spec.mounts?[0].destination == "/data" && prepared.warnings.count == 1)
    }

    @Test func withoutRulesForDevicesThereAreNone() throws {
        #expect(try SpecPreparation(spec()).spec.linux?.resources?.devices == nil)
    }

    @Test func capabilitiesThatNobodyHas() throws {
        let prepared = try SpecPreparation(
            spec {
                $0.process?.capabilities = RuntimeSpec.Capabilities()
                $0.process?.capabilities?.bounding = ["CAP_NOSUCH"]
            })
        #expect(prepared.warnings.count == 1 && prepared.warnings[0].contains("CAP_NOSUCH"))
    }

    @Test(arguments: ["kernel.shmmax", "fs.mqueue.msg_max", "kernel.hostname", "kernel/msgmax"])
    func settingsOfNamespaces(_ name: String) throws {
        _ = try SpecPreparation(spec { $0.linux?.sysctl = [name: "1"] })
    }

    @Test(arguments: ["vm.swappiness", "kernel.core_pattern", "net.ipv4.ip_forward", "user.max_user_namespaces"])
    func settingsOfTheHost(_ name: String) {
        #expect(throws: BerthError.self) { try SpecPreparation(spec { $0.linux?.sysctl = [name: "1"] }) }
    }

    @Test func mistakes() {
        let changes: [(inout RuntimeSpec) -> Void] = [
            { $0.ociVersion = "2.0" }, { $0.root = nil }, { $0.process = nil }, { $0.process?.args = [] },
            { $0.process?.cwd = "x" }, { $0.linux?.intelRdt = RuntimeSpec.IntelRDT() },
            { $0.linux?.namespaces?.append(RuntimeSpec.Namespace(.uts)) },
            { $0.linux?.uidMappings = [RuntimeSpec.IDMapping(containerID: 0, hostID: 1, size: 1)] },
            { $0.linux?.timeOffsets = ["monotonic": RuntimeSpec.TimeOffset()] },
            {
                $0.hostname = "x"
                $0.linux?.namespaces = []
            },
            { $0.linux?.seccomp = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_NOTIFY") },
            { $0.process?.rlimits = [RuntimeSpec.ResourceLimit(type: "RLIMIT_NOSUCH", soft: 1, hard: 1)] },
        ]
        for (index, change) in changes.enumerated() {
            #expect(throws: BerthError.self, "\(index)") { try SpecPreparation(spec(change)) }
        }
        #expect(throws: Never.self) { try SpecPreparation(spec()) }
    }
}
