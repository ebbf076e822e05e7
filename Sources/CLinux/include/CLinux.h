// What Swift cannot import from the Linux headers: variadic calls, GNU-only calls and function-like
// macros. Nothing here decides anything. Names carry the prefix `linux_`.
#ifndef CLINUX_H
#define CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/veth.h>

// `syscall(2)` without its variadic tail. Returns -1 and sets errno on failure.
static inline long linux_syscall(
    long number, long a, long b, long c, long d, long e, long f) {
    return syscall(number, a, b, c, d, e, f);
}

static inline int linux_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}
static inline int linux_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}
static inline int linux_fcntl(int fd, int command, long argument) {
    return fcntl(fd, command, argument);
}
static inline int linux_ioctl(int fd, unsigned long request, void *argument) {
    return ioctl(fd, request, argument);
}
static inline int linux_ioctl_value(int fd, unsigned long request, long argument) {
    return ioctl(fd, request, argument);
}
static inline int linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
static inline int linux_unshare(int flags) { return unshare(flags); }
static inline int linux_setns(int fd, int type) { return setns(fd, type); }
static inline int linux_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }
static inline int linux_dup3(int from, int to, int flags) { return dup3(from, to, flags); }
static inline int linux_accept4(int fd, int flags) { return accept4(fd, 0, 0, flags); }
static inline int linux_setresuid(uid_t r, uid_t e, uid_t s) { return setresuid(r, e, s); }
static inline int linux_setresgid(gid_t r, gid_t e, gid_t s) { return setresgid(r, e, s); }
static inline int linux_execvpe(const char *file, char *const argv[], char *const envp[]) {
    return execvpe(file, argv, envp);
}
static inline char **linux_environ(void) { return environ; }

static inline int linux_wifexited(int status) { return WIFEXITED(status); }
static inline int linux_wexitstatus(int status) { return WEXITSTATUS(status); }
static inline int linux_wifsignaled(int status) { return WIFSIGNALED(status); }
static inline int linux_wtermsig(int status) { return WTERMSIG(status); }
static inline int linux_wcoredump(int status) { return WCOREDUMP(status); }

static inline dev_t linux_makedev(unsigned major_, unsigned minor_) { return makedev(major_, minor_); }
static inline unsigned linux_major(dev_t device) { return major(device); }
static inline unsigned linux_minor(dev_t device) { return minor(device); }

static inline size_t linux_cmsg_space(size_t length) { return CMSG_SPACE(length); }
static inline size_t linux_cmsg_len(size_t length) { return CMSG_LEN(length); }
static inline struct cmsghdr *linux_cmsg_firsthdr(struct msghdr *message) { return CMSG_FIRSTHDR(message); }
static inline struct cmsghdr *linux_cmsg_nxthdr(struct msghdr *message, struct cmsghdr *header) {
    return CMSG_NXTHDR(message, header);
}
static inline unsigned char *linux_cmsg_data(struct cmsghdr *header) { return CMSG_DATA(header); }

// SIG_DFL and SIG_IGN are casts that Swift does not import.
static inline int linux_signal_default(int number) { return signal(number, SIG_DFL) == SIG_ERR ? -1 : 0; }
static inline int linux_signal_ignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

// Calls newer than this libc, by number (the numbers are the same on every architecture).
enum {
    LINUX_SYS_open_tree = 428,
    LINUX_SYS_move_mount = 429,
    LINUX_SYS_fsopen = 430,
    LINUX_SYS_fsconfig = 431,
    LINUX_SYS_fsmount = 432,
    LINUX_SYS_pidfd_open = 434,
    LINUX_SYS_clone3 = 435,
    LINUX_SYS_close_range = 436,
    LINUX_SYS_openat2 = 437,
    LINUX_SYS_pidfd_getfd = 438,
    LINUX_SYS_mount_setattr = 442,
    LINUX_SYS_pidfd_send_signal = 424,
};
enum {
    LINUX_SYS_pivot_root = SYS_pivot_root,
    LINUX_SYS_capget = SYS_capget,
    LINUX_SYS_capset = SYS_capset,
    LINUX_SYS_seccomp = SYS_seccomp,
    LINUX_SYS_keyctl = SYS_keyctl,
    LINUX_SYS_setgroups = SYS_setgroups,
    LINUX_SYS_execveat = SYS_execveat,
    LINUX_SYS_ioprio_set = SYS_ioprio_set,
    LINUX_SYS_umount2 = SYS_umount2,
};

#endif
