// The least that a runtime must do for the bundle of runtime.py, as plain system calls: cgroups, namespaces,
// mounts, the switch of roots, capabilities, exec, and all of it taken away again. floor ROOTFS CGROUP
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static char cgroups[16][256];
static int cgroup_count;

static void check(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    check(fd >= 0, path);
    check(write(fd, text, strlen(text)) >= 0, path);
    close(fd);
}

// One directory on each hierarchy of version 1; cpuset wants its own filled first.
static void make_cgroups(const char *name) {
    DIR *all = opendir("/sys/fs/cgroup");
    check(all != NULL, "/sys/fs/cgroup");
    for (struct dirent *entry; (entry = readdir(all));) {
        char tasks[300], *path = cgroups[cgroup_count];
        if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
        snprintf(tasks, sizeof tasks, "/sys/fs/cgroup/%s/tasks", entry->d_name);
        if (access(tasks, F_OK)) continue;
        snprintf(path, sizeof cgroups[0], "/sys/fs/cgroup/%s/%s", entry->d_name, name);
        check(mkdir(path, 0755) == 0, path);
        cgroup_count++;
        if (!strcmp(entry->d_name, "cpuset")) {
            const char *files[] = {"cpuset.cpus", "cpuset.mems"};
            for (int n = 0; n < 2; n++) {
                char from[300], to[300], value[256];
                snprintf(from, sizeof from, "/sys/fs/cgroup/cpuset/%s", files[n]);
                snprintf(to, sizeof to, "%s/%s", path, files[n]);
                int fd = open(from, O_RDONLY | O_CLOEXEC);
                ssize_t size = read(fd, value, sizeof value - 1);
                value[size > 0 ? size : 0] = 0;
                close(fd);
                write_file(to, value);
            }
        }
    }
    closedir(all);
}

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data) {
    mkdir(target, 0755);
    check(mount(type, target, type, flags, data) == 0, target);
}

static void init(const char *rootfs) {
    for (int n = 0; n < cgroup_count; n++) {
        char path[300];
        snprintf(path, sizeof path, "%s/tasks", cgroups[n]);
        write_file(path, "0");
    }
    check(unshare(CLONE_NEWCGROUP) == 0, "unshare");
    check(sethostname("bundle", 6) == 0, "sethostname");
    check(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0, "slave");
    check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) == 0, "bind");
    check(chdir(rootfs) == 0, "chdir");
    mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
    mount_at("tmpfs", "tmp", 0, "mode=1777");
    mount_at("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    mount_at("tmpfs", "sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
    for (int n = 0; n < cgroup_count; n++) {
        char target[300], name[64];
        snprintf(name, sizeof name, "%s", cgroups[n] + strlen("/sys/fs/cgroup/"));
        *strchr(name, '/') = 0;
        snprintf(target, sizeof target, "sys/fs/cgroup/%s", name);
        mkdir(target, 0755);
        const char *data = !strcmp(name, "systemd") ? "none,name=systemd" : name;
        check(mount("cgroup", target, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, data) == 0, target);
    }
    const struct { const char *name; int major, minor; } devices[] = {
        {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
    };
    for (int n = 0; n < 6; n++) {
        check(mknod(devices[n].name, S_IFCHR | 0666, makedev(devices[n].major, devices[n].minor)) == 0, devices[n].name);
        check(chmod(devices[n].name, 0666) == 0, devices[n].name);
    }
    symlink("pts/ptmx", "dev/ptmx");
    symlink("/proc/self/fd", "dev/fd");
    symlink("/proc/self/fd/0", "dev/stdin");
    symlink("/proc/self/fd/1", "dev/stdout");
    symlink("/proc/self/fd/2", "dev/stderr");
    check(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
    check(umount2(".", MNT_DETACH) == 0, "umount");
    check(chdir("/") == 0, "chdir");
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (capability != 5 && capability != 10 && capability != 29) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    struct { uint32_t version; int pid; } header = {0x20080522, 0};
    uint32_t kept = 1u << 5 | 1u << 10 | 1u << 29;
    struct { uint32_t effective, permitted, inheritable; } sets[2] = {{kept, kept, 0}, {0, 0, 0}};
    check(syscall(SYS_capset, &header, sets) == 0, "capset");
    char *argv[] = {"true", NULL}, *envp[] = {"PATH=/bin", NULL};
    execve("/bin/true", argv, envp);
    check(0, "execve");
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    make_cgroups(argv[2]);
    unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
    pid_t pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    check(pid >= 0, "clone");
    if (pid == 0) init(argv[1]);
    int status;
    check(waitpid(pid, &status, 0) == pid, "wait");
    for (int n = 0; n < cgroup_count; n++) check(rmdir(cgroups[n]) == 0, cgroups[n]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
