/* SPDX-License-Identifier: MIT */
/* Writing without waiting: weir_try_write, weir_wait_writable; and weir_stream_fd. Over every kind
 * of stream, full ones above all, and descriptors in blocking mode. */
#include "stream/stream_test_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <weir/testing.h>

enum { PIECE = 30000, PIECE_MAX = 64 << 10, FULL_MAX = 64 << 20 };

/* Take what it takes, of a pattern that goes on at *sent, until there is no room. */
static void fill_up(struct weir_stream *s, size_t *sent) {
    static uint8_t buf[PIECE];
    ssize_t n;
    for (;;) {
        pattern_fill(buf, *sent, sizeof buf);
        if ((n = weir_try_write(s, buf, sizeof buf)) < 0)
            break;
        assert_true(n > 0 && n <= PIECE);
        *sent += (size_t)n;
        assert_true(*sent < FULL_MAX);
    }
    expect_refusal(n, -EAGAIN, "write");
}

static void read_all(struct weir_stream *s, size_t from, size_t upto) {
    static uint8_t buf[PIECE];
    while (from < upto) {
        size_t left = upto - from;
        ssize_t n = weir_read(s, buf, left < sizeof buf ? left : sizeof buf);
        assert_true(n > 0);
        pattern_check(buf, from, (size_t)n);
        from += (size_t)n;
    }
}

/* What a socket's peer has not read yet may take the kernel a moment to let go of. */
STREAM_STORY(KINDS_ALL, a_try_takes_what_there_is_room_for) {
    size_t sent = 0, read = 0;
    for (int round = 0; round < 3; round++) {
        size_t before = sent;
        fill_up(e->a, &sent);
        assert_true(sent > before);
        read_all(e->b, read, sent);
        read = sent;
        assert_int_equal(weir_wait_writable(e->a), 0);
    }
    send_text(e->a, "and on"); /* the parts tore nothing */
    expect_bytes(e->b, "and on");
    return 0;
}

STREAM_STORY(KINDS_ALL, a_try_takes_a_bounded_piece) {
    static uint8_t buf[1 << 20];
    ssize_t n = weir_try_write(e->a, buf, sizeof buf);
    assert_true(n > 0 && n <= PIECE_MAX);
    assert_int_equal(weir_try_write(e->a, buf, 0), 0);
    return 0;
}

struct waiting {
    struct weir_stream *s;
    int rc;
    bool over;
};

struct wait_args {
    struct waiting *w;
};

static int wait(void *args) {
    struct waiting *w = ((struct wait_args *)args)->w;
    w->rc = weir_wait_writable(w->s);
    w->over = true;
    return 0;
}

/* Nothing more goes in, also after the kernel has moved bytes on. Returns how many went. */
static size_t fill(struct weir_stream *s) {
    size_t sent = 0;
    fill_up(s, &sent);
    settle();
    fill_up(s, &sent);
    return sent;
}

/* Fill it, and park a task of g that waits for room. */
static size_t wait_on_full(struct weir_group *g, struct waiting *w) {
    size_t sent = fill(w->s);
    weir_group_open(g, WEIR_TOGETHER);
    assert_int_equal(weir_go(g, wait, .w = w), 0);
    settle();
    return sent;
}

STREAM_STORY(KINDS_ALL, a_wait_for_room_ends_when_the_peer_has_read) {
    struct weir_group g;
    struct waiting w = {.s = e->a};
    size_t sent = wait_on_full(&g, &w);
    assert_false(w.over);
    expect_refusal(weir_try_write(e->a, "x", 1), -EBUSY, "another task is writing");
    expect_refusal(weir_write(e->a, "x", 1), -EBUSY, "another task is writing");
    expect_refusal(weir_wait_writable(e->a), -EBUSY, "another task is writing");
    read_all(e->b, 0, sent);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, 0);
    assert_int_equal(weir_try_write(e->a, "x", 1), 1);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_wait_for_room_ends_with_its_scope_and_its_stream) {
    struct weir_group g;
    struct weir_scope s;
    struct waiting w = {.s = e->a};
    (void)fill(e->a);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_wait_writable(e->a), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, wait, .w = &w), 0);
    settle();
    weir_close(&e->a);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, WEIR_ECLOSED);
    return 0;
}

STREAM_STORY(KINDS_ALL, no_try_while_a_write_is_under_way_or_after_it_was_cut_short) {
    static uint8_t buf[8 << 20];
    struct weir_group g;
    struct doing w = {.s = e->a, .buf = buf, .len = sizeof buf};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, writing, &w);
    settle();
    assert_false(w.over);
    expect_refusal(weir_try_write(e->a, "x", 1), -EBUSY, "another task is writing");
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, -ECANCELED);
    assert_int_equal(weir_try_write(e->a, "x", 1), WEIR_ETORN);
    assert_int_equal(weir_wait_writable(e->a), WEIR_ETORN);
    return 0;
}

