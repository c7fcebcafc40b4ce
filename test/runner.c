/* SPDX-License-Identifier: MIT */
/* The test runner: see runner.h. Each test runs in a child process, whose stdout and stderr go to
 * an unnamed file. The parent waits, decides whether the test has passed, and prints TAP. The child
 * itself looks for leaks, because only it can see its descriptors and allocations. The runner uses
 * the library through two weak hooks only, so that it can test itself without the library. */
#include "test/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "weir-features.h"

/* Bytes or blocks the library holds now; 0 or absent where it does not count. */
extern size_t weir__alloc_live(void) __attribute__((weak));
/* Threads of the library that still run abandoned jobs, and that no pool joins. */
extern int weir__threads_alone(void) __attribute__((weak));
/* There under ThreadSanitizer, which starts a thread of its own beside the program's first. */
extern void __tsan_init(void) __attribute__((weak));
/* OpenSSL is not built for ThreadSanitizer, which sees of it the calls of libc, but not what puts
 * them in order: its counts of references, and marks that something was computed. */
extern const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "called_from_lib:libcrypto.so\ncalled_from_lib:libssl.so\n";
}

enum { FDS_MAX = 4096, LIMIT_SECONDS = 20, EXIT_SKIPPED = 77, OUTPUT_MAX = 16384 };

const char *test_backend;

static const char *const backends[] = { "sim", "epoll", "uring" };
static const char *stand_in; /* is the only backend, if set */

static struct runner_case *cases;
static struct runner_case **cases_end = &cases;

struct options {
    bool list, no_fork;
    char **filters;
    int filter_count;
};

struct verdict {
    bool passed;
    const char *skipped; /* the reason, or NULL */
    char why[256];
};

struct footprint {
    bool fds[FDS_MAX];
    size_t live;
    int threads;
};

