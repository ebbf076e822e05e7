import Errors
import Glibc
import Linux

/// The container's root while its mounts are made. Every path is resolved inside it by the kernel
/// (`openat2` with `RESOLVE_IN_ROOT`) and used by descriptor, so a symbolic link in the image, or
/// one swapped in by another container that shares a volume, cannot lead a mount astray.
struct RootDirectory {
    let descriptor: FileDescriptor

    /// Opens a path to be mounted on, or nil when it does not exist.
    func find(_ path: String) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) {
            return try descriptor.openInRoot(path, FileDescriptor.pathOnly)
        } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw error
        }
    }

    /// Opens a directory, making it and its parents where they are missing.
    func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SystemError) -> FileDescriptor {
        if let found = try find(path) { return found }
        return try walk(path, mode: mode, endsWithFile: false)
    }

    /// Opens a file to mount on, making an empty one, and its directory, where missing.
    func makeFile(_ path: String) throws(SystemError) -> FileDescriptor {
        if let found = try find(path) { return found }
        return try walk(path, mode: 0o755, endsWithFile: true)
    }

    /// Goes a path step by step and makes what is missing, also where a symbolic link leads to nothing
    /// yet: images have `/etc/resolv.conf` point into `/run`. No step is left to the kernel to resolve,
    /// and `..` goes back the way that was come, so it never gets out.
    private func walk(_ path: String, mode: mode_t, endsWithFile: Bool) throws(SystemError) -> FileDescriptor {
        var way = [try descriptor.openInRoot("/", FileDescriptor.pathOnly | O_DIRECTORY)]
        var rest = path.split(separator: "/")[...]
        var links = 0
        while let part = rest.popFirst().map(String.init) {
            if part == "." { continue }
            if part == ".." {
                if way.count > 1 { way.removeLast() }
                continue
            }
            let current = way[way.count - 1]
            let makesFile = endsWithFile && rest.isEmpty
            let next = try makesFile ? current.openOrMakeFile(part) : current.openOrMakeDirectory(part, mode: mode)
            let status = try next.status()
            switch status.kind {
            case .directory: way.append(next)
            case .symbolicLink:
                links += 1
                guard links <= 40 else { throw SystemError("open", errno: ELOOP, subject: path) }
                let target = try current.readLink(part)
                if target.hasPrefix("/") { way.removeLast(way.count - 1) }
                rest = (target.split(separator: "/") + rest)[...]
            default:
                guard rest.isEmpty else { throw SystemError("open", errno: ENOTDIR, subject: path) }
                return next
            }
        }
        return way[way.count - 1]
    }
}

extension FileDescriptor {
    /// What has this name, links not followed; a new directory if there is nothing.
    fileprivate func openOrMakeDirectory(_ name: String, mode: mode_t) throws(SystemError) -> FileDescriptor {
        if let found = try place(name) { return found }
        do throws(SystemError) {
            try makeDirectory(name, mode: mode)
        } catch {
            if error.errno != EEXIST { throw error }
        }
        return try open(name, FileDescriptor.pathOnly | O_NOFOLLOW)
    }

    /// What has this name, links not followed; a new, empty file if there is nothing.
    fileprivate func openOrMakeFile(_ name: String) throws(SystemError) -> FileDescriptor {
        if let found = try place(name) { return found }
        do throws(SystemError) {
            _ = try openReadable().open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        } catch {
            if error.errno != EEXIST { throw error }
        }
        return try open(name, FileDescriptor.pathOnly | O_NOFOLLOW)
    }

    private func place(_ name: String) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) {
            return try open(name, FileDescriptor.pathOnly | O_NOFOLLOW)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }
}

extension FileDescriptor {
    /// The same directory as an ordinary descriptor, where this one is a mere place (`O_PATH`).
    func openReadable() throws(SystemError) -> FileDescriptor {
        try open(".", O_RDONLY | O_DIRECTORY)
    }
}
