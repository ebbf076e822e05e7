import CLinux
import Glibc

/// A file name or path as the kernel has it: bytes without a zero, not necessarily UTF-8.
///
/// Trees that come from elsewhere (image layers, containers) hold names in any encoding. A `String`
/// would repair such a name and then name no file at all.
public struct RawPath: Hashable, Sendable {
    /// The bytes with the zero that ends them for the kernel.
    private let terminated: [UInt8]

    /// The bytes up to the first zero, if they hold one.
    public init(_ bytes: some Sequence<UInt8>) {
        var terminated: [UInt8] = []
        terminated.reserveCapacity(bytes.underestimatedCount + 1)
        for byte in bytes {
            if byte == 0 { break }
            terminated.append(byte)
        }
        terminated.append(0)
        self.terminated = terminated
    }

    public init(_ text: String) { self.init(text.utf8) }

    public init(cString: UnsafePointer<CChar>) {
        terminated = Array(UnsafeRawBufferPointer(start: cString, count: strlen(cString) + 1))
    }

    public var bytes: ArraySlice<UInt8> { terminated.dropLast() }
    public var count: Int { terminated.count - 1 }
    public var isEmpty: Bool { count == 0 }

    /// Calls `body` with the zero-terminated bytes.
    @inline(__always)
    public func withPointer<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        terminated.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
                // Never empty: the zero is always there.
                buffer.baseAddress.map(body) ?? body("")
            }
        }
    }

    /// `self/name`, or `name` when `self` is empty.
    public func appending(_ name: RawPath) -> RawPath {
        isEmpty ? name : RawPath(bytes + [UInt8(ascii: "/")] + name.bytes)
    }

    public static func joined(_ components: some Sequence<RawPath>) -> RawPath {
        var joined: [UInt8] = []
        for component in components {
            if !joined.isEmpty { joined.append(UInt8(ascii: "/")) }
            joined.append(contentsOf: component.bytes)
        }
        return RawPath(joined)
    }
}

extension RawPath: CustomStringConvertible {
    /// For messages: bytes that are not UTF-8 are shown as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

extension RawPath: Comparable {
    public static func < (a: RawPath, b: RawPath) -> Bool { a.terminated.lexicographicallyPrecedes(b.terminated) }
}

extension RawPath: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}

// MARK: - Relative to a directory descriptor; the last component is never followed

extension FileDescriptor {
    /// `openat(2)` of one name. `O_NOFOLLOW` is always set: to follow links, resolve with `openInRoot`.
    public func open(_ name: RawPath, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("openat", name.description) {
                name.withPointer { linux_openat(rawValue, $0, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
            })
    }

    /// `O_PATH`: names a file without opening it for reading or writing.
    public static let pathOnly: Int32 = 0o10000000

    /// As `openInRoot(_: String, …)`.
    public func openInRoot(
        _ path: RawPath, _ flags: Int32, resolving extra: Resolution = []
    ) throws(SystemError) -> FileDescriptor {
        var how = open_how()
        how.flags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        how.resolve = UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) | extra.rawValue
        while true {
            let fd = path.withPointer { pointer in
                withUnsafeMutablePointer(to: &how) { how in
                    linux_syscall(
                        LINUX_SYS_openat2, Int(rawValue), Int(bitPattern: pointer), Int(bitPattern: how),
                        MemoryLayout<open_how>.size, 0, 0)
                }
            }
            if fd >= 0 { return FileDescriptor(owning: Int32(fd)) }
            // EAGAIN: a rename raced with the walk and the kernel could not prove that it stayed inside.
            if errno == EINTR || errno == EAGAIN { continue }
            throw SystemError("openat2", errno: errno, subject: path.description)
        }
    }

    /// Further rules for `openInRoot`.
    public struct Resolution: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        /// A symbolic link anywhere in the path is an error (`ELOOP`).
        public static let noSymbolicLinks = Resolution(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
    }

    public func status(of name: RawPath) throws(SystemError) -> FileStatus {
        var raw = stat()
        try systemCall("fstatat", name.description) {
            name.withPointer { fstatat(rawValue, $0, &raw, AT_SYMLINK_NOFOLLOW) }
        }
        return FileStatus(raw)
    }

    public func makeDirectory(_ name: RawPath, mode: mode_t = 0o755) throws(SystemError) {
        try systemCall("mkdirat", name.description) { name.withPointer { mkdirat(rawValue, $0, mode) } }
    }

    public func makeNode(_ name: RawPath, mode: mode_t, device: UInt64 = 0) throws(SystemError) {
        try systemCall("mknodat", name.description) {
            name.withPointer { mknodat(rawValue, $0, mode, dev_t(device)) }
        }
    }

    public func makeSymbolicLink(_ name: RawPath, to target: RawPath) throws(SystemError) {
        try systemCall("symlinkat", name.description) {
            name.withPointer { name in target.withPointer { symlinkat($0, rawValue, name) } }
        }
    }

    public func makeLink(_ name: RawPath, to existing: RawPath, in directory: FileDescriptor) throws(SystemError) {
        try systemCall("linkat", name.description) {
            name.withPointer { name in
                existing.withPointer { linkat(directory.rawValue, $0, rawValue, name, 0) }
            }
        }
    }

    public func readLink(_ name: RawPath) throws(SystemError) -> RawPath {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try systemCall("readlinkat", name.description) {
            name.withPointer { readlinkat(rawValue, $0, &target, target.count) }
        }
        return RawPath(target[..<count].lazy.map(UInt8.init(bitPattern:)))
    }

