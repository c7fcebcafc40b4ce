/* SPDX-License-Identifier: MIT */
/* The write line, over every kind of stream: whole units in order, without a task; segments that
 * several lines share; the clock of a write at rest; what a close or a fini leaves behind. */
#include "stream/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "stream/stream_test_util.h"

#define MS(n) WEIR_MILLISECONDS(n)
enum { UNIT = 1000, PIECE = 30000 };

/* A line, and what its owner has heard. */
struct line {
    struct weir__out out;
    struct weir__out_owner by;
    struct weir_stream *s;
    int moves, rc;
    bool over; /* nothing more is written by itself */
    bool closes; /* the next move closes the stream */
};

static void line_moved(struct weir__out *o, int rc) {
    struct line *l = WEIR_CONTAINER(o, struct line, out);
    l->moves++;
    l->rc = rc;
    l->over = !weir__out_writes(o);
    if (l->closes)
        weir_close(&l->s);
}

static void line_open(struct line *l, struct weir_stream *s, weir_ns rest_ns,
                      void (*moved)(struct weir__out *o, int rc)) {
    *l = (struct line){.s = s};
    weir__out_owner_init(&l->by, weir__loop(), "line", rest_ns, moved);
    weir__out_init(&l->out);
}

static void line_close(struct line *l) {
    weir__out_fini(&l->out);
    weir__out_owner_fini(&l->by);
}

static void line_add(struct line *l, size_t from, size_t len) {
    assert_int_equal(weir__out_reserve(&l->out, len), 0);
    pattern_fill(weir__out_end(&l->out), from, len);
    weir__out_add(&l->out, len);
}

static void line_read(struct weir_stream *s, size_t from, size_t upto) {
    static uint8_t buf[PIECE];
    while (from < upto) {
        size_t left = upto - from;
        ssize_t n = weir_read(s, buf, left < sizeof buf ? left : sizeof buf);
        assert_true(n > 0);
        pattern_check(buf, from, (size_t)n);
        from += (size_t)n;
    }
}

STREAM_STORY(KINDS_ALL, units_arrive_whole_and_in_order_without_a_task) {
    struct line l;
    size_t sent = 0;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    for (size_t n = 1, len; n <= 300; n++, sent += len) { /* many chunks */
        len = 1 + n * 37 % 5000;
        line_add(&l, sent, len);
    }
    size_t queued = l.out.queued;
    assert_int_equal(queued, sent);
    weir__out_go(&l.out, e->a, &l.by);
    line_read(e->b, 0, queued / 2);
    line_add(&l, queued, UNIT); /* behind a write that may be under way */
    weir__out_go(&l.out, e->a, &l.by);
    line_read(e->b, queued / 2, queued + UNIT);
    settle();
    assert_true(l.over && l.rc == 0 && l.out.queued == 0 && l.out.tail == NULL);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, one_unit_of_a_megabyte_goes_through) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_add(&l, 0, 1 << 20);
    weir__out_go(&l.out, e->a, &l.by);
    line_read(e->b, 0, 1 << 20);
    settle();
    assert_true(l.over && l.rc == 0 && l.out.queued == 0);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_segment_is_shared_and_freed_once) {
    struct line l;
    struct weir__seg *g = weir__seg_new(UNIT);
    assert_non_null(g);
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    pattern_fill(g->bytes, 5, UNIT);
    line_add(&l, 0, 5);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir__out_append_seg(&l.out, g), 0);
    line_add(&l, 7, 9); /* never into the segment */
    assert_int_equal(g->refs, 4);
    assert_int_equal(l.out.queued, 5 + 3 * UNIT + 9);
    weir__out_go(&l.out, e->a, &l.by);
    line_read(e->b, 0, 5 + UNIT);
    line_read(e->b, 5, 5 + UNIT);
    line_read(e->b, 5, 5 + UNIT);
    line_read(e->b, 7, 16);
    settle();
    assert_int_equal(g->refs, 1);
    weir__seg_unref(g);
    line_close(&l);
    return 0;
}

/* Until the stream takes nothing more for three settles in a row: one alone may be a single turn of
 * the loop, on a machine that has much to do. */
static void line_rests(struct line *l) {
    for (int still = 0; still < 3;) {
        int moves = l->moves;
        settle();
        still = l->moves == moves ? still + 1 : 0;
    }
}

