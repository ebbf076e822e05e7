import CLinux
import Glibc

/// A program of the host that processes on their way into a container run from, opened so that its
/// file cannot be written through `/proc/PID/exe`.
///
/// A container can make such a process execute "itself" (`/proc/self/exe` as the program or as the
/// interpreter of a script) and then finds the host's program at `/proc/PID/exe`. With root's rights
/// it could overwrite it, and the next container's runtime would be the attacker's (CVE-2019-5736).
public enum SealedProgram {
    /// Opens the program for execution by `execPath` or `execveat`.
    ///
    /// The descriptor leads to the file through a read-only mount of its own, which is attached
    /// nowhere and is let go of here: nobody can ever make it writable again. It costs no memory.
    /// Where mounts cannot be made (no CAP_SYS_ADMIN), a sealed copy in memory takes its place.
    public static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        if let file = try? onReadOnlyMount(path) { return file }
        return try copyInMemory(path)
    }

    /// What is mounted is the directory above the program's: then the program is called, say,
    /// `/bin/berth-shim`. Without a directory in its name, Swift's runtime would look for its helpers
    /// relative to the working directory.
    private static func onReadOnlyMount(_ path: String) throws(SystemError) -> FileDescriptor {
        let path = path == ownPath ? try ownProgram() : path
        let directory = Files.parent(of: path)
        let mount = try Mount.clone(Files.parent(of: directory))
        try Mount.setAttributes(mount, set: .readOnly)
        let name = directory == "/" ? path : Files.lastComponent(of: directory) + "/" + Files.lastComponent(of: path)
        let program = try mount.openInRoot(name, FileDescriptor.pathOnly)
        // Something else is there where the directory is a mount of its own.
        guard isSame(try program.status(), try Files.status(path)) else {
            throw SystemError("open", errno: ESTALE, subject: path)
        }
        return program
    }

    private static func isSame(_ one: FileStatus, _ other: FileStatus) -> Bool {
        one.device == other.device && one.inode == other.inode
    }

    private static let ownPath = "/proc/self/exe"

    /// Where the program of this process is, having made sure that it still is.
    private static func ownProgram() throws(SystemError) -> String {
        let path = try FileDescriptor.openDirectory("/proc/self").readLink("exe")
        guard isSame(try Files.status(path), try Files.status(ownPath)) else {
            throw SystemError("open", errno: ESTALE, subject: path)
        }
        return path
    }

    private static func copyInMemory(_ path: String) throws(SystemError) -> FileDescriptor {
        let source = try FileDescriptor.open(path, O_RDONLY)
        let name = Files.lastComponent(of: path)
        // MFD_CLOEXEC | MFD_ALLOW_SEALING, and MFD_EXEC where the kernel knows it.
        var number = name.withCString { linux_syscall(LINUX_SYS_memfd_create, Int(bitPattern: $0), 0x13, 0, 0, 0, 0) }
        if number < 0 {
            number = name.withCString { linux_syscall(LINUX_SYS_memfd_create, Int(bitPattern: $0), 0x3, 0, 0, 0, 0) }
        }
        guard number >= 0 else { throw SystemError("memfd_create", errno: errno, subject: name) }
        let copy = FileDescriptor(owning: Int32(number))
        while try systemCall("sendfile", path, { sendfile(copy.rawValue, source.rawValue, nil, 1 << 30) }) > 0 {}
        let addSeals: Int32 = 1033
        // Against more seals, shrinking, growing and writing.
        try systemCall("fcntl F_ADD_SEALS", path) { linux_fcntl(copy.rawValue, addSeals, 0xf) }
        return copy
    }

    /// Makes this process run from a sealed program, unless it does already, by executing itself once
    /// more. To be called before anything else is done.
    public static func reenter(_ arguments: [String]) throws(SystemError) {
        if try isSealed() { return }
        let program = try open(ownPath)
        let argv = CStringArray(arguments)
        try "".withPointer { (empty) throws(SystemError) in
            try rawSystemCall(
                "execveat", ownPath, LINUX_SYS_execveat, Int(program.rawValue), Int(bitPattern: empty),
                Int(bitPattern: argv.pointer), Int(bitPattern: environ), 0x1000)  // AT_EMPTY_PATH
        }
    }

    private static func isSealed() throws(SystemError) -> Bool {
        let program = try FileDescriptor.open(ownPath, O_RDONLY)
        var status = statvfs()
        try systemCall("fstatvfs", ownPath) { fstatvfs(program.rawValue, &status) }
        if status.f_flag & UInt(ST_RDONLY) != 0 { return true }
        let getSeals: Int32 = 1034
        let seals = linux_fcntl(program.rawValue, getSeals, 0)
        return seals >= 0 && seals & 0x8 != 0  // F_SEAL_WRITE
    }
}

extension FileDescriptor {
    /// The path by which children of this process, whose descriptors are others, can execute what
    /// this descriptor names.
    public var execPath: String { "/proc/\(getpid())/fd/\(rawValue)" }
}

extension Process {
    /// The name that `ps` shows, at most 15 bytes: a program that was executed by descriptor has none.
    public static func setName(_ name: String) {
        _ = name.withCString { linux_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0, 0, 0) }
    }

    /// Closes every descriptor but those.
    public static func closeAll(from first: Int32, except kept: [FileDescriptor]) throws(SystemError) {
        var next = first
        for number in kept.map(\.rawValue).sorted() where number >= first {
            if number > next { try closeRange(next, number - 1) }
            next = number + 1
        }
        try closeRange(next, Int32.max)
    }

    private static func closeRange(_ first: Int32, _ last: Int32) throws(SystemError) {
        try rawSystemCall("close_range", "\(first)-\(last)", LINUX_SYS_close_range, Int(first), Int(last), 0)
    }
}
