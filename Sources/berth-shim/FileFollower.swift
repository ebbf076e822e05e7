import ContainerRuntime
import Glibc
import Linux
import OCI

/// Has the container see files of the host that are replaced by others of the same name, as editors, `sed -i`
/// and `git checkout` do. Their folders are watched; nothing is done until something happens there.
final class FileFollower: EventHandler {
    private static let limit = 64
    /// Files tend to be replaced several at once, and more than once.
    private static let delay: Int64 = 50
    private static let news =
        IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | Int32(IN_ONLYDIR)

    private let loop: EventLoop
    private let container: NewContainer
    private let files: [FollowedFile]
    private var watch: EventLoop.Watch?
    /// Which names matter, by the number of their folder's watch.
    private var names: [Int32: Set<String>] = [:]
    private var isDue = false

    /// Nil when none of the mounts is a file's, or the host has no watch left.
    init?(_ mounts: [RuntimeSpec.Mount], in container: NewContainer, loop: EventLoop) {
        var files: [FollowedFile] = []
        for mount in mounts where files.count < Self.limit {
            if let file = try? FollowedFile(mount, in: container) { files.append(file) }
        }
        self.files = files
        self.loop = loop
        self.container = container
        guard !files.isEmpty else { return nil }
        let inotify = FileDescriptor(owning: inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)))
        guard inotify.rawValue >= 0, let watch = try? loop.watch(inotify, .read, self) else { return nil }
        self.watch = watch
        // One may have been replaced since it was mounted.
        update()
    }

    func stop() {
        if let watch { loop.end(watch) }
        watch = nil
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        while let bytes = try? watch.descriptor.read(upTo: 16 * 1024), !bytes.isEmpty {
            if bytes.withUnsafeBytes(concerns) { schedule() }
        }
    }

    private func schedule() {
        guard !isDue else { return }
        isDue = true
        loop.after(milliseconds: Self.delay) { [weak self] in self?.update() }
    }

    private func concerns(_ events: UnsafeRawBufferPointer) -> Bool {
        let header = MemoryLayout<inotify_event>.size
        var rest = events[...]
        while rest.count >= header {
            let event = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: inotify_event.self)
            let name = rest.dropFirst(header).prefix(Int(event.len))
            if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
            if let wanted = names[event.wd] {
                // Without a name it is about the folder itself.
                if name.isEmpty || wanted.contains(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)) {
                    return true
                }
            }
            rest = rest.dropFirst(header + name.count)
        }
        return false
    }

    private func update() {
        isDue = false
        guard watch != nil else { return }
        // In this order: what happens after the look is told.
        watchFolders()
        for file in files { try? file.update(in: container) }
    }

    /// Watches each file's folder, or as long as that is not there, the nearest one above it.
    private func watchFolders() {
        guard let inotify = watch?.descriptor.rawValue else { return }
        var found: [Int32: Set<String>] = [:]
        for file in files {
            var path = file.path
            while path != "/" {
                let folder = Files.parent(of: path)
                let number = inotify_add_watch(inotify, folder, UInt32(Self.news))
                if number >= 0 {
                    found[number, default: []].insert(Files.lastComponent(of: path))
                    // The folder came back just before this one was watched.
                    if path != file.path, (try? Files.status(path).isDirectory) == true { schedule() }
                    break
                }
                guard errno == ENOENT || errno == ENOTDIR else { break }
                path = folder
            }
        }
        for number in names.keys where found[number] == nil { inotify_rm_watch(inotify, number) }
        names = found
    }
}
