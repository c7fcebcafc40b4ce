/* SPDX-License-Identifier: MIT */
/* weir_copy between files and streams of each kind, and a file as a stream. */
#include <weir/stream.h>

#include "file/file_test_util.h"
#include "stream/stream.h"

enum { LONG = 700 * 1024 + 13 };

static uint8_t *pattern(size_t len) {
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 997);
    return bytes;
}

/* Open a file that contains len bytes of the pattern, for reading. */
static struct weir_file *source(const char *name, size_t len) {
    struct weir_file *f = NULL;
    uint8_t *bytes = pattern(len);
    assert_int_equal(weir_file_open(in(name), O_RDWR | O_CREAT | O_TRUNC, 0600, &f), 0);
    assert_int_equal(weir_file_write(f, bytes, len), 0);
    assert_int_equal(weir_file_seek(f, 0, SEEK_SET), 0);
    free(bytes);
    return f;
}

static struct weir_file *target(const char *name) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(in(name), O_RDWR | O_CREAT | O_TRUNC, 0600, &f), 0);
    return f;
}

/* The file has exactly len bytes of the pattern; it is closed. */
static void expect_pattern(struct weir_file *f, size_t len) {
    uint8_t *bytes = pattern(len), *back = malloc(len + 1);
    assert_int_equal(weir_file_pread(f, back, len + 1, 0), len);
    assert_memory_equal(back, bytes, len);
    free(bytes);
    free(back);
    weir_file_close(&f);
}

FILE_STORY(a_file_is_copied_to_a_file_from_position_to_position) {
    struct weir_file *from = source("a", LONG), *to = target("b");
    assert_int_equal(weir_copy(to, from, 10), 10);
    assert_int_equal(weir_file_seek(from, 0, SEEK_CUR), 10);
    assert_int_equal(weir_copy(to, from, 0), 0);
    assert_int_equal(weir_copy(to, from, -1), LONG - 10);
    assert_int_equal(weir_copy(to, from, -1), 0);
    weir_file_close(&from);
    expect_pattern(to, LONG);
    return 0;
}

FILE_STORY(a_copy_to_a_file_for_appending_goes_to_its_end) {
    struct weir_file *from = source("a", 100), *to = NULL;
    put_text(in("b"), "x");
    assert_int_equal(weir_file_open(in("b"), O_WRONLY | O_APPEND, 0, &to), 0);
    assert_int_equal(weir_copy(to, from, -1), 100);
    weir_file_close(&from);
    weir_file_close(&to);
    struct stat st;
    assert_int_equal(weir_stat(in("b"), &st), 0);
    assert_int_equal(st.st_size, 101);
    return 0;
}

struct sending_args {
    struct weir_stream *to;
    struct weir_file *from;
};

static int sending(void *args) {
    struct sending_args *a = args;
    int64_t n = weir_copy(a->to, a->from, -1);
    assert_int_equal(n, LONG);
    return weir_shutdown(a->to);
}

/* A file goes through a connection into another file. */
static int through_pair(struct weir_stream *a, struct weir_stream *b) {
    struct weir_file *from = source("a", LONG), *to = target("b");
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, sending, .to = a, .from = from), 0);
    assert_int_equal(weir_copy(to, b, -1), LONG);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_file_close(&from);
    expect_pattern(to, LONG);
    return 0;
}

FILE_STORY(a_file_goes_through_streams_in_memory) {
    struct weir_stream *a = NULL, *b = NULL;
    assert_int_equal(weir_memory_pair(5000, &a, &b), 0);
    int rc = through_pair(a, b);
    weir_close(&a);
    weir_close(&b);
    return rc;
}

struct dialling_args {
    char url[64];
    struct weir_stream **ret;
};

static int dialling(void *args) {
    struct dialling_args *a = args;
    return weir_dial(a->url, NULL, a->ret);
}

static void connection(struct weir_stream **ret_a, struct weir_stream **ret_b) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct dialling_args d = {.ret = ret_a};
    static const struct weir_site site = {"dialling", __FILE__, "connection", __LINE__};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(d.url, sizeof d.url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, &site, dialling, &d, sizeof d, NULL, NULL), 0);
    assert_int_equal(weir_accept(l, ret_b), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&l);
}

