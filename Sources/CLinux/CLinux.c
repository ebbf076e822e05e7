#define _GNU_SOURCE 1
#include "CLinux.h"

#include <net/if.h>

long linux_syscall(long number, long a, long b, long c, long d, long e, long f) {
    return syscall(number, a, b, c, d, e, f);
}

int linux_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}

int linux_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

int linux_fcntl(int fd, int command, long argument) {
    return fcntl(fd, command, argument);
}

int linux_ioctl(int fd, unsigned long request, void *argument) {
    return ioctl(fd, request, argument);
}

int linux_ioctl_value(int fd, unsigned long request, long argument) {
    return ioctl(fd, request, argument);
}

int linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}

int linux_unshare(int flags) { return unshare(flags); }

int linux_setns(int fd, int type) { return setns(fd, type); }

int linux_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }

int linux_dup3(int from, int to, int flags) { return dup3(from, to, flags); }

int linux_accept4(int fd, int flags) { return accept4(fd, 0, 0, flags); }

int linux_setresuid(uid_t r, uid_t e, uid_t s) { return setresuid(r, e, s); }

int linux_setresgid(gid_t r, gid_t e, gid_t s) { return setresgid(r, e, s); }

int linux_wifexited(int status) { return WIFEXITED(status); }

int linux_wexitstatus(int status) { return WEXITSTATUS(status); }

int linux_wifsignaled(int status) { return WIFSIGNALED(status); }

int linux_wtermsig(int status) { return WTERMSIG(status); }

int linux_wcoredump(int status) { return WCOREDUMP(status); }

dev_t linux_makedev(unsigned major_, unsigned minor_) { return makedev(major_, minor_); }

unsigned linux_major(dev_t device) { return major(device); }

unsigned linux_minor(dev_t device) { return minor(device); }

size_t linux_cmsg_space(size_t length) { return CMSG_SPACE(length); }

size_t linux_cmsg_len(size_t length) { return CMSG_LEN(length); }

struct cmsghdr *linux_cmsg_firsthdr(struct msghdr *message) { return CMSG_FIRSTHDR(message); }

struct cmsghdr *linux_cmsg_nxthdr(struct msghdr *message, struct cmsghdr *header) {
    return CMSG_NXTHDR(message, header);
}

unsigned char *linux_cmsg_data(struct cmsghdr *header) { return CMSG_DATA(header); }

// By the kernel's call: the C library refuses the two signals that it keeps for itself, and whatever
// ignored them before would be handed on.
int linux_signal_default(int number) {
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {SIG_DFL, 0, 0, 0};
    return syscall(SYS_rt_sigaction, number, &action, 0, sizeof action.mask);
}

int linux_signal_ignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

int linux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int linux_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

char **linux_environment(void) { return environ; }

const char *linux_strerror(int number, char *buffer, size_t size) { return strerror_r(number, buffer, size); }

int linux_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct ifreq request = {.ifr_name = "lo"};
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        result = ioctl(fd, SIOCSIFFLAGS, &request);
    }
    int code = errno;
    close(fd);
    errno = code;
    return result;
}