int runner_child(void (*fn)(void *arg), void *arg, char *said, size_t size) {
    int p[2], status = -1;
    size_t len = 0;
    assert_int_equal(pipe(p), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(p[1], 2);
        close(p[0]);
        close(p[1]);
        fn(arg);
        _exit(0);
    }
    close(p[1]);
    for (ssize_t n; (n = read(p[0], said + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    said[len] = '\0';
    close(p[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

void runner_add(struct runner_case *c) {
    *cases_end = c;
    cases_end = &c->next;
}

void runner_skip(const char *reason) {
    fprintf(stderr, "\nSKIP: %s", reason);
    exit(EXIT_SKIPPED);
}

void runner_plain_order(void) {
    unsetenv("WEIR_SEED");
}

/* ---- what a test may leave behind: nothing ------------------------------------------------- */

static void list_fds(bool fds[FDS_MAX]) {
    memset(fds, 0, FDS_MAX * sizeof fds[0]);
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < FDS_MAX)
            fds[fd] = true;
    }
    closedir(dir);
}

static int count_threads(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    if (!dir)
        return 0;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void take_footprint(struct footprint *f) {
    list_fds(f->fds);
    f->live = weir__alloc_live ? weir__alloc_live() : 0;
    f->threads = count_threads();
}

static int report_fds(const struct footprint *before) {
    bool now[FDS_MAX];
    int left = 0;
    list_fds(now);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (now[fd] == before->fds[fd])
            continue;
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        fprintf(stderr, "runner: file descriptor %d %s %s\n", fd,
            now[fd] ? "left open:" : "of the runner was closed", target);
        left++;
    }
    return left;
}

/* An abandoned job ends at any time, and has descriptors and memory until then (a look-up has its
 * socket). Wait for it, within the test's own time limit. */
static void await_abandoned(void) {
    while (weir__threads_alone && weir__threads_alone() > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int report_threads(const struct footprint *before) {
    int allowed = before->threads + (__tsan_init != NULL);
    int now = count_threads();
    /* A joined thread may still be listed for a moment: the kernel wakes the joiner first. */
    for (int i = 0; i < 200 && now > allowed; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        now = count_threads();
    }
    if (now <= allowed)
        return 0;
    fprintf(stderr, "runner: %d threads left running\n", now - allowed);
    return 1;
}

static int report_children(void) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0)
        return 0;
    if (pid == 0)
        fprintf(stderr, "runner: a child process left running\n");
    else
        fprintf(stderr, "runner: child process %d left unreaped\n", (int)pid);
    return 1;
}

/* Returns how many kinds of resources differ from before; each is reported on stderr. */
static int report_leftovers(const struct footprint *before) {
    await_abandoned();
    int left = report_threads(before) + report_children() + report_fds(before);
    size_t live = weir__alloc_live ? weir__alloc_live() : 0;
    if (live != before->live) {
        fprintf(stderr, "runner: live allocations: %zu before, %zu after\n", before->live,
            live);
        left++;
    }
    return left;
}

/* ---- the child ------------------------------------------------------------------------------ */

static void set_backend(const char *backend) {
    test_backend = backend;
    if (backend)
        setenv("WEIR_BACKEND", backend, 1);
}

static int run_body(const struct runner_case *c, const char *backend) {
    static struct footprint before;
    set_backend(backend);
    /* Outside its own runner cmocka shows a failed assertion only if told to abort there. */
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    take_footprint(&before);
    c->body();
    return report_leftovers(&before) ? 1 : 0;
}

static void become_child(int output, const sigset_t *mask, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    /* The report names a crash; a core file for each abort test would be useless. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/* ---- the parent ----------------------------------------------------------------------------- */

static int limit_seconds(void) {
    const char *scale = getenv("WEIR_TEST_TIMEOUT_SCALE");
    double factor = scale ? atof(scale) : 1;
    return (int)(LIMIT_SECONDS * (factor > 0 ? factor : 1));
}

/* Waits for `pid` at most the limit; SIGCHLD is blocked, so its arrival is never missed.
 * Returns false if the time ran out, and then the child is dead as well. */
static bool wait_limited(pid_t pid, const sigset_t *sigchld, int *ret_status) {
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += limit_seconds();
    for (;;) {
        if (waitpid(pid, ret_status, WNOHANG) == pid)
            return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end.tv_sec)
            break;
        sigtimedwait(sigchld, NULL, &(struct timespec){ .tv_sec = 1 });
    }
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, ret_status, 0);
    return false;
}

/* The last OUTPUT_MAX bytes of what the child wrote. */
static void read_output(int fd, char output[OUTPUT_MAX + 1]) {
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > OUTPUT_MAX ? size - OUTPUT_MAX : 0;
    ssize_t n = pread(fd, output, OUTPUT_MAX, from);
    output[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++)
        if (output[i] == '\0')
            output[i] = '?';
}

static void describe_end(int status, char *why, size_t size) {
    if (WIFSIGNALED(status))
        snprintf(why, size, "killed by signal %d (%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        snprintf(why, size, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(why, size, "ended normally");
}

static void judge(const struct runner_case *c, int status, const char *output, struct verdict *v) {
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool aborted = WIFSIGNALED(status) &&
        (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV);
    describe_end(status, v->why, sizeof v->why);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        const char *reason = strstr(output, "SKIP: ");
        v->skipped = reason ? reason + 6 : "no reason given";
        return;
    }
    switch (c->kind) {
    case RUNNER_PASSES:
    case RUNNER_BACKENDS:
        v->passed = clean;
        return;
    case RUNNER_FAILS:
        v->passed = !clean;
        return;
    case RUNNER_ABORTS:
        v->passed = aborted && strstr(output, c->text);
        if (aborted && !v->passed)
            snprintf(v->why, sizeof v->why, "aborted without saying '%s'", c->text);
        return;
    }
}

/* Returns why io_uring cannot be used here, or NULL. */
static const char *uring_missing(void) {
    static char why[128];
    if (!WEIR_HAVE_URING)
        return "io_uring is not compiled in";
    char params[256] = { 0 }; /* struct io_uring_params, of which nothing is asked */
    long fd = syscall(SYS_io_uring_setup, 4, params);
    if (fd >= 0) {
        close((int)fd);
        return NULL;
    }
    snprintf(why, sizeof why, "io_uring_setup: %s", strerror(errno));
    return why;
}

/* Runs the test in a child and fills the verdict. `output` is left for the report. */
static void run_forked(const struct runner_case *c, const char *backend, char *output,
    struct verdict *v) {
    sigset_t sigchld, before;
    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &sigchld, &before);
    fflush(NULL);
    int fd = memfd_create("test output", MFD_CLOEXEC);
    pid_t parent = getpid(), pid = fd < 0 ? -1 : fork();
    if (pid < 0) {
        perror("runner: memfd_create or fork");
        exit(1);
    }
    if (pid == 0) {
        become_child(fd, &before, parent);
        exit(run_body(c, backend));
    }
    int status;
    bool in_time = wait_limited(pid, &sigchld, &status);
    kill(-pid, SIGKILL); /* whatever the test started and did not end */
    sigprocmask(SIG_SETMASK, &before, NULL);
    read_output(fd, output);
    close(fd);
    if (in_time)
        judge(c, status, output, v);
    else
        snprintf(v->why, sizeof v->why, "no end after %d seconds", limit_seconds());
}

/* To stderr: Meson shows that of a failed program, and not the comments of its TAP. */
static void print_commented(const char *text) {
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (len)
            fprintf(stderr, "# %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static bool run_one(const struct runner_case *c, const char *backend, const char *name, int number,
    bool no_fork) {
    static char output[OUTPUT_MAX + 1];
    struct verdict v = { 0 };
    output[0] = '\0';
    if (backend && strcmp(backend, "uring") == 0)
        v.skipped = uring_missing();
    if (!v.skipped && no_fork)
        v.passed = run_body(c, backend) == 0;
    else if (!v.skipped)
        run_forked(c, backend, output, &v);

    if (v.skipped)
        printf("ok %d - %s # SKIP %s\n", number, name, v.skipped);
    else
        printf("%sok %d - %s\n", v.passed ? "" : "not ", number, name);
    if (!v.passed && !v.skipped) {
        fflush(stdout);
        print_commented(output);
        fprintf(stderr, "# %s: %s\n", name, v.why);
    }
    fflush(stdout);
    return v.passed || v.skipped;
}

void runner_stand_in(const char *backend) {
    stand_in = backend;
}

/* ---- the list of tests ---------------------------------------------------------------------- */

/* The name of stamp `i` of a case, and its backend; false past the last. */
static bool stamp(const struct runner_case *c, size_t i, char *name, size_t size,
    const char **ret_backend) {
    *ret_backend = NULL;
    if (c->kind != RUNNER_BACKENDS) {
        snprintf(name, size, "%s", c->name);
        return i == 0;
    }
    if (i >= (stand_in ? 1 : sizeof backends / sizeof backends[0]))
        return false;
    *ret_backend = stand_in ? stand_in : backends[i];
    snprintf(name, size, "%s [%s]", c->name, *ret_backend);
    return true;
}

static bool wanted(const struct options *o, const char *name) {
    for (int i = 0; i < o->filter_count; i++)
        if (strstr(name, o->filters[i]))
            return true;
    return o->filter_count == 0;
}

/* Goes over all wanted tests; runs each if `run`. Returns how many there are, or failed. */
static int go_through(const struct options *o, bool run, bool print) {
    char name[256];
    const char *backend;
    int count = 0, failed = 0;
    for (const struct runner_case *c = cases; c; c = c->next) {
        for (size_t i = 0; stamp(c, i, name, sizeof name, &backend); i++) {
            if (!wanted(o, name))
                continue;
            count++;
            if (print)
                puts(name);
            if (run && !run_one(c, backend, name, count, o->no_fork))
                failed++;
        }
    }
    return run ? failed : count;
}

/* A test begins as from a shell, also where `nohup` or a script's `&` had signals ignored. GNU make
 * starts its children by posix_spawn, and glibc's leaves the two signals that it keeps for itself
 * ignored; signal() refuses to mend that. */
static void mend_signals(void) {
    static const long kernel_default[4]; /* the kernel's struct sigaction: handler, ..., mask */
    static const int stopped_by[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
    for (size_t i = 0; i < sizeof stopped_by / sizeof stopped_by[0]; i++)
        signal(stopped_by[i], SIG_DFL);
    for (int s = 32; s < 34; s++)
        syscall(SYS_rt_sigaction, s, kernel_default, NULL, sizeof(long));
}

int main(int argc, char **argv) {
    struct options o = { .filters = argv + 1 };
    mend_signals();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0)
            o.list = true;
        else if (strcmp(argv[i], "--no-fork") == 0)
            o.no_fork = true;
        else
            o.filters[o.filter_count++] = argv[i];
    }
    if (o.list)
        return go_through(&o, false, true) < 0;
    printf("1..%d\n", go_through(&o, false, false));
    return go_through(&o, true, false) != 0;
}
