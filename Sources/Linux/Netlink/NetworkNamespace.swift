import CLinux
import Glibc

/// A network namespace, kept alive by an open descriptor.
public struct NetworkNamespace: Sendable {
    public let descriptor: FileDescriptor

    public init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// The namespace of a process. The caller knows that the process is still the one it means.
    public static func of(process: pid_t) throws(SystemError) -> NetworkNamespace {
        NetworkNamespace(try FileDescriptor.open("/proc/\(process)/ns/net", O_RDONLY))
    }

    /// The namespace of the calling thread.
    public static func current() throws(SystemError) -> NetworkNamespace {
        NetworkNamespace(try FileDescriptor.open("/proc/thread-self/ns/net", O_RDONLY))
    }

    /// A new, empty one: a loopback that is down.
    public static func make() throws(SystemError) -> NetworkNamespace {
        try onOwnThread { () throws(SystemError) in
            try systemCall("unshare", "network namespace") { linux_unshare(CLONE_NEWNET) }
            return try current()
        }
    }

    /// Runs `body` inside, on a thread of its own that ends with it, and waits. The daemon's threads
    /// never change their namespace: one that failed to come back would poison whatever ran on it
    /// next. Sockets that `body` opens stay in this namespace wherever they are used afterwards.
    public func run<Result: Sendable>(
        _ body: @Sendable () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try Self.onOwnThread { () throws(SystemError) in
            try systemCall("setns", "network namespace") { linux_setns(descriptor.rawValue, CLONE_NEWNET) }
            return try body()
        }
    }

    private static func onOwnThread<Result: Sendable>(
        _ body: @Sendable () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var outcome: Swift.Result<Result, SystemError>?
        let code = withoutActuallyEscaping(body) { body in
            let work = Work {
                do throws(SystemError) {
                    outcome = .success(try body())
                } catch {
                    outcome = .failure(error)
                }
            }
            // The join below ends the thread's use of `work` before either goes out of scope.
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Work>.fromOpaque(context).takeUnretainedValue().body() }
                    return nil
                }, Unmanaged.passUnretained(work).toOpaque())
            if code == 0 { pthread_join(thread, nil) }
            return withExtendedLifetime(work) { code }
        }
        guard let outcome else { throw SystemError("pthread_create", errno: code) }
        return try outcome.get()
    }
}

/// A closure as an object, to be handed to a thread as a pointer.
private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}
