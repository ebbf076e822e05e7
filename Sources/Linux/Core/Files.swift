import CLinux
import Glibc

/// What `stat` tells. Times in nanoseconds since 1970.
public struct FileStatus: Sendable {
    public let device: UInt64
    public let inode: UInt64
    public let mode: mode_t
    public let linkCount: UInt64
    public let userID: uid_t
    public let groupID: gid_t
    /// The device that a device node stands for.
    public let specialDevice: UInt64
    public let size: Int64
    /// Bytes on disk.
    public let allocated: Int64
    public let modified: Int64

    init(_ raw: stat) {
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        mode = raw.st_mode
        linkCount = UInt64(raw.st_nlink)
        userID = raw.st_uid
        groupID = raw.st_gid
        specialDevice = UInt64(raw.st_rdev)
        size = Int64(raw.st_size)
        allocated = Int64(raw.st_blocks) * 512
        modified = Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec)
    }

    public enum Kind: Sendable {
        case file, directory, symbolicLink, characterDevice, blockDevice, fifo, socket, unknown
    }

    public var kind: Kind {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        case S_IFCHR: .characterDevice
        case S_IFBLK: .blockDevice
        case S_IFIFO: .fifo
        case S_IFSOCK: .socket
        default: .unknown
        }
    }
    public var isDirectory: Bool { kind == .directory }
    /// The lower twelve bits: permissions, set-id and sticky.
    public var permissions: mode_t { mode & 0o7777 }
}

// MARK: - Relative to a directory descriptor; the last component is never followed

extension FileDescriptor {
    public func status() throws(SystemError) -> FileStatus {
        var raw = stat()
        try systemCall("fstat") { fstat(rawValue, &raw) }
        return FileStatus(raw)
    }

