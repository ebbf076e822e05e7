import Errors
import Glibc
import Linux

/// What a run of a container needs mounted on the host: shared memory that other containers may join,
/// and, until its own tree stands, the parts of volumes that it gets.
struct HostMounts: Sendable {
    private let record: ContainerRecord
    private let bundle: String

    init(_ record: ContainerRecord, configuration: EngineConfiguration) {
        self.record = record
        bundle = configuration.bundle(of: record.id)
    }

    var sharedMemory: String { bundle + "/shm" }

    /// Of the mount with this number.
    func subpath(_ index: Int) -> String { "\(bundle)/subpaths/\(index)" }

    private var isShareable: Bool { record.hostConfig.ipcMode == "shareable" }
    private var subpaths: [(index: Int, mount: ResolvedMount)] {
        record.mounts.enumerated().filter { $0.element.subpath != nil }.map { ($0.offset, $0.element) }
    }

    /// Blocking.
    func make(defaultSize: Int64) throws {
        guard isShareable || !subpaths.isEmpty else { return }
        releaseAll()
        do {
            if isShareable {
                try makeSharedMemory(record.hostConfig.shmSize > 0 ? record.hostConfig.shmSize : defaultSize)
            }
            for (index, mount) in subpaths { try bind(mount, at: subpath(index)) }
        } catch {
            releaseAll()
            throw error
        }
    }

    private func makeSharedMemory(_ size: Int64) throws {
        try Files.makeDirectories(sharedMemory, mode: 0o700)
        let memory = try Mount.Configuration("tmpfs")
        try memory.set("source", "shm")
        try memory.set("mode", "1777")
        try memory.set("size", "\(size)")
        try Mount.attach(
            try memory.mount([.noSetID, .noDevices, .noExecution]), at: sharedMemory)
    }

    /// Bound by descriptor: another container that writes to the volume could put a link to the host in
    /// the place of a path between its check and its mount.
    private func bind(_ mount: ResolvedMount, at target: String) throws {
        let path = mount.subpath ?? ""
        do throws(SystemError) {
            let volume = try FileDescriptor.open(mount.source, FileDescriptor.pathOnly | O_DIRECTORY)
            let part = try volume.openInRoot(path, FileDescriptor.pathOnly)
            try Files.makeDirectories(Files.parent(of: target), mode: 0o700)
            if try part.status().isDirectory {
                try Files.makeDirectories(target)
            } else {
                try Files.write(target, "")
            }
            try Mount.attach(try Mount.clone("", in: part, recursive: true), at: target)
        } catch {
            throw BerthError(
                error.errno == ENOENT ? .invalidArgument : .internal,
                "cannot access path \"\(path)\" in volume \(mount.name ?? ""): \(error.reason.lowercased())",
                cause: error)
        }
    }

    /// Blocking: when the container has its own copies.
    func releaseSubpaths() {
        guard !subpaths.isEmpty else { return }
        for (index, _) in subpaths { release(subpath(index)) }
        try? Files.removeTree(bundle + "/subpaths")
    }

    /// Blocking: when it has ended.
    func releaseAll() {
        releaseSubpaths()
        if isShareable {
            release(sharedMemory)
            try? FileDescriptor.openDirectory(bundle).removeDirectory("shm")
        }
    }

    private func release(_ path: String) {
        // A daemon that was killed may have mounted it more than once.
        while (try? Mount.unmount(path)) != nil {}
    }

    var isEmpty: Bool { !isShareable && subpaths.isEmpty }
}
