import CLinux
import Glibc

/// A file descriptor that is closed exactly once, when its last owner lets go. Every descriptor
/// that Berth opens is close-on-exec.
public final class FileDescriptor: Sendable {
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit { _ = close(rawValue) }

    /// Closes this process's copy of what its parent holds. For a process that was just cloned and will not
    /// return to where the parent lets go: nobody else here knows the number.
    public func closeInChild() { _ = close(rawValue) }

    public enum Offset { case start, current, end }
}

// MARK: - Opening

extension FileDescriptor {
    /// `open(2)` with `O_CLOEXEC`. Follows symbolic links: for paths of the host only, never for
    /// paths that a container can shape (see `openInRoot`).
    public static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("open", path) { linux_open(path, flags | O_CLOEXEC, mode) })
    }

    /// `openat(2)` relative to this directory; the last component is not followed when `flags` has `O_NOFOLLOW`.
    public func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("openat", path) { linux_openat(rawValue, path, flags | O_CLOEXEC, mode) })
    }

    public static func openDirectory(_ path: String) throws(SystemError) -> FileDescriptor {
        try open(path, O_RDONLY | O_DIRECTORY)
    }

    /// Resolves `path` as a process would whose root is this directory: absolute paths, `..` and
    /// symbolic links cannot leave it (`openat2` with `RESOLVE_IN_ROOT`). Magic links of `/proc`
    /// are refused.
    public func openInRoot(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        try openat2(path, flags, mode: mode, resolve: UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS))
    }

    public func openat2(_ path: String, _ flags: Int32, mode: mode_t = 0, resolve: UInt64) throws(SystemError)
        -> FileDescriptor
    {
        var how = open_how()
        how.flags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        how.mode = flags & (O_CREAT | linuxTemporaryFile) != 0 ? UInt64(mode) : 0
        how.resolve = resolve
        while true {
            let fd = path.withCString { pointer in
                withUnsafeMutablePointer(to: &how) { how in
                    linux_syscall(
                        LINUX_SYS_openat2, Int(rawValue), Int(bitPattern: pointer), Int(bitPattern: how),
                        MemoryLayout<open_how>.size, 0, 0)
                }
            }
            if fd >= 0 { return FileDescriptor(owning: Int32(fd)) }
            // EAGAIN: a rename raced with the walk and the kernel could not prove that it stayed inside.
            if errno == EINTR || errno == EAGAIN { continue }
            throw SystemError("openat2", errno: errno, subject: path)
        }
    }

    /// An anonymous file in memory; the name is for `/proc` alone.
    public static func memory(_ name: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: Int32(
                try name.withPointer { (pointer) throws(SystemError) in
                    let closeOnExec = 1  // MFD_CLOEXEC
                    return try rawSystemCall(
                        "memfd_create", name, LINUX_SYS_memfd_create, Int(bitPattern: pointer), closeOnExec)
                }))
    }

    /// A second descriptor for the same open file.
    public func duplicate() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("fcntl") { linux_fcntl(rawValue, F_DUPFD_CLOEXEC, 0) })
    }

    /// A pipe: bytes written to `write` come out of `read`.
    public static func pipe(flags: Int32 = 0) throws(SystemError) -> (read: FileDescriptor, write: FileDescriptor) {
        var fds: (Int32, Int32) = (-1, -1)
        try systemCall("pipe2") {
            withUnsafeMutableBytes(of: &fds) {
                linux_pipe2($0.bindMemory(to: Int32.self).baseAddress, flags | O_CLOEXEC)
            }
        }
        return (FileDescriptor(owning: fds.0), FileDescriptor(owning: fds.1))
    }

    /// The path that names this open file for calls that take none: `/proc/self/fd/N`.
    public var procPath: String { "/proc/self/fd/\(rawValue)" }
}

// MARK: - Reading and writing

extension FileDescriptor {
    /// One `read(2)`; 0 at the end of the file.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try systemCall("read") { Glibc.read(rawValue, buffer.baseAddress, buffer.count) }
    }

    /// One `read(2)` of at most `count` bytes; empty at the end of the file.
    public func read(upTo count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Everything up to the end of the file.
    public func readToEnd() throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = try read(upTo: 64 * 1024)
            if chunk.isEmpty { return all }
            all.append(contentsOf: chunk)
        }
    }

    /// `pread(2)` of at most `count` bytes.
    public func read(upTo count: Int, at offset: Int64) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try systemCall("pread") { pread(rawValue, buffer.baseAddress, count, off_t(offset)) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// One `write(2)`.
    public func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        try systemCall("write") { Glibc.write(rawValue, buffer.baseAddress, buffer.count) }
    }

    /// Writes all of it, in as many calls as it takes.
    public func writeAll(_ bytes: some Sequence<UInt8>) throws(SystemError) {
        var failure: SystemError?
        func write(_ buffer: UnsafeRawBufferPointer) {
            do throws(SystemError) {
                var rest = buffer
                while !rest.isEmpty {
                    let count = try self.write(rest)
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                }
            } catch {
                failure = error
            }
        }
        if bytes.withContiguousStorageIfAvailable({ write(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes(write)
        }
        if let failure { throw failure }
    }

    public func writeAll(_ text: String) throws(SystemError) {
        try writeAll(text.utf8)
    }

    @discardableResult
    public func seek(_ offset: Int64, from origin: Offset = .start) throws(SystemError) -> Int64 {
        let whence: Int32
        switch origin {
        case .start: whence = SEEK_SET
        case .current: whence = SEEK_CUR
        case .end: whence = SEEK_END
        }
        return Int64(try systemCall("lseek") { lseek(rawValue, off_t(offset), whence) })
    }

    /// Makes what was written survive a power cut.
    public func sync() throws(SystemError) { try systemCall("fsync") { fsync(rawValue) } }

    public func truncate(to size: Int64) throws(SystemError) {
        try systemCall("ftruncate") { ftruncate(rawValue, off_t(size)) }
    }

    public func setNonBlocking(_ on: Bool = true) throws(SystemError) {
        let flags = try systemCall("fcntl") { linux_fcntl(rawValue, F_GETFL, 0) }
        let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        if wanted != flags { try systemCall("fcntl") { linux_fcntl(rawValue, F_SETFL, Int(wanted)) } }
    }

    /// Lets the descriptor survive `execve`, for a child that is to inherit it.
    public func setInheritable() throws(SystemError) {
        try systemCall("fcntl") { linux_fcntl(rawValue, F_SETFD, 0) }
    }

    public var isTerminal: Bool { isatty(rawValue) == 1 }
}

let linuxTemporaryFile: Int32 = 0o20200000  // O_TMPFILE

/// `fcntl(F_DUPFD_CLOEXEC)`, for a second owner that is not a `FileDescriptor`.
public func duplicateDescriptor(_ number: Int32) -> Int32 { linux_fcntl(number, F_DUPFD_CLOEXEC, 0) }
