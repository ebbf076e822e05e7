import Errors
import Linux
import OCI
import Testing

@testable import ContainerRuntime

struct SpecTests {
    @Test func seccompFlags() throws {
        var spec = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ALLOW")
        #expect(try spec.filterFlags() == 0)
        spec.flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
        #expect(try spec.filterFlags() == 0x22)
        spec.flags = ["SECCOMP_FILTER_FLAG_NOSUCH"]
        #expect(throws: BerthError.self) { try spec.filterFlags() }
    }

    /// libseccomp refuses two conditions on one argument; they mean: either.
    @Test func seccompRulesThatNameAnArgumentTwice() throws {
        typealias Argument = RuntimeSpec.Seccomp.Argument
        func program(_ arguments: [[Argument]]) throws -> [UInt8] {
            var spec = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ALLOW")
            spec.syscalls = arguments.map {
                RuntimeSpec.Seccomp.Rule(names: ["kill"], action: "SCMP_ACT_ERRNO", args: $0)
            }
            return try SeccompFilter(spec).program
        }
        let one = Argument(index: 1, value: 10, op: "SCMP_CMP_EQ")
        let other = Argument(index: 1, value: 12, op: "SCMP_CMP_EQ")
        #expect(try program([[one, other]]) == program([[one], [other]]))
        let third = Argument(index: 0, value: 1, op: "SCMP_CMP_GT")
        #expect(try program([[one, third]]) != program([[one], [third]]))
    }

    /// Five instructions go before a filter that would refuse calls which its author did not know.
    @Test func newerCallsDoNotExist() throws {
        func program(_ action: String, _ errno: UInt32?) throws -> [UInt8] {
            var spec = RuntimeSpec.Seccomp(defaultAction: action)
            spec.defaultErrnoRet = errno
            spec.syscalls = [RuntimeSpec.Seccomp.Rule(names: ["read", "write"], action: "SCMP_ACT_TRAP")]
            return try SeccompFilter(spec).program
        }
        let refusing = try program("SCMP_ACT_ERRNO", nil)
        #expect(refusing.count == (try program("SCMP_ACT_ERRNO", 38).count) + 40)
        #expect(refusing.count == (try program("SCMP_ACT_ALLOW", nil).count) + 40)
        #expect(refusing.count == (try program("SCMP_ACT_KILL_PROCESS", nil).count) + 40)
        // load, and last of the five: return ERRNO | ENOSYS.
        #expect(refusing[0..<8] == [0x20, 0, 0, 0, 4, 0, 0, 0])
        #expect(refusing[32..<40] == [0x06, 0, 0, 0, 38, 0, 5, 0])
    }

    @Test func everyActionAndOperatorIsKnown() throws {
        for action in KnownSeccomp.actions {
            var spec = RuntimeSpec.Seccomp(defaultAction: "SCMP_ACT_ALLOW")
            spec.syscalls = KnownSeccomp.operators.map {
                RuntimeSpec.Seccomp.Rule(
                    names: ["mkdir"], action: action,
                    args: [RuntimeSpec.Seccomp.Argument(index: 0, value: 1, valueTwo: 1, op: $0)])
            }
            #expect(throws: Never.self, "\(action)") { try SeccompFilter(spec) }
            #expect(spec.asksListener == (action == "SCMP_ACT_NOTIFY"))
        }
    }

    @Test func sysctlNames() {
        #expect(RootDirectory.sysctlPath("net.ipv4.ip_forward") == "net/ipv4/ip_forward")
        #expect(RootDirectory.sysctlPath("net/ipv4/conf/eth0.100/mtu") == "net/ipv4/conf/eth0.100/mtu")
        #expect(RootDirectory.sysctlPath("net.ipv4.conf.eth0/100.mtu") == "net/ipv4/conf/eth0.100/mtu")
    }

    @Test func weights() {
        #expect(Cgroup.weight(shares: 2) == 1 && Cgroup.weight(shares: 262_144) == 10_000)
        #expect(Cgroup.weight(shares: 1024) == 39 && Cgroup.weight(shares: 0) == 1)
        #expect(Cgroup.ioWeight(10) == 1 && Cgroup.ioWeight(1000) == 10_000 && Cgroup.ioWeight(1) == 1)
    }

    @Test func namespaces() {
        var spec = RuntimeSpec()
        var linux = RuntimeSpec.Linux()
        linux.namespaces = [
            RuntimeSpec.Namespace(.mount), RuntimeSpec.Namespace(.network, path: "/run/n"),
            RuntimeSpec.Namespace(.pid, path: ""),
        ]
        spec.linux = linux
        #expect(spec.namespacesToMake == [.mount, .pid])
        #expect(spec.namespacesToJoin.map(\.path) == ["/run/n"])
        #expect(spec.ownNamespaces == [.mount, .pid, .network] && !spec.entersByDetour)
        spec.linux?.namespaces?.append(RuntimeSpec.Namespace(.time))
        #expect(spec.entersByDetour)
    }

    @Test func scheduling() throws {
        var scheduler = RuntimeSpec.Scheduler(policy: "SCHED_FIFO")
        scheduler.priority = 9
        scheduler.flags = ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_UTIL_CLAMP_MAX"]
        let attributes = try scheduler.attributes()
        #expect(attributes.policy == 1 && attributes.priority == 9 && attributes.flags == 0x41)
        scheduler.flags = ["SCHED_FLAG_NOSUCH"]
        #expect(throws: SystemError.self) { try scheduler.attributes() }
    }
}