FILE_STORY(a_file_goes_through_a_connection) {
    struct weir_stream *a = NULL, *b = NULL;
    connection(&a, &b);
    int rc = through_pair(a, b);
    weir_close(&a);
    weir_close(&b);
    return rc;
}

struct relaying_args {
    struct weir_stream *to, *from;
};

static int relaying(void *args) {
    struct relaying_args *a = args;
    int64_t n = weir_copy(a->to, a->from, -1);
    assert_int_equal(n, LONG);
    return weir_shutdown(a->to);
}

FILE_STORY(a_stream_is_copied_to_a_stream) {
    struct weir_stream *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    struct weir_group g;
    connection(&a, &b);
    assert_int_equal(weir_memory_pair(0, &c, &d), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, relaying, .to = c, .from = b), 0);
    int rc = through_pair(a, d);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&a);
    weir_close(&b);
    weir_close(&c);
    weir_close(&d);
    return rc;
}

struct filling_args {
    struct weir_stream *to;
    struct weir_file *from;
};

static int filling(void *args) {
    struct filling_args *a = args;
    int64_t n = weir_copy(a->to, a->from, -1);
    assert_int_equal(n, LONG);
    weir_close(&a->to);
    return 0;
}

/* Blocking on purpose: neither its reads nor its writes may hold the loop. */
REAL_FILE_STORY(a_file_goes_through_a_pipe) {
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_file *from = source("a", LONG), *to = target("b");
    struct weir_group g;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &b), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &a), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, filling, .to = a, .from = from), 0);
    assert_int_equal(weir_copy(to, b, 1000), 1000);
    assert_int_equal(weir_copy(to, b, -1), LONG - 1000);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&b);
    weir_file_close(&from);
    expect_pattern(to, LONG);
    return 0;
}

/* What was peeked lies in the stream: the kernel must not copy past it. */
REAL_FILE_STORY(bytes_that_were_peeked_come_first) {
    struct weir_stream *b = NULL;
    struct weir_file *to = target("b");
    struct weir_view v;
    uint8_t *bytes = pattern(40000);
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], bytes, 40000), 40000);
    close(fds[1]);
    assert_int_equal(weir_stream_from_fd(fds[0], &b), 0);
    assert_true(weir_peek(b, 1, &v) > 0);
    assert_int_equal(weir_copy(to, b, -1), 40000);
    weir_close(&b);
    free(bytes);
    expect_pattern(to, 40000);
    return 0;
}

struct copying_args {
    struct weir_file *to;
    struct weir_stream *from;
    int64_t *ret;
    size_t *ret_done;
};

static int copying(void *args) {
    struct copying_args *a = args;
    *a->ret = weir_copy(a->to, a->from, -1);
    const struct weir_error *e = *a->ret < 0 ? weir_error((int)*a->ret) : NULL;
    *a->ret_done = e != NULL ? e->done : 0;
    return 0;
}

/* Cancel a copy that has copied what there was, and waits for more. */
static int cancelled_after(struct weir_stream *out, struct weir_stream *back) {
    struct weir_file *to = target("b");
    struct weir_group g;
    int64_t rc = 1;
    size_t done = 99;
    char rest[4];
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_write(out, "some", 4), 0);
    assert_int_equal(weir_go(&g, copying, .to = to, .from = back, .ret = &rc, .ret_done = &done),
                     0);
    for (int64_t at = 0; at < 4;) { /* until the four bytes have arrived */
        at = weir_file_seek(to, 0, SEEK_CUR);
        assert_true(at >= 0);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    weir_group_cancel(&g, "test");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(done, 4);
    assert_int_equal(weir_write(out, "more", 4), 0);
    assert_int_equal(weir_read_exactly(back, rest, 4), 0);
    assert_memory_equal(rest, "more", 4);
    weir_file_close(&to);
    expect_text(in("b"), "some");
    return 0;
}

