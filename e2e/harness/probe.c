/* A program that the security tests run inside containers: what can be seen, called and written
 * there (`compare`, as JSON), and real attempts to get out. Compiled statically at test time. */

#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- Text ---- */

void json_string(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f) printf("\\u%04x", *c);
        else putchar(*c);
    }
    putchar('"');
}

char *read_text(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return NULL;
    size_t size = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    for (;;) {
        ssize_t count = read(file, text + size, capacity - size - 1);
        if (count <= 0) break;
        size += count;
        if (capacity - size < 4096) text = realloc(text, capacity *= 2);
    }
    close(file);
    text[size] = 0;
    return text;
}

const char *status_field(const char *name) {
    static char value[256];
    value[0] = 0;
    char *text = read_text("/proc/self/status");
    size_t length = strlen(name);
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        if (strncmp(line, name, length) || line[length] != ':') continue;
        snprintf(value, sizeof value, "%s", line + length + 1 + strspn(line + length + 1, "\t "));
    }
    free(text);
    return value;
}

/* ---- What `compare` prints ---- */

static const char *separator;

static void item(const char *key) {
    fputs(separator, stdout);
    separator = ",\n ";
    json_string(key);
    fputs(": ", stdout);
}

static void print_process(void) {
    static const char *fields[] = {
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups", "Umask",
        "SigBlk", "SigIgn", "Speculation_Store_Bypass",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        item(fields[i]);
        json_string(status_field(fields[i]));
    }
    item("securebits");
    printf("%d", prctl(PR_GET_SECUREBITS));
    char *score = read_text("/proc/self/oom_score_adj");
    item("oom_score_adj");
    printf("%d", score ? atoi(score) : 0);
    char *cgroup = read_text("/proc/self/cgroup");
    item("cgroup");
    json_string(cgroup ? cgroup : "");
    item("directory");
    char directory[4096];
    json_string(getcwd(directory, sizeof directory) ? directory : strerror(errno));
}

