import CLinux
import Glibc

/// Exchanging one mount for another in its place.
extension Mount {
    /// Attaches a detached mount below the one whose root `top` is (`MOVE_MOUNT_BENEATH`, Linux 6.5): nothing
    /// changes to be seen until the upper one is unmounted. `EINVAL` from older kernels, and when `top` is no
    /// mount of this namespace.
    public static func attach(_ mount: FileDescriptor, beneath top: FileDescriptor) throws(SystemError) {
        try "".withPointer { (empty) throws(SystemError) in
            // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_BENEATH
            try rawSystemCall(
                "move_mount", "", LINUX_SYS_move_mount, Int(mount.rawValue), Int(bitPattern: empty),
                Int(top.rawValue), Int(bitPattern: empty), 0x4 | 0x40 | 0x200)
        }
    }

    /// Detaches the very mount whose root `mount` is, whatever its path leads to by now. `umount2` takes no
    /// descriptor, so its link in `descriptors` (this process's `/proc/self/fd`) names it, from there as the
    /// working directory: that works in a mount namespace whose `/proc` does not know this process, too.
    public static func detach(_ mount: FileDescriptor, through descriptors: FileDescriptor) throws(SystemError) {
        try systemCall("fchdir") { fchdir(descriptors.rawValue) }
        try unmount("\(mount.rawValue)")
    }

    /// The number of the mount that an open file was reached through. Numbers of mounts that are gone are
    /// given again.
    public static func number(of file: FileDescriptor) throws(SystemError) -> UInt64 {
        let text = try Files.readText("/proc/self/fdinfo/\(file.rawValue)")
        let line = text.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
        guard let number = line.flatMap({ UInt64($0.drop { !$0.isNumber }) }) else {
            throw SystemError("fdinfo", errno: ENODATA)
        }
        return number
    }
}

extension FileDescriptor {
    /// Opens an absolute path of the host as a mere place (`O_PATH`). `ELOOP` when any part of it is a link.
    public static func placeWithoutLinks(_ path: String) throws(SystemError) -> FileDescriptor {
        try openDirectory("/").openat2(
            path, pathOnly, resolve: UInt64(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS))
    }
}
