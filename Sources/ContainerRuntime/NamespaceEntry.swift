import Errors
import Glibc
import Linux
import OCI

/// The way into namespaces of which a user namespace is one. A process goes ahead: it joins what there
/// is to join, makes or joins the user namespace, becomes its root, and only then gives birth to the
/// container's first process in the new namespaces, which so belong to the user namespace. The first
/// process is a sibling, not a child: it has the same parent as if there had been no detour.
struct NamespaceEntry {
    let spec: RuntimeSpec
    let cgroup: Cgroup?
    let handshake: Handshake

    /// Returns in the container's first process alone.
    func enter() throws {
        // As the host's root, if that is who we are: the files of version 1 are root's.
        try cgroup?.joinVersion1()
        if spec.usesUserNamespace { try spec.process?.applyOutOfMemoryScore() }
        var joined = try spec.namespacesToJoin.map { ($0.0, try FileDescriptor.open($0.path, O_RDONLY)) }
        let user = joined.firstIndex { $0.0 == .user }.map { joined.remove(at: $0).1 }
        // Those of the host's root are joined with its rights, those of the user namespace after it.
        joined = try joined.filter { try !Self.join($0, toleratesRefusal: spec.usesUserNamespace) }

        if let user {
            try Linux.Process.join(user, .user)
        } else if spec.usesUserNamespace {
            try Linux.Process.unshare(.user)
            try handshake.sendMapIDs()
            guard try handshake.awaitProceed() else { _exit(1) }
        }
        if spec.usesUserNamespace {
            try becomeNamespaceRoot()
            // The change of user took it away, and with it our own files in /proc.
            try Linux.Process.setDumpable(true)
        }
        for namespace in joined { _ = try Self.join(namespace, toleratesRefusal: false) }
        let made = spec.namespacesToMake
        if made.contains(.time) {
            try Linux.Process.unshare(.time)
            try writeTimeOffsets()
        }
        switch try Linux.Process.clone(
            namespaces: made.subtracting([.user, .time, .cgroup]), asSibling: true)
        {
        case .child:
            guard try handshake.awaitProceed() else { _exit(1) }
        case .parent(let pid, let pidfd):
            try handshake.sendEntered(pid: pid, pidfd: pidfd)
            _exit(0)
        }
    }

    /// False when the kernel refused and that may be.
    private static func join(
        _ namespace: (kind: Namespaces, descriptor: FileDescriptor), toleratesRefusal: Bool
    ) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try Linux.Process.join(namespace.descriptor, namespace.kind)
            return true
        } catch {
            if toleratesRefusal, error.errno == EPERM { return false }
            throw error
        }
    }

    /// For the namespace that children will be born in; once one was, the kernel takes no more.
    private func writeTimeOffsets() throws(BerthError) {
        let offsets = spec.linux?.timeOffsets ?? [:]
        for (clock, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            guard clock == "monotonic" || clock == "boottime" else {
                throw .invalidArgument("linux.timeOffsets: \"\(clock)\" is neither monotonic nor boottime")
            }
            do throws(SystemError) {
                try Files.writeKernel(
                    "/proc/self/timens_offsets", "\(clock) \(offset.secs ?? 0) \(offset.nanosecs ?? 0)")
            } catch {
                throw BerthError("setting the offset of the \(clock) clock", error)
            }
        }
    }
}
