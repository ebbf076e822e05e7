import CLinux
import EngineAPI
import Errors
import Glibc
import Linux
import Testing

@testable import Engine

struct SeccompTests {
    private let machine = SeccompProfile.Machine(
        architecture: "SCMP_ARCH_X86_64", goName: "amd64", kernel: (6, 1))

    @Test func theStandardProfileCompiles() throws {
        let filter = try SeccompProfile.standard.compile(capabilities: CapabilityChoice.standard)
        #expect(filter.program.count > 1000)
        #expect(filter.program.count % 8 == 0)
    }

    @Test func capabilitiesOpenCalls() throws {
        let plain = try SeccompProfile.standard.compile(capabilities: [])
        let admin = try SeccompProfile.standard.compile(capabilities: .all)
        #expect(plain.program != admin.program)
    }

    @Test func aPrivilegedContainerHasNone() throws {
        let builder = SpecBuilder(hierarchies: try CgroupHierarchies.detect(), available: .all)
        var input = SpecInput.example
        input.hostConfig.privileged = true
        #expect(try builder.seccompFilter(for: input) == nil)
        input.hostConfig = HostConfig(securityOpt: ["seccomp=unconfined"])
        #expect(try builder.seccompFilter(for: input) == nil)
        input.hostConfig = HostConfig()
        #expect(try builder.seccompFilter(for: input) != nil)
    }

    @Test func aProfileOfTheUsersIsRead() throws {
        let text = """
            {"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],
             "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"},
                         {"name":"chmod","action":"SCMP_ACT_ERRNO","errnoRet":13,"args":[],"includes":{"minKernel":"4.8"}}]}
            """
        let filter = try SeccompProfile(json: text).compile(capabilities: [], machine: machine)
        #expect(!filter.program.isEmpty)
        #expect(throws: BerthError.self) { try SeccompProfile(json: "/etc/profile.json") }
        #expect(throws: BerthError.self) {
            try SeccompProfile(json: #"{"defaultAction":"SCMP_ACT_WHAT"}"#).compile(capabilities: [])
        }
    }

    /// Loads the filter in a child, which reports what calls do there.
    @Test func theFilterDoesWhatItSays() throws {
        let filter = try SeccompProfile.standard.compile(capabilities: CapabilityChoice.standard)
        // unshare(0) is EPERM; clone3 is ENOSYS; a call of the future is ENOSYS; fchmodat2 with a bad
        // descriptor gets as far as the kernel, as do cachestat and getpid.
        let outcomes = try Sandbox.errnos(
            under: filter,
            of: [
                [Int(SYS_unshare), 0], [435, 0, 0], [9999], [452, -1], [451, -1], [Int(SYS_getpid)],
                [Int(SYS_socket), 40, 1, 0], [Int(SYS_socket), 38, 5, 0], [Int(SYS_socket), 1, 1, 0],
                [Int(SYS_personality), 0x0040000], [Int(SYS_personality), 0xffff_ffff], [459],
            ])
        #expect(outcomes[0] == EPERM)
        #expect(outcomes[1] == ENOSYS)
        #expect(outcomes[2] == ENOSYS)
        #expect(outcomes[3] != EPERM)
        #expect(outcomes[4] != EPERM)
        #expect(outcomes[5] == 0)
        #expect(outcomes[6] == EPERM)
        #expect(outcomes[7] == EPERM)
        #expect(outcomes[8] == 0)
        #expect(outcomes[9] == EPERM)
        #expect(outcomes[10] == 0)
        #expect(outcomes[11] == EPERM)
    }
}

/// A process under a filter.
private enum Sandbox {
    static func errnos(under filter: SeccompFilter, of calls: [[Int]]) throws -> [Int32] {
        var pipeEnds: [Int32] = [-1, -1]
        #expect(pipe(&pipeEnds) == 0)
        // Everything the child needs is made before it exists: it must not allocate.
        let padded = calls.map { $0 + [Int](repeating: 0, count: 7 - $0.count) }.flatMap { $0 }
        let results = UnsafeMutablePointer<Int32>.allocate(capacity: calls.count)
        defer { results.deallocate() }
        let fork = dlsym(nil, "fork").map { unsafeBitCast($0, to: (@convention(c) () -> pid_t).self) }
        let makeChild = try #require(fork)
        let child = makeChild()
        if child == 0 {
            guard (try? Linux.Process.setNoNewPrivileges()) != nil, (try? filter.load()) != nil else { _exit(9) }
            for index in calls.indices {
                let at = index * 7
                let result = linux_syscall(
                    padded[at], padded[at + 1], padded[at + 2], padded[at + 3], padded[at + 4], padded[at + 5],
                    padded[at + 6])
                results[index] = result == -1 ? errno : 0
            }
            _ = write(pipeEnds[1], results, calls.count * 4)
            _exit(0)
        }
        close(pipeEnds[1])
        var bytes = 0
        while bytes < calls.count * 4 {
            let count = read(pipeEnds[0], UnsafeMutableRawPointer(results) + bytes, calls.count * 4 - bytes)
            if count <= 0 { break }
            bytes += count
        }
        close(pipeEnds[0])
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(bytes == calls.count * 4, "the child ended with \(status)")
        return (0..<calls.count).map { results[$0] }
    }
}