STREAM_STORY(KIND_MEMORY | KINDS_SOCKET, after_a_shutdown_nothing_is_tried) {
    assert_int_equal(weir_shutdown(e->a), 0);
    expect_refusal(weir_try_write(e->a, "x", 1), -EPIPE, "shut down before");
    expect_refusal(weir_wait_writable(e->a), -EPIPE, "shut down before");
    return 0;
}

/* A full stream, so that the wait is one; then the reader goes. */
STREAM_STORY(KINDS_ALL, a_peer_that_has_gone_is_seen_by_the_next_try) {
    struct weir_group g;
    struct waiting w = {.s = e->a};
    (void)wait_on_full(&g, &w);
    weir_close(&e->b);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, 0);
    ssize_t n = weir_try_write(e->a, "x", 1);
    assert_true(n == -EPIPE || n == -ECONNRESET);
    assert_int_equal(weir_try_write(e->a, "x", 1), -EPIPE); /* not torn: nothing was cut */
    return 0;
}

STREAM_STORY(KINDS_ALL, a_try_is_no_cancel_point) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    assert_int_equal(weir_try_write(e->a, "x", 1), 1);
    assert_int_equal(weir_wait_writable(e->a), -ETIME);
    assert_int_equal(weir_scope_leave(&s, 0), 0);
    expect_bytes(e->b, "x");
    return 0;
}

static void try_it(void *arg) {
    struct waiting *w = arg;
    w->rc = (int)weir_try_write(w->s, "posted", 6);
}

STREAM_STORY(KINDS_ALL, a_posted_function_may_try) {
    struct waiting w = {.s = e->a};
    assert_int_equal(weir_post(weir_loop_current(), try_it, &w), 0);
    expect_bytes(e->b, "posted");
    assert_int_equal(w.rc, 6);
    return 0;
}

/* ---- explored ---- */

struct drain_args {
    struct weir_stream **s;
};

/* Closes it behind itself, so that a reader that was cancelled leaves no writer waiting. */
static int drain(void *args) {
    struct drain_args *a = args;
    char buf[4096];
    ssize_t n;
    while ((n = weir_read(*a->s, buf, sizeof buf)) > 0)
        ;
    weir_close(a->s);
    return (int)n;
}

static int tries(struct ends *e) {
    static uint8_t buf[20000];
    struct weir_group g;
    ssize_t n;
    int rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, drain, .s = &e->b);
    for (size_t sent = 0; rc == 0 && sent < 5 * sizeof buf; sent += n > 0 ? (size_t)n : 0) {
        n = weir_try_write(e->a, buf, sizeof buf);
        rc = n == -EAGAIN ? weir_wait_writable(e->a) : n < 0 ? (int)n : 0;
    }
    if (rc == 0)
        rc = weir_shutdown(e->a);
    return weir_group_close(&g, rc);
}

static int explored(void *arg) {
    struct weir_listener *l = NULL;
    struct ends e = {0};
    int rc = *(int *)arg == KIND_MEMORY ? weir_memory_pair(4096, &e.a, &e.b)
                                        : weir_listen("tcp://127.0.0.1:7", NULL, &l);
    if (rc == 0 && l != NULL)
        rc = weir_dial("tcp://127.0.0.1:7", NULL, &e.a);
    if (rc == 0 && l != NULL)
        rc = weir_accept(l, &e.b);
    if (rc == 0)
        rc = tries(&e);
    weir_unlisten(&l);
    weir_close(&e.a);
    weir_close(&e.b);
    return rc;
}

WEIR_TEST(cancels_of_a_wait_for_room_leave_nothing_behind) {
    for (int kind = KIND_MEMORY; kind <= KIND_TCP; kind++)
        for (int deferred = 0; deferred < 2; deferred++) {
            const struct weir_sim_options o = {.size = sizeof o, .send_buffer = 4096,
                                               .receive_buffer = 4096, .deferred = deferred != 0};
            const struct weir_story story = {.size = sizeof story, .name = "try", .fn = explored,
                                             .arg = &kind, .options = &o};
            struct weir_explored ret;
            assert_int_equal(weir_explore_cancels(&story, &ret), 0);
            assert_true(ret.points > 20);
        }
}

/* ---- real descriptors ---- */

static size_t drain_fd(int fd, size_t from) {
    static uint8_t buf[PIECE];
    ssize_t n = read(fd, buf, sizeof buf);
    assert_true(n > 0);
    pattern_check(buf, from, (size_t)n);
    return (size_t)n;
}

