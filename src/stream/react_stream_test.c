/* SPDX-License-Identifier: MIT */
/* react_stream_test.c - a stream that was dialled or attached becomes a reactive connection: the
 * same functions, the same order, and no byte is lost on the way. */
#include <errno.h>
#include <weir/detach.h>
#include <weir/testing.h>

#include "stream/stream_test_util.h"

struct seen { /* arg of the functions */
    char order[16];
    char bytes[64];
    size_t len;
    int rc;
    int opens; /* what opened returns */
};

static void note(struct weir_conn *c, char what) {
    struct seen *s = weir_conn_arg(c);
    size_t n = strlen(s->order);
    if (n > 0 && s->order[n - 1] == what)
        return;
    assert_true(n + 1 < sizeof s->order);
    s->order[n] = what;
}

static int opened(struct weir_conn *c, void *state) {
    *(int *)state = 7;
    note(c, 'o');
    return ((struct seen *)weir_conn_arg(c))->opens;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    struct seen *s = weir_conn_arg(c);
    note(c, 'm');
    assert_true(s->len + v.len < sizeof s->bytes);
    memcpy(s->bytes + s->len, v.base, v.len);
    s->len += v.len;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    note(c, 'c');
    ((struct seen *)weir_conn_arg(c))->rc = rc;
}

static struct weir_reactive reactive(struct seen *s, bool with_opened) {
    return (struct weir_reactive){.size = sizeof(struct weir_reactive),
                                  .state_size = sizeof(int),
                                  .opened = with_opened ? opened : NULL,
                                  .message = message,
                                  .closed = closed,
                                  .arg = s};
}

enum { KINDS = KINDS_ALL };

STREAM_STORY(KINDS, a_stream_becomes_a_reactive_connection) {
    for (int with_opened = 0; with_opened < 2; with_opened++) {
        struct seen seen = {.rc = 1};
        struct weir_reactive r = reactive(&seen, with_opened);
        struct weir_group g;
        struct weir_view v;
        char byte;
        weir_group_open(&g, WEIR_INDEPENDENT);
        send_text(e->a, "skipped first");
        assert_int_equal(weir_peek(e->b, 13, &v), 13);
        weir_consume(e->b, 8);
        assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
        assert_null(e->b);
        expect_bytes(e->a, "first");
        send_text(e->a, "second");
        expect_bytes(e->a, "second");
        assert_int_equal(weir_shutdown(e->a), 0);
        assert_int_equal(weir_read(e->a, &byte, 1), 0);
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_string_equal(seen.order, with_opened ? "omc" : "mc");
        assert_int_equal(seen.len, 11);
        assert_memory_equal(seen.bytes, "firstsecond", 11);
        assert_int_equal(seen.rc, 0);
        weir_close(&e->a);
        ends_open(e);
    }
    return 0;
}

STREAM_STORY(KINDS, an_idle_stream_becomes_a_reactive_connection_and_back_comes_its_end) {
    struct seen seen = {.rc = 1};
    struct weir_reactive r = reactive(&seen, false);
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
    weir_close(&e->a);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(seen.order, "c");
    assert_int_equal(seen.rc, 0);
    return 0;
}

STREAM_STORY(KINDS_SOCKET | KIND_FD, a_detached_stream_becomes_a_reactive_connection) {
    struct seen seen = {.rc = 1};
    struct weir_reactive r = reactive(&seen, true);
    struct weir_detached *d;
    struct weir_group g;
    struct weir_view v;
    send_text(e->a, "unread");
    assert_int_equal(weir_peek(e->b, 6, &v), 6);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
    expect_bytes(e->a, "unread");
    weir_close(&e->a);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(seen.order, "omc");
    return 0;
}