static void print_limits(void) {
    for (int number = 0; number < RLIM_NLIMITS; number++) {
        struct rlimit limit;
        char name[8];
        getrlimit(number, &limit);
        snprintf(name, sizeof name, "%d", number);
        item(name);
        printf("[%lld, %lld]", (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
}

static void print_links(const char *directory) {
    DIR *open = opendir(directory);
    if (!open) return;
    for (struct dirent *entry; (entry = readdir(open));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(open)) continue;
        char target[4096];
        ssize_t length = readlinkat(dirfd(open), entry->d_name, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        item(entry->d_name);
        json_string(target);
    }
    closedir(open);
}

static void print_mounts(void) {
    char *text = read_text("/proc/self/mountinfo");
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        fputs(separator, stdout);
        separator = ",\n ";
        json_string(line);
    }
}

static void print_devices(const char *path) {
    DIR *open = opendir(path);
    if (!open) return;
    for (struct dirent *entry; (entry = readdir(open));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        char name[4096], target[4096] = "";
        struct stat status;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (lstat(name, &status)) continue;
        if (S_ISLNK(status.st_mode)) {
            ssize_t length = readlink(name, target, sizeof target - 1);
            if (length >= 0) target[length] = 0;
        }
        /* A terminal of this very run has a number that means nothing. */
        if (strncmp(name, "/dev/pts/", 9) || !strcmp(name, "/dev/pts/ptmx")) {
            item(name);
            printf("{\"mode\": \"%o\", \"device\": \"%u:%u\", \"owner\": \"%u:%u\", \"target\": ", status.st_mode,
                   major(status.st_rdev), minor(status.st_rdev), status.st_uid, status.st_gid);
            json_string(target);
            putchar('}');
        }
        if (S_ISDIR(status.st_mode)) print_devices(name);
    }
    closedir(open);
}

/* Whatever can be opened for writing below /proc and /sys. Opening changes nothing. */
static void print_writable(const char *path, int depth) {
    DIR *open_directory = opendir(path);
    if (!open_directory || depth > 24) return;
    for (struct dirent *entry; (entry = readdir(open_directory));) {
        const char *last = entry->d_name;
        if (!strcmp(last, ".") || !strcmp(last, "..")) continue;
        /* Other processes are as this one; `task` is this one again. */
        if (!strcmp(path, "/proc") && (last[0] >= '0' && last[0] <= '9')) continue;
        if (!strcmp(last, "task") || !strcmp(last, "fd") || !strcmp(last, "fdinfo") || !strcmp(last, "map_files")) continue;
        char name[4096];
        struct stat status;
        snprintf(name, sizeof name, "%s/%s", path, last);
        if (lstat(name, &status)) continue;
        if (S_ISDIR(status.st_mode)) {
            char file[4200];
            snprintf(file, sizeof file, "%s/probe-was-here", name);
            bool is_writable = !access(name, W_OK);
            /* A directory that takes new entries: on a file system of its own, such as a mask that is not read-only. */
            if (is_writable && (!mkdir(file, 0700) || errno == EEXIST)) {
                rmdir(file);
                fputs(separator, stdout), separator = ",\n ";
                json_string(file);
            }
            print_writable(name, depth + 1);
            continue;
        }
        if (!S_ISREG(status.st_mode)) continue;
        int file = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (file < 0) continue;
        close(file);
        fputs(separator, stdout), separator = ",\n ";
        json_string(name);
    }
    closedir(open_directory);
}

/* What the entries of a directory are: a masked one is another device, empty, or not there. */
static void print_entries(const char *path) {
    DIR *open_directory = opendir(path);
    if (!open_directory) return;
    for (struct dirent *entry; (entry = readdir(open_directory));) {
        if (entry->d_name[0] == '.' || (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')) continue;
        char name[4096];
        struct stat status;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (lstat(name, &status)) continue;
        const char *kind = "other";
        if (S_ISLNK(status.st_mode)) kind = "link";
        else if (S_ISCHR(status.st_mode)) kind = "masked";
        else if (S_ISREG(status.st_mode)) kind = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0 ? "closed" : "file";
        else if (S_ISDIR(status.st_mode)) {
            struct statfs system;
            kind = !statfs(name, &system) && system.f_type == 0x01021994 ? "masked" : "directory";
        }
        item(name);
        json_string(kind);
    }
    closedir(open_directory);
}

static void section(const char *name, char bracket) {
    printf("%s", name[0] == '{' ? "" : ",\n");
    json_string(name[0] == '{' ? name + 1 : name);
    printf(": %c\n ", bracket);
    separator = "";
}

int compare_command(int argc, char **argv) {
    (void)argc, (void)argv;
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    putchar('{');
    section("{process", '{');
    print_process();
    putchar('}');
    section("limits", '{');
    print_limits();
    putchar('}');
    section("namespaces", '{');
    print_links("/proc/self/ns");
    putchar('}');
    section("descriptors", '{');
    print_links("/proc/self/fd");
    putchar('}');
    section("mounts", '[');
    print_mounts();
    putchar(']');
    section("devices", '{');
    print_devices("/dev");
    putchar('}');
    section("entries", '{');
    static const char *directories[] = {"/proc", "/sys", "/sys/kernel", "/sys/devices/virtual", "/sys/fs"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) print_entries(directories[i]);
    putchar('}');
    section("writable", '[');
    print_writable("/proc", 0);
    print_writable("/proc/self", 0);
    print_writable("/sys", 0);
    putchar(']');
    section("syscalls", '{');
    print_system_calls();
    puts("}}");
    return 0;
}

/* ---- The commands ---- */

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int, char **);
    } commands[] = {
        {"compare", compare_command},     {"hunt", hunt_command},       {"overwrite", overwrite_command},
        {"swap", swap_command},           {"chase", chase_command},     {"descriptors", descriptors_command},
        {"datagram", datagram_command},   {"deep", deep_command},   {"keyring", keyring_command},   {"attempts", attempts_command},
    };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "probe: no such command\n");
    return 2;
}
