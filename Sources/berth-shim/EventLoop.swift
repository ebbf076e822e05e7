import Errors
import Linux

/// Something that waits for descriptors. Handlers are called on the shim's only thread.
protocol EventHandler: AnyObject {
    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch)
}

/// The shim's loop: descriptors and deadlines, one thread, nothing that blocks.
final class EventLoop {
    /// A registration; changing or ending it is how a handler says what it waits for.
    final class Watch {
        let descriptor: FileDescriptor
        fileprivate let tag: UInt64
        fileprivate weak var handler: (any EventHandler)?
        fileprivate(set) var interest: Poller.Interest

        fileprivate init(
            _ descriptor: FileDescriptor, _ tag: UInt64, _ handler: any EventHandler, _ interest: Poller.Interest
        ) {
            self.descriptor = descriptor
            self.tag = tag
            self.handler = handler
            self.interest = interest
        }
    }

    private struct Timer {
        let due: Int64
        let action: () -> Void
    }

    private let poller: Poller
    private var watches: [UInt64: Watch] = [:]
    private var timers: [UInt64: Timer] = [:]
    private var nextTag: UInt64 = 1
    private var isStopped = false

    init() throws(SystemError) {
        poller = try Poller()
    }

    /// Starts to watch. The handler is not retained: its owner keeps it.
    func watch(_ descriptor: FileDescriptor, _ interest: Poller.Interest, _ handler: any EventHandler)
        throws(SystemError) -> Watch
    {
        let watch = Watch(descriptor, nextTag, handler, interest)
        nextTag += 1
        try poller.add(descriptor, interest, tag: watch.tag)
        watches[watch.tag] = watch
        return watch
    }

    func change(_ watch: Watch, to interest: Poller.Interest) {
        guard watch.interest != interest, watches[watch.tag] != nil else { return }
        watch.interest = interest
        // The descriptor is open and registered: this cannot fail but for want of kernel memory.
        try? poller.change(watch.descriptor, interest, tag: watch.tag)
    }

    func end(_ watch: Watch) {
        guard watches.removeValue(forKey: watch.tag) != nil else { return }
        poller.remove(watch.descriptor)
    }

    /// Runs `action` once, about `milliseconds` from now; the result cancels it.
    @discardableResult
    func after(milliseconds: Int64, _ action: @escaping () -> Void) -> () -> Void {
        let tag = nextTag
        nextTag += 1
        timers[tag] = Timer(due: Clock.monotonic() + milliseconds * 1_000_000, action: action)
        return { [weak self] in self?.timers[tag] = nil }
    }

    func stop() { isStopped = true }

    func run() throws(SystemError) {
        while !isStopped {
            for event in try poller.wait(milliseconds: millisecondsToNextTimer()) {
                // An earlier event of this round may have ended the watch.
                guard let watch = watches[event.tag] else { continue }
                watch.handler?.ready(event.ready, on: watch)
            }
            fireTimers()
        }
    }

    private func millisecondsToNextTimer() -> Int32 {
        guard let due = timers.values.map(\.due).min() else { return -1 }
        return Int32(clamping: max(0, (due - Clock.monotonic() + 999_999) / 1_000_000))
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = Clock.monotonic()
        for (tag, timer) in timers.sorted(by: { $0.value.due < $1.value.due }) where timer.due <= now {
            if timers.removeValue(forKey: tag) != nil { timer.action() }
        }
    }
}
