/* SPDX-License-Identifier: MIT */
/* Shows: weir-process weir_process weir_process_start weir_process_from_pid weir_process_stdin
 * weir_process_stdout weir_process_stderr weir_process_close_stdin weir_process_pid weir_process_fd
 * weir_process_wait weir_process_signal weir_process_signal_group weir_process_stop
 * weir_process_close weir_process_options weir_passed_fd weir_process_group weir_process_limits
 * weir_process_user weir_exit weir_stdio */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

/* A dialogue: what is written to the program's input is read from its output. */
static int talk(void) {
    const char *const argv[] = {"tr", "a-z", "A-Z", NULL};
    struct weir_process_limits limits = {.cpu_s = 10, .core = -1};
    struct weir_process_options o = {.size = sizeof o,
                                     .in = {WEIR_STDIO_PIPE},
                                     .out = {WEIR_STDIO_PIPE},
                                     .cwd = "/",
                                     .set_env = (const char *const[]){"LC_ALL=C", NULL},
                                     .limits = &limits};
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL; /* kills it if it still runs */
    struct weir_stdio errors = {WEIR_STDIO_PIPE};
    struct weir_exit e;
    char line[64];
    o.err = errors;
    int rc = weir_process_start(argv, &o, &p);
    if (rc == 0)
        rc = weir_write(weir_process_stdin(p), "hello\n", 6);
    if (rc < 0)
        return rc;
    weir_process_close_stdin(p); /* it sees the end of its input */
    ssize_t n = weir_read_until(weir_process_stdout(p), '\n', line, sizeof line);
    if (n < 0 || (rc = weir_process_wait(p, &e)) < 0)
        return n < 0 ? (int)n : rc;
    printf("status %d: %s", e.code, line);                        /* status 0: HELLO */
    n = weir_read(weir_process_stderr(p), line, sizeof line); /* 0: no complaints */
    return n < 0 ? (int)n : 0;
}

/* A server that is asked to end, and made to end if it has not within a second. It has its own
 * session, one more descriptor, and the user and group that this program has. */
static int stop(void) {
    const char *const argv[] = {"sleep", "1000", NULL};
    const struct weir_passed_fd more = {.number = 3, .fd = STDERR_FILENO};
    const struct weir_process_user user = {getuid(), getgid()};
    const enum weir_process_group group = WEIR_PROCESS_SESSION;
    struct weir_process_options o = {.size = sizeof o, .fds = &more, .fd_count = 1, .group = group};
    struct weir_process *p = NULL;
    struct weir_exit e;
    if (getuid() == 0) /* only root may choose */
        o.user = &user;
    int rc = weir_process_start(argv, &o, &p);
    if (rc < 0)
        return rc;
    printf("started %s\n", weir_process_pid(p) > 0 ? "it" : "nothing");
    if (weir_process_fd(p) >= 0) /* the pidfd, for poll and the like */
        rc = weir_process_signal(p, SIGCONT);
    if (rc == 0)
        rc = weir_process_signal_group(p, SIGCONT);
    if (rc == 0)
        rc = weir_process_stop(p, WEIR_SECONDS(1), &e);
    if (rc == 0)
        printf("ended by signal %d\n", e.signal); /* 15: SIGTERM */
    weir_process_close(&p);
    return rc;
}

static int program(void *arg) {
    struct weir_process *p = NULL;
    (void)arg;
    int rc = talk();
    if (rc == 0)
        rc = stop();
    if (rc < 0)
        return rc;
    pid_t pid = fork(); /* a child that this program has made itself */
    if (pid == 0)
        _exit(0);
    rc = weir_process_from_pid(pid, &p);
    if (rc == 0)
        rc = weir_process_wait(p, NULL);
    weir_process_close(&p);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
