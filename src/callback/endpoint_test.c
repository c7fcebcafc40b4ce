/* SPDX-License-Identifier: MIT */
/* Transports of datagrams. That their order is asyncio's is the business of test/transcript. */
#include "callback/transport_rig.h"

#include <weir/datagram.h>

struct noted_datagrams {
    struct weir_datagram_protocol protocol;
    struct weir_endpoint *e;
    int lost, rc;
    size_t received;
    bool is_quiet;
};

static void datagrams_made(struct weir_datagram_protocol *p, struct weir_endpoint *e) {
    struct noted_datagrams *n = (struct noted_datagrams *)p;
    n->e = e;
    if (!n->is_quiet)
        says("made");
}

/* An answer goes back to where a question came from. */
static void datagrams_received(struct weir_datagram_protocol *p, struct weir_view v,
                               const struct weir_addr *from) {
    struct noted_datagrams *n = (struct noted_datagrams *)p;
    n->received++;
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    if (!n->is_quiet)
        says("got(%.*s)", (int)v.len, (const char *)v.base);
    if (v.len > 0 && ((const char *)v.base)[v.len - 1] == '?')
        (void)weir_endpoint_send(n->e, "!", 1, from);
}

static void datagrams_failed(struct weir_datagram_protocol *p, int rc) {
    struct noted_datagrams *n = (struct noted_datagrams *)p;
    if (!n->is_quiet)
        says("error(%s)", weir_error_name(rc));
}

static void datagrams_lost(struct weir_datagram_protocol *p, int rc) {
    struct noted_datagrams *n = (struct noted_datagrams *)p;
    if (!n->is_quiet)
        says("lost(%s)", rc == 0 ? "" : weir_error_name(rc));
    n->e = NULL;
    n->lost++;
    n->rc = rc;
}

static void datagrams_pause(struct weir_datagram_protocol *p) {
    if (!((struct noted_datagrams *)p)->is_quiet)
        says("pause");
}

static void datagrams_resume(struct weir_datagram_protocol *p) {
    if (!((struct noted_datagrams *)p)->is_quiet)
        says("resume");
}

static const struct weir_datagram_calls datagrams = {
    .size = sizeof datagrams,
    .connection_made = datagrams_made,
    .datagram_received = datagrams_received,
    .error_received = datagrams_failed,
    .connection_lost = datagrams_lost,
    .pause_writing = datagrams_pause,
    .resume_writing = datagrams_resume,
};

static int datagrams_factory(void *arg, struct weir_datagram_protocol **ret_protocol) {
    struct noted_datagrams *n = arg;
    n->protocol.calls = &datagrams;
    *ret_protocol = &n->protocol;
    return 0;
}

static void run(int (*fn)(void *arg)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

/* A URL of the socket to which an endpoint is bound. */
static const char *url_of(const struct weir_endpoint *e) {
    static char url[64];
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(weir_endpoint_socket(e)));
    return url;
}

static int answers(void *arg) {
    struct noted_datagrams n = {0};
    struct weir_endpoint *e;
    struct weir_dgram *d;
    struct weir_group g;
    char got[8];
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_create_datagram_endpoint("udp://127.0.0.1:0", NULL, NULL, datagrams_factory, &n,
                                           &g, &e);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_dgram_dial(url_of(e), NULL, &d), 0);
    assert_int_equal(weir_dgram_send(d, "hello?", 6, NULL), 0);
    assert_int_equal(weir_dgram_recv(d, got, sizeof got, NULL), 1);
    assert_int_equal(got[0], '!');
    assert_int_equal(weir_dgram_send(d, "", 0, NULL), 0);
    while (n.received < 2)
        weir_sleep(WEIR_MILLISECONDS(1));
    assert_false(weir_endpoint_is_closing(e));
    weir_endpoint_close(e);
    weir_endpoint_close(e);
    assert_true(weir_endpoint_is_closing(e));
    assert_int_equal(weir_endpoint_send(e, "late", 4, NULL), WEIR_ECLOSED);
    weir_dgram_close(&d);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_endpoint_receives_answers_and_is_closed) {
    run(answers);
    assert_string_equal(story, "made got(hello?) got() lost()");
}