    public func status(of name: String) throws(SystemError) -> FileStatus {
        var raw = stat()
        try systemCall("fstatat", name) { fstatat(rawValue, name, &raw, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(raw)
    }

    public func makeDirectory(_ name: String, mode: mode_t = 0o755) throws(SystemError) {
        try systemCall("mkdirat", name) { mkdirat(rawValue, name, mode) }
    }

    public func makeNode(_ name: String, mode: mode_t, device: UInt64 = 0) throws(SystemError) {
        try systemCall("mknodat", name) { mknodat(rawValue, name, mode, dev_t(device)) }
    }

    public func makeSymbolicLink(_ name: String, to target: String) throws(SystemError) {
        try systemCall("symlinkat", name) { symlinkat(target, rawValue, name) }
    }

    /// A hard link `name` to `existing`, both relative to their directories.
    public func makeLink(_ name: String, to existing: String, in directory: FileDescriptor) throws(SystemError) {
        try systemCall("linkat", name) { linkat(directory.rawValue, existing, rawValue, name, 0) }
    }

    public func readLink(_ name: String) throws(SystemError) -> String {
        var failure: SystemError?
        let target = String(unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
                guard let base = buffer.baseAddress else { return 0 }
                do throws(SystemError) {
                    return try systemCall("readlinkat", name) { readlinkat(rawValue, name, base, buffer.count) }
                } catch {
                    failure = error
                    return 0
                }
            }
        }
        if let failure { throw failure }
        return target
    }

    public func unlink(_ name: String) throws(SystemError) {
        try systemCall("unlinkat", name) { unlinkat(rawValue, name, 0) }
    }

    public func removeDirectory(_ name: String) throws(SystemError) {
        try systemCall("unlinkat", name) { unlinkat(rawValue, name, AT_REMOVEDIR) }
    }

    public func rename(_ name: String, to newName: String, in directory: FileDescriptor) throws(SystemError) {
        try systemCall("renameat", name) { renameat(rawValue, name, directory.rawValue, newName) }
    }

    public func changeOwner(_ name: String, user: uid_t, group: gid_t) throws(SystemError) {
        try systemCall("fchownat", name) { fchownat(rawValue, name, user, group, AT_SYMLINK_NOFOLLOW) }
    }

    public func changeMode(_ mode: mode_t) throws(SystemError) {
        try systemCall("fchmod") { fchmod(rawValue, mode) }
    }

    /// Sets the permissions of a name. A symbolic link has none and is an error: whoever can put one in
    /// the place of the name must not choose whose permissions change.
    public func changeMode(_ name: String, mode: mode_t) throws(SystemError) {
        try systemCall("fchmodat", name) { fchmodat(rawValue, name, mode, AT_SYMLINK_NOFOLLOW) }
    }

    /// Sets access and modification time (nanoseconds since 1970).
    public func setTimes(_ name: String, accessed: Int64, modified: Int64) throws(SystemError) {
        var times = (Self.timespec(accessed), Self.timespec(modified))
        try systemCall("utimensat", name) {
            withUnsafeBytes(of: &times) {
                utimensat(rawValue, name, $0.bindMemory(to: Glibc.timespec.self).baseAddress, AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    private static func timespec(_ nanoseconds: Int64) -> Glibc.timespec {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest < 0
            ? Glibc.timespec(tv_sec: Int(seconds) - 1, tv_nsec: Int(rest) + 1_000_000_000)
            : Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    /// Names in this directory but `.` and `..`, in the kernel's order.
    public func entries() throws(SystemError) -> [String] {
        // A descriptor of its own: reading moves the position of the open directory.
        let own = try systemCall("openat") { linux_openat(rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard let stream = fdopendir(own) else {
            let code = errno
            _ = close(own)
            throw SystemError("fdopendir", errno: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a name and all below it. Never follows a symbolic link. Absent is fine.
    public func removeTree(_ name: String) throws(SystemError) { try removeTree(RawPath(name)) }

    public func extendedAttribute(_ name: String) throws(SystemError) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 64 * 1024)
        let count = fgetxattr(rawValue, name, &value, value.count)
        if count < 0 {
            if errno == ENODATA || errno == ENOTSUP { return nil }
            throw SystemError("fgetxattr", errno: errno, subject: name)
        }
        return Array(value[..<count])
    }

    public func setExtendedAttribute(_ name: String, _ value: some Collection<UInt8>) throws(SystemError) {
        let value = Array(value)
        try systemCall("fsetxattr", name) { fsetxattr(rawValue, name, value, value.count, 0) }
    }
}

// MARK: - By path, for the host's own files

public enum Files {
    public static func status(_ path: String) throws(SystemError) -> FileStatus {
        var raw = stat()
        try systemCall("stat", path) { stat(path, &raw) }
        return FileStatus(raw)
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    public static func read(_ path: String) throws(SystemError) -> [UInt8] {
        try FileDescriptor.open(path, O_RDONLY).readToEnd()
    }

    public static func readText(_ path: String) throws(SystemError) -> String {
        String(decoding: try read(path), as: UTF8.self)
    }

    /// Overwrites in place. For kernel files (`/proc`, `/sys`) and scratch; see `writeAtomically`.
    public static func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws(SystemError) {
        try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode).writeAll(text)
    }

    /// Writes a value into an existing kernel file in one `write`, naming the file when it fails.
    public static func writeKernel(_ path: String, _ text: String) throws(SystemError) {
        let file = try FileDescriptor.open(path, O_WRONLY)
        do throws(SystemError) {
            try file.writeAll(text)
        } catch {
            throw SystemError("write", errno: error.errno, subject: path)
        }
    }

    /// Replaces a file so that a reader, or the next boot, sees the old or the new content whole.
    public static func writeAtomically(
        _ path: String, _ bytes: some Sequence<UInt8>, mode: mode_t = 0o644, durable: Bool = true
    ) throws(SystemError) {
        let temporary = "\(path).tmp.\(getpid())"
        let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        do throws(SystemError) {
            try file.writeAll(bytes)
            if durable { try file.sync() }
            try systemCall("rename", path) { Glibc.rename(temporary, path) }
        } catch {
            _ = Glibc.unlink(temporary)
            throw error
        }
        if durable { try syncDirectory(of: path) }
    }

    /// Makes a rename or a new name in the directory of `path` survive a power cut.
    public static func syncDirectory(of path: String) throws(SystemError) {
        try FileDescriptor.openDirectory(parent(of: path)).sync()
    }

    public static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
        try systemCall("mkdir", path) { mkdir(path, mode) }
    }

    /// `mkdir -p`.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
        if mkdir(path, mode) == 0 { return }
        switch errno {
        case EEXIST:
            if try status(path).isDirectory { return }
            throw SystemError("mkdir", errno: ENOTDIR, subject: path)
        case ENOENT:
            try makeDirectories(parent(of: path), mode: mode)
            if mkdir(path, mode) != 0, errno != EEXIST { throw SystemError("mkdir", errno: errno, subject: path) }
        default: throw SystemError("mkdir", errno: errno, subject: path)
        }
    }

    public static func rename(_ from: String, to: String) throws(SystemError) {
        try systemCall("rename", "\(from) to \(to)") { Glibc.rename(from, to) }
    }

    /// Absent is fine.
    public static func unlink(_ path: String) throws(SystemError) {
        if Glibc.unlink(path) != 0, errno != ENOENT { throw SystemError("unlink", errno: errno, subject: path) }
    }

    /// Removes a path and all below it. Never follows a symbolic link. Absent is fine.
    public static func removeTree(_ path: String) throws(SystemError) {
        let directory: FileDescriptor
        do throws(SystemError) {
            directory = try FileDescriptor.openDirectory(parent(of: path))
        } catch {
            if error.errno == ENOENT { return }
            throw error
        }
        try directory.removeTree(lastComponent(of: path))
    }

    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    public static func lastComponent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}

extension FileDescriptor {
    /// `f_type` of the file system that the file is on, such as 0x9fa0 for proc.
    public func fileSystemMagic() throws(SystemError) -> Int {
        var raw = statfs()
        try systemCall("fstatfs") { fstatfs(rawValue, &raw) }
        return Int(raw.f_type)
    }

    /// `flock(2)`: waits until nobody else holds the file; ends with the last copy of the descriptor.
    public func lock() throws(SystemError) {
        let exclusive = 2  // LOCK_EX
        try rawSystemCall("flock", "", Int(SYS_flock), Int(rawValue), exclusive)
    }

    /// Gives it back, whoever else has a copy of the descriptor.
    public func unlock() {
        let unlock = 8  // LOCK_UN
        _ = try? rawSystemCall("flock", "", Int(SYS_flock), Int(rawValue), unlock)
    }

    /// The same without waiting; false when somebody else holds it.
    public func tryLock() throws(SystemError) -> Bool {
        do throws(SystemError) {
            let exclusiveAtOnce = 2 | 4  // LOCK_EX | LOCK_NB
            try rawSystemCall("flock", "", Int(SYS_flock), Int(rawValue), exclusiveAtOnce)
            return true
        } catch {
            if error.errno == EWOULDBLOCK { return false }
            throw error
        }
    }

    /// Makes this directory the working directory of the process.
    public func changeDirectory() throws(SystemError) {
        try systemCall("fchdir") { fchdir(rawValue) }
    }
}

/// Whether the working directory can be reached from the root of this process.
public func isWorkingDirectoryInside() -> Bool {
    guard let path = getcwd(nil, 0) else { return false }
    defer { free(path) }
    return path.pointee == CChar(UInt8(ascii: "/"))
}

/// `getcwd(2)`.
public func currentDirectory() throws(SystemError) -> String {
    guard let path = getcwd(nil, 0) else { throw SystemError("getcwd", errno: errno) }
    defer { free(path) }
    return String(cString: path)
}

/// A device number from its halves.
public func makeDeviceNumber(major: UInt32, minor: UInt32) -> UInt64 {
    UInt64(linux_makedev(major, minor))
}

/// The halves of a device number.
public func splitDeviceNumber(_ number: UInt64) -> (major: UInt32, minor: UInt32) {
    (linux_major(dev_t(number)), linux_minor(dev_t(number)))
}

/// A path made absolute by the kernel: links followed, `..` resolved. The path must exist.
public func absolutePath(_ path: String) throws(SystemError) -> String {
    guard let resolved = realpath(path, nil) else { throw SystemError("realpath", errno: errno, subject: path) }
    defer { free(resolved) }
    return String(cString: resolved)
}
