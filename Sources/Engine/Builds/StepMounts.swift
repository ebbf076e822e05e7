import Builder
import Errors
import Glibc
import Linux
import OCI

/// Mount points that a step's container gets and its root lacks. The runtime makes them; after the
/// step those that are still empty are taken away, so that the image does not have them.
struct StepMountPoints: Sendable {
    /// Paths in the container, deepest first.
    private let missing: [String]
    private let upper: String

    init(_ step: RunStep) {
        upper = step.workspace.upper
        let wanted =
            ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", step.workingDirectory]
            + step.mounts.map(\.target)
        var paths: Set<String> = []
        for path in wanted {
            var prefix = ""
            for component in path.split(separator: "/") {
                prefix += "/" + component
                paths.insert(prefix)
            }
        }
        // The working directory is the image's own business, but for its parents it is the same.
        paths.remove(step.workingDirectory)
        guard let root = try? step.workspace.mountReadOnly() else {
            missing = []
            return
        }
        missing = paths.filter { (try? root.openInRoot($0, FileDescriptor.pathOnly)) == nil }
            .sorted { $0.split(separator: "/").count > $1.split(separator: "/").count }
    }

    func removeThoseMade() {
        guard let root = try? FileDescriptor.openDirectory(upper) else { return }
        for path in missing {
            let name = Files.lastComponent(of: path)
            let parent = Files.parent(of: path)
            guard let directory = try? root.openInRoot(parent, O_DIRECTORY),
                let status = try? directory.status(of: name)
            else { continue }
            if status.isDirectory {
                try? directory.removeDirectory(name)  // only if empty
            } else if status.kind == .file, status.size == 0 {
                try? directory.unlink(name)
            }
        }
    }
}

extension RuntimeSpec.Mount {
    /// A step's mount; files with given content are written below `bundle`.
    init(_ mount: StepMount, number: Int, bundle: String) throws {
        let access = mount.isReadOnly ? "ro" : "rw"
        switch mount.source {
        case .bind(let path):
            self.init(destination: mount.target, type: "bind", source: path, options: ["rbind", "rprivate", access])
        case .tmpfs(let size):
            self.init(
                destination: mount.target, type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "nodev", "mode=1777"] + (size.map { ["size=\($0)"] } ?? []))
        case .layers(let layers) where layers.count == 1:
            self.init(destination: mount.target, type: "bind", source: layers[0], options: ["bind", "rprivate", "ro"])
        case .layers(let layers):
            self.init(
                destination: mount.target, type: "overlay", source: "overlay",
                options: layers.reversed().map { "lowerdir+=\($0)" } + ["ro"])
        case .overlay(let layers, let upper, let work):
            self.init(
                destination: mount.target, type: "overlay", source: "overlay",
                options: layers.reversed().map { "lowerdir+=\($0)" } + ["upperdir=\(upper)", "workdir=\(work)", access])
        case .file(let content, let mode, let user, let group):
            let path = "\(bundle)/file-\(number)"
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(content)
            try FileDescriptor.openDirectory(bundle).changeOwner("file-\(number)", user: user, group: group)
            try file.changeMode(mode)
            self.init(destination: mount.target, type: "bind", source: path, options: ["bind", "rprivate", access])
        }
    }
}
