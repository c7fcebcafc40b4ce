/* SPDX-License-Identifier: MIT */
/* A handshake begins with the client's first bytes: what a reload has read until then counts, and
 * so does the clock, however long ago the stream was accepted. */
#include <errno.h>
#include <time.h>
#include <weir/wall.h>

#include "tls/tls_rig.h"

static struct rig rig;

static char path[] = "/tmp/weir-tls-XXXXXX"; /* what a reload reads */

static void put_file(const char *a, const char *b) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s%s", a, b);
    fclose(f);
}

static int by_kernel(int (*fn)(void *arg)) {
    rig_open(&rig);
    memcpy(strrchr(path, '-'), "-XXXXXX", 7);
    close(mkstemp(path));
    int rc = weir_run(fn, NULL, NULL);
    unlink(path);
    rig_close(&rig);
    return rc;
}

/* A client that has dialled and is silent, and the stream that the server has accepted. */
struct scene {
    struct rig_ends e;
    struct weir_listener *l;
};

static void scene_open(struct scene *c) {
    struct weir_listen_options o = {.size = sizeof o, .tls = c->e.of_server};
    char url[64];
    assert_int_equal(weir_listen("tls://localhost:0", &o, &c->l), 0);
    snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(c->l));
    assert_int_equal(weir_dial(url, NULL, &c->e.client), 0);
    assert_int_equal(weir_accept(c->l, &c->e.server), 0);
}

static void scene_close(struct scene *c) {
    weir_unlisten(&c->l);
    rig_leave(&c->e);
}

struct serves_args {
    struct rig_ends *e;
};

static int serves(void *args) {
    struct rig_ends *e = ((struct serves_args *)args)->e;
    e->server_rc = weir_tls_handshake(e->server);
    if (e->server_rc < 0)
        snprintf(e->server_text, sizeof e->server_text, "%s", weir_error_message(e->server_rc));
    return 0;
}

/* Shake hands. At the end the server's side is done; waits: it waits for the client before change
 * is called. */
static void shake(struct scene *c, bool waits, void (*change)(struct scene *c)) {
    struct weir_stream *s = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    if (waits)
        assert_int_equal(weir_go(&g, serves, .e = &c->e), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_yield(), 0);
    change(c);
    if (!waits)
        assert_int_equal(weir_go(&g, serves, .e = &c->e), 0);
    c->e.client_rc = weir_tls_connect(&c->e.client, c->e.of_client, "localhost", &s);
    if (s != NULL)
        c->e.client = s;
    assert_int_equal(weir_group_close(&g, 0), 0);
}

/* ---- another certificate ---- */

static void renews(struct scene *c) {
    struct rig_id fresh = rig_make(&(struct rig_wish){.name = "fresh", .by = &rig.root,
                                                      .names = "DNS:localhost"});
    put_file(fresh.cert_pem, fresh.key_pem);
    assert_int_equal(weir_tls_reload(c->e.of_server), 0);
    rig_free(&fresh);
}

static int renewed(void *arg) {
    for (int waits = 0; waits < 2; waits++) {
        struct weir_tls_options so = {.size = sizeof so, .cert_file = path};
        char text[64];
        put_file(rig.server.cert_pem, rig.server.key_pem);
        struct scene c = {.e = {.of_client = rig_client(&rig), .of_server = rig_tls(&so)}};
        scene_open(&c);
        shake(&c, waits == 1, renews);
        assert_int_equal(c.e.client_rc, 0);
        assert_int_equal(c.e.server_rc, 0);
        assert_true(weir_tls_peer(c.e.client, WEIR_TLS_SUBJECT, text, sizeof text) > 0);
        assert_string_equal(text, "CN=fresh");
        scene_close(&c);
    }
    return 0;
}

WEIR_TEST(a_client_that_was_accepted_before_a_reload_gets_the_new_certificate) {
    assert_int_equal(by_kernel(renewed), 0);
}

/* ---- another root ---- */

static void withdraws(struct scene *c) {
    struct rig_id other = rig_make(&(struct rig_wish){.name = "Other", .authority = true});
    put_file(other.cert_pem, "");
    assert_int_equal(weir_tls_reload(c->e.of_server), 0);
    rig_free(&other);
}

static struct weir_tls *client_with(const struct rig_id *id) {
    return rig_tls(&(struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .ca_pem = rig.root.cert_pem, .cert_pem = id->cert_pem, .key_pem = id->key_pem});
}

static int withdrawn(void *arg) {
    for (int waits = 0; waits < 2; waits++) {
        struct weir_tls_options so = {.size = sizeof so, .client_ca_file = path,
            .cert_pem = rig.server.cert_pem, .key_pem = rig.server.key_pem};
        put_file(rig.root.cert_pem, "");
        struct scene c = {.e = {.of_client = client_with(&rig.client),
                                .of_server = rig_tls(&so)}};
        scene_open(&c);
        shake(&c, waits == 1, withdraws);
        assert_int_equal(c.e.server_rc, WEIR_ECERT);
        scene_close(&c);
    }
    return 0;
}

WEIR_TEST(a_client_that_was_accepted_before_its_root_was_withdrawn_is_refused) {
    assert_int_equal(by_kernel(withdrawn), 0);
}

/* ---- later ---- */

static void a_day_goes_by(struct scene *c) {
    assert_int_equal(weir_sleep(WEIR_SECONDS(24 * 3600)), 0);
}

static void expires(bool waits) {
    time_t end = (time_t)(weir_wall_now() / WEIR_SECONDS(1)) + 3600;
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", gmtime_r(&end, &tm));
    struct rig_id brief = rig_make(&(struct rig_wish){.name = "brief", .by = &rig.root,
                                                      .from = "19700101000000Z", .until = text});
    struct weir_tls_options so = {.size = sizeof so, .client_ca_pem = rig.root.cert_pem,
        .cert_pem = rig.server.cert_pem, .key_pem = rig.server.key_pem,
        .handshake_ns = WEIR_SECONDS(48 * 3600)};
    struct scene c = {.e = {.of_client = client_with(&brief), .of_server = rig_tls(&so)}};
    scene_open(&c);
    shake(&c, waits, a_day_goes_by);
    assert_int_equal(c.e.server_rc, WEIR_ECERT);
    assert_non_null(strstr(c.e.server_text, "expired on"));
    scene_close(&c);
    rig_free(&brief);
}

static int expired(void *arg) {
    expires(false);
    expires(true);
    return 0;
}

WEIR_TEST(a_certificate_that_expires_after_the_accept_is_refused) {
    struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_SECONDS(7 * 24 * 3600)};
    rig_open(&rig);
    assert_int_equal(weir_sim_run(expired, NULL, &o), 0);
    rig_close(&rig);
}
