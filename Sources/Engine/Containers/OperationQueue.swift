/// Lets one operation on a container run at a time: start, stop, remove and their like suspend while
/// they wait for the kernel, and another must not slip in between.
///
/// Only ever touched on its container's actor, so it needs no lock of its own.
struct OperationQueue {
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    mutating func tryEnter() -> Bool {
        if isBusy { return false }
        isBusy = true
        return true
    }

    mutating func enqueue(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

    /// Hands over to the next in line, or frees the queue.
    mutating func leave() {
        if waiting.isEmpty {
            isBusy = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