FILE_STORY(a_cancelled_copy_reports_how_much_it_copied) {
    struct weir_stream *a = NULL, *b = NULL;
    connection(&a, &b);
    cancelled_after(a, b);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

REAL_FILE_STORY(a_cancelled_copy_from_a_pipe_reports_how_much_it_copied) {
    struct weir_stream *a = NULL, *b = NULL;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &b), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &a), 0);
    cancelled_after(a, b);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

struct offering_args {
    struct weir_stream *to;
    struct weir_file *from;
    int64_t *ret;
    size_t *ret_done;
};

static int offering(void *args) {
    struct offering_args *a = args;
    *a->ret = weir_copy(a->to, a->from, -1);
    const struct weir_error *e = *a->ret < 0 ? weir_error((int)*a->ret) : NULL;
    *a->ret_done = e != NULL ? e->done : 0;
    return 0;
}

FILE_STORY(a_cancelled_copy_has_read_what_it_has_written) {
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_file *from = source("a", LONG);
    struct weir_group g;
    int64_t rc = 0;
    size_t done = 0;
    assert_int_equal(weir_memory_pair(100, &a, &b), 0); /* nobody reads from b */
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, offering, .to = a, .from = from, .ret = &rc, .ret_done = &done),
                     0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
    weir_group_cancel(&g, "test");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(weir_file_seek(from, 0, SEEK_CUR), done);
    weir_close(&a);
    char rest[200];
    assert_int_equal(weir_read(b, rest, sizeof rest), done);
    weir_close(&b);
    weir_file_close(&from);
    return 0;
}

FILE_STORY(a_copy_to_a_stream_that_breaks_leaves_the_file_where_it_was_read) {
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_file *from = source("a", LONG);
    connection(&a, &b);
    weir_close(&b);
    int64_t n = 0;
    while (n >= 0 && weir_file_seek(from, 0, SEEK_CUR) < LONG)
        n = weir_copy(a, from, 1000);
    assert_true(n == -EPIPE || n == -ECONNRESET);
    assert_int_equal(weir_file_seek(from, 0, SEEK_CUR) % 1000, weir_error((int)n)->done % 1000);
    weir_close(&a);
    weir_file_close(&from);
    return 0;
}

struct pouring_args {
    struct weir_stream *to;
    struct weir_file *from;
    int64_t *ret;
};

static int pouring(void *args) {
    struct pouring_args *a = args;
    *a->ret = weir_copy(a->to, a->from, -1);
    return 0;
}

/* Nobody reads b: sooner or later the copy waits for room. */
static void until_full(struct weir_file *from) {
    for (int64_t at = -1, still = 0; at <= 0 || still < 10;) {
        int64_t now = weir_file_seek(from, 0, SEEK_CUR);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        still = now == at ? still + 1 : 0;
        at = now;
    }
}

FILE_STORY(a_copy_to_a_full_stream_ends_when_that_is_closed) {
    enum { MORE_THAN_FITS = 64 << 20 };
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_file *from = target("a");
    struct weir_scope s;
    struct weir_group g;
    int64_t n = 0;
    assert_int_equal(weir_file_truncate(from, MORE_THAN_FITS), 0);
    connection(&a, &b);
    weir_scope_enter(&s, WEIR_SECONDS(10));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, pouring, .to = a, .from = from, .ret = &n), 0);
    until_full(from);
    weir_close(&a);
    assert_int_equal(weir_scope_leave(&s, weir_group_close(&g, 0)), 0);
    assert_int_equal(n, WEIR_ECLOSED);
    weir_close(&b);
    weir_file_close(&from);
    return 0;
}

/* ---- a file as a stream ---------------------------------------------------------------------- */

FILE_STORY(the_lines_of_a_file_are_read) {
    struct weir_file *f = NULL;
    struct weir_stream *s = NULL;
    char line[16];
    put_text(in("a"), "one\ntwo\nrest");
    assert_int_equal(weir_file_open(in("a"), O_RDONLY, 0, &f), 0);
    assert_int_equal(weir_file_stream(&f, &s), 0);
    assert_null(f);
    assert_string_equal(weir_stream_peer(s), in("a"));
    assert_int_equal(weir_read_until(s, '\n', line, sizeof line), 4);
    assert_string_equal(line, "one\n");
    assert_int_equal(weir_read_until(s, '\n', line, sizeof line), 4);
    assert_int_equal(weir_read_until(s, '\n', line, sizeof line), WEIR_EEOF);
    assert_int_equal(weir_read(s, line, sizeof line), 4);
    assert_int_equal(weir_read(s, line, sizeof line), 0);
    weir_close(&s);
    return 0;
}

