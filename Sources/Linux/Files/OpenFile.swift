import CLinux
import Glibc

// Calls on an open file whose name does not matter any more.

extension FileDescriptor {
    public func changeOwner(user: uid_t, group: gid_t) throws(SystemError) {
        try systemCall("fchown") { fchown(rawValue, user, group) }
    }

    /// Sets access and modification time (nanoseconds since 1970).
    public func setTimes(accessed: Int64, modified: Int64) throws(SystemError) {
        var times = (timespec(nanoseconds: accessed), timespec(nanoseconds: modified))
        try systemCall("futimens") {
            withUnsafeBytes(of: &times) { futimens(rawValue, $0.bindMemory(to: timespec.self).baseAddress) }
        }
    }

    /// `pread(2)` into a buffer; 0 at the end of the file.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
        try systemCall("pread") { pread(rawValue, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// Writes all of it, in as many calls as it takes.
    public func writeAll(buffer: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = buffer
        while !rest.isEmpty {
            let count = try write(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// `copy_file_range(2)` from the current offset of `source` to that of this file: bytes copied,
    /// 0 at the end of `source`. `EXDEV`, `EINVAL` and `EOPNOTSUPP` mean: copy by hand.
    public func copyRange(from source: FileDescriptor, count: Int) throws(SystemError) -> Int {
        try rawSystemCall(
            "copy_file_range", "", Int(SYS_copy_file_range), Int(source.rawValue), 0, Int(rawValue), 0, count, 0)
    }

    /// Starts writing dirty pages of the range to disk and does not wait for them, so that a later
    /// `sync` finds little left to do.
    public func startWriteback(offset: Int64, count: Int64) throws(SystemError) {
        // SYNC_FILE_RANGE_WRITE
        try rawSystemCall(
            "sync_file_range", "", Int(SYS_sync_file_range), Int(rawValue), Int(offset), Int(count), 2)
    }

    /// Makes everything written so far to the file system that holds this file survive a power cut.
    public func syncFileSystem() throws(SystemError) {
        try rawSystemCall("syncfs", "", Int(SYS_syncfs), Int(rawValue))
    }
}

// MARK: - Extended attributes

extension FileDescriptor {
    /// Names of the extended attributes; none where the file system has no such thing.
    public func extendedAttributeNames() throws(SystemError) -> [String] {
        var capacity = 1024
        while true {
            var list = [CChar](repeating: 0, count: capacity)
            let count = flistxattr(rawValue, &list, capacity)
            if count < 0 {
                switch errno {
                case ENOTSUP: return []
                case ERANGE where capacity < 1 << 20: capacity *= 4
                default: throw SystemError("flistxattr", errno: errno)
                }
                continue
            }
            return list[..<count].split(separator: 0).map {
                String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
        }
    }

    public func removeExtendedAttribute(_ name: String) throws(SystemError) {
        try systemCall("fremovexattr", name) { fremovexattr(rawValue, name) }
    }

    /// For a descriptor opened with `O_PATH` (symbolic links, devices): sets the attribute on what
    /// it names, through its link in `/proc`.
    public func setExtendedAttributeByPath(_ name: String, _ value: [UInt8]) throws(SystemError) {
        try systemCall("setxattr", name) { setxattr(procPath, name, value, value.count, 0) }
    }
}

// MARK: - Device numbers

/// A device number from its two halves, as `mknod` takes it and `stat` tells it.
public func deviceNumber(major: UInt32, minor: UInt32) -> UInt64 { UInt64(linux_makedev(major, minor)) }

extension FileStatus {
    /// The two halves of the device that a device node stands for.
    public var specialDeviceParts: (major: UInt32, minor: UInt32) {
        (linux_major(dev_t(specialDevice)), linux_minor(dev_t(specialDevice)))
    }
}
