import EngineAPI
import Errors
import Glibc
import Linux

/// What a container changed, read from the upper directory of its overlay and the layers below it.
struct LayerChanges {
    private enum Kind: Int { case modified = 0, added, deleted }

    /// Made on every start so that something can be mounted there: no doing of the container's.
    private static let mountPoints: Set<String> = [
        "/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", InitProgram.path,
    ]

    private var changes: [FilesystemChange] = []

    /// - Parameters:
    ///   - upper: the writable layer.
    ///   - lower: the image's layers, lowest first.
    /// - Returns: changes sorted by path, with the directories above each.
    static func find(upper: String, lower: [String]) throws(BerthError) -> [FilesystemChange] {
        do throws(SystemError) {
            var below: [FileDescriptor] = []
            for path in lower.reversed() { below.append(try FileDescriptor.openDirectory(path)) }
            var scan = LayerChanges()
            _ = try scan.walk(try FileDescriptor.openDirectory(upper), below: below, path: "")
            return scan.changes.sorted { $0.path < $1.path }
        } catch {
            throw BerthError("comparing the container with its image", error)
        }
    }

    /// What a directory of the upper layer holds.
    private struct Contents {
        var hasChanges = false
        var hasMountPoints = false
    }

    private mutating func walk(
        _ directory: FileDescriptor, below: [FileDescriptor], path: String
    ) throws(SystemError) -> Contents {
        try RawPath(path).checkLength()
        var contents = Contents()
        var present: Set<RawPath> = []
        for name in try directory.rawEntries() {
            present.insert(name)
            let outcome: Contents
            do throws(SystemError) {
                outcome = try visit(name, of: directory, below: below, path: "\(path)/\(name)")
            } catch {
                // Gone meanwhile: the container may be running.
                if error.errno == ENOENT { continue }
                throw error
            }
            contents.hasChanges = contents.hasChanges || outcome.hasChanges
            contents.hasMountPoints = contents.hasMountPoints || outcome.hasMountPoints
        }
        if try directory.isOpaque() {
            for name in try Self.visibleNames(below) where !present.contains(name) {
                add(.deleted, "\(path)/\(name)")
                contents.hasChanges = true
            }
        }
        return contents
    }

    private mutating func visit(
        _ name: RawPath, of directory: FileDescriptor, below: [FileDescriptor], path: String
    ) throws(SystemError) -> Contents {
        let status = try directory.status(of: name)
        let original = try Self.look(up: name, in: below)
        if status.isWhiteout {
            guard original != nil else { return Contents() }
            add(.deleted, path)
            return Contents(hasChanges: true)
        }
        if original == nil, Self.mountPoints.contains(path), try Self.isEmpty(name, status, directory) {
            return Contents(hasMountPoints: true)
        }
        guard status.isDirectory else {
            add(original == nil ? .added : .modified, path)
            return Contents(hasChanges: true)
        }
        let open = try directory.open(name, O_RDONLY | O_DIRECTORY)
        let inside = try walk(open, below: original?.directories ?? [], path: path)
        guard let original else {
            // A directory made only to hold a mount point, such as `/sbin` of an empty image.
            if inside.hasMountPoints, !inside.hasChanges { return Contents(hasMountPoints: true) }
            add(.added, path)
            return Contents(hasChanges: true)
        }
        let before = original.status
        let isSame =
            before.isDirectory && before.mode == status.mode && before.userID == status.userID
            && before.groupID == status.groupID && (before.modified == status.modified || inside.hasMountPoints)
        if isSame, !inside.hasChanges { return Contents(hasMountPoints: inside.hasMountPoints) }
        add(.modified, path)
        return Contents(hasChanges: true)
    }

    private mutating func add(_ kind: Kind, _ path: String) {
        changes.append(FilesystemChange(path: path, kind: kind.rawValue))
    }

    private static func isEmpty(
        _ name: RawPath, _ status: FileStatus, _ parent: FileDescriptor
    ) throws(SystemError) -> Bool {
        guard status.isDirectory else { return status.size == 0 }
        for entry in try parent.open(name, O_RDONLY | O_DIRECTORY).rawEntries() {
            // Mount points in the mount points.
            guard entry == "shm" || entry == "pts" || entry == "mqueue" || entry == "console" else { return false }
        }
        return true
    }

    // MARK: The layers below

    private struct Original {
        var status: FileStatus
        /// The directories that are merged there, topmost first; none for anything else.
        var directories: [FileDescriptor] = []
    }

    /// What the image shows under a name.
    private static func look(up name: RawPath, in layers: [FileDescriptor]) throws(SystemError) -> Original? {
        var found: Original?
        for layer in layers {
            let status: FileStatus
            do throws(SystemError) {
                status = try layer.status(of: name)
            } catch {
                if error.errno == ENOENT { continue }
                throw error
            }
            if status.isWhiteout { break }
            if found != nil, !status.isDirectory { break }
            if found == nil { found = Original(status: status) }
            guard status.isDirectory else { break }
            let directory = try layer.open(name, O_RDONLY | O_DIRECTORY)
            found?.directories.append(directory)
            if try directory.isOpaque() { break }
        }
        return found
    }

    private static func visibleNames(_ layers: [FileDescriptor]) throws(SystemError) -> Set<RawPath> {
        var names: Set<RawPath> = []
        var hidden: Set<RawPath> = []
        for layer in layers {
            for name in try layer.rawEntries() where !hidden.contains(name) && !names.contains(name) {
                if try layer.status(of: name).isWhiteout { hidden.insert(name) } else { names.insert(name) }
            }
        }
        return names
    }
}

extension FileStatus {
    /// Overlayfs' mark for "gone": a character device 0:0.
    fileprivate var isWhiteout: Bool { kind == .characterDevice && specialDevice == 0 }
}

extension FileDescriptor {
    /// The directory hides those of the layers below.
    fileprivate func isOpaque() throws(SystemError) -> Bool {
        try extendedAttribute("trusted.overlay.opaque") == [UInt8(ascii: "y")]
    }
}
