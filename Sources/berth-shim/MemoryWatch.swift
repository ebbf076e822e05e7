import Errors
import Glibc
import Linux

/// Notices when the kernel kills a process of a cgroup for want of memory, while the others live on.
final class MemoryWatch: EventHandler {
    private let cgroup: Cgroup
    private let loop: EventLoop
    private let onKill: () -> Void
    private var watch: EventLoop.Watch?
    private var known = 0
    /// Version 1: what the kernel was told to watch must stay open.
    private var watched: FileDescriptor?

    /// Nil where the host offers no such news.
    init?(_ cgroup: Cgroup, loop: EventLoop, onKill: @escaping () -> Void) {
        self.cgroup = cgroup
        self.loop = loop
        self.onKill = onKill
        guard let directory = cgroup.directory(of: "memory"),
            let source = try? cgroup.isVersion2("memory") ? Self.changes(of: directory) : register(in: directory)
        else { return nil }
        watch = try? loop.watch(source, .read, self)
    }

    func stop() {
        if let watch { loop.end(watch) }
        watch = nil
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        _ = try? watch.descriptor.read(upTo: 4096)
        check()
        // Version 1 tells before the kill.
        for delay: Int64 in [20, 200] { loop.after(milliseconds: delay) { [weak self] in self?.check() } }
    }

    private func check() {
        guard watch != nil else { return }
        let kills = cgroup.outOfMemoryKills()
        guard kills > known else { return }
        known = kills
        onKill()
    }

    private static func changes(of directory: String) throws -> FileDescriptor {
        let inotify = FileDescriptor(owning: inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)))
        guard inotify.rawValue >= 0,
            inotify_add_watch(inotify.rawValue, directory + "/memory.events", UInt32(IN_MODIFY)) >= 0
        else { throw SystemError("inotify", errno: errno) }
        return inotify
    }

    private func register(in directory: String) throws -> FileDescriptor {
        let event = try makeEventCounter()
        let control = try FileDescriptor.open(directory + "/memory.oom_control", O_RDONLY)
        try Files.writeKernel(directory + "/cgroup.event_control", "\(event.rawValue) \(control.rawValue)")
        watched = control
        return event
    }
}
