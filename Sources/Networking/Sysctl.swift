import DNS
import Errors
import Glibc
import Linux

/// Kernel settings below `/proc/sys/net`, of the calling thread's network namespace.
enum Sysctl {
    static func read(_ name: String) -> String? {
        (try? Files.readText("/proc/sys/net/" + name)).map { String($0.prefix { $0 != "\n" }) }
    }

    static func write(_ name: String, _ value: String) throws(BerthError) {
        // Written only when it differs: /proc/sys may be read-only and already as wanted.
        if read(name) == value { return }
        do throws(SystemError) {
            try Files.writeKernel("/proc/sys/net/" + name, value)
        } catch {
            throw BerthError("setting net/\(name) to \(value)", error)
        }
    }

    /// For settings that a kernel without the feature does not have.
    static func writeIfPresent(_ name: String, _ value: String) throws(BerthError) {
        if read(name) != nil { try write(name, value) }
    }
}

/// Settings of the whole host that Berth changed, with the values from before, each in a file of
/// `directory`, so that they can be put back even by a later daemon.
struct RememberedSysctls {
    let directory: String

    private func file(_ name: String) -> String {
        directory + "/" + String(name.map { $0 == "/" ? "." : $0 })
    }

    /// The value from before Berth changed it; nil when it did not.
    func previous(_ name: String) -> String? { try? Files.readText(file(name)) }

    /// Remembers the present value, unless an earlier one is known, and sets another.
    func set(_ name: String, _ value: String) throws(BerthError) {
        guard let present = Sysctl.read(name), present != value else { return }
        if previous(name) == nil {
            do throws(SystemError) {
                try Files.makeDirectories(directory)
                try Files.writeAtomically(file(name), present.utf8, durable: false)
            } catch {
                throw BerthError("remembering net/\(name)", error)
            }
        }
        try Sysctl.write(name, value)
    }

    func restore(_ name: String) throws(BerthError) {
        guard let value = previous(name) else { return }
        try Sysctl.writeIfPresent(name, value)
        try? Files.unlink(file(name))
    }
}

/// Whether the host passes packets on between its interfaces.
enum Forwarding {
    static func name(_ family: IPAddress.Family) -> String {
        switch family {
        case .v4: "ipv4/ip_forward"
        case .v6: "ipv6/conf/all/forwarding"
        }
    }

    /// An IPv6 router no longer listens to other routers, and a host that got its default route from
    /// one would lose it: 2 means to listen all the same.
    static func keepRouterAdvertisements() throws(BerthError) {
        let interfaces = (try? FileDescriptor.openDirectory("/proc/sys/net/ipv6/conf").entries()) ?? []
        for interface in interfaces {
            let name = "ipv6/conf/\(interface)/accept_ra"
            if Sysctl.read(name) == "1" { try Sysctl.write(name, "2") }
        }
    }
}