FD_STORY(a_full_blocking_pipe_does_not_block_other_tasks) {
    struct weir_stream *s = NULL;
    size_t sent = 0;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(ends[1], &s), 0);
    fill_up(s, &sent);
    for (size_t at = 0; at < sent;)
        at += drain_fd(ends[0], at);
    assert_int_equal(weir_wait_writable(s), 0);
    assert_int_equal(weir_try_write(s, "x", 1), 1);
    close(ends[0]);
    assert_int_equal(weir_wait_writable(s), 0);
    assert_int_equal(weir_try_write(s, "x", 1), -EPIPE); /* and no SIGPIPE */
    assert_int_equal(fcntl(weir_stream_fd(s), F_GETFL) & O_NONBLOCK, 0);
    weir_close(&s);
    return 0;
}

FD_STORY(a_regular_file_takes_all) {
    char path[] = "/tmp/weir-try-XXXXXX", buf[10];
    struct weir_stream *s = NULL;
    int fd = mkstemp(path), again = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    assert_int_equal(weir_try_write(s, "0123456789", 10), 10);
    assert_int_equal(weir_wait_writable(s), 0);
    assert_int_equal(read(again, buf, 10), 10);
    close(again);
    weir_close(&s);
    return 0;
}

FD_STORY(a_descriptor_for_reading_takes_nothing) {
    struct weir_stream *s = NULL;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), 0);
    assert_int_equal(weir_try_write(s, "x", 1), -EBADF);
    assert_int_equal(weir_wait_writable(s), -EBADF);
    weir_close(&s);
    close(ends[1]);
    return 0;
}

FD_STORY(a_try_at_a_fifo_without_a_reader_says_so) {
    char path[] = "/tmp/weir-try-XXXXXX";
    struct weir_stream *s = NULL;
    assert_non_null(mkdtemp(path));
    int dir = open(path, O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    int reader = openat(dir, "fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = openat(dir, "fifo", O_WRONLY | O_CLOEXEC);
    assert_int_equal(unlinkat(dir, "fifo", 0), 0);
    assert_int_equal(rmdir(path), 0);
    close(dir);
    assert_int_equal(weir_stream_from_fd(writer, &s), 0);
    assert_int_equal(weir_try_write(s, "x", 1), 1);
    close(reader);
    assert_int_equal(weir_wait_writable(s), 0);
    expect_refusal(weir_try_write(s, "x", 1), -EPIPE, "write");
    weir_close(&s);
    return 0;
}

/* The blocking master of a pseudo-terminal: no call on it is sure not to wait. */
FD_STORY(what_can_only_be_written_by_waiting_is_refused) {
    struct weir_stream *s = NULL;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(weir_stream_from_fd(master, &s), 0);
    assert_int_equal(weir_wait_writable(s), 0);
    assert_int_equal(weir_try_write(s, "x", 1), -EOPNOTSUPP);
    assert_int_equal(weir_write(s, "x", 1), 0);
    weir_close(&s);
    close(slave);
    return 0;
}

struct reader {
    int fd;
    size_t got;
};

static void *read_to_the_end(void *arg) {
    struct reader *r = arg;
    uint8_t buf[3000];
    for (ssize_t n; (n = read(r->fd, buf, sizeof buf)) > 0; r->got += (size_t)n)
        pattern_check(buf, r->got, (size_t)n);
    close(r->fd);
    return NULL;
}

static int all_by_tries(struct weir_stream *s, size_t len) {
    static uint8_t buf[PIECE];
    int rc = 0;
    for (size_t sent = 0; rc == 0 && sent < len;) {
        size_t left = len - sent < sizeof buf ? len - sent : sizeof buf;
        pattern_fill(buf, sent, left);
        ssize_t n = weir_try_write(s, buf, left);
        sent += n > 0 ? (size_t)n : 0;
        rc = n == -EAGAIN ? weir_wait_writable(s) : n < 0 ? (int)n : 0;
    }
    return rc;
}

static void to_a_thread(int mine, int theirs) {
    enum { ALL = 4 << 20 };
    struct weir_stream *s = NULL;
    struct reader r = {.fd = theirs};
    pthread_t thread;
    assert_int_equal(weir_stream_from_fd(mine, &s), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, &r), 0);
    assert_int_equal(all_by_tries(s, ALL), 0);
    weir_close(&s);
    pthread_join(thread, NULL);
    assert_int_equal(r.got, ALL);
}

FD_STORY(tries_reach_a_reader_on_another_thread_in_order) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    to_a_thread(ends[1], ends[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    to_a_thread(ends[1], ends[0]);
    return 0;
}

/* ---- the descriptor ---- */

STREAM_STORY(KINDS_ALL, a_stream_shows_its_descriptor_if_it_has_one) {
    int type = 0, fd = weir_stream_fd(e->a);
    socklen_t len = sizeof type;
    if (e->kind == KIND_MEMORY || strcmp(test_backend, "sim") == 0) {
        expect_refusal(fd, -EOPNOTSUPP, "stream descriptor");
        return 0;
    }
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
    assert_int_equal(type, SOCK_STREAM);
    return 0;
}
