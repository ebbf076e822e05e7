import Glibc
import Linux

/// Paths within a tree, without looking at a file system: as text, which is how a Dockerfile has
/// them, and as bytes, which is how a tree has them. Clean paths have no slash at either end; the
/// root is empty.
enum Paths {
    /// Without `.`, empty components and `..`; never above the root.
    static func clean(_ path: String) -> String {
        var components: [Substring] = []
        for component in path.split(separator: "/") {
            switch component {
            case ".": continue
            case "..": _ = components.popLast()
            default: components.append(component)
            }
        }
        return components.joined(separator: "/")
    }

    /// Absolute and clean.
    static func absolute(_ path: String, in directory: String) -> String {
        "/" + clean(path.hasPrefix("/") ? path : directory + "/" + path)
    }
}

extension RawPath {
    private static let slash = UInt8(ascii: "/")

    /// The directory and the last name of a clean path.
    var split: (parent: RawPath, name: RawPath) {
        guard let slash = bytes.lastIndex(of: Self.slash) else { return (RawPath(""), self) }
        return (RawPath(bytes[..<slash]), RawPath(bytes[(slash + 1)...]))
    }

    var components: [RawPath] { bytes.split(separator: Self.slash).map { RawPath($0) } }

    /// Either may be the root.
    func joining(_ child: RawPath) -> RawPath { child.isEmpty ? self : appending(child) }

    /// The path below a directory that it lies in.
    func dropping(_ directory: RawPath) -> RawPath {
        directory.isEmpty ? self : RawPath(bytes.dropFirst(directory.count + 1))
    }
}

extension FileDescriptor {
    /// Opens a directory in the tree of which this is the root.
    func directory(_ path: RawPath) throws(SystemError) -> FileDescriptor {
        try openInRoot(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY)
    }

    /// Opens a file in the tree of which this is the root, symbolic links followed. Does not wait for
    /// the other end of a pipe.
    func file(_ path: RawPath) throws(SystemError) -> FileDescriptor {
        try openInRoot(path.isEmpty ? "." : path, O_RDONLY | O_NONBLOCK)
    }
}

/// Removes a path of the host and all below it, whatever bytes the names there have. Absent is fine.
func removeTree(_ path: String) throws(SystemError) {
    try FileDescriptor.openDirectory(Files.parent(of: path)).removeTree(RawPath(Files.lastComponent(of: path)))
}
