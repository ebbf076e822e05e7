import EngineAPI
import Errors
import Linux

/// Which capabilities a container is to have, by Docker's rules.
struct CapabilityChoice: Sendable {
    let capabilities: CapabilitySet

    /// What a container has unless told otherwise.
    static let standard = CapabilitySet(names: [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ])

    init(_ host: HostConfig) throws(BerthError) {
        let added = try Named(host.capAdd ?? [], field: "CapAdd")
        let dropped = try Named(host.capDrop ?? [], field: "CapDrop")
        if host.privileged {
            capabilities = .all
        } else if added.all {
            capabilities = CapabilitySet.all.subtracting(dropped.set)
        } else if dropped.all {
            capabilities = added.set
        } else {
            capabilities = Self.standard.subtracting(dropped.set).union(added.set)
        }
    }

    private struct Named {
        var set: CapabilitySet = []
        var all = false

        init(_ names: [String], field: String) throws(BerthError) {
            for name in names {
                let upper = name.uppercased()
                if upper == "ALL" || upper == "CAP_ALL" {
                    all = true
                } else if let one = CapabilitySet(name: name) {
                    set.insert(one)
                } else {
                    let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
                    throw .invalidArgument("invalid \(field): unknown capability: \"\(full)\"")
                }
            }
        }
    }
}
