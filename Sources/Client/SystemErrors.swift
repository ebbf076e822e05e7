import Glibc

/// The kernel's numbers that decide what a failed connect means.
enum SystemErrors {
    static let noSuchFile = ENOENT
    static let connectionRefused = ECONNREFUSED
    static let permissionDenied = EACCES
}
