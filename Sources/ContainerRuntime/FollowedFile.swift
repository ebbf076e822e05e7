import Errors
import Glibc
import Linux
import OCI

/// A single file of the host that is mounted into a running container. A mount is of a file, not of its name:
/// what an editor or a checkout renames into its place would be seen by the host alone. `update` mounts it in
/// the container instead of the old one.
///
/// The name is followed, links are not: a container that can write to the folder could make the file a link
/// to one of the host's that it must not see. Where links led when the container was made, they lead for good.
public final class FollowedFile {
    /// Where the file is on the host, without links.
    public let path: String
    private let destination: String
    private let options: MountOptions
    private var mounted: Mounted

    /// What is mounted in the container by us. A number alone may be another mount's by now.
    private struct Mounted: Equatable {
        let number: UInt64
        let device: UInt64
        let inode: UInt64

        init(_ root: FileDescriptor) throws(SystemError) {
            let status = try root.status()
            number = try Mount.number(of: root)
            device = status.device
            inode = status.inode
        }
    }

    /// Nil for a mount that is not of a regular file. To be called before the container's program runs: then
    /// what is found at the destination is the mount that was made from `mount`.
    public init?(_ mount: RuntimeSpec.Mount, in container: NewContainer) throws(SystemError) {
        let options = MountOptions(mount.options ?? [])
        guard let source = mount.source, source.hasPrefix("/"), options.isBind, !options.mapsIDs,
            mount.uidMappings?.isEmpty != false, try Files.status(source).kind == .file
        else { return nil }
        path = try absolutePath(source)
        destination = mount.destination
        self.options = options
        mounted = try Mounted(try Self.place(destination, in: container))
    }

    /// Mounts the file that the path leads to now, if it is another one. A place where a program of the
    /// container has unmounted the file, or mounted something over it, is left alone; so is one whose file is
    /// gone from the host. The caller has one thread.
    public func update(in container: NewContainer) throws(SystemError) {
        let file = try FileDescriptor.placeWithoutLinks(path)
        let status = try file.status()
        guard status.kind == .file, status.device != mounted.device || status.inode != mounted.inode else { return }
        let old = try Self.place(destination, in: container)
        guard try Mounted(old) == mounted else { return }
        let new = try Mount.clone("", in: file)
        for changes in [options.attributes, options.recursiveAttributes] where !changes.isEmpty {
            try Mount.setAttributes(new, set: changes.set, clear: changes.clear)
        }
        try Mount.setAttributes(new, propagation: .private)
        switch try Linux.Process.clone() {
        case .child:
            do throws(SystemError) {
                try replace(old, by: new, in: container)
            } catch {
                _exit(1)
            }
            _exit(0)
        case .parent(let child, _):
            guard try Linux.Process.wait(child) == .exited(0) else { return }
            mounted = try Mounted(new)
        }
    }

    /// In a process of its own, as it goes into the container's mount namespace. The kernel checks that `old` is
    /// still there: whatever the container does to its names, no other mount is taken for it.
    private func replace(
        _ old: FileDescriptor, by new: FileDescriptor, in container: NewContainer
    ) throws(SystemError) {
        try Linux.Process.setDumpable(false)
        let descriptors = try FileDescriptor.openDirectory("/proc/self/fd")
        try Linux.Process.join(container.pidfd, .mount)
        do throws(SystemError) {
            try Mount.attach(new, beneath: old)
        } catch {
            guard error.errno == EINVAL else { throw error }
            // An older kernel: for a moment there is nothing. If `old` is not there any more, this fails too.
            try Mount.detach(old, through: descriptors)
            let root = try FileDescriptor.open("/", FileDescriptor.pathOnly | O_DIRECTORY)
            return try Mount.attach(new, on: try root.openInRoot(destination, FileDescriptor.pathOnly))
        }
        try Mount.detach(old, through: descriptors)
    }

    private static func place(
        _ destination: String, in container: NewContainer
    ) throws(SystemError) -> FileDescriptor {
        let root = try FileDescriptor.open("/proc/\(container.pid)/root", FileDescriptor.pathOnly | O_DIRECTORY)
        return try root.openInRoot(destination, FileDescriptor.pathOnly)
    }
}
