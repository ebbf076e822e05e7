/* What the container's seccomp filter says to every system call, without carrying out any.
 *
 * A second filter on top hands each call that carries a mark in its sixth argument to a thread of
 * ours, which answers with an error number that nobody else uses. Of two filters the stricter
 * verdict counts, and "errno" is stricter than "ask": so our own number comes back exactly for
 * the calls that the container's filter allows, and its errno for all others. */

#include "probe.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK 0x5ec0be57u
#define ALLOWED 3999

static volatile int listener = -1;

static void *answer(void *unused) {
    (void)unused;
    while (listener < 0) usleep(100);
    for (;;) {
        struct seccomp_notif request;
        memset(&request, 0, sizeof request);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request)) {
            if (errno == EINTR || errno == ENOENT) continue;
            return NULL;
        }
        struct seccomp_notif_resp response = {.id = request.id, .error = -ALLOWED};
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

static bool install(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    pthread_t thread;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || pthread_create(&thread, NULL, answer, NULL)) return false;
    int made = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    listener = made;
    return made >= 0;
}

static const char *verdict(long result) {
    static char text[16];
    long code = result == -1 ? errno : 0;
    if (code == ALLOWED) return "allow";
    snprintf(text, sizeof text, "%ld", code);
    return text;
}

static const char *comma = "";

static void print(const char *name, const char *text) {
    printf("%s\"%s\": \"%s\"", comma, name, text);
    comma = ",\n ";
}

static long call(long number, long a, long b, long c) { return syscall(number, a, b, c, 0L, 0L, (long)MARK); }

/* The kernel's own trampolines of probes, which it keeps from every filter (Linux 6.14). */
static bool is_unfiltered(int number) {
#ifdef __x86_64__
    return number == 335 || number == 336;
#else
    return number < 0;
#endif
}

#ifdef __x86_64__
/* The system call table of 32-bit programs, which 64-bit ones can use too. */
static long call32(uint32_t number, uint32_t a, uint32_t b) {
    long result;
    __asm__ volatile(
        "push %%rbp\n mov %[mark], %%ebp\n int $0x80\n pop %%rbp\n"
        : "=a"(result)
        : "a"(number), "b"(a), "c"(b), "d"(0), "S"(0), "D"(0), [mark] "i"(MARK)
        : "memory", "r8", "r9", "r10", "r11");
    int code = (int)result;
    if (code < 0 && code > -4096) {
        errno = -code;
        return -1;
    }
    return code;
}

static sigjmp_buf no_table;
static void fault(int number) { siglongjmp(no_table, number); }

static void print_tables_of_x86(void) {
    char name[32];
    for (int number = 0; number <= 470; number++) {
        if (is_unfiltered(number)) continue;
        snprintf(name, sizeof name, "x32:%d", number);
        print(name, verdict(call(number | 0x40000000, 0, 0, 0)));
    }
    signal(SIGSEGV, fault);
    if (sigsetjmp(no_table, 1)) {
        print("i386", "none");
        return;
    }
    for (int number = 0; number <= 470; number++) {
        snprintf(name, sizeof name, "i386:%d", number);
        print(name, verdict(call32(number, 0, 0)));
    }
    /* socketcall's arguments are behind a pointer. */
    print("i386:socketcall(socket)", verdict(call32(102, 1, 0)));
}
#else
static void print_tables_of_x86(void) {}
#endif

/* Filters look at arguments of these. */
static void print_by_argument(void) {
    char name[64];
    for (int bit = 0; bit < 64; bit++) {
        snprintf(name, sizeof name, "clone(1<<%d)", bit);
        print(name, verdict(call(SYS_clone, (long)(1UL << bit), 0, 0)));
        snprintf(name, sizeof name, "unshare(1<<%d)", bit);
        print(name, verdict(call(SYS_unshare, (long)(1UL << bit), 0, 0)));
    }
    for (int family = 0; family < 64; family++) {
        snprintf(name, sizeof name, "socket(%d)", family);
        print(name, verdict(call(SYS_socket, family, 1, 0)));
        /* The kernel takes the lower half. */
        snprintf(name, sizeof name, "socket(1<<32|%d)", family);
        print(name, verdict(call(SYS_socket, (long)(1ul << 32 | family), 1, 0)));
        snprintf(name, sizeof name, "socketpair(%d)", family);
        print(name, verdict(call(SYS_socketpair, family, 1, 0)));
    }
    static const unsigned long personas[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x20000, 0x20008, 0x20001, 0x40000,
        0x80000, 0x100000, 0x200000, 0x400000, 0x800000, 0x1000000, 0x2000000, 0x4000000, 0x8000000, 0xffffffff,
        0xfffffffful << 32};
    for (size_t i = 0; i < sizeof personas / sizeof *personas; i++) {
        snprintf(name, sizeof name, "personality(%#lx)", personas[i]);
        print(name, verdict(call(SYS_personality, personas[i], 0, 0)));
    }
    static const unsigned requests[] = {0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */, 0x5401 /* TCGETS */};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        snprintf(name, sizeof name, "ioctl(%#x)", requests[i]);
        print(name, verdict(call(SYS_ioctl, 0, requests[i], 0)));
        snprintf(name, sizeof name, "ioctl(1<<32|%#x)", requests[i]);
        print(name, verdict(call(SYS_ioctl, 0, (long)(1ul << 32 | requests[i]), 0)));
    }
    for (int option = 0; option < 72; option++) {
        snprintf(name, sizeof name, "prctl(%d)", option);
        print(name, verdict(call(SYS_prctl, option, 0, 0)));
    }
}

void print_system_calls(void) {
    fflush(stdout);
    if (!install()) {
        print("error", strerror(errno));
        return;
    }
    char name[16];
    for (int number = 0; number <= 500; number++) {
        if (is_unfiltered(number)) continue;
        snprintf(name, sizeof name, "%d", number);
        print(name, verdict(call(number, 0, 0, 0)));
    }
    print_by_argument();
    print_tables_of_x86();
}