FILE_STORY(a_stream_of_a_file_writes_too) {
    struct weir_file *f = target("a");
    struct weir_stream *s = NULL;
    assert_int_equal(weir_file_stream(&f, &s), 0);
    assert_int_equal(weir_write(s, "one", 3), 0);
    assert_int_equal(weir_wait_writable(s), 0);
    assert_int_equal(weir_try_write(s, "two", 3), -EOPNOTSUPP);
    assert_int_equal(weir_shutdown(s), -EOPNOTSUPP);
    assert_int_equal(weir_write(s, "two", 3), 0);
    weir_close(&s);
    expect_text(in("a"), "onetwo");
    return 0;
}

REAL_FILE_STORY(a_file_of_a_descriptor_is_a_file_or_a_stream) {
    struct weir_file *f = NULL;
    struct weir_stream *s = NULL;
    char buf[4];
    int fds[2];
    put_text(in("a"), "abcd");
    int fd = open(in("a"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(weir_file_from_fd(fd, &f), 0);
    assert_int_equal(weir_file_fd(f), fd);
    assert_int_equal(weir_file_pread(f, buf, 4, 0), 4);
    weir_file_close(&f);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_file_from_fd(fds[0], &f), 0);
    assert_int_equal(write(fds[1], "abcd", 4), 4);
    assert_int_equal(weir_file_read(f, buf, 4), 4);
    expect_error(weir_file_pread(f, buf, 4, 0), -ESPIPE, "fd");
    assert_int_equal(weir_file_seek(f, 0, SEEK_CUR), -ESPIPE);
    struct stat st;
    assert_int_equal(weir_file_stat(f, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(weir_file_stream(&f, &s), 0);
    weir_close(&s);
    close(fds[1]);
    assert_int_equal(weir_file_from_fd(-1, &f), -EBADF);
    return 0;
}

struct reading_whole_args {
    struct weir_stream *from;
    int64_t *ret;
};

static int reading_whole(void *args) {
    struct reading_whole_args *a = args;
    char buf[4096];
    ssize_t n;
    *a->ret = 0;
    while ((n = weir_read(a->from, buf, sizeof buf)) > 0)
        *a->ret += n;
    return 0;
}

/* O_DIRECT: the reads wait for the disk on a helper thread or in the ring. */
REAL_FILE_STORY(a_stream_of_a_file_on_disk_may_be_closed_while_it_is_read) {
    static const int flags[] = {O_RDONLY, O_RDONLY | O_DIRECT};
    for (int i = 0; i < 2; i++) {
        struct weir_file *f = source("a", 1 << 20);
        struct weir_stream *s = NULL;
        struct weir_group g;
        int64_t got = -1;
        weir_file_close(&f);
        int fd = open(in("a"), flags[i] | O_CLOEXEC);
        if (fd < 0)
            continue; /* this file system has no O_DIRECT */
        assert_int_equal(weir_stream_from_fd(fd, &s), 0);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, reading_whole, .from = s, .ret = &got), 0);
        assert_int_equal(weir_yield(), 0);
        weir_close(&s);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_true(got >= 0 && got <= 1 << 20);
    }
    return 0;
}

REAL_FILE_STORY(a_file_past_the_cache_is_read_and_written) {
    enum { LEN = 64 << 10 };
    struct weir_file *f = NULL;
    char *out = aligned_alloc(4096, LEN), *back = aligned_alloc(4096, LEN);
    memset(out, 'w', LEN);
    int rc = weir_file_open(in("a"), O_RDWR | O_CREAT | O_DIRECT | O_DSYNC, 0600, &f);
    if (rc == 0) { /* else this file system has no O_DIRECT */
        assert_int_equal(weir_file_pwrite(f, out, LEN, 0), 0);
        assert_int_equal(weir_file_pread(f, back, LEN, 0), LEN);
        assert_memory_equal(out, back, LEN);
    }
    weir_file_close(&f);
    free(out);
    free(back);
    return rc == -EINVAL ? 0 : rc;
}

REAL_FILE_STORY(a_fifo_does_not_hold_the_loop) {
    struct weir_file *r = NULL, *w = NULL;
    struct weir_scope s;
    char buf[4];
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    expect_error(weir_file_open(in("fifo"), O_WRONLY, 0, &w), -ENXIO, in("fifo"));
    assert_int_equal(weir_file_open(in("fifo"), O_RDONLY, 0, &r), 0);
    assert_int_equal(weir_file_open(in("fifo"), O_WRONLY, 0, &w), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&s, (int)weir_file_read(r, buf, 4)), -ETIME);
    assert_int_equal(weir_file_write(w, "abc", 3), 0);
    assert_int_equal(weir_file_read(r, buf, 4), 3);
    weir_file_close(&w);
    assert_int_equal(weir_file_read(r, buf, 4), 0);
    weir_file_close(&r);
    return 0;
}

