import CLinux
import Glibc

/// A value, the lock that guards it, and a condition to wait for changes of it.
public final class Monitor<State>: @unchecked Sendable {
    // Safe to share: `state` is touched only between lock and unlock of `mutex`, and the two
    // primitives live at fixed addresses until `deinit`, when nobody can hold them any more.
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    public init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Changes the value and wakes whoever waits.
    public func update<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Waits until `body` returns a value. It is called with the lock held, at first and after each change.
    public func wait<Result>(until body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) {
                pthread_cond_broadcast(changed)
                return result
            }
            pthread_cond_wait(changed, mutex)
        }
    }
}

/// A thread for blocking work of known length, outside every pool.
public final class WorkThread: Sendable {
    private let handle: pthread_t

    /// Starts `body`. The name shows in `ps -L`; the kernel keeps 15 bytes of it.
    public init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Body(name: name, run: body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                String(body.name.prefix(15)).withCString { name in
                    _ = linux_prctl(PR_SET_NAME, UInt(bitPattern: name), 0, 0, 0)
                }
                body.run()
                return nil
            }, box.toOpaque())
        if code != 0 {
            box.release()
            throw SystemError("pthread_create", errno: code, subject: name)
        }
        self.handle = handle
    }

    /// Waits for the end of the thread. To be called exactly once.
    public func join() { pthread_join(handle, nil) }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}
