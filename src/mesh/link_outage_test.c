/* SPDX-License-Identifier: MIT */
/* Links whose receiver is down or breaks the protocol: which error the asking tasks get, and after
 * how long. The receiver is a simple server of this file, which sends the bytes that the test gives
 * it. */
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/testing.h>

#include "mesh/link.h"
#include "proto/weir_ws.h"
#include "task/task.h"
#include "test/runner.h"

static const char url[] = "ws://localhost:8766/";

static struct receiver {
    struct weir_listener *listener;
    struct weir_group clients;
    const char *bytes; /* the answer to each item; NULL: an ack */
    size_t len;
    const char *greeting; /* in place of a handshake's answer; NULL: none */
    bool rude;            /* after bytes it does not even end */
    int messages, connections;
    char item[200]; /* the last that came */
} r;

static struct weir_mesh mesh;

/* ---- the receiver ---- */

static int answer(struct weir_ws *ws) {
    r.messages++;
    if (r.bytes == NULL)
        return weir_ws_send(ws, WEIR_WS_TEXT, "ack", 3);
    int rc = (int)weir_write(ws->stream, r.bytes, r.len);
    return rc >= 0 && r.rude ? weir_sleep(WEIR_SECONDS(3600)) : rc;
}

static int greet(struct weir_stream *s) {
    char request[1024];
    int rc = (int)weir_read(s, request, sizeof request);
    if (rc > 0)
        rc = (int)weir_write(s, r.greeting, strlen(r.greeting));
    weir_close(&s);
    return rc < 0 ? rc : 0;
}

struct serve_args {
    struct weir_stream *stream;
};

static int serve(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    struct weir_stream *s = ((struct serve_args *)args)->stream;
    r.connections++;
    if (r.greeting != NULL)
        return greet(s);
    int rc = weir_ws_accept(&s, NULL, &ws);
    while (rc >= 0 && (rc = weir_ws_receive(ws, &m)) == 0) {
        snprintf(r.item, sizeof r.item, "%.*s", (int)m.data.len, (const char *)m.data.base);
        rc = answer(ws);
    }
    return 0;
}

static int accept_all(void *args) {
    struct weir_stream *s;
    int rc;
    while ((rc = weir_accept(r.listener, &s)) == 0)
        if ((rc = weir_go(&r.clients, serve, .stream = s)) < 0)
            weir_close(&s);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int r_start(struct weir_group *g) {
    int rc = weir_listen("tcp://localhost:8766", NULL, &r.listener);
    return rc == 0 ? weir_go0(g, accept_all) : rc;
}

/* ---- the world ---- */

static int run_story(void *arg) {
    int (*tell)(struct weir_group *g) = *(int (**)(struct weir_group *))arg;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&r.clients, WEIR_INDEPENDENT);
    weir__mesh_open(&mesh);
    int rc = tell(&g);
    weir__mesh_close(&mesh, 1001);
    weir_group_cancel(&r.clients, "over");
    (void)weir_group_close(&r.clients, 0);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    weir_unlisten(&r.listener);
    return rc;
}

static void tell(int (*fn)(struct weir_group *g)) {
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_sim_run(run_story, &fn, NULL), 0);
}

static bool is_about(weir_ns ns, weir_ns expected) {
    return ns >= expected && ns < expected + WEIR_MILLISECONDS(10);
}

/* Take the turn, ask once, give it on. */
static int ask_text(const char *text) {
    struct weir__link *l = NULL;
    struct weir_ws_message ack;
    int rc = weir__link_take(&mesh, NULL, url, &l);
    if (rc < 0)
        return rc;
    rc = weir__link_ask(l, WEIR_WS_TEXT, text, strlen(text), &ack);
    weir__link_leave(l);
    return rc;
}

static int ask(void) {
    return ask_text("1");
}

/* ---- a scope around the mesh fires ---- */

static weir_ns fired_retry_ns, fired_answered_ns;
static int fired_rc;

static int ask_from_outside(void *args) {
    (void)args;
    weir_ns begun = weir_now();
    fired_rc = ask();
    fired_answered_ns = weir_now() - begun;
    return 0;
}

