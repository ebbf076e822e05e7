import FoundationEssentials

/// Paths as text: no file is looked at.
enum FilePath {
    /// Makes a path absolute and resolves `.`, `..` and a leading `~`.
    static func absolute(_ path: String, from directory: String) -> String {
        let home = path == "~" || path.hasPrefix("~/") ? ProcessInfo.processInfo.environment["HOME"] : nil
        if let home { return clean(home + path.dropFirst()) }
        return clean(path.hasPrefix("/") ? path : directory + "/" + path)
    }

    /// The path without `.`, `..`, doubled and trailing slashes.
    static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    static func name(of path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }

    /// What kind of thing a path names, symbolic links followed.
    enum Kind { case missing, file, directory }

    static func kind(of path: String) -> Kind {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return .missing }
        return isDirectory ? .directory : .file
    }
}
