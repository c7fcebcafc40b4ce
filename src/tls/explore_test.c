/* SPDX-License-Identifier: MIT */
/* TLS where something goes wrong: a cancel, a fault, an allocation that fails, wherever it is; a
 * network that loses; and the same seed twice. */
#include <errno.h>

#include "base/alloc.h"
#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
    struct weir_tls *tls;
};

/* STARTTLS: a word in the open, an answer, and then TLS on the same stream. */
static int serves_plain(struct weir_stream **s, struct weir_tls *tls) {
    char buf[16];
    struct weir_stream *safe;
    ssize_t n = weir_read_until(*s, '\n', buf, sizeof buf);
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    int rc = weir_write(*s, "go\n", 3);
    if (rc == 0)
        rc = weir_tls_accept(s, tls, &safe);
    if (rc == 0)
        *s = safe;
    while (rc == 0 && (n = weir_read(*s, buf, sizeof buf)) > 0)
        rc = weir_write(*s, buf, (size_t)n);
    if (rc == 0 && n == 0)
        rc = weir_shutdown(*s);
    return rc < 0 ? rc : (int)n;
}

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_stream *s = NULL;
    int rc = weir_accept(a->l, &s);
    if (rc == 0)
        rc = serves_plain(&s, a->tls);
    weir_close(&s);
    return rc;
}

static int asks(struct weir_stream **s, struct weir_tls *tls) {
    char buf[16], big[3000], back[3000];
    struct weir_stream *safe;
    int rc = weir_write(*s, "starttls\n", 9);
    ssize_t n = rc == 0 ? weir_read_until(*s, '\n', buf, sizeof buf) : rc;
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    rc = weir_tls_connect(s, tls, "server.example", &safe);
    if (rc < 0)
        return rc;
    *s = safe;
    memset(big, 'x', sizeof big);
    if (rc == 0)
        rc = weir_write(*s, big, sizeof big);
    if (rc == 0)
        rc = weir_read_exactly(*s, back, sizeof back);
    if (rc == 0)
        assert_memory_equal(big, back, sizeof back);
    if (rc == 0)
        rc = weir_shutdown(*s);
    return rc == 0 ? (int)weir_read(*s, buf, 1) : rc;
}

static int meets(struct weir_tls *client, struct weir_tls *server) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    char url[64];
    int rc = weir_listen("tcp://server.example:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tcp://server.example:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serves, .l = l, .tls = server);
    if (rc == 0)
        rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = asks(&s, client);
    weir_close(&s);
    if (rc < 0)
        weir_unlisten(&l);
    rc = weir_group_close(&g, rc);
    weir_unlisten(&l);
    return rc;
}

static int bounded(struct weir_tls *client, struct weir_tls *server) {
    struct weir_scope scope; /* a cancelled task leaves the other alone */
    weir_scope_enter(&scope, WEIR_SECONDS(60));
    return weir_scope_leave(&scope, meets(client, server));
}

static int story(void *arg) {
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem},
                            co = {.size = sizeof co, .ca_pem = rig.root.cert_pem};
    struct weir_tls *client = NULL, *server = NULL;
    int rc = weir_sim_host("server.example");
    if (rc == 0)
        rc = weir_tls_new(&so, &server);
    if (rc == 0)
        rc = weir_tls_new(&co, &client);
    if (rc == 0)
        rc = bounded(client, server);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return rc;
}

WEIR_TEST(starttls_survives_a_cancel_at_each_call) {
    struct weir_story st = {.size = sizeof st, .name = "starttls", .fn = story};
    struct weir_explored found = {0};
    rig_open(&rig);
    assert_int_equal(weir_explore_cancels(&st, &found), 0);
    assert_true(found.points > 10);
    rig_close(&rig);
}