REAL_FILE_STORY(a_terminal_does_not_hold_the_loop) {
    struct weir_file *f = NULL;
    struct weir_scope s;
    char buf[8];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    assert_int_equal(weir_file_open(ptsname(master), O_RDWR, 0, &f), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&s, (int)weir_file_read(f, buf, 8)), -ETIME);
    assert_int_equal(write(master, "typed\n", 6), 6);
    assert_int_equal(weir_file_read(f, buf, 8), 6);
    weir_file_close(&f);
    close(master);
    return 0;
}

/* ---- disturbed at every point ---------------------------------------------------------------- */

static int copy_story(void *arg __attribute__((unused))) {
    struct weir_file *from = NULL, *to = NULL;
    struct weir_stream *a = NULL, *b = NULL, *s = NULL;
    char line[8];
    int64_t rc = weir_file_open("/tmp/a", O_RDWR | O_CREAT, 0600, &from);
    if (rc == 0)
        rc = weir_file_write(from, "one\ntwo", 7);
    if (rc == 0)
        rc = weir_file_seek(from, 0, SEEK_SET);
    if (rc >= 0)
        rc = weir_file_open("/tmp/b", O_RDWR | O_CREAT, 0600, &to);
    if (rc == 0)
        rc = weir_copy(to, from, 3);
    if (rc >= 0 && (rc = weir_memory_pair(0, &a, &b)) == 0)
        rc = weir_copy(a, from, -1);
    if (rc >= 0)
        rc = weir_copy(to, b, rc);
    if (rc >= 0 && (rc = weir_file_seek(to, 0, SEEK_SET)) == 0)
        rc = weir_file_stream(&to, &s);
    if (rc == 0)
        rc = weir_read_until(s, '\n', line, sizeof line);
    assert_true(rc < 0 || memcmp(line, "one\n", 4) == 0);
    weir_close(&a);
    weir_close(&b);
    weir_close(&s);
    weir_file_close(&from);
    weir_file_close(&to);
    return (int)rc;
}

static const struct weir_story copy = {.size = sizeof copy, .name = "copies", .fn = copy_story};

WEIR_TEST(every_cancel_of_a_copy_leaves_nothing) {
    assert_int_equal(weir_explore_cancels(&copy, NULL), 0);
}

WEIR_TEST(every_failed_allocation_of_a_copy_leaves_nothing) {
    assert_int_equal(weir_explore_allocations(&copy, NULL), 0);
}

WEIR_TEST(every_fault_of_a_copy_leaves_nothing) {
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_LATE; effect++) {
        struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE,
                                   .effect = (enum weir_fault_effect)effect, .error = -EIO};
        assert_int_equal(weir_explore_faults(&copy, &fault, NULL), 0);
    }
}

WEIR_TEST(every_seed_copies_alike) {
    assert_int_equal(weir_explore_seeds(&copy, NULL), 0);
}
