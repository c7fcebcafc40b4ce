/* SPDX-License-Identifier: MIT */
/* process.c (bench-process) - programs and pipes, against the calls of the system. Each alternates
 * with its rival, since such figures move with the hour; medians of rounds.
 *   bench-process spawn MIB   start /bin/true and wait for it, beside posix_spawn and waitpid, from
 *                             a process that has MIB MiB of touched memory
 *   bench-process pipes       64 bytes through each of 1000 pipes, beside an epoll loop by hand
 *   bench-process children    the same through 300 children of cat, there and back */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { ROUNDS = 21, SPAWNS = 40, PIPES = 1000, CHILDREN = 300, TRIPS = 20, LEN = 64 };

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v) {
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

static void die(const char *what, int rc) {
    fprintf(stderr, "%s: %s\n", what, rc < 0 ? weir_error_message(rc) : strerror(errno));
    exit(1);
}

/* ---- spawn ---- */

static const char *const program[] = {"/bin/true", NULL};

static double ours_spawn(bool here) {
    struct weir_process_options o = {.size = sizeof o, .die_with_parent = here};
    double began = now_us();
    for (int i = 0; i < SPAWNS; i++) {
        struct weir_process *p = NULL;
        int rc = weir_process_start(program, &o, &p);
        if (rc < 0 || (rc = weir_process_wait(p, NULL)) < 0)
            die("start", rc);
        weir_process_close(&p);
    }
    return (now_us() - began) / SPAWNS;
}

static double systems_spawn(void) {
    double began = now_us();
    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid;
        if (posix_spawn(&pid, program[0], NULL, NULL, (char *const *)(uintptr_t)program, environ))
            die("posix_spawn", 0);
        waitpid(pid, NULL, 0);
    }
    return (now_us() - began) / SPAWNS;
}

static int spawn(void *arg) {
    double ours[ROUNDS], here[ROUNDS], theirs[ROUNDS];
    size_t size = (size_t)*(int *)arg << 20;
    char *touched = malloc(size + 1);
    memset(touched, 1, size);
    ours_spawn(false);
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = ours_spawn(false);
        here[i] = ours_spawn(true);
        theirs[i] = systems_spawn();
    }
    printf("%4d MiB: weir %.0f us, on the loop's thread %.0f us, posix_spawn %.0f us\n",
           *(int *)arg, median(ours), median(here), median(theirs));
    free(touched);
    return 0;
}

/* ---- pipes ---- */

struct pipes {
    int n;
    int in[PIPES], out[PIPES]; /* by hand: read ends, write ends */
    struct weir_stream *reads[PIPES], *writes[PIPES];
    struct weir_process *processes[CHILDREN];
    pid_t pids[CHILDREN];
    int left;
    struct weir_event done;
};

static struct pipes pipes;

struct reads_args {
    int i;
};
static int reads(void *args) {
    char buf[LEN];
    int rc = 0, i = ((struct reads_args *)args)->i;
    while ((rc = weir_read_exactly(pipes.reads[i], buf, LEN)) == 0)
        if (--pipes.left == 0)
            weir_event_set(&pipes.done);
    return rc == WEIR_EEOF ? 0 : rc;
}

static double ours_trips(void) {
    static const char buf[LEN];
    double began = now_us();
    for (int trip = 0; trip < TRIPS; trip++) {
        pipes.left = pipes.n;
        weir_event_clear(&pipes.done);
        for (int i = 0; i < pipes.n; i++) {
            int rc = weir_write(pipes.writes[i], buf, LEN);
            if (rc < 0)
                die("write", rc);
        }
        int rc = weir_event_wait(&pipes.done);
        if (rc < 0)
            die("wait", rc);
    }
    return (now_us() - began) / TRIPS / pipes.n;
}

static double hands_trips(int set) {
    char buf[LEN] = "";
    struct epoll_event events[256];
    double began = now_us();
    for (int trip = 0; trip < TRIPS; trip++) {
        int left = pipes.n;
        for (int i = 0; i < pipes.n; i++)
            if (write(pipes.out[i], buf, LEN) != LEN)
                die("write", 0);
        while (left > 0) {
            int n = epoll_wait(set, events, 256, -1);
            for (int i = 0; i < n; i++)
                left -= read(events[i].data.fd, buf, LEN) == LEN;
        }
    }
    return (now_us() - began) / TRIPS / pipes.n;
}

static void watch(int set, int fd) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

static void open_pipes(int set) {
    for (int i = 0; i < pipes.n; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            die("pipe", 0);
        pipes.in[i] = fds[0];
        pipes.out[i] = fds[1];
        watch(set, fds[0]);
        int rc = weir_pipe(&pipes.reads[i], &pipes.writes[i]);
        if (rc < 0)
            die("weir_pipe", rc);
    }
}

static void open_child_by_hand(int i, int set) {
    int in[2], out[2];
    char *const cat[] = {"/bin/cat", NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        die("pipe", 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    if (posix_spawn(&pipes.pids[i], cat[0], &actions, NULL, cat, environ) != 0)
        die("posix_spawn", 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    pipes.out[i] = in[1];
    pipes.in[i] = out[0];
    watch(set, out[0]);
}

static void open_children(int set) {
    static const char *const cat[] = {"/bin/cat", NULL};
    static const struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PIPE}, .out = {WEIR_STDIO_PIPE}};
    for (int i = 0; i < pipes.n; i++) {
        open_child_by_hand(i, set);
        int rc = weir_process_start(cat, &o, &pipes.processes[i]);
        if (rc < 0)
            die("start", rc);
        pipes.reads[i] = weir_process_stdout(pipes.processes[i]);
        pipes.writes[i] = weir_process_stdin(pipes.processes[i]);
    }
}

static void close_all(bool children) {
    for (int i = 0; i < pipes.n; i++) {
        close(pipes.out[i]);
        close(pipes.in[i]);
        if (children) {
            waitpid(pipes.pids[i], NULL, 0);
            weir_process_close(&pipes.processes[i]);
            continue;
        }
        weir_close(&pipes.writes[i]);
        weir_close(&pipes.reads[i]);
    }
}

static int trips(void *arg) {
    bool children = *(bool *)arg;
    double ours[ROUNDS], theirs[ROUNDS];
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct weir_group g;
    pipes.n = children ? CHILDREN : PIPES;
    weir_event_init(&pipes.done);
    if (children)
        open_children(set);
    else
        open_pipes(set);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < pipes.n; i++)
        weir_go(&g, reads, .i = i);
    ours_trips();
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = ours_trips();
        theirs[i] = hands_trips(set);
    }
    weir_group_cancel(&g, "measured");
    weir_group_close(&g, 0);
    printf("%d %s: weir %.2f us a message, by hand %.2f us\n", pipes.n,
           children ? "children" : "pipes", median(ours), median(theirs));
    close_all(children);
    weir_event_fini(&pipes.done);
    close(set);
    return 0;
}

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc > 1 && strcmp(argv[1], "spawn") == 0) {
        int mib = argc > 2 ? atoi(argv[2]) : 0;
        return weir_run(spawn, &mib, NULL) < 0;
    }
    bool children = argc > 1 && strcmp(argv[1], "children") == 0;
    return weir_run(trips, &children, NULL) < 0;
}