    public func unlink(_ name: RawPath) throws(SystemError) {
        try systemCall("unlinkat", name.description) { name.withPointer { unlinkat(rawValue, $0, 0) } }
    }

    public func removeDirectory(_ name: RawPath) throws(SystemError) {
        try systemCall("unlinkat", name.description) { name.withPointer { unlinkat(rawValue, $0, AT_REMOVEDIR) } }
    }

    public func rename(_ name: RawPath, to newName: RawPath, in directory: FileDescriptor) throws(SystemError) {
        try systemCall("renameat", name.description) {
            name.withPointer { name in
                newName.withPointer { renameat(rawValue, name, directory.rawValue, $0) }
            }
        }
    }

    public func changeOwner(_ name: RawPath, user: uid_t, group: gid_t) throws(SystemError) {
        try systemCall("fchownat", name.description) {
            name.withPointer { fchownat(rawValue, $0, user, group, AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Sets the permissions of a name. A symbolic link has none and is an error (`EOPNOTSUPP`).
    public func changeMode(_ name: RawPath, mode: mode_t) throws(SystemError) {
        try systemCall("fchmodat", name.description) {
            name.withPointer { fchmodat(rawValue, $0, mode, AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Sets access and modification time (nanoseconds since 1970).
    public func setTimes(_ name: RawPath, accessed: Int64, modified: Int64) throws(SystemError) {
        var times = (timespec(nanoseconds: accessed), timespec(nanoseconds: modified))
        try systemCall("utimensat", name.description) {
            name.withPointer { name in
                withUnsafeBytes(of: &times) {
                    utimensat(
                        rawValue, name, $0.bindMemory(to: timespec.self).baseAddress, AT_SYMLINK_NOFOLLOW)
                }
            }
        }
    }

    /// Names in this directory but `.` and `..`, as bytes, in the kernel's order.
    public func rawEntries() throws(SystemError) -> [RawPath] {
        // A descriptor of its own: reading moves the position of the open directory.
        let own = try systemCall("openat") { linux_openat(rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard let stream = fdopendir(own) else {
            let code = errno
            _ = close(own)
            throw SystemError("fdopendir", errno: code)
        }
        defer { closedir(stream) }
        var names: [RawPath] = []
        while let entry = readdir(stream) {
            // By the address of the record: it is only as long as its name, so it must not be copied.
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 19
            let name = UnsafeRawPointer(entry) + offset
            let path = RawPath(cString: name.assumingMemoryBound(to: CChar.self))
            if path != ".", path != ".." { names.append(path) }
        }
        return names
    }

    /// Removes a name and all below it. Never follows a symbolic link. Absent is fine.
    public func removeTree(_ name: RawPath) throws(SystemError) {
        if try unlinkUnlessDirectory(name) { return }
        let top = try open(name, O_RDONLY | O_DIRECTORY)
        var removal = Removal(top: top)
        repeat {
            removal.hasMoved = false
            try removal.empty(top, depth: 0)
        } while removal.hasMoved
        try removeDirectory(name)
    }

    /// False for a directory. Absent is fine.
    fileprivate func unlinkUnlessDirectory(_ name: RawPath) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try unlink(name)
        } catch {
            if error.errno == EISDIR || error.errno == EPERM { return false }
            if error.errno != ENOENT { throw error }
        }
        return true
    }
}

/// Removes trees of any depth. Directories can lie in one another further than a path can name, than a
/// stack has room for and than a process may have descriptors: a container that made such a thing must
/// neither bring down who removes it nor be there for ever. What lies too deep is moved up and then is
/// not deep any more.
private struct Removal {
    private static let depthAtOnce = 100

    let top: FileDescriptor
    var hasMoved = false
    private var count = 0

    init(top: FileDescriptor) { self.top = top }

    mutating func empty(_ directory: FileDescriptor, depth: Int) throws(SystemError) {
        for name in try directory.rawEntries() {
            if try directory.unlinkUnlessDirectory(name) { continue }
            if depth >= Self.depthAtOnce {
                try moveUp(name, from: directory)
                continue
            }
            try empty(try directory.open(name, O_RDONLY | O_DIRECTORY), depth: depth + 1)
            try directory.removeDirectory(name)
        }
    }

    private mutating func moveUp(_ name: RawPath, from directory: FileDescriptor) throws(SystemError) {
        while true {
            count += 1
            do throws(SystemError) {
                try directory.rename(name, to: RawPath(".too-deep-\(count)"), in: top)
                hasMoved = true
                return
            } catch {
                // The tree has something of that name itself.
                guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(error.errno), count < 100_000 else { throw error }
            }
        }
    }
}

extension RawPath {
    /// Refuses a path that no program could name: who walks down a tree stops here, before the stack ends.
    /// - Throws: `ENAMETOOLONG`.
    public func checkLength() throws(SystemError) {
        guard count >= Int(PATH_MAX) else { return }
        throw SystemError(
            "open", errno: ENAMETOOLONG, subject: "\(RawPath(bytes.prefix(40)))… (directories are nested too deeply)")
    }
}

extension timespec {
    init(nanoseconds: Int64) {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        self =
            rest < 0
            ? timespec(tv_sec: Int(seconds) - 1, tv_nsec: Int(rest) + 1_000_000_000)
            : timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }
}
