import Glibc
import Linux

/// `docker-init`: process 1 of a container that asked for one (`--init`). It starts the program,
/// hands it every signal that it gets itself, and reaps the orphans that only process 1 can reap.
///
///     docker-init -- PROGRAM ARGUMENT...
///
/// The same file as the shim, bound into the container read-only, under a name of its own.
enum InitProcess {
    static let name = "docker-init"

    /// Whether this process was started under the init's name.
    static var isWanted: Bool {
        guard let own = CommandLine.unsafeArgv[0] else { return false }
        let path = String(cString: own)
        return path == name || path.hasSuffix("/" + name)
    }

    /// Signals that a fault of our own raises: blocked, they would turn into an endless loop.
    private static let faults = [SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS]

    static func run() -> Never {
        var signals = sigset_t()
        var original = sigset_t()
        sigfillset(&signals)
        for fault in faults { sigdelset(&signals, fault) }
        sigprocmask(SIG_SETMASK, &signals, &original)

        var first = 1
        if let word = CommandLine.unsafeArgv[1], String(cString: word) == "--" { first = 2 }
        guard first < CommandLine.argc else { fail("no program", code: 127) }
        serve(start(CommandLine.unsafeArgv + first, mask: original), signals)
    }

    /// By the C library, which knows how to start a process where the container's filter forbids `clone3`.
    private static func start(
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, mask: sigset_t
    ) -> pid_t {
        guard let program = arguments[0] else { fail("no program", code: 127) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var flags = POSIX_SPAWN_SETSIGMASK
        var mask = mask
        posix_spawnattr_setsigmask(&attributes, &mask)
        // On a terminal it stays in our group, which is the one in front; elsewhere it gets its own, so
        // that a signal to its group is not ours too.
        if isatty(0) != 1 {
            flags |= POSIX_SPAWN_SETPGROUP
            posix_spawnattr_setpgroup(&attributes, 0)
        }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var pid: pid_t = 0
        let reason = posix_spawnp(&pid, program, nil, &attributes, arguments, environ)
        if reason != 0 {
            fail(
                "exec \(String(cString: program)) failed: \(String(cString: strerror(reason)))",
                code: reason == ENOENT ? 127 : 126)
        }
        return pid
    }

    private static func serve(_ program: pid_t, _ signals: sigset_t) -> Never {
        var signals = signals
        while true {
            var info = siginfo_t()
            let number = sigwaitinfo(&signals, &info)
            switch number {
            case SIGCHLD:
                var ended: Int32?
                while let (pid, status) = Linux.Process.reapAny() {
                    if pid == program { ended = status.code }
                }
                if let ended { _exit(ended) }
            // What the terminal sends, its whole group has got already.
            case SIGINT where info.si_code > 0, SIGQUIT where info.si_code > 0, SIGTSTP where info.si_code > 0,
                SIGWINCH where info.si_code > 0:
                break
            case 1...: kill(program, number)
            default: break
            }
        }
    }

    private static func fail(_ message: String, code: Int32) -> Never {
        let line = "\(name): \(message)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        _exit(code)
    }
}