/* The mesh's task works on in a shield, so it does not close the mesh yet. */
static int fired_story(void *arg) {
    struct weir_group g, askers;
    struct weir_scope fires, shield;
    (void)arg;
    memset(&r, 0, sizeof r);
    r.bytes = "";
    r.rude = true; /* it never answers */
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&r.clients, WEIR_INDEPENDENT);
    weir_group_open(&askers, WEIR_INDEPENDENT);
    assert_int_equal(r_start(&g), 0);
    weir_scope_enter(&fires, WEIR_MILLISECONDS(50));
    weir__mesh_open(&mesh);
    mesh.retry_ns = fired_retry_ns;
    assert_int_equal(weir_go0(&askers, ask_from_outside), 0);
    weir_shield_enter(&shield, WEIR_SECONDS(60));
    (void)weir_sleep(WEIR_SECONDS(30));
    (void)weir_scope_leave(&shield, 0);
    (void)weir__mesh_close(&mesh, 0);
    (void)weir_scope_leave(&fires, 0);
    (void)weir_group_close(&askers, 0);
    weir_group_cancel(&r.clients, "over");
    (void)weir_group_close(&r.clients, 0);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    weir_unlisten(&r.listener);
    return 0;
}

WEIR_TEST(who_waits_for_an_ack_is_refused_at_once_where_a_scope_around_the_mesh_fires) {
    const weir_ns retries[] = {WEIR_SECONDS(5), WEIR_NEVER};
    for (int i = 0; i < 2; i++) {
        fired_retry_ns = retries[i];
        weir_log_level_set(WEIR_LOG_ERROR);
        assert_int_equal(weir_sim_run(fired_story, NULL, NULL), 0);
        assert_int_equal(fired_rc, WEIR_ECLOSED);
        assert_true(is_about(fired_answered_ns, WEIR_MILLISECONDS(50)));
        assert_int_equal(r.connections, 1); /* nothing was dialled again */
    }
}

/* ---- a receiver that breaks the protocol ---- */

static const struct breach {
    const char *bytes;
    size_t len;
    int rc;
    const char *text;
} breaches[] = {
    {"\x81\x81\0\0\0\0x", 7, WEIR_EPROTO, "masked"},
    {"\x83\0", 2, WEIR_EPROTO, "opcode"},
    {"\x81\x01\xff", 3, WEIR_EUTF8, "UTF-8"},
    {"\x82\x7f\0\0\1\0\0\0\0\0", 10, WEIR_ETOOBIG, "limit"},
};

static const struct breach *breach;

static int broken(struct weir_group *g) {
    r.bytes = breach->bytes;
    r.len = breach->len;
    int rc = r_start(g);
    weir_ns begun = weir_now();
    rc = rc == 0 ? ask() : rc;
    assert_int_equal(rc, breach->rc);
    assert_true(is_about(weir_now() - begun, 0));
    const char *text = weir_error(rc)->text;
    if (strstr(text, "send ws://localhost:8766/: ws receive ") == NULL ||
        strstr(text, breach->text) == NULL || strstr(text, weir_error_name(rc)) == NULL)
        fail_msg("%s", text);
    return 0;
}

static void broken_by_each(bool rude) {
    for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
        memset(&r, 0, sizeof r);
        r.rude = rude;
        breach = &breaches[i];
        tell(broken);
        assert_int_equal(r.messages, 1);
    }
}

WEIR_TEST(a_broken_protocol_is_final_and_reported_at_once) {
    broken_by_each(false);
}

WEIR_TEST(a_receiver_that_does_not_end_is_not_waited_for) {
    broken_by_each(true);
}

static int no_http(struct weir_group *g) {
    r.greeting = "hello world\r\n\r\n";
    int rc = r_start(g);
    weir_ns begun = weir_now();
    assert_int_equal(rc == 0 ? ask() : rc, WEIR_EPROTO);
    assert_true(is_about(weir_now() - begun, 0));
    return 0;
}

WEIR_TEST(a_handshake_answered_without_http_breaks_the_protocol_too) {
    tell(no_http);
    assert_int_equal(r.connections, 1);
}

