// What Swift cannot import from the Linux headers: variadic calls, GNU-only calls and function-like
// macros. Nothing here decides anything. Names carry the prefix `linux_`. The header must not define
// _GNU_SOURCE: the same libc headers, read differently, would clash with Swift's Glibc module.
#ifndef CLINUX_H
#define CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
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
long linux_syscall(long number, long a, long b, long c, long d, long e, long f);
int linux_open(const char *path, int flags, mode_t mode);
int linux_openat(int directory, const char *path, int flags, mode_t mode);
int linux_fcntl(int fd, int command, long argument);
int linux_ioctl(int fd, unsigned long request, void *argument);
int linux_ioctl_value(int fd, unsigned long request, long argument);
int linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int linux_unshare(int flags);
int linux_setns(int fd, int type);
int linux_pipe2(int fds[2], int flags);
int linux_dup3(int from, int to, int flags);
int linux_accept4(int fd, int flags);
int linux_setresuid(uid_t r, uid_t e, uid_t s);
int linux_setresgid(gid_t r, gid_t e, gid_t s);
int linux_wifexited(int status);
int linux_wexitstatus(int status);
int linux_wifsignaled(int status);
int linux_wtermsig(int status);
int linux_wcoredump(int status);
dev_t linux_makedev(unsigned major_, unsigned minor_);
unsigned linux_major(dev_t device);
unsigned linux_minor(dev_t device);
size_t linux_cmsg_space(size_t length);
size_t linux_cmsg_len(size_t length);
struct cmsghdr *linux_cmsg_firsthdr(struct msghdr *message);
struct cmsghdr *linux_cmsg_nxthdr(struct msghdr *message, struct cmsghdr *header);
unsigned char *linux_cmsg_data(struct cmsghdr *header);
// SIG_DFL and SIG_IGN are casts that Swift does not import.
int linux_signal_default(int number);
int linux_signal_ignore(int number);
// The child closes `first` and all above it.
int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
int linux_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path);
char **linux_environment(void);
// The words for an errno, in `buffer` or in static storage.
const char *linux_strerror(int number, char *buffer, size_t size);

// Sets IFF_UP on `lo`. -1 and errno on failure.
int linux_loopback_up(void);

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
    LINUX_SYS_bpf = SYS_bpf,
    LINUX_SYS_memfd_create = SYS_memfd_create,
    LINUX_SYS_prlimit64 = SYS_prlimit64,
    LINUX_SYS_setdomainname = SYS_setdomainname,
};

#endif
