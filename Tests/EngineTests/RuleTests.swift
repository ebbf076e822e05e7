import EngineAPI
import Errors
import Linux
import Testing

@testable import Engine

struct RuleTests {
    @Test func detachKeys() throws {
        #expect(try DetachKeys.parse(nil) == [16, 17])
        #expect(try DetachKeys.parse("ctrl-a,d,ctrl-\\,ctrl-@") == [1, 100, 28, 0])
        for text in ["ctrl-", "ctrl-1", "ab", "a,,b", "ctrl-aa"] {
            #expect(throws: BerthError.self) { try DetachKeys.parse(text) }
        }
    }

    @Test func execsAreForgottenSomeTimeAfterTheirEnd() throws {
        let registry = ExecRegistry(keeping: 0)
        func record(_ id: String) -> ExecRegistry.Record {
            ExecRegistry.Record(id: id, containerID: "c", request: ExecCreateRequest(cmd: ["true"]))
        }
        registry.add(record("ended"))
        registry.add(record("running"))
        try registry.begin("ended")
        try registry.begin("running")
        #expect(throws: BerthError.self) { try registry.begin("running") }
        registry.started("running", pid: 7)
        registry.ended("ended", code: 3)
        #expect(try registry.find("ended").state == .ended(code: 3))
        registry.add(record("new"))
        #expect(throws: BerthError.self) { try registry.find("ended") }
        #expect(try registry.find("running").state == .running(pid: 7))
        registry.removeAll(of: "c")
        #expect(throws: BerthError.self) { try registry.find("running") }
    }

    @Test func victimsOfTheMemoryLimit() {
        let line =
            "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/berth/abc,task_memcg=/berth/abc,task=python3,pid=42,uid=0\n"
        #expect(OutOfMemoryVictim.parse(line, container: "abc") == OutOfMemoryVictim(name: "python3", pid: 42))
        #expect(OutOfMemoryVictim.parse(line, container: "xyz") == nil)
        #expect(OutOfMemoryVictim.parse("6,1,2,-;abc started", container: "abc") == nil)
    }

    @Test func updatesKeepToDockersRules() throws {
        var present = HostConfig()
        present.memory = 64 << 20
        present.memorySwap = 128 << 20
        func update(_ change: (inout ContainerUpdateRequest) -> Void) throws -> HostConfig {
            var request = ContainerUpdateRequest()
            change(&request)
            return try HostConfigUpdate(present, request).applied()
        }
        #expect(try update { $0.memory = 100 << 20 }.memorySwap == 128 << 20)
        #expect(throws: BerthError.self) { try update { $0.memory = 200 << 20 } }
        #expect(
            try update {
                $0.memory = 200 << 20; $0.memorySwap = -1
            }.memorySwap == -1)
        present.nanoCpus = 1_000_000_000
        #expect(throws: BerthError.self) { try update { $0.cpuQuota = 50_000 } }
        present.autoRemove = true
        #expect(throws: BerthError.self) { try update { $0.restartPolicy = RestartPolicy(name: "always") } }
        #expect(try update { $0.restartPolicy = RestartPolicy(name: "no") }.restartPolicy?.name == "no")
        // Nothing said, nothing changed.
        #expect(try update { _ in } == present)
    }

    @Test func propagationNeedsASharedMount() throws {
        let table = """
            21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
            22 21 0:20 / /mnt rw shared:7 - tmpfs tmpfs rw
            23 22 0:21 / /mnt/deep rw master:7 - tmpfs tmpfs rw
            24 21 0:22 / /mntother rw - tmpfs tmpfs rw
            """
        try PropagationCheck.check("/mnt/x", .shared, in: table)
        try PropagationCheck.check("/mnt/deep/x", .slave, in: table)
        #expect(throws: BerthError.self) { try PropagationCheck.check("/mnt/deep/x", .shared, in: table) }
        #expect(throws: BerthError.self) { try PropagationCheck.check("/mntother", .slave, in: table) }
        #expect(throws: BerthError.self) { try PropagationCheck.check("/srv", .slave, in: table) }
    }

    @Test(arguments: [
        ["nosuch": "1"], ["type": "nfs"], ["o": "bind"], ["device": "/x"],
        ["type": "tmpfs", "device": "tmpfs", "size": "1m"],
    ])
    func optionsOfTheLocalDriver(_ options: [String: String]) {
        #expect(throws: BerthError.self) { try LocalVolume(options) }
    }
}