static int mended(struct weir_group *g) {
    r.bytes = breaches[0].bytes;
    r.len = breaches[0].len;
    r.rude = true;
    int rc = r_start(g);
    assert_int_equal(rc == 0 ? ask() : rc, WEIR_EPROTO);
    r.bytes = NULL;
    weir_ns begun = weir_now();
    rc = ask();
    assert_true(is_about(weir_now() - begun, WEIR__LINK_CLOSE)); /* the old connection's end */
    return rc;
}

WEIR_TEST(after_a_broken_protocol_the_next_asker_has_a_new_connection) {
    tell(mended);
    assert_int_equal(r.connections, 2);
}

/* ---- what counts as time without a connection ---- */

/* An ack, and nonsense behind it that answers nothing. */
static int gone(struct weir_group *g) {
    r.bytes = "\x81\x03" "ack" "\x83\0";
    r.len = 7;
    r.rude = true;
    int rc = r_start(g);
    rc = rc == 0 ? ask() : rc;
    rc = rc == 0 ? weir_sleep(WEIR_MILLISECONDS(1)) : rc; /* it is read while nobody asks */
    weir_unlisten(&r.listener);
    weir_ns begun = weir_now();
    assert_int_equal(rc == 0 ? ask() : rc, WEIR_EUNREACH);
    assert_true(is_about(weir_now() - begun, WEIR__RETRY_ALL));
    assert_non_null(strstr(weir_error(WEIR_EUNREACH)->text, "ECONNREFUSED"));
    return 0;
}

WEIR_TEST(waiting_for_an_old_connection_counts) {
    tell(gone);
    assert_int_equal(r.connections, 1);
}

/* ---- an outage is the link's ---- */

enum { ASKERS = 4 };

static struct told {
    weir_ns after; /* it asks */
    weir_ns bound; /* its own; 0: none */
    int rc;
    weir_ns at;
    char text[160];
} told[ASKERS];

struct asker_args {
    struct told *told;
};

static int asker(void *args) {
    struct told *t = ((struct asker_args *)args)->told;
    struct weir_scope s;
    int rc = t->after > 0 ? weir_sleep(t->after) : 0;
    weir_scope_enter(&s, t->bound > 0 ? t->bound : WEIR_NEVER);
    rc = rc == 0 ? ask() : rc;
    t->rc = rc = weir_scope_leave(&s, rc);
    t->at = weir_now();
    const struct weir_error *e = weir_error(rc);
    snprintf(t->text, sizeof t->text, "%s", e ? e->text : "");
    return rc == WEIR_EUNREACH || weir_cancelled() == 0 ? 0 : rc;
}

/* All of told[], from one moment on; their at is made relative to it. */
static int all_ask(void) {
    struct weir_group g;
    weir_ns begun = weir_now();
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < ASKERS && rc == 0; i++)
        rc = weir_go(&g, asker, .told = &told[i]);
    rc = weir_group_close(&g, rc);
    for (int i = 0; i < ASKERS; i++)
        told[i].at -= begun;
    return rc;
}

static int nobody_there(struct weir_group *g) {
    return all_ask();
}

WEIR_TEST(all_askers_get_the_error_when_the_outage_is_over) {
    told[3].after = WEIR_SECONDS(4); /* comes late, and is told with them */
    tell(nobody_there);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(told[i].rc, WEIR_EUNREACH);
        assert_true(is_about(told[i].at, WEIR_SECONDS(5)));
        assert_string_equal(told[i].text, told[0].text);
    }
    assert_non_null(strstr(told[0].text, "ECONNREFUSED"));
    assert_non_null(strstr(told[0].text, "tried for 5 s"));
}

WEIR_TEST(an_ask_after_an_outage_begins_a_new_one) {
    told[2].after = WEIR_SECONDS(6);
    told[3].after = WEIR_SECONDS(8);
    tell(nobody_there);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(told[i].rc, WEIR_EUNREACH);
        assert_true(is_about(told[i].at, WEIR_SECONDS(i < 2 ? 5 : 11)));
    }
}

WEIR_TEST(an_asker_that_takes_over_gets_the_time_that_is_left) {
    told[0].bound = WEIR_SECONDS(3); /* it has the turn, and gives up */
    told[1].bound = WEIR_SECONDS(2); /* gives up while it waits */
    tell(nobody_there);
    assert_int_equal(told[0].rc, -ETIME);
    assert_int_equal(told[1].rc, -ETIME);
    for (int i = 2; i < ASKERS; i++) {
        assert_int_equal(told[i].rc, WEIR_EUNREACH);
        assert_true(is_about(told[i].at, WEIR_SECONDS(5)));
    }
}

