import EngineAPI
import Errors
import Linux

/// Kernel settings of a container: only those that a namespace of its own keeps apart from the host's.
struct SysctlPlan {
    let input: SpecInput

    init(_ input: SpecInput) { self.input = input }

    func settings() throws(BerthError) -> [String: String]? {
        var settings = standard()
        for (name, value) in input.hostConfig.sysctls ?? [:] {
            try check(name)
            settings[name] = value
        }
        return settings.isEmpty ? nil : settings
    }

    /// In a network of its own, everybody may use low ports and ping.
    private func standard() -> [String: String] {
        guard input.network == .new else { return [:] }
        let wanted = ["net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"]
        return wanted.filter { Files.exists("/proc/sys/" + String($0.key.map { $0 == "." ? "/" : $0 })) }
    }

    private func check(_ name: String) throws(BerthError) {
        let dotted = String(name.map { $0 == "/" ? "." : $0 })
        if Self.ipc.contains(dotted) || dotted.hasPrefix("fs.mqueue.") {
            guard input.ipc == .host else { return }
            throw .invalidArgument("sysctl \"\(name)\" is not allowed in the hosts ipc namespace")
        }
        if dotted.hasPrefix("net.") {
            guard input.network == .host else { return }
            throw .invalidArgument("sysctl \"\(name)\" not allowed in host network namespace")
        }
        if dotted == "kernel.domainname", input.uts == .new { return }
        throw .invalidArgument("sysctl \"\(name)\" is not in a separate kernel namespace")
    }

    private static let ipc: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]
}
