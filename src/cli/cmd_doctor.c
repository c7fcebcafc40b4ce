/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - `weir doctor`: what this machine gives to programs that use the library. Each line
 * is tried, not guessed from the kernel's version. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <weir/offload.h>

#include "cli/command.h"
#include "sys/backend.h"
#include "weir-features.h"
#include "worker/line.h"
#include "worker/standard.h"

enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL, Linux 6.13 */

static void say(const char *name, bool good, const char *why) {
    printf("  %-18s %-4s %s\n", name, good ? "yes" : "no", why);
}

/* ---- backends ---- */

static bool try_backend(const char *name) {
    struct weir__backend *b = NULL;
    const char *why = "no reason was given";
    char text[160];
    int rc = weir__backend_open(name, &b, &why);
    snprintf(text, sizeof text, "%s", rc == 0 || rc == WEIR_EBACKEND ? why : weir_error_text(rc));
    if (rc == 0)
        b->ops->close(b);
    say(name, rc == 0, strcmp(text, "epoll: asked for") == 0 ? "epoll: on every kernel" : text);
    return rc == 0;
}

static bool backends(void) {
    struct weir__backend *b = NULL;
    const char *why = "";
    puts("Backends: how the library waits for the kernel");
    bool uring = try_backend("uring"), epoll = try_backend("epoll");
    int rc = weir__backend_open(NULL, &b, &why);
    if (rc == 0) {
        printf("  chosen: %s%s\n", b->ops->name,
               getenv("WEIR_BACKEND") != NULL ? ", by WEIR_BACKEND" : "");
        b->ops->close(b);
    } else {
        printf("  chosen: none: %s (%s)\n", weir_error_text(rc), why);
    }
    return rc == 0 && (uring || epoll);
}

/* ---- what the kernel has ---- */

static bool guards(void) {
    size_t size = 16 * (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    bool good = madvise(p, size, GUARD_INSTALL) == 0;
    munmap(p, size);
    return good;
}

static bool pidfds(void) {
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool close_ranges(void) {
    return syscall(SYS_close_range, ~0u, ~0u, 0) == 0;
}

static bool tries_of_pipes(void) {
    int fds[2];
    char byte;
    struct iovec v = {&byte, 1};
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    bool good = preadv2(fds[0], &v, 1, -1, RWF_NOWAIT) == -1 && errno == EAGAIN;
    close(fds[0]);
    close(fds[1]);
    return good;
}

static bool clock_steps(void) {
    struct itimerspec far = {.it_value.tv_sec = INT32_MAX};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    bool good = fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far,
                                           NULL) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static void kernel(void) {
    static const struct {
        const char *name;
        bool (*try)(void);
        const char *yes, *no;
    } probes[] = {
        {"stack guards", guards, "by madvise: any number of tasks",
         "by mprotect: vm.max_map_count limits the tasks (Linux 6.13 needs none)"},
        {"pidfd", pidfds, "children are awaited by descriptor", "Linux 5.3 is needed"},
        {"close_range", close_ranges, "children inherit nothing by accident",
         "Linux 5.9 is needed; each descriptor is closed by itself"},
        {"RWF_NOWAIT", tries_of_pipes, "pipes are read without a thread",
         "pipes shared with others are opened anew"},
        {"clock steps", clock_steps, "a step of the wall clock is noticed", "it is not noticed"},
    };
    puts("\nKernel");
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        bool good = probes[i].try();
        say(probes[i].name, good, good ? probes[i].yes : probes[i].no);
    }
}

/* ---- limits ---- */

static void limit(const char *name, int resource, const char *unit) {
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)resource, &l) != 0)
        return;
    if (l.rlim_cur == RLIM_INFINITY)
        printf("  %-18s unlimited\n", name);
    else if (l.rlim_max == RLIM_INFINITY)
        printf("  %-18s %llu%s, may be raised\n", name, (unsigned long long)l.rlim_cur, unit);
    else
        printf("  %-18s %llu%s, may be raised to %llu\n", name, (unsigned long long)l.rlim_cur,
               unit, (unsigned long long)l.rlim_max);
}

static void setting(const char *name, const char *path) {
    char text[64] = "";
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    if (fgets(text, sizeof text, f) != NULL)
        printf("  %-18s %.*s\n", name, (int)strcspn(text, "\n"), text);
    fclose(f);
}

static void limits(void) {
    puts("\nLimits");
    printf("  %-18s %d of %ld\n", "processors", weir_cpus(), sysconf(_SC_NPROCESSORS_ONLN));
    limit("open descriptors", RLIMIT_NOFILE, "");
    limit("processes", RLIMIT_NPROC, "");
    limit("locked memory", RLIMIT_MEMLOCK, " bytes");
    setting("mappings", "/proc/sys/vm/max_map_count");
    setting("listen backlog", "/proc/sys/net/core/somaxconn");
    setting("inotify watches", "/proc/sys/fs/inotify/max_user_watches");
}

static int run_doctor(const struct command *c, int argc, char **argv, struct settings *s) {
    static const struct option longs[] = {COMMAND_OPTIONS};
    struct utsname u;
    int code = -1;
    (void)command_option(argc, argv, "weir doctor", c->help, ":" COMMAND_SHORT, longs, s, &code);
    if (code >= 0)
        return code;
    if (optind < argc) {
        weir__line_error("weir doctor: takes no argument, not '%s'", argv[optind]);
        return EXIT_USAGE;
    }
    if (uname(&u) == 0)
        printf("weir %s on %s %s, %s; io_uring %s\n\n", WEIR_VERSION, u.sysname, u.release,
               u.machine, WEIR_HAVE_URING ? "compiled in" : "not compiled in");
    bool works = backends();
    kernel();
    limits();
    int printed = weir__flush_stdout("weir doctor");
    if (!works)
        weir__line_error("weir doctor: no backend works here");
    return printed != 0 ? printed : works ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "say what this machine gives, and what it lacks",
    .help = "usage: weir doctor\n"
            "Try what the library needs of this machine: backends, kernel, limits. For each, say\n"
            "whether it works, and why not. The exit code is 1 if no backend works.\n\n"
            "  -h, --help       this text\n",
    .run = run_doctor,
};