/* opened fails, or g is cancelled: the bytes are not delivered, and the peer sees a reset. */
STREAM_STORY(KIND_TCP | KIND_MEMORY, bytes_that_are_not_delivered_reset_the_connection) {
    for (int cancels = 0; cancels < 2; cancels++) {
        struct seen seen = {.rc = 1, .opens = cancels ? 0 : -EIO};
        struct weir_reactive r = reactive(&seen, !cancels);
        struct weir_group g;
        struct weir_view v;
        char byte;
        send_text(e->a, "unread");
        assert_int_equal(weir_peek(e->b, 6, &v), 6);
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
        if (cancels)
            weir_group_cancel(&g, "no more");
        int rc = weir_group_close(&g, 0);
        assert_true(rc == 0 || rc == -EIO);
        assert_int_equal(seen.rc, cancels ? -ECANCELED : -EIO);
        assert_string_equal(seen.order, cancels ? "c" : "oc");
        assert_int_equal(weir_read(e->a, &byte, 1), -ECONNRESET);
        weir_close(&e->a);
        ends_open(e);
    }
    return 0;
}

static int keep(struct weir_conn *c, void *state, struct weir_view v) {
    struct seen *s = weir_conn_arg(c);
    note(c, 'm');
    memcpy(s->bytes, v.base, v.len);
    return 0;
}

STREAM_STORY(KIND_TCP | KIND_MEMORY, an_error_that_had_come_closes_it_behind_the_bytes) {
    struct seen seen = {.rc = 1};
    struct weir_reactive r = reactive(&seen, true);
    struct weir_group g;
    struct weir_view v;
    r.message = keep;
    send_text(e->a, "last");
    assert_int_equal(weir_peek(e->b, 4, &v), 4);
    assert_int_equal(weir_write(e->b, "unread by a", 11), 0);
    settle();
    weir_close(&e->a); /* a reset */
    settle();
    assert_int_equal(weir_peek(e->b, 5, &v), -ECONNRESET);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
    (void)weir_group_close(&g, 0);
    assert_memory_equal(seen.bytes, "last", 4);
    assert_string_equal(seen.order, "omc");
    assert_int_equal(seen.rc, -ECONNRESET);
    return 0;
}

STREAM_STORY(KINDS_ALL, what_cannot_be_taken_over_stays_a_stream) {
    struct seen seen = {.rc = 1};
    struct weir_reactive r = reactive(&seen, true);
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    r.stack_size = SIZE_MAX / 2;
    assert_true(weir_react_stream(&e->b, &g, &r) < 0);
    weir_group_cancel(&g, "before");
    r.stack_size = 0;
    assert_int_equal(weir_react_stream(&e->b, &g, &r), -ECANCELED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    send_text(e->a, "goes on");
    expect_bytes(e->b, "goes on");
    assert_string_equal(seen.order, "");
    return 0;
}

/* ---- disturbed ------------------------------------------------------------------------------- */

static int echoes(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static int take_over_story(void *arg) {
    static const struct weir_reactive r = {.size = sizeof r, .message = echoes};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    struct weir_group g;
    struct weir_view v;
    struct weir_scope patience;
    char url[64], text[12];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    if ((rc = weir_dial(url, NULL, &a)) < 0 || (rc = weir_accept(l, &b)) < 0
        || (rc = weir_write(a, "hello ", 6)) < 0 || (rc = (int)weir_peek(b, 6, &v)) < 0)
        return rc;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    rc = weir_react_stream(&b, &g, &r);
    if (rc == 0)
        rc = weir_write(a, "world\n", 6);
    if (rc == 0)
        rc = weir_read_exactly(a, text, 12);
    weir_scope_leave(&patience, rc);
    if (rc == 0)
        assert_memory_equal(text, "hello world\n", 12);
    weir_close(&a);
    weir_group_cancel(&g, "the story ends");
    weir_group_close(&g, 0);
    return rc;
}

static const struct weir_story story = {.size = sizeof story, .name = "take over",
                                        .fn = take_over_story};

WEIR_TEST(a_stream_that_is_taken_over_may_be_disturbed_anywhere) {
    const struct weir_fault faults[] = {
        {.size = sizeof faults[0], .effect = WEIR_FAULT_ERROR},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_ERROR, .error = -ENOMEM},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_LATE},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_SHORT},
    };
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_true(e.points > 5);
    assert_int_equal(weir_explore_allocations(&story, &e), 0);
    assert_true(e.points > 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_explore_faults(&story, &faults[i], &e), 0);
        assert_true(e.points > 5);
    }
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}
