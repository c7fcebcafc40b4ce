/* SPDX-License-Identifier: MIT */
/* fair_test.c - a task that reads or writes very many bytes at once, or accepts many connections,
 * lets other tasks run: on kernel sockets, pipes, files and memory. The peers are threads that are
 * always ready. The tests count how often another task ran meanwhile. */
#include "stream/stream_test_util.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { MUCH = 64 << 20, RUNS_MIN = MUCH / (8 << 20) };

static char *much; /* MUCH bytes */
static long runs;
static bool over;

static int run_often(void *args) {
    (void)args;
    while (!over) {
        int rc = weir_sleep(0);
        if (rc < 0)
            return rc;
        runs++;
    }
    return 0;
}

/* fn moves MUCH bytes on s; how often the other ran meanwhile. */
static long runs_beside(int (*fn)(struct weir_stream *s), struct weir_stream *s) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    over = false;
    assert_int_equal(weir_go0(&g, run_often), 0);
    assert_int_equal(weir_yield(), 0);
    runs = 0;
    assert_int_equal(fn(s), 0);
    long n = runs;
    over = true;
    assert_int_equal(weir_group_close(&g, 0), 0);
    return n;
}

static int write_much(struct weir_stream *s) {
    return weir_write(s, much, MUCH);
}

static int read_much(struct weir_stream *s) {
    return weir_read_exactly(s, much, MUCH);
}

#define FAIR_STORY(kernel_only, sentence)                                                          \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if ((kernel_only) && strcmp(test_backend, "sim") == 0)                                     \
            runner_skip("a simulation has no real descriptors");                                   \
        much = calloc(1, MUCH);                                                                    \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
        free(much);                                                                                \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

/* ---- memory, files: always ready ------------------------------------------------------------ */

FAIR_STORY(false, much_in_memory_is_moved_piece_by_piece) {
    struct weir_stream *a = NULL, *b = NULL;
    assert_int_equal(weir_memory_pair(MUCH, &a, &b), 0);
    assert_true(runs_beside(write_much, a) >= RUNS_MIN);
    assert_true(runs_beside(read_much, b) >= RUNS_MIN);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

FAIR_STORY(true, a_file_is_read_and_written_piece_by_piece) {
    struct weir_stream *s = NULL;
    int fd = memfd_create("much", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    assert_true(runs_beside(write_much, s) >= RUNS_MIN);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_true(runs_beside(read_much, s) >= RUNS_MIN);
    weir_close(&s);
    return 0;
}

FAIR_STORY(true, a_device_without_end_feels_the_deadline) {
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    size_t len = (size_t)16 << 30; /* pages of zeroes: read far enough, it would be killed */
    void *sink = mmap(NULL, len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(sink != MAP_FAILED);
    assert_int_equal(weir_stream_from_fd(open("/dev/zero", O_RDONLY | O_CLOEXEC), &s), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&scope, weir_read_exactly(s, sink, len)), -ETIME);
    weir_close(&s);
    munmap(sink, len);
    return 0;
}

/* ---- a peer that takes or gives whatever it can --------------------------------------------- */

static void *drain(void *arg) {
    int fd = *(int *)arg;
    char *buf = malloc(1 << 20);
    while (read(fd, buf, 1 << 20) > 0)
        continue;
    free(buf);
    return NULL;
}

static void written_beside(int here, int there) {
    struct weir_stream *s = NULL;
    pthread_t peer;
    assert_int_equal(pthread_create(&peer, NULL, drain, &there), 0);
    assert_int_equal(weir_stream_from_fd(here, &s), 0);
    assert_true(runs_beside(write_much, s) >= RUNS_MIN);
    weir_close(&s);
    pthread_join(peer, NULL);
    close(there);
}

FAIR_STORY(true, a_pipe_with_a_fast_reader_is_written_piece_by_piece) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    written_beside(fds[1], fds[0]);
    return 0;
}

FAIR_STORY(true, a_foreign_socket_with_a_fast_reader_is_written_piece_by_piece) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    written_beside(fds[1], fds[0]);
    return 0;
}

/* ---- a crowd before the door ---------------------------------------------------------------- */

enum { CROWD = 400, AT_ONCE_MAX = 200 };

static int crowd[CROWD];
static int opened_count, seen, at_once;

static void crowd_comes(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(crowd[i] >= 0);
        assert_int_equal(connect(crowd[i], (struct sockaddr *)&a, sizeof a), 0);
    }
}

static int count_opened(struct weir_conn *c, void *state) {
    (void)c, (void)state;
    opened_count++;
    return 0;
}

static int no_message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)c, (void)state, (void)v;
    return 0;
}

struct serving_args {
    struct weir_listener *l;
};

static int serving(void *args) {
    static const struct weir_reactive r = {
        .size = sizeof r, .opened = count_opened, .message = no_message};
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    return weir_group_close(&g, weir_react(((struct serving_args *)args)->l, &g, &r));
}

/* Runs all the while, and sees how many came in between. */
static int watch(void *args) {
    (void)args;
    while (opened_count < CROWD) {
        at_once = opened_count - seen > at_once ? opened_count - seen : at_once;
        seen = opened_count;
        int rc = weir_yield();
        if (rc < 0)
            return rc;
    }
    return 0;
}

FAIR_STORY(true, a_crowd_is_let_in_with_others_running) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_task *watching = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    crowd_comes(weir_listener_port(l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(watch), watch, NULL, 0, NULL, &watching), 0);
    assert_int_equal(weir_go(&g, serving, .l = l), 0);
    assert_int_equal(weir_await(&watching, NULL, 0), 0);
    assert_in_range(at_once, 1, AT_ONCE_MAX);
    weir_group_cancel(&g, "all came");
    weir_group_close(&g, 0);
    weir_unlisten(&l);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    return 0;
}