static int meets_nobody(void *arg) {
    struct noted_datagrams n = {0};
    struct weir_endpoint *e;
    struct weir_dgram *d;
    struct weir_group g;
    char url[64];
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", NULL, &d), 0);
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(d));
    weir_dgram_close(&d); /* nobody has the port now */
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(
        weir_create_datagram_endpoint(NULL, url, NULL, datagrams_factory, &n, &g, &e), 0);
    assert_int_equal(weir_endpoint_send(e, "anybody", 7, NULL), 0);
    while (strstr(story, "error") == NULL)
        weir_sleep(WEIR_MILLISECONDS(1));
    weir_group_cancel(&g, "test");
    assert_int_equal(weir_group_close(&g, 0), 0);
    return 0;
}

WEIR_TEST_BACKENDS(an_error_is_received_and_the_endpoint_goes_on_until_it_is_cancelled) {
    run(meets_nobody);
    assert_string_equal(story, "made error(ECONNREFUSED) lost(ECANCELED)");
}

static int refuses(void *arg, struct weir_datagram_protocol **ret_protocol) {
    (void)arg, (void)ret_protocol;
    return weir_fail(WEIR_EUSER, "not today");
}

static int is_misused(void *arg) {
    static struct noted_datagrams n; /* its endpoint is lost when this function has returned */
    struct weir_endpoint *e;
    struct weir_dgram *d;
    assert_int_equal(
        weir_create_datagram_endpoint(NULL, NULL, NULL, datagrams_factory, &n, NULL, &e), -EINVAL);
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", NULL, &d), 0);
    int rc = weir_endpoint_open(&d, refuses, NULL, NULL, &e);
    assert_int_equal(rc, WEIR_EUSER);
    assert_string_equal(weir_error_message(rc), "not today");
    assert_non_null(d);
    assert_int_equal(weir_endpoint_open(&d, datagrams_factory, &n, NULL, &e), 0);
    assert_null(d);
    assert_true(weir_endpoint_send(e, "x", 1, NULL) < 0); /* no receiver: told inside the call */
    says("sent");
    weir_endpoint_abort(e);
    return 0;
}

WEIR_TEST_BACKENDS(a_send_that_is_refused_is_told_to_the_protocol_inside_the_call) {
    run(is_misused);
    assert_string_equal(story, "error(EDESTADDRREQ) sent made lost()");
}

/* A unix socket whose receiver does not read is full soon. */
static int marks(void *arg) {
    static char piece[1000];
    struct noted_datagrams n = {0};
    struct weir_endpoint *e;
    struct weir_dgram *d;
    struct weir_group g;
    size_t sent = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_dgram_open("unixgram:@weir-marks", NULL, &d), 0);
    int rc = weir_create_datagram_endpoint(NULL, "unixgram:@weir-marks", NULL, datagrams_factory,
                                           &n, &g, &e);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_endpoint_set_limits(e, 3000, 1000), 0);
    for (; strstr(story, "pause") == NULL; sent++)
        assert_int_equal(weir_endpoint_send(e, piece, sizeof piece, NULL), 0);
    assert_int_equal(weir_endpoint_unsent(e), 4000);
    weir_endpoint_close(e);
    while (sent-- > 0)
        assert_int_equal(weir_dgram_recv(d, piece, sizeof piece, NULL), 1000);
    rc = weir_group_close(&g, 0);
    weir_dgram_close(&d);
    return rc;
}

WEIR_TEST_BACKENDS(what_the_socket_has_no_room_for_is_sent_later_in_order) {
    run(marks);
    assert_string_equal(story, "made pause resume lost()");
}

static char logged[256];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    snprintf(logged, sizeof logged, "%s", line);
}

static int deaf_factory(void *arg, struct weir_datagram_protocol **ret_protocol) {
    static const struct weir_datagram_calls none = {.size = sizeof none};
    static struct weir_datagram_protocol p = {.calls = &none};
    (void)arg;
    *ret_protocol = &p;
    return 0;
}

