import CLinux
import Errors
import Glibc

/// A failed system call: which one, on what, and the kernel's errno.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public let call: String
    public let errno: Int32
    /// The path or object of the call, for the message; empty when there is none.
    public let subject: String

    public init(_ call: String, errno: Int32, subject: String = "") {
        self.call = call
        self.errno = errno
        self.subject = subject
    }

    /// The kernel's words for the errno, such as `No such file or directory`.
    public var reason: String { errnoText(errno) }

    public var description: String {
        subject.isEmpty ? "\(call): \(reason)" : "\(call) \(subject): \(reason)"
    }
}

/// `strerror`, without its shared buffer.
public func errnoText(_ number: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let base = buffer.baseAddress, let text = linux_strerror(number, base, buffer.count) else {
            return "errno \(number)"
        }
        return String(cString: text)
    }
}

extension BerthError {
    /// A system error in the words of a larger task: `mounting /proc: Permission denied`.
    public init(_ task: String, _ error: SystemError) {
        let code: Code
        switch error.errno {
        case ENOENT: code = .notFound
        case EEXIST, EBUSY: code = .conflict
        case EACCES, EPERM: code = .permissionDenied
        default: code = .internal
        }
        self.init(code, "\(task): \(error.description)", cause: error)
    }
}

/// The one funnel for calls that return -1 and set errno. `EINTR` is tried again. `EBADF` and
/// `EFAULT` are mistakes of ours, after which nothing can be trusted: they trap.
@discardableResult
@inline(__always)
public func systemCall<Result: FixedWidthInteger & SignedInteger>(
    _ name: StaticString, _ subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        switch code {
        case EINTR: continue
        case EFAULT: fatalError("\(name): EFAULT")
        default: throw SystemError("\(name)", errno: code, subject: subject())
        }
    }
}

/// `syscall(2)` by number, through the funnel.
@discardableResult
@inline(__always)
func rawSystemCall(
    _ name: StaticString, _ subject: @autoclosure () -> String = "", _ number: Int,
    _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) throws(SystemError) -> Int {
    try systemCall(name, subject()) { linux_syscall(number, a, b, c, d, e, f) }
}

extension String {
    /// The text as the kernel takes it, ended by a zero byte. (`withCString` loses the error's type.)
    @inline(__always)
    @discardableResult
    func withPointer<Result>(
        _ body: (UnsafePointer<CChar>) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var outcome: Swift.Result<Result, SystemError>?
        withCString { pointer in
            do throws(SystemError) {
                outcome = .success(try body(pointer))
            } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else { preconditionFailure("withCString did not call its body") }
        return try outcome.get()
    }
}
