import Errors
import Glibc
import Linux
import OCI

/// Which users and groups of the host those of a user namespace are.
struct IdentityMaps {
    let users: [RuntimeSpec.IDMapping]
    let groups: [RuntimeSpec.IDMapping]

    init(users: [RuntimeSpec.IDMapping], groups: [RuntimeSpec.IDMapping]) {
        self.users = users
        self.groups = groups
    }

    init(_ spec: RuntimeSpec) {
        self.init(users: spec.linux?.uidMappings ?? [], groups: spec.linux?.gidMappings ?? [])
    }

    /// Writes them for the user namespace of a child. Root may write any; an ordinary user one mapping of
    /// itself, or what `/etc/subuid` and `/etc/subgid` give it, by way of `newuidmap` and `newgidmap`.
    func write(to pid: pid_t) throws(BerthError) {
        guard !users.isEmpty, !groups.isEmpty else {
            throw .invalidArgument("a new user namespace needs linux.uidMappings and linux.gidMappings")
        }
        if geteuid() != 0, Self.isOne(groups, getegid()) {
            // The kernel's condition for a user's own group: no way to drop groups that deny something.
            try Self.write("deny", "/proc/\(pid)/setgroups")
        }
        try write(groups, "/proc/\(pid)/gid_map", isOwn: Self.isOne(groups, getegid()), helper: "newgidmap", pid)
        try write(users, "/proc/\(pid)/uid_map", isOwn: Self.isOne(users, geteuid()), helper: "newuidmap", pid)
    }

    private static func isOne(_ mappings: [RuntimeSpec.IDMapping], _ id: UInt32) -> Bool {
        mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == id
    }

    private func write(
        _ mappings: [RuntimeSpec.IDMapping], _ path: String, isOwn: Bool, helper: String, _ pid: pid_t
    ) throws(BerthError) {
        if geteuid() == 0 || isOwn {
            let lines = mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }
            return try Self.write(lines.joined(), path)
        }
        var arguments = [helper, "\(pid)"]
        for mapping in mappings { arguments += ["\(mapping.containerID)", "\(mapping.hostID)", "\(mapping.size)"] }
        guard let program = ["/usr/bin/", "/bin/", "/usr/local/bin/"].map({ $0 + helper }).first(where: Files.exists)
        else {
            throw .invalidArgument(
                "\(helper) is not installed (Debian: uidmap); without it an ordinary user can map one ID, its own")
        }
        do throws(SystemError) {
            let said = try FileDescriptor.memory("output")
            let child = try Linux.Process.spawn(
                program, arguments, environment: Linux.Process.environment,
                inheriting: [.init(said, as: 1), .init(said, as: 2)])
            guard try Linux.Process.wait(child) != .exited(0) else { return }
            let text = String(decoding: try said.read(upTo: 4096, at: 0), as: UTF8.self)
            throw SystemError(helper, errno: EPERM, subject: text)
        } catch {
            throw BerthError("mapping IDs", error)
        }
    }

    private static func write(_ text: String, _ path: String) throws(BerthError) {
        do throws(SystemError) {
            try Files.writeKernel(path, text)
        } catch {
            throw BerthError("mapping IDs", error)
        }
    }

    /// A user namespace with these mappings and nobody in it, as idmapped mounts want one.
    func makeNamespace() throws(BerthError) -> FileDescriptor {
        do throws(SystemError) {
            let (read, write) = try FileDescriptor.pipe()
            switch try Linux.Process.clone(namespaces: .user) {
            case .child:
                // Until the parent has what it wants; it kills this process then.
                _ = try? read.read(upTo: 1)
                pause()
                _exit(0)
            case .parent(let pid, let pidfd):
                defer {
                    try? Linux.Process.signal(SIGKILL, to: pidfd)
                    _ = try? Linux.Process.wait(pid)
                }
                do throws(BerthError) {
                    try self.write(to: pid)
                } catch {
                    throw SystemError("mapping IDs", errno: EINVAL, subject: error.message)
                }
                return try withExtendedLifetime(write) { () throws(SystemError) in
                    try FileDescriptor.open("/proc/\(pid)/ns/user", O_RDONLY)
                }
            }
        } catch {
            throw BerthError("making a user namespace", error)
        }
    }
}

/// Becomes root of the user namespace that this process is in. Where no root is mapped, it stays who
/// it is: `capabilities` of the namespace are had without.
func becomeNamespaceRoot() throws(SystemError) {
    if namespaceLetsGroupsBeDropped() {
        do throws(SystemError) {
            try setSupplementaryGroups([])
        } catch {
            if error.errno != EPERM { throw error }
        }
    }
    do throws(SystemError) {
        try setGroup(0)
        try setUser(0)
    } catch {
        if error.errno != EINVAL { throw error }
    }
}

/// Whether `setgroups` is allowed in the present user namespace: not in one that an ordinary user made
/// without help, since a group may be what denies somebody something.
func namespaceLetsGroupsBeDropped() -> Bool {
    guard let policy = try? Files.readText("/proc/self/setgroups") else { return true }
    return !policy.hasPrefix("deny")
}