/* Fill the stream, so that a write is under way and stays so. */
static size_t line_clog(struct line *l, struct weir_stream *s) {
    size_t len = 0;
    do {
        for (int i = 0; i < 20; i++, len += PIECE)
            line_add(l, len, PIECE);
        weir__out_go(&l->out, s, &l->by);
        line_rests(l);
        assert_true(len < 64u << 20);
    } while (l->out.queued < 10 * PIECE); /* more than one write takes */
    assert_true(weir__out_writes(&l->out));
    l->over = false;
    return len;
}

STREAM_STORY(KINDS_ALL, a_second_writer_is_refused_while_one_is_under_way) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    size_t len = line_clog(&l, e->a);
    expect_refusal(weir_write(e->a, "x", 1), -EBUSY, "another task is writing");
    line_read(e->b, 0, len);
    settle();
    send_text(e->a, "now");
    expect_bytes(e->b, "now");
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_write_of_which_the_peer_takes_nothing_is_given_up) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    weir__out_owner_rest(&l.by, MS(40));
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_int_equal(l.rc, WEIR_EKEEPALIVE);
    assert_int_equal(l.out.failed, WEIR_EKEEPALIVE);
    weir__out_go(&l.out, e->a, &l.by); /* nothing more is written */
    assert_false(weir__out_writes(&l.out));
    line_close(&l);
    return 0;
}

/* The peer reads a little in each half of rest_ns: the clock cuts the write again and again, and
 * not a byte is lost or sent twice. */
STREAM_STORY(KINDS_ALL, a_slow_reader_is_kept_and_gets_every_byte_once) {
    struct line l;
    size_t read = 0;
    line_open(&l, e->a, strcmp(test_backend, "sim") == 0 ? MS(40) : MS(400), line_moved);
    size_t len = line_clog(&l, e->a);
    for (int i = 0; i < 12; i++) {
        line_read(e->b, read, read + 5000);
        read += 5000;
        assert_int_equal(weir_sleep(MS(10)), 0);
    }
    line_read(e->b, read, len);
    settle();
    assert_true(l.over && l.rc == 0 && l.out.queued == 0);
    line_close(&l);
    return 0;
}

/* A machine with too much to do, or a stop of the process, can hold up the thread for so long that
 * the clock comes late. The peer may have been held up as well. */
STREAM_STORY(KINDS_ALL, a_clock_that_comes_late_gives_nobody_up_at_once) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    size_t len = line_clog(&l, e->a);
    weir__out_owner_rest(&l.by, MS(80));
    settle(); /* it looks, and sees how much has left until now */
    poll(NULL, 0, 100); /* blocks the thread */
    settle();
    assert_true(weir__out_writes(&l.out) && l.rc == 0);
    line_read(e->b, 0, len);
    settle();
    assert_true(l.over && l.rc == 0 && l.out.queued == 0);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_close_in_the_middle_ends_the_line) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    weir_close(&e->a);
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_int_equal(l.rc, WEIR_ECLOSED);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, an_owner_that_closes_when_it_hears_of_a_move_is_heard_out) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    l.closes = true;
    e->a = NULL;
    size_t read = 0;
    for (int i = 0; !l.over && i < 1000; i++, read += 4096)
        line_read(e->b, read, read + 4096);
    assert_int_equal(l.rc, WEIR_ECLOSED);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_peer_that_has_closed_fails_the_line) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    weir_close(&e->b);
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_true(l.rc == -EPIPE || l.rc == -ECONNRESET);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_line_that_is_dropped_while_it_writes_leaves_nothing) {
    struct line l;
    struct weir__seg *g = weir__seg_new(UNIT);
    assert_non_null(g);
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    assert_int_equal(weir__out_append_seg(&l.out, g), 0);
    weir__seg_unref(g);
    line_close(&l); /* the stream is closed behind it */
    return 0;
}

STREAM_STORY(KINDS_ALL, a_stopped_line_ends_with_the_given_code) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), line_moved);
    line_clog(&l, e->a);
    weir__out_stop(&l.out, -ETIME);
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_int_equal(l.rc, -ETIME);
    line_close(&l);
    return 0;
}

static bool in_reader;

static void moved_outside_the_reader(struct weir__out *o, int rc) {
    assert_false(in_reader);
    line_moved(o, rc);
}

