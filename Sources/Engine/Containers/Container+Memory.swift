import EngineAPI
import Errors
import FoundationEssentials
import Glibc
import Linux

extension Container {
    /// A process was killed for want of memory; the container may live on.
    func killedForMemory() async {
        guard phase.run != nil else { return }
        record.lastRun.outOfMemory = true
        publish()
        await tellOutOfMemory()
    }

    /// The event, with the process and the limit where they are known.
    func tellOutOfMemory() async {
        guard !hasToldOutOfMemory else { return }
        hasToldOutOfMemory = true
        var attributes: [String: String] = [:]
        let limit = record.hostConfig.memory
        if limit > 0 { attributes["memoryLimit"] = "\(limit)" }
        let id = id
        if let victim = await (try? blocking { OutOfMemoryVictim.last(inContainer: id) }) ?? nil {
            attributes["process"] = victim.name
            attributes["pid"] = "\(victim.pid)"
            logger.notice(
                "container \(record.name): the kernel killed \(victim.name) (\(victim.pid)) at the memory limit of \(limit) bytes"
            )
        }
        outOfMemoryReason = attributes["process"].map {
            "out of memory: \($0) was killed at the limit of \(limit >> 20) MiB"
        }
        tell("oom", attributes)
    }
}

/// Whom the kernel killed, from its log.
struct OutOfMemoryVictim: Sendable, Equatable {
    var name: String
    var pid: Int32

    /// The last one of a container; nil when the log does not say, or is not ours to read.
    static func last(inContainer id: String) -> OutOfMemoryVictim? {
        guard let log = try? FileDescriptor.open("/dev/kmsg", O_RDONLY | O_NONBLOCK) else { return nil }
        var found: OutOfMemoryVictim?
        while true {
            do throws(SystemError) {
                // One record a read.
                let record = try log.read(upTo: 8192)
                if record.isEmpty { return found }
                let text = String(decoding: record, as: UTF8.self)
                if let victim = parse(text, container: id) { found = victim }
            } catch {
                // EPIPE: records were overwritten before they were read.
                if error.errno != EPIPE { return found }
            }
        }
    }

    /// `…oom-kill:constraint=CONSTRAINT_MEMCG,…,task_memcg=/berth/ID,task=python3,pid=42,uid=0`.
    static func parse(_ record: String, container id: String) -> OutOfMemoryVictim? {
        guard record.contains("oom-kill:constraint="), record.contains(id) else { return nil }
        var victim = OutOfMemoryVictim(name: "", pid: 0)
        for item in record.prefix(while: { $0 != "\n" }).split(separator: ",") {
            if item.hasPrefix("task=") { victim.name = String(item.dropFirst(5)) }
            if item.hasPrefix("pid=") { victim.pid = Int32(item.dropFirst(4)) ?? 0 }
        }
        return victim.name.isEmpty ? nil : victim
    }
}