WEIR_TEST(starttls_survives_each_allocation_that_fails) {
    struct weir_story st = {.size = sizeof st, .name = "starttls", .fn = story};
    struct weir_explored found = {0};
    rig_open(&rig);
    assert_int_equal(weir_explore_allocations(&st, &found), 0);
    assert_true(found.points > 20);
    rig_close(&rig);
}

static void with_fault(struct weir_fault fault) {
    struct weir_story st = {.size = sizeof st, .name = "starttls", .fn = story};
    fault.size = sizeof fault;
    assert_int_equal(weir_explore_faults(&st, &fault, NULL), 0);
}

WEIR_TEST(starttls_survives_a_fault_at_each_operation) {
    rig_open(&rig);
    with_fault((struct weir_fault){.kinds = WEIR_FAULT_RECEIVE, .error = -ECONNRESET});
    with_fault((struct weir_fault){.kinds = WEIR_FAULT_SEND, .error = -EPIPE});
    with_fault((struct weir_fault){.kinds = WEIR_FAULT_SEND, .error = -ECONNRESET});
    rig_close(&rig);
}

WEIR_TEST(starttls_goes_the_same_way_twice_under_each_seed) {
    struct weir_story st = {.size = sizeof st, .name = "starttls", .fn = story, .last = 20};
    rig_open(&rig);
    assert_int_equal(weir_explore_seeds(&st, NULL), 0);
    rig_close(&rig);
}

WEIR_TEST(starttls_gets_through_a_network_that_loses) {
    struct weir_sim_options o = {.size = sizeof o, .loss = 100, .jitter_ns = WEIR_MILLISECONDS(5)};
    struct weir_story st = {.size = sizeof st, .name = "starttls", .fn = story, .options = &o,
                            .last = 20};
    rig_open(&rig);
    assert_int_equal(weir_explore_seeds(&st, NULL), 0);
    rig_close(&rig);
}

/* ---- bit for bit ---- */

/* All bytes that a client sends in a handshake, as a sum, by a stranger in the middle. */
struct middle_args {
    struct weir_stream *from, *to;
    uint64_t *sum;
};

static int middle(void *args) {
    struct middle_args *a = args;
    uint8_t buf[4096];
    ssize_t n;
    while ((n = weir_read(a->from, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            *a->sum = (*a->sum ^ buf[i]) * 1099511628211u;
        if (weir_write(a->to, buf, (size_t)n) < 0)
            break;
    }
    return 0;
}

static int watched(void *arg) {
    uint64_t *sum = arg;
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_stream *a, *b;
    struct weir_group g;
    char byte;
    for (int i = 0; i < 2; i++) { /* the second is resumed */
        assert_int_equal(weir_memory_pair(0, &e.client, &a), 0);
        assert_int_equal(weir_memory_pair(0, &e.server, &b), 0);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, middle, .from = a, .to = b, .sum = sum), 0);
        assert_int_equal(weir_go(&g, middle, .from = b, .to = a, .sum = sum), 0);
        assert_int_equal(rig_shake(&e), 0);
        assert_int_equal(weir_write(e.server, "x", 1), 0);
        assert_int_equal(weir_read(e.client, &byte, 1), 1);
        assert_int_equal(weir_tls_resumed(e.client), i == 1);
        rig_part(&e);
        weir_group_cancel(&g, "seen");
        weir_group_close(&g, 0);
        weir_close(&a);
        weir_close(&b);
        weir_sleep(WEIR_SECONDS(5));
    }
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

static uint64_t sum_of(uint64_t seed) {
    struct weir_sim_options o = {.size = sizeof o, .seed = seed};
    uint64_t sum = 14695981039346656037u;
    assert_int_equal(weir_sim_run(watched, &sum, &o), 0);
    return sum;
}

WEIR_TEST(a_seed_repeats_every_bit_of_a_handshake) {
    rig_open(&rig);
    uint64_t first = sum_of(7);
    sleep(2); /* the machine's clock is not asked */
    assert_true(sum_of(7) == first);
    assert_true(sum_of(8) != first);
    rig_close(&rig);
}