/* A program's object that reads must not be entered again by what its own read has set free. */
STREAM_STORY(KINDS_ALL, a_line_does_not_go_on_inside_the_call_of_its_reader) {
    struct line l;
    size_t read = 0;
    line_open(&l, e->a, WEIR_SECONDS(20), moved_outside_the_reader);
    size_t len = line_clog(&l, e->a);
    while (read < len) {
        struct weir_view v;
        assert_true(weir_peek(e->b, 1, &v) > 0);
        in_reader = true;
        weir_consume(e->b, v.len);
        in_reader = false;
        read += v.len;
    }
    settle();
    assert_true(l.over && l.out.queued == 0);
    line_close(&l);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_line_does_not_fail_inside_the_close_of_its_reader) {
    struct line l;
    line_open(&l, e->a, WEIR_SECONDS(20), moved_outside_the_reader);
    line_clog(&l, e->a);
    in_reader = true;
    weir_close(&e->b);
    in_reader = false;
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_true(l.rc == -EPIPE || l.rc == -ECONNRESET);
    line_close(&l);
    return 0;
}

/* ---- descriptors that are tried otherwise ---- */

/* A file's disk may take long: its writes are calls on a helper thread. */
FD_STORY(a_line_writes_a_file) {
    struct weir_stream *s = NULL;
    struct line l;
    static uint8_t buf[300000];
    char path[] = "/tmp/weir-out-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0);
    assert_int_equal(weir_stream_from_fd(dup(fd), &s), 0);
    line_open(&l, s, WEIR_SECONDS(20), line_moved);
    line_add(&l, 0, sizeof buf - 10);
    line_add(&l, sizeof buf - 10, 10);
    weir__out_go(&l.out, s, &l.by);
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_true(l.over && l.rc == 0);
    assert_int_equal(pread(fd, buf, sizeof buf, 0), sizeof buf);
    pattern_check(buf, 0, sizeof buf);
    line_close(&l);
    weir_close(&s);
    close(fd);
    return 0;
}

/* The master of a terminal can only be written on a helper thread. */
static int terminal(struct weir_stream **ret_master) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct termios t;
    assert_true(slave >= 0 && tcgetattr(slave, &t) == 0);
    cfmakeraw(&t);
    assert_int_equal(tcsetattr(slave, TCSANOW, &t), 0);
    assert_int_equal(weir_stream_from_fd(master, ret_master), 0);
    return slave;
}

/* A helper thread may still be inside a write to the master, which the kernel ends when the slave
 * is read, but not when it is closed. Read until no descriptor of the master is left. */
static void terminal_close(int slave) {
    char buf[1500];
    ssize_t n = 1;
    while (n > 0) {
        assert_true(weir_wait_fd(slave, POLLIN) > 0);
        n = read(slave, buf, sizeof buf);
    }
    close(slave);
}

FD_STORY(a_line_writes_to_a_terminal) {
    struct weir_stream *s = NULL;
    struct line l;
    uint8_t buf[1500];
    int slave = terminal(&s);
    line_open(&l, s, WEIR_SECONDS(20), line_moved);
    line_add(&l, 0, sizeof buf);
    weir__out_go(&l.out, s, &l.by);
    for (size_t got = 0; got < sizeof buf;) {
        assert_true(weir_wait_fd(slave, POLLIN) > 0);
        ssize_t n = read(slave, buf, sizeof buf);
        assert_true(n > 0);
        pattern_check(buf, got, (size_t)n);
        got += (size_t)n;
    }
    for (int i = 0; !l.over && i < 1000; i++)
        settle();
    assert_true(l.over && l.rc == 0);
    line_close(&l);
    weir_close(&s);
    close(slave);
    return 0;
}

FD_STORY(a_line_to_a_terminal_that_nobody_reads_is_given_up_or_closed) {
    for (int closes = 0; closes < 2; closes++) {
        struct weir_stream *s = NULL;
        struct line l;
        int slave = terminal(&s);
        line_open(&l, s, closes ? WEIR_SECONDS(20) : MS(40), line_moved);
        line_add(&l, 0, 1 << 20);
        weir__out_go(&l.out, s, &l.by);
        assert_true(weir__out_writes(&l.out));
        if (closes) {
            settle();
            assert_true(weir__out_writes(&l.out));
            weir_close(&s);
        }
        for (int i = 0; !l.over && i < 1000; i++)
            settle();
        assert_int_equal(l.rc, closes ? WEIR_ECLOSED : WEIR_EKEEPALIVE);
        line_close(&l);
        weir_close(&s);
        terminal_close(slave);
    }
    return 0;
}

