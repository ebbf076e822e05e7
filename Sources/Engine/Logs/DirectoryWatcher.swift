import Glibc
import Linux
import Synchronization

/// Tells when files of a directory change, by one inotify descriptor and one thread for all.
final class DirectoryWatcher: Sendable {
    private let watches: Watches
    private let thread: WorkThread
    /// A byte ends the thread.
    private let stop: FileDescriptor

    init() throws(SystemError) {
        let watches = Watches(
            inotify: FileDescriptor(
                owning: try systemCall("inotify_init1") { inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) }))
        let pipe = try FileDescriptor.pipe()
        let poller = try Poller()
        try poller.add(watches.inotify, .read, tag: 0)
        try poller.add(pipe.read, .read, tag: 1)
        self.watches = watches
        stop = pipe.write
        let stopped = pipe.read
        thread = try WorkThread("log-watch") {
            withExtendedLifetime(stopped) { Self.run(watches, poller) }
        }
    }

    deinit {
        try? stop.writeAll([0])
        thread.join()
    }

    private static func run(_ watches: Watches, _ poller: Poller) {
        while let events = try? poller.wait() {
            if events.contains(where: { $0.tag == 1 }) { return }
            watches.signalChanged()
            // A program that writes line after line would wake us for each; a thousand times a
            // second is soon enough for a reader.
            usleep(1000)
        }
    }

    /// Watches until the subscription goes.
    func watch(_ directory: String) throws(SystemError) -> Subscription {
        let signal = Signal()
        let watch = try watches.add(directory, signal)
        return Subscription(signal: signal, watch: watch, watches: watches)
    }

    /// Wakes its one reader when something changed since it last looked.
    final class Subscription: Sendable {
        private let state: Signal
        private let watch: Int32
        private let watches: Watches

        fileprivate init(signal: Signal, watch: Int32, watches: Watches) {
            state = signal
            self.watch = watch
            self.watches = watches
        }

        deinit { watches.remove(state, from: watch) }

        /// Returns at the next change, at `signal`, or when the task is cancelled.
        func next() async {
            await withTaskCancellationHandler {
                await state.wait()
            } onCancel: {
                state.raise()
            }
        }

        /// Wakes the reader by hand.
        func signal() { state.raise() }
    }
}

/// A flag with at most one task that waits for it.
private final class Signal: Sendable {
    private enum State {
        case idle
        case raised
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    func raise() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if case .waiting(let waiter) = state {
                state = .idle
                return waiter
            }
            state = .raised
            return nil
        }
        waiter?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isRaised = state.withLock { state -> Bool in
                if case .raised = state {
                    state = .idle
                    return true
                }
                state = .waiting(continuation)
                return false
            }
            if isRaised { continuation.resume() }
        }
    }
}

/// The watched directories, by the kernel's number for each.
private final class Watches: Sendable {
    let inotify: FileDescriptor
    private let signals = Mutex<[Int32: [Signal]]>([:])

    init(inotify: FileDescriptor) { self.inotify = inotify }

    /// The lock is held over the call, which does not block: between adding a directory and noting
    /// who watches it, nobody may remove it.
    func add(_ directory: String, _ signal: Signal) throws(SystemError) -> Int32 {
        try signals.withLock { (signals) throws(SystemError) in
            let mask = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR)
            let watch = try systemCall("inotify_add_watch", directory) {
                inotify_add_watch(inotify.rawValue, directory, mask)
            }
            signals[watch, default: []].append(signal)
            return watch
        }
    }

    func remove(_ signal: Signal, from watch: Int32) {
        signals.withLock { signals in
            signals[watch]?.removeAll { $0 === signal }
            if signals[watch]?.isEmpty == true {
                signals[watch] = nil
                _ = inotify_rm_watch(inotify.rawValue, watch)
            }
        }
    }

    /// Reads all events and wakes who is concerned.
    func signalChanged() {
        while let bytes = try? inotify.read(upTo: 64 * 1024), !bytes.isEmpty {
            let changed = Self.watches(in: bytes)
            let concerned = signals.withLock { signals in
                // -1: the queue ran over, so anything may have changed.
                changed.contains(-1) ? signals.values.flatMap { $0 } : changed.flatMap { signals[$0] ?? [] }
            }
            for signal in concerned { signal.raise() }
        }
    }

    /// `struct inotify_event`: watch, mask, cookie and the length of the name that follows.
    private static func watches(in bytes: [UInt8]) -> Set<Int32> {
        var found: Set<Int32> = []
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= bytes.count {
                let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                found.insert(event.wd)
                offset += MemoryLayout<inotify_event>.size + Int(event.len)
            }
        }
        return found
    }
}
