import Errors
import Glibc
import Linux

/// Where `/proc` and `/sys` may be, and what may cover them. Programs, ours among them, trust what
/// they read and write below `/proc`, and masks and read-only paths are found by these names.
extension RootDirectory {
    private static let procMagic = 0x9fa0

    /// Makes a directory to mount the kernel's own file systems on, or finds it; a symbolic link
    /// anywhere on the way is refused. It could lead into a volume, and there another container could
    /// move the mounted `/proc` from under the masks that come later (CVE-2019-19921).
    func makeOrdinaryDirectory(_ path: String) throws(SystemError) -> FileDescriptor {
        var current = try descriptor.openInRoot("/", FileDescriptor.pathOnly | O_DIRECTORY)
        for component in path.split(separator: "/") where component != "." {
            let name = String(component)
            guard name != ".." else { throw SystemError("mkdir", errno: EINVAL, subject: path) }
            do throws(SystemError) {
                current = try current.open(name, FileDescriptor.pathOnly | O_DIRECTORY | O_NOFOLLOW)
            } catch {
                guard error.errno == ENOENT else { throw notOrdinary(error, path) }
                do throws(SystemError) {
                    try current.makeDirectory(name)
                } catch {
                    if error.errno != EEXIST { throw error }
                }
                do throws(SystemError) {
                    current = try current.open(name, FileDescriptor.pathOnly | O_DIRECTORY | O_NOFOLLOW)
                } catch {
                    throw notOrdinary(error, path)
                }
            }
        }
        return current
    }

    private func notOrdinary(_ error: SystemError, _ path: String) -> SystemError {
        guard error.errno == ENOTDIR || error.errno == ELOOP else { return error }
        return SystemError("open", errno: ENOTDIR, subject: "\(path) (it must be an ordinary directory in the image)")
    }

    /// Refuses to cover `/proc`, or what is below it, whatever names and links led there: only files
    /// that tell a container of its own limits may be replaced, and `/proc` itself by a `/proc`
    /// (CVE-2019-16884).
    func checkReplaceable(
        _ target: FileDescriptor, _ path: String, by source: FileDescriptor? = nil
    ) throws(SystemError) {
        guard try target.fileSystemMagic() == Self.procMagic || Self.isProc(path) else { return }
        if Self.isProc(path) {
            if let source, try source.fileSystemMagic() == Self.procMagic { return }
        } else if Self.replaceable.contains(Self.normalized(path)) {
            return
        }
        throw SystemError("mount", errno: EPERM, subject: "\(path) (it cannot be mounted because it is inside /proc)")
    }

    private static func normalized(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    private static func isProc(_ path: String) -> Bool { normalized(path) == "/proc" }

    private static let replaceable: Set<String> = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/crypto/fips_enabled",
    ]
}
