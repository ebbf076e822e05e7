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
        var current = try descriptor.openInRoot("/", FileDescriptor.pathOnly | O_DIRECTORY)
        var prefix = ""
        for component in path.split(separator: "/") where component != "." {
            prefix += "/" + component
            if let next = try find(prefix) {
                current = next
                continue
            }
            guard component != ".." else { throw SystemError("mkdir", errno: ENOENT, subject: path) }
            do throws(SystemError) {
                try current.makeDirectory(String(component), mode: mode)
            } catch {
                if error.errno != EEXIST { throw error }
            }
            guard let made = try find(prefix) else { throw SystemError("mkdir", errno: ENOENT, subject: path) }
            current = made
        }
        return current
    }

    /// Opens a file to mount on, making an empty one, and its directory, where missing.
    func makeFile(_ path: String) throws(SystemError) -> FileDescriptor {
        if let found = try find(path) { return found }
        let directory = try makeDirectories(Files.parent(of: path))
        let name = Files.lastComponent(of: path)
        do throws(SystemError) {
            _ = try directory.openReadable().open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
        } catch {
            if error.errno != EEXIST { throw error }
        }
        guard let made = try find(path) else { throw SystemError("open", errno: ENOENT, subject: path) }
        return made
    }
}

extension FileDescriptor {
    /// The same directory as an ordinary descriptor, where this one is a mere place (`O_PATH`).
    func openReadable() throws(SystemError) -> FileDescriptor {
        try open(".", O_RDONLY | O_DIRECTORY)
    }
}
