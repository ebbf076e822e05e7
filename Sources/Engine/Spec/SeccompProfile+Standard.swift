/// The profile of a container that asks for nothing else, equal in effect to Docker's.
///
/// It lists what is allowed. Left out are calls that reach around namespaces, have no use in a
/// container, or have too often been the way into the kernel (`io_uring`, `userfaultfd`, keyrings,
/// AF_ALG sockets); some come back with the capability that makes sense of them.
extension SeccompProfile {
    static let standard = SeccompProfile(
        defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1,
        archMap: [
            Architecture(
                architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
            Architecture(architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"]),
        ],
        syscalls: [.allow(everybodysCalls)] + sockets + personalities + architectureSpecific + byCapability + clones)

    // MARK: Conditions

    /// Address families, by number, as the newest of Docker's profiles has them. Left out are those without use in a container
    /// and with a history (DECnet 12, Econet 19, ATM 20, IrDA 23, WANPIPE 25, ISDN 34, CAIF 37), AF_ALG
    /// (38: the kernel's cryptography), AF_VSOCK (40: reaches virtual machines across network
    /// namespaces) and all that are yet to come. The filter sees 64 bits and the kernel takes 32: only a
    /// list of what is allowed holds against a family with something in its upper half.
    private static let sockets: [Rule] =
        [.allow(["socket"], Argument(index: 0, value: 12, op: "SCMP_CMP_LT"))]
        + [13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45].map {
            .allow(["socket"], Argument(index: 0, value: $0, op: "SCMP_CMP_EQ"))
        }

    /// PER_LINUX, PER_LINUX32, both with UNAME26, and the query.
    private static let personalities: [Rule] = [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff].map {
        .allow(["personality"], Argument(index: 0, value: $0, op: "SCMP_CMP_EQ"))
    }

    private static let architectureSpecific: [Rule] = [
        .allow(["arch_prctl", "modify_ldt"], onlyOn: ["amd64"]),
        .allow(
            ["arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"],
            onlyOn: ["arm64"]),
    ]

    /// CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET.
    private static let namespaceFlags: UInt64 = 0x7e02_0000

    /// New namespaces take CAP_SYS_ADMIN. The flags of `clone3` are behind a pointer, where no
    /// filter can look: libraries are told that there is no such call and use `clone`.
    private static let clones: [Rule] = [
        Rule(
            names: ["clone"], action: "SCMP_ACT_ALLOW",
            args: [Argument(index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ")],
            excludes: Condition(caps: ["CAP_SYS_ADMIN"])),
        Rule(
            names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: Condition(caps: ["CAP_SYS_ADMIN"])),
    ]

    private static let byCapability: [Rule] = [
        .allow(["open_by_handle_at"], with: "CAP_DAC_READ_SEARCH"),
        .allow(
            [
                "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
                "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount",
                "open_tree", "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns",
                "syslog", "umount", "umount2", "unshare",
            ], with: "CAP_SYS_ADMIN"),
        .allow(["reboot"], with: "CAP_SYS_BOOT"),
        .allow(["chroot"], with: "CAP_SYS_CHROOT"),
        .allow(["delete_module", "finit_module", "init_module"], with: "CAP_SYS_MODULE"),
        .allow(["acct"], with: "CAP_SYS_PACCT"),
        .allow(
            ["kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"],
            with: "CAP_SYS_PTRACE"),
        .allow(["ioperm", "iopl"], with: "CAP_SYS_RAWIO"),
        .allow(["clock_settime", "clock_settime64", "settimeofday", "stime"], with: "CAP_SYS_TIME"),
        .allow(["vhangup"], with: "CAP_SYS_TTY_CONFIG"),
        .allow(["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"], with: "CAP_SYS_NICE"),
        .allow(["syslog"], with: "CAP_SYSLOG"),
        .allow(["bpf"], with: "CAP_BPF"),
        .allow(["perf_event_open"], with: "CAP_PERFMON"),
        // Before 4.8 a tracer could change a call after the filter had seen it.
        Rule(
            names: ["process_vm_readv", "process_vm_writev", "ptrace"], action: "SCMP_ACT_ALLOW",
            includes: Condition(minKernel: "4.8")),
    ]

    // MARK: What everybody may call

    private static let everybodysCalls: [String] =
        files + directories + attributes + descriptors + events + connections + memory + processes + identity + signals
        + scheduling + time + interprocess + system

    private static let files = words(
        """
        open openat openat2 creat close close_range read readv pread64 preadv preadv2 write writev pwrite64 pwritev
        pwritev2 lseek _llseek stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx statfs statfs64
        fstatfs fstatfs64 statmount listmount access faccessat faccessat2 truncate truncate64 ftruncate ftruncate64
        fallocate fadvise64 fadvise64_64 readahead copy_file_range sendfile sendfile64 splice tee vmsplice
        sync syncfs fsync fdatasync sync_file_range cachestat name_to_handle_at flock
        """)

    private static let directories = words(
        """
        chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat
        unlink unlinkat rename renameat renameat2 mknod mknodat
        """)

    private static let attributes = words(
        """
        chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask
        utime utimes utimensat utimensat_time64 futimesat
        getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
        listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat
        """)

    private static let descriptors = words(
        """
        dup dup2 dup3 fcntl fcntl64 ioctl pipe pipe2 memfd_create memfd_secret
        io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set
        """)

    private static let events = words(
        """
        select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
        epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
        eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
        timerfd_settime64 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
        """)

    private static let connections = words(
        """
        socketpair socketcall bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
        send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64
        """)

    private static let memory = words(
        """
        brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal
        map_shadow_stack membarrier remap_file_pages pkey_alloc pkey_free pkey_mprotect process_mrelease
        """)

    private static let processes = words(
        """
        fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid
        getsid setsid set_tid_address set_robust_list get_robust_list set_thread_area get_thread_area rseq
        pidfd_open pidfd_send_signal prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
        getrlimit setrlimit ugetrlimit prlimit64 getrusage times uretprobe
        """)

    private static let identity = words(
        """
        getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
        setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid
        setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32 capget capset
        """)

    private static let signals = words(
        """
        kill tkill tgkill pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
        rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn
        """)

    private static let scheduling = words(
        """
        sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
        sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
        sched_rr_get_interval_time64 getpriority setpriority getcpu
        futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue
        """)

    private static let time = words(
        """
        time gettimeofday adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
        clock_gettime64 clock_nanosleep clock_nanosleep_time64 nanosleep alarm getitimer setitimer
        timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
        """)

    private static let interprocess = words(
        """
        ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
        mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend
        mq_timedsend_time64
        """)

    private static let system = words("uname sysinfo getrandom")

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }
}

extension SeccompProfile.Rule {
    fileprivate static func allow(_ names: [String], _ argument: SeccompProfile.Argument? = nil) -> Self {
        Self(names: names, action: "SCMP_ACT_ALLOW", args: argument.map { [$0] })
    }

    fileprivate static func allow(_ names: [String], onlyOn architectures: [String]) -> Self {
        Self(
            names: names, action: "SCMP_ACT_ALLOW", includes: SeccompProfile.Condition(arches: architectures))
    }

    fileprivate static func allow(_ names: [String], with capability: String) -> Self {
        Self(names: names, action: "SCMP_ACT_ALLOW", includes: SeccompProfile.Condition(caps: [capability]))
    }
}