static int nobody_hears(void *arg) {
    struct weir_endpoint *e;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_create_datagram_endpoint("udp://127.0.0.1:0", NULL, NULL, deaf_factory, NULL,
                                           &g, &e);
    assert_int_equal(rc, 0);
    if (arg == NULL)
        weir_group_cancel(&g, "test");
    else
        weir_endpoint_close(e);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_error_that_no_connection_lost_gets_is_logged) {
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_run(nobody_hears, "close", NULL), 0);
    assert_string_equal(logged, "");
    assert_int_equal(weir_run(nobody_hears, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_non_null(strstr(logged, "an endpoint at 127.0.0.1:"));
    assert_non_null(strstr(logged, " is lost: "));
    assert_non_null(strstr(logged, "(ECANCELED)"));
}

/* A turn of the loop resumes some hundred tasks. With more of them before the pump's first turn,
 * connection_made and connection_lost are called in that one turn, and then the pump ends first. */
static struct weir_task *opener;

static void aborts_and_cancels(struct weir_datagram_protocol *p, struct weir_endpoint *e) {
    datagrams_made(p, e);
    weir_endpoint_abort(e);
    weir_task_cancel(opener, "test");
}

static int aborting_factory(void *arg, struct weir_datagram_protocol **ret_protocol) {
    static struct weir_datagram_calls calls;
    int rc = datagrams_factory(arg, ret_protocol);
    calls = datagrams;
    calls.connection_made = aborts_and_cancels;
    (*ret_protocol)->calls = &calls;
    return rc;
}

static int opens(void *args) {
    struct noted_datagrams n = {0};
    struct weir_endpoint *e;
    struct weir_group g;
    (void)args;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_create_datagram_endpoint("udp://127.0.0.1:0", NULL, NULL, aborting_factory, &n,
                                           &g, &e);
    says("opened(%s)", weir_error_name(rc));
    return weir_group_close(&g, rc);
}

static int returns(void *args) {
    (void)args;
    return 0;
}

static int opens_behind_many(void *arg) {
    (void)arg;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(opens), opens, NULL, 0, NULL, &opener), 0);
    for (int i = 0; i < 600; i++)
        assert_int_equal(weir_go0(NULL, returns), 0);
    assert_int_equal(weir_await(&opener, NULL, 0), -ECANCELED);
    return 0;
}

WEIR_TEST(an_open_that_is_cancelled_when_its_endpoint_is_lost_already_touches_it_no_more) {
    runner_plain_order();
    assert_int_equal(weir_sim_run(opens_behind_many, NULL, NULL), 0);
    assert_string_equal(story, "made lost() opened(ECANCELED)");
}

/* ---- explored -------------------------------------------------------------------------------- */

static int asks_and_answers(struct weir_group *g, struct noted_datagrams *s,
                            struct noted_datagrams *c) {
    struct weir_endpoint *server, *client;
    int rc = weir_create_datagram_endpoint("udp://127.0.0.1:0", NULL, NULL, datagrams_factory, s,
                                           g, &server);
    if (rc == 0)
        rc = weir_create_datagram_endpoint(NULL, url_of(server), NULL, datagrams_factory, c, g,
                                           &client);
    for (int i = 0; i < 20 && rc == 0 && c->received == 0; i++) { /* a datagram may be lost */
        if (c->e != NULL)
            (void)weir_endpoint_send(c->e, "?", 1, NULL);
        rc = weir_sleep(WEIR_MILLISECONDS(5));
    }
    if (s->e != NULL)
        weir_endpoint_close(s->e);
    if (c->e != NULL)
        weir_endpoint_abort(c->e);
    return rc;
}

static int explored(void *arg) {
    struct noted_datagrams s = {.is_quiet = true}, c = {.is_quiet = true};
    struct weir_scope limit;
    struct weir_group g;
    weir_scope_enter(&limit, WEIR_SECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_scope_leave(&limit, weir_group_close(&g, asks_and_answers(&g, &s, &c)));
    return s.e != NULL || c.e != NULL || s.lost > 1 || c.lost > 1 ? -EPROTO : rc;
}

WEIR_TEST(endpoints_leave_nothing_behind_wherever_they_are_disturbed) {
    struct weir_story tale = {.size = sizeof tale, .name = "endpoints", .fn = explored};
    struct weir_fault late = {.size = sizeof late, .effect = WEIR_FAULT_LATE};
    struct weir_fault error = {.size = sizeof error, .error = -ECONNREFUSED};
    struct weir_explored found;
    assert_int_equal(weir_explore_cancels(&tale, &found), 0);
    assert_true(found.points > 5);
    assert_int_equal(weir_explore_allocations(&tale, &found), 0);
    assert_true(found.points > 5);
    assert_int_equal(weir_explore_faults(&tale, &late, NULL), 0);
    assert_int_equal(weir_explore_faults(&tale, &error, NULL), 0);
    tale.last = 30;
    assert_int_equal(weir_explore_seeds(&tale, NULL), 0);
}