/* ---- room ---- */

struct sending {
    struct line *l;
    size_t len, at;
    int rc, *order, turn;
};

struct sending_args {
    struct sending *d;
};

static const struct weir__what sends = {.text = "line send"};

static int sending(void *args) {
    struct sending *d = ((struct sending_args *)args)->d;
    d->rc = weir__out_wait(&d->l->out, d->len, 2 * UNIT, &sends, d->l);
    if (d->rc == 0) {
        line_add(d->l, d->at, d->len);
        weir__out_go(&d->l->out, d->l->s, &d->l->by);
    }
    d->turn = ++*d->order;
    return 0;
}

/* The second of three is cancelled in its place. The third, which would fit before the first, does
 * not overtake it. */
STREAM_STORY(KINDS_ALL, those_that_wait_for_room_take_turns) {
    struct line l;
    struct weir_group g;
    struct weir_task *second = NULL;
    int order = 0;
    line_open(&l, e->a, WEIR_SECONDS(20), NULL);
    size_t len = line_clog(&l, e->a);
    struct sending d[3] = {{&l, 2 * UNIT, len, 0, &order, 0},
                           {&l, UNIT, 0, 0, &order, 0},
                           {&l, 1, len + 2 * UNIT, 0, &order, 0}};
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_go_task(&g, sending, i == 1 ? &second : NULL, .d = &d[i]), 0);
        settle(); /* each waits before the next begins */
    }
    assert_int_equal(order, 0);
    weir_task_cancel(second, "test");
    weir_task_release(&second);
    settle();
    assert_true(order == 1 && d[1].rc == -ECANCELED);
    line_read(e->b, 0, len + 2 * UNIT + 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(d[0].turn == 2 && d[2].turn == 3 && d[0].rc == 0 && d[2].rc == 0);
    settle();
    line_close(&l);
    return 0;
}

STREAM_STORY(KIND_MEMORY, those_that_wait_learn_that_the_line_has_failed) {
    struct line l;
    struct weir_group g;
    int order = 0;
    line_open(&l, e->a, WEIR_SECONDS(20), NULL);
    line_clog(&l, e->a);
    struct sending d[2] = {{&l, UNIT, 0, 0, &order, 0}, {&l, UNIT, 0, 0, &order, 0}};
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_go(&g, sending, .d = &d[i]), 0);
    settle();
    weir_close(&e->b);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(d[0].rc == -EPIPE && d[1].rc == -EPIPE);
    line_close(&l);
    return 0;
}

LOOP_STORY(control_units_pass_the_bound_by_so_much_only) {
    struct weir__out o = {.queued = 100};
    assert_true(weir__out_control_fits(&o, WEIR__OUT_CONTROL, 100));
    assert_false(weir__out_control_fits(&o, WEIR__OUT_CONTROL + 1, 100));
    return 0;
}

/* ---- without memory ---- */

static int line_story(void *arg) {
    struct weir_stream *a = NULL, *b = NULL;
    struct line l;
    int rc = weir_memory_pair(1000, &a, &b);
    if (rc < 0)
        return rc;
    line_open(&l, a, WEIR_SECONDS(20), line_moved);
    struct weir__seg *g = weir__seg_new(UNIT);
    if (g != NULL) {
        memset(g->bytes, 'g', UNIT);
        (void)weir__out_append(&l.out, "unit", 4);
        (void)weir__out_append_seg(&l.out, g);
        weir__seg_unref(g);
    }
    weir__out_go(&l.out, a, &l.by);
    size_t len = l.out.failed ? 0 : 500;
    for (char buf[500]; len > 0 && l.out.queued >= len && rc >= 0;)
        if ((rc = weir_read_exactly(b, buf, len)) >= 0)
            rc = weir_sleep(MS(1)); /* the line goes on soon */
    line_close(&l);
    weir_close(&a);
    weir_close(&b);
    return rc < 0 ? rc : l.out.failed;
}

static const struct weir_story line_explored = {.size = sizeof line_explored, .name = "a line",
                                                .fn = line_story};

WEIR_TEST(a_line_lives_through_each_failed_allocation_and_each_cancel) {
    assert_int_equal(weir_explore_allocations(&line_explored, NULL), 0);
    assert_int_equal(weir_explore_cancels(&line_explored, NULL), 0);
}
