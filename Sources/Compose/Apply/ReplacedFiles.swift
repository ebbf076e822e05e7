import Linux

/// Finds mounted files that are no longer those that a container sees. A mount is of a file, not of
/// its name: an editor that writes a new file and renames it, or a checkout, leaves the container with
/// the old one. The container's shim then mounts the new one; but not where a link leads elsewhere, where a
/// program of the container mounted something itself, or where the host has no inotify instance left.
enum ReplacedFiles {
    /// Whether `target` in the container whose first process is `pid` is another file than `source`.
    /// False also when that cannot be seen, for want of rights.
    static func isReplaced(_ source: String, at target: String, in pid: Int) -> Bool {
        guard let now = try? Files.status(source), now.kind == .file,
            let root = try? FileDescriptor.openDirectory("/proc/\(pid)/root"),
            let then = try? root.openInRoot(target, FileDescriptor.pathOnly).status()
        else { return false }
        return (now.device, now.inode) != (then.device, then.inode)
    }
}

extension ProjectRunner {
    /// Tells of running containers that still have an old version of a mounted file.
    func warnOfReplacedFiles(_ services: [Service]) async throws {
        guard locality == .local else { return }
        for service in services {
            let binds = service.volumes.filter { mount in
                mount.kind == .bind && mount.source.map { FilePath.kind(of: $0) == .file } ?? false
            }
            guard !binds.isEmpty else { continue }
            for container in try await containers(of: [service.name]) where container.isRunning {
                let pid = try await engine.inspectContainer(container.id).state.pid
                guard pid > 0 else { continue }
                for bind in binds {
                    guard let source = bind.source, ReplacedFiles.isReplaced(source, at: bind.target, in: pid) else {
                        continue
                    }
                    // The container's shim mounts the new one, if it can, a moment after the change.
                    try await Task.sleep(for: .milliseconds(500))
                    guard ReplacedFiles.isReplaced(source, at: bind.target, in: pid) else { continue }
                    report(
                        .warning(
                            "\(source) was replaced after container \(container.name) started, which still sees the old "
                                + "file at \(bind.target); to give it the new one: restart \(service.name)"))
                }
            }
        }
    }
}
