/* SPDX-License-Identifier: MIT */
/* The rare paths of a TLS connection under every fault: tickets in several records, keys that are
 * changed often, a reader that comes and goes, a peer that refuses and breaks off. */
#include <errno.h>

#include "base/alloc.h"
#include "tls/context.h"
#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

static const weir_ns MICROSECOND = 1000;

static struct rig rig;
static struct rig_id stranger;

struct scene {
    struct weir_tls *client, *server;
    bool refuses;
};

struct serves_args {
    struct weir_listener *l;
    struct weir_tls *tls;
};

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_stream *s = NULL;
    char buf[700];
    ssize_t n = 0;
    int rc = weir_accept(a->l, &s);
    for (int i = 0; rc == 0 && (n = weir_read(s, buf, sizeof buf)) > 0; i++) {
        rc = weir_write(s, buf, (size_t)n);
        if (rc == 0 && i == 1)
            rc = weir_tls_reload(a->tls);
    }
    if (rc == 0 && n == 0)
        rc = weir_shutdown(s);
    weir_close(&s);
    return rc < 0 ? rc : (int)n;
}

struct hurries_args {
    struct weir_stream *s;
};

/* Reads with hardly any patience: it is cancelled in the middle of tickets. */
static int hurries(void *args) {
    struct hurries_args *a = args;
    char buf[100];
    int rc = 0;
    size_t got = 0;
    while (rc >= 0 && got < 2400) {
        struct weir_scope scope;
        weir_scope_enter(&scope, 30 * MICROSECOND);
        rc = (int)weir_read(a->s, buf, sizeof buf);
        got += rc > 0 ? (size_t)rc : 0;
        int left = weir_scope_leave(&scope, rc);
        if (left == -ETIME && weir_cancelled() == 0)
            rc = weir_sleep(100 * MICROSECOND);
        else if (left == 0)
            return WEIR_EEOF;
        else
            rc = left;
    }
    return rc < 0 ? rc : 0;
}

static int asks(struct weir_stream *s) {
    char part[600];
    int rc = 0;
    memset(part, 'x', sizeof part);
    for (int i = 0; i < 4 && rc == 0; i++) {
        ssize_t n = weir_try_write(s, part, 300);
        rc = n == -EAGAIN ? weir_wait_writable(s) : n < 0 ? (int)n : 0;
        if (rc == 0)
            rc = weir_write(s, part, n > 0 ? 600 - (size_t)n : 600);
    }
    return rc;
}

static int meets(struct scene *c) {
    struct weir_listen_options lo = {.size = sizeof lo, .tls = c->server};
    struct weir_dial_options d = {.size = sizeof d, .tls = c->client};
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    char url[64];
    int rc = weir_listen("tls://server.example:0", &lo, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tls://server.example:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serves, .l = l, .tls = c->server);
    if (rc == 0)
        rc = weir_dial(url, &d, &s);
    if (rc == 0 && !c->refuses)
        rc = weir_go(&g, hurries, .s = s);
    if (rc == 0)
        rc = asks(s);
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc < 0) {
        weir_close(&s);
        weir_unlisten(&l);
    }
    rc = weir_group_close(&g, rc);
    weir_close(&s);
    weir_unlisten(&l);
    return rc;
}

static int bounded(struct scene *c) {
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(150));
    return weir_scope_leave(&scope, meets(c));
}

/* Tickets have the client's certificate: they take two records of the server's now. */
static int split(struct weir_tls *tls) {
    struct weir__tls_seat *seat;
    int rc = weir__tls_seat_get(tls, &seat);
    if (rc == 0)
        SSL_CTX_set_max_send_fragment(seat->ctx, 512);
    return rc;
}

static int story(void *arg) {
    bool refuses = *(bool *)arg;
    const struct rig_id *id = refuses ? &stranger : &rig.client;
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem,
                                  .client_ca_pem = rig.root.cert_pem},
                            co = {.size = sizeof co, .ca_pem = rig.root.cert_pem,
                                  .cert_pem = id->cert_pem, .key_pem = id->key_pem};
    struct scene c = {.refuses = refuses};
    int rc = weir_sim_host("server.example");
    if (rc == 0)
        rc = weir_tls_new(&so, &c.server);
    if (rc == 0)
        rc = weir_tls_new(&co, &c.client);
    if (rc == 0)
        rc = split(c.server);
    if (rc == 0)
        rc = bounded(&c);
    if (rc == WEIR_ECERT && refuses)
        rc = 0;
    weir_tls_unref(&c.client);
    weir_tls_unref(&c.server);
    return rc;
}

/* Segments and windows are so small that records and tickets come in part. */
static struct weir_sim_options world = {.size = sizeof world, .segment_max = 250,
                                        .receive_buffer = 700, .send_buffer = 700};
static bool refuses;
static struct weir_story rare = {.size = sizeof rare, .name = "rare", .fn = story,
                                 .arg = &refuses, .options = &world};

static void each(void (*explore)(void)) {
    rig_open(&rig);
    stranger = rig_make(&(struct rig_wish){.name = "mallory"});
    weir__tls_key_records = 2;
    for (int i = 0; i < 4; i++) {
        refuses = (i & 1) != 0;
        world.deferred = (i & 2) != 0;
        explore();
    }
    rig_free(&stranger);
    rig_close(&rig);
}

static void cancels(void) {
    struct weir_explored found = {0};
    assert_int_equal(weir_explore_cancels(&rare, &found), 0);
    assert_true(found.points > 10);
}

WEIR_TEST(rare_paths_survive_a_cancel_at_each_call) {
    each(cancels);
}

static void breaks(int error) {
    struct weir_fault f = {.size = sizeof f, .error = error,
                           .kinds = WEIR_FAULT_SEND | WEIR_FAULT_RECEIVE};
    assert_int_equal(weir_explore_faults(&rare, &f, NULL), 0);
}

static void resets(void) {
    breaks(-ECONNRESET);
}

WEIR_TEST(rare_paths_survive_a_reset_at_each_operation) {
    each(resets);
}

static void broken_pipes(void) {
    breaks(-EPIPE);
}

WEIR_TEST(rare_paths_survive_a_broken_pipe_at_each_operation) {
    each(broken_pipes);
}

static void struck(enum weir_fault_effect effect, unsigned kinds) {
    struct weir_fault f = {.size = sizeof f, .effect = effect, .kinds = kinds};
    assert_int_equal(weir_explore_faults(&rare, &f, NULL), 0);
}

static void shorts(void) {
    struck(WEIR_FAULT_SHORT, WEIR_FAULT_SEND | WEIR_FAULT_RECEIVE);
}

WEIR_TEST(rare_paths_survive_a_short_operation) {
    each(shorts);
}

static void nevers(void) {
    if (!world.deferred) /* each run takes its whole time */
        struck(WEIR_FAULT_NEVER, WEIR_FAULT_SEND);
}

WEIR_TEST(rare_paths_survive_a_send_that_never_completes) {
    each(nevers);
}

static void allocations(void) {
    assert_int_equal(weir_explore_allocations(&rare, NULL), 0);
}

WEIR_TEST(rare_paths_survive_each_allocation_that_fails) {
    each(allocations);
}

static void seeds(void) {
    world.jitter_ns = WEIR_MILLISECONDS(1) / 3;
    rare.last = 6;
    assert_int_equal(weir_explore_seeds(&rare, NULL), 0);
}

WEIR_TEST(rare_paths_go_the_same_way_twice_under_each_seed) {
    each(seeds);
}
