import Linux

/// A path in a container as `docker cp` reads it: absolute, without `.` and `..`, except that a slash
/// or a dot at its end says "what is there", through a symbolic link too.
struct ContainerPath: Sendable {
    let components: [String]
    /// A symbolic link at the end is followed.
    let followsLast: Bool
    /// Last part, `.` after `/.`, `/` for the root: the name in a status and in an archive.
    let name: String

    init(_ path: String) {
        var components: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = components.popLast() } else { components.append(String(part)) }
        }
        let endsWithDot = path == "." || path.hasSuffix("/.")
        self.components = components
        followsLast = endsWithDot || path.hasSuffix("/") || components.isEmpty
        name = endsWithDot ? "." : components.last ?? "/"
    }

    var absolute: String { "/" + components.joined(separator: "/") }
    var parent: String { "/" + components.dropLast().joined(separator: "/") }
    /// The last part; empty for the root.
    var last: String { components.last ?? "" }
}
