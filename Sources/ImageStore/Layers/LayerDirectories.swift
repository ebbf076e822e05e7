import Errors
import Glibc
import Linux
import Logging
import OCI

/// The directories of unpacked layers, and those of workspaces.
///
/// Names are short (a number in base 36), since old kernels take all lower directories of an overlay
/// in one option string of at most a page.
struct LayerDirectories: Sendable {
    let path: String
    let workPath: String
    /// An overlay without upper directory needs two lower ones: this makes up the number.
    let emptyPath: String
    private let nextNumber: Monitor<UInt64>

    private static let newPrefix = ".new-"
    private static let oldPrefix = ".old-"

    /// - Parameter known: names that the database has. Others are left over from a crash.
    init(root: String, known: [String], logger: Logger) throws {
        path = root + "/layers"
        workPath = root + "/work"
        emptyPath = path + "/.empty"
        try Files.makeDirectories(path, mode: 0o711)
        try Files.makeDirectories(emptyPath)
        let names = try FileDescriptor.openDirectory(path).entries()
        nextNumber = Monitor((names.compactMap { UInt64($0, radix: 36) }.max() ?? 0) + 1)

        let known = Set(known)
        for name in names where name.hasPrefix(Self.newPrefix) || name.hasPrefix(Self.oldPrefix) {
            try Files.removeTree("\(path)/\(name)")
        }
        let unknown = names.filter { !$0.hasPrefix(".") && !known.contains($0) }
        if known.isEmpty, !unknown.isEmpty {
            // The database was lost rather than the layers: containers may still run on them.
            logger.warning("\(unknown.count) unpacked layers in \(path) are not in the database; they are left alone")
        } else {
            for name in unknown { try Files.removeTree("\(path)/\(name)") }
        }
        // Workspaces belong to a running process.
        try Files.removeTree(workPath)
        try Files.makeDirectory(workPath, mode: 0o700)
    }

    func path(of record: LayerRecord) -> String { "\(path)/\(record.directory)" }

    /// A directory to unpack in.
    func makeTemporary() throws -> String {
        let temporary = "\(path)/\(Self.newPrefix)\(randomName())"
        try Files.makeDirectory(temporary, mode: 0o755)
        return temporary
    }

    /// Gives a finished directory its name, which is returned.
    func adopt(_ temporary: String) throws -> String {
        while true {
            let number = nextNumber.update { number in
                defer { number += 1 }
                return number
            }
            let name = String(number, radix: 36)
            if Files.exists("\(path)/\(name)") { continue }
            try Files.rename(temporary, to: "\(path)/\(name)")
            return name
        }
    }

    /// Removes a layer; its name is gone at once, however long the rest takes.
    func remove(_ name: String) throws {
        let old = "\(path)/\(Self.oldPrefix)\(randomName())"
        do throws(SystemError) {
            try Files.rename("\(path)/\(name)", to: old)
        } catch {
            if error.errno == ENOENT { return }
            throw error
        }
        try Files.removeTree(old)
    }
}
