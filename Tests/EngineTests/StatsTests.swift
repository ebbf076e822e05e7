import EngineAPI
import Errors
import Glibc
import Linux
import Testing

@testable import Engine

struct StatsTests {
    @Test func processorTimeIsSummed() {
        let host = HostCPU.parse("cpu  1 2 3 4 5 6 7 8 9 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n")
        #expect(host.nanoseconds == 28 * HostCPU.tick)
        #expect(host.processors == 2)
        #expect(HostCPU.read().processors > 0)
    }

    @Test func interfacesAreCounted() {
        let counters = NetworkCounters.parse(
            """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
                lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0
              eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
            """)
        #expect(counters.count == 1)
        #expect(
            counters["eth0"]
                == InterfaceStats(
                    rxBytes: 1, rxPackets: 2, rxErrors: 3, rxDropped: 4, txBytes: 5, txPackets: 6, txErrors: 7,
                    txDropped: 8))
    }

    @Test func blockTablesAreRead() {
        let entries = BlockTable.version1("8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n")
        #expect(entries.map(\.op) == ["Read", "Write", "Total"])
        #expect(entries.map(\.value) == [10, 20, 30])
        let unified = BlockTable.version2("8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:0 \n")
        #expect(unified.count == 1)
        #expect(unified[0].device.minor == 16)
        #expect(unified[0].fields["wbytes"] == 2)
    }

    /// Of the cgroup that everything here runs in, so that there is something to read on any host.
    @Test func samplesFollowEachOther() throws {
        let root = Cgroup("/", in: try CgroupHierarchies.detect())
        var reader = StatsReader(id: "abc", name: "box", cgroup: root, networkProcess: getpid())
        let first = reader.next()
        let second = reader.next()
        #expect(first.name == "/box")
        #expect(first.preread == "0001-01-01T00:00:00Z")
        #expect(second.preread == first.read)
        #expect(second.precpuStats == first.cpuStats)
        #expect(first.cpuStats.systemCpuUsage > 0)
        #expect(first.cpuStats.cpuUsage.totalUsage > 0)
        #expect(first.memoryStats.limit > 0)
        #expect(first.networks?["lo"] == nil)
        let gone = StatsReader.empty(id: "abc", name: "box")
        #expect(gone.cpuStats.cpuUsage.totalUsage == 0)
    }

    @Test func processesAreListed() throws {
        let table = ProcessTable.standard([getpid(), 0x7fff_fff0])
        #expect(table.titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
        #expect(table.processes.count == 1)
        #expect(table.processes[0][1] == "\(getpid())")
        #expect(table.processes[0][2] == "\(getppid())")
        #expect(table.processes[0][6].split(separator: ":").count == 3)
        #expect(!table.processes[0][7].isEmpty)
        #expect(ProcessStatus.duration(3725) == "01:02:05")
        #expect(ProcessStatus.duration(90061) == "1-01:01:01")
    }

    @Test(.enabled(if: Files.exists("/usr/bin/ps")))
    func theHostsPsListsTheRest() throws {
        let table = try HostPS(["-eo", "pid,comm"]).list([getpid()])
        #expect(table.titles == ["PID", "COMMAND"])
        #expect(table.processes.count == 1)
        #expect(throws: BerthError.self) { try HostPS(["-eo", "pid=X,comm"]) }
        #expect(throws: BerthError.self) { try HostPS(["-eo", "comm"]).list([]) }
        #expect(throws: BerthError.self) { try HostPS(["--nonsense"]).list([]) }
    }
}