WEIR_TEST(an_outage_for_which_no_task_waits_is_forgotten) {
    told[0].bound = WEIR_SECONDS(4);
    for (int i = 1; i < ASKERS; i++)
        told[i].after = WEIR_MILLISECONDS(4500);
    tell(nobody_there);
    assert_int_equal(told[0].rc, -ETIME);
    for (int i = 1; i < ASKERS; i++)
        assert_true(is_about(told[i].at, WEIR_MILLISECONDS(9500)));
}

struct r_later_args {
    struct weir_group *g;
};

static int r_later(void *args) {
    int rc = weir_sleep(WEIR_SECONDS(3));
    return rc == 0 ? r_start(((struct r_later_args *)args)->g) : rc;
}

static int somebody_comes(struct weir_group *g) {
    int rc = weir_go(g, r_later, .g = g);
    return rc == 0 ? all_ask() : rc;
}

WEIR_TEST(when_an_outage_ends_all_waiting_askers_are_served) {
    tell(somebody_comes);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(told[i].rc, 0);
        assert_true(told[i].at >= WEIR_SECONDS(3) && told[i].at < WEIR_MILLISECONDS(4250));
    }
    assert_int_equal(r.messages, ASKERS);
    assert_int_equal(r.connections, 1);
}

/* What it asks lies in its own record, where each attempt that fails writes. */
static int tells_an_error(struct weir_group *g) {
    int rc = weir_go(g, r_later, .g = g);
    weir__failf(-EIO, "print", "paper", "jammed in tray %d", 3);
    rc = rc == 0 ? ask_text(weir_error(-EIO)->text) : rc;
    assert_string_equal(r.item, "print paper: jammed in tray 3");
    assert_string_equal(weir_error(-EIO)->text, r.item); /* what went well is no error */
    return rc;
}

WEIR_TEST(the_text_of_an_error_is_streamed_through_an_outage) {
    tell(tells_an_error);
}

/* One breaks every connection; those behind it do not wait for ever either. */
static int poisoned(struct weir_group *g) {
    r.bytes = "\x88\x02\x03\xe9"; /* 1001 */
    r.len = 4;
    int rc = r_start(g);
    return rc == 0 ? all_ask() : rc;
}

WEIR_TEST(askers_behind_an_item_that_breaks_the_link_get_the_error_in_time) {
    tell(poisoned);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(told[i].rc, WEIR_EUNREACH);
        assert_true(is_about(told[i].at, WEIR_SECONDS(5)));
        assert_non_null(strstr(told[i].text, "1001 (going away)"));
    }
}

/* ---- explored ---- */

/* An outage that is told, then a receiver that breaks the protocol and one that answers. */
static int explored(struct weir_group *g) {
    int rc = all_ask();
    if (rc == 0)
        rc = r_start(g);
    r.bytes = breaches[0].bytes;
    r.len = breaches[0].len;
    rc = rc == 0 ? ask() : rc;
    r.bytes = NULL;
    return rc == WEIR_EPROTO ? ask() : rc;
}

static int explored_run(void *arg) {
    int (*fn)(struct weir_group *g) = explored;
    memset(&r, 0, sizeof r);
    memset(told, 0, sizeof told);
    weir_log_level_set(WEIR_LOG_ERROR);
    return run_story(&fn);
}

static const struct weir_story explored_whole = {
    .size = sizeof explored_whole, .name = "outage", .fn = explored_run};

WEIR_TEST(every_cancel_in_an_outage_leaves_nothing_behind) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&explored_whole, &e), 0);
    assert_true(e.points > 20);
}

WEIR_TEST(every_fault_in_an_outage_leaves_nothing_behind) {
    struct weir_fault fault = {.size = sizeof fault};
    struct weir_explored e;
    assert_int_equal(weir_explore_faults(&explored_whole, &fault, &e), 0);
    assert_true(e.points > 10);
}

WEIR_TEST(every_lack_of_memory_in_an_outage_leaves_nothing_behind) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&explored_whole, &e), 0);
    assert_true(e.points > 10);
}
