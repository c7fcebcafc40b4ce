/* SPDX-License-Identifier: MIT */
/* Tickets do not pass by the checks of certificates: those that come after a reload, and those
 * of certificates that have expired. */
#include <errno.h>
#include <time.h>
#include <weir/wall.h>

#include "tls/context.h"
#include "tls/tls_rig.h"

static struct rig rig;

/* The client reads, so that it gets the tickets. */
static void let_tickets_come(struct rig_ends *e) {
    char byte;
    assert_int_equal(weir_write(e->server, "x", 1), 0);
    assert_int_equal(weir_read(e->client, &byte, 1), 1);
}

static void put_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- reload ---- */

static char path[] = "/tmp/weir-tls-XXXXXX"; /* the roots that a reload reads */
static struct rig_id other;

static int by_kernel(int (*fn)(void *arg)) {
    rig_open(&rig);
    other = rig_make(&(struct rig_wish){.name = "Other", .authority = true});
    memcpy(strrchr(path, '-'), "-XXXXXX", 7);
    close(mkstemp(path));
    put_file(path, rig.root.cert_pem);
    int rc = weir_run(fn, NULL, NULL);
    unlink(path);
    rig_free(&other);
    rig_close(&rig);
    return rc;
}

static int late_ticket(void *arg) {
    struct weir_tls_options co = {.size = sizeof co, .ca_file = path};
    struct rig_ends e = {.of_client = rig_tls(&co), .of_server = rig_server(&rig)};
    assert_int_equal(rig_pair(&e), 0);
    put_file(path, other.cert_pem);
    assert_int_equal(weir_tls_reload(e.of_client), 0);
    let_tickets_come(&e);
    rig_part(&e);
    (void)rig_pair(&e);
    assert_int_equal(e.client_rc, WEIR_ECERT);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST(a_ticket_that_comes_after_a_reload_is_not_used) {
    assert_int_equal(by_kernel(late_ticket), 0);
}

/* One flight of a handshake, held by somebody on the way. */
static void carry(struct weir_stream *from, struct weir_stream *to) {
    char buf[16384];
    ssize_t n = weir_read(from, buf, sizeof buf);
    assert_true(n > 0);
    assert_int_equal(weir_write(to, buf, (size_t)n), 0);
}

struct carries_args {
    struct weir_stream *from, *to;
};

static int carries(void *args) {
    struct carries_args *a = args;
    char buf[16384];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = weir_read(a->from, buf, sizeof buf)) > 0)
        rc = weir_write(a->to, buf, (size_t)n);
    return 0;
}

static int connects(void *args) {
    struct rig_ends *e = *(struct rig_ends **)args;
    struct weir_stream *s = NULL;
    e->client_rc = weir_tls_connect(&e->client, e->of_client, "localhost", &s);
    assert_int_equal(e->client_rc, 0);
    e->client = s;
    return 0;
}

/* The roots change while the client's certificate is on its way. */
static int shake_and_reload(struct rig_ends *e) {
    struct weir_stream *near_client, *near_server;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_memory_pair(0, &e->client, &near_client), 0);
    assert_int_equal(weir_memory_pair(0, &near_server, &e->server), 0);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(connects), connects, &e, sizeof e, NULL, NULL), 0);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &e, sizeof e, NULL,
                                NULL), 0);
    carry(near_client, near_server);
    carry(near_server, near_client);
    put_file(path, other.cert_pem);
    assert_int_equal(weir_tls_reload(e->of_server), 0);
    assert_int_equal(weir_go(&g, carries, .from = near_client, .to = near_server), 0);
    assert_int_equal(weir_go(&g, carries, .from = near_server, .to = near_client), 0);
    while (weir_tls_version(e->server) == NULL)
        assert_int_equal(weir_yield(), 0);
    let_tickets_come(e);
    rig_part(e);
    int rc = weir_group_close(&g, 0);
    weir_close(&near_client);
    weir_close(&near_server);
    return rc;
}

static int overtaken(void *arg) {
    struct weir_tls_options co = {.size = sizeof co, .ca_pem = rig.root.cert_pem,
                                  .cert_pem = rig.client.cert_pem,
                                  .key_pem = rig.client.key_pem},
                            so = {.size = sizeof so, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem, .client_ca_file = path};
    struct rig_ends e = {.of_client = rig_tls(&co), .of_server = rig_tls(&so)};
    assert_int_equal(shake_and_reload(&e), 0);
    (void)rig_pair(&e);
    assert_int_equal(e.server_rc, WEIR_ECERT);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST(a_ticket_of_a_handshake_that_a_reload_overtakes_opens_nothing) {
    assert_int_equal(by_kernel(overtaken), 0);
}

/* ---- the certificate's end ---- */

static struct rig_id until(weir_ns wall, const char *name, const char *names) {
    time_t end = (time_t)(wall / WEIR_SECONDS(1));
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", gmtime_r(&end, &tm));
    return rig_make(&(struct rig_wish){.name = name, .names = names, .by = &rig.root,
                                       .from = "19700101000000Z", .until = text});
}

/* Shake hands each hour, by one ticket after the other; the last time the certificate of one side
 * has expired. */
static int until_it_ends(void *arg) {
    bool of_client = *(bool *)arg;
    weir_ns end = weir_wall_now() + WEIR_SECONDS(2 * 3600 + 1800);
    struct rig_id id = until(end, "short", "DNS:localhost");
    const struct rig_id *client = of_client ? &id : &rig.client,
                        *server = of_client ? &rig.server : &id;
    struct weir_tls_options co = {.size = sizeof co, .ca_pem = rig.root.cert_pem,
                                  .cert_pem = client->cert_pem, .key_pem = client->key_pem},
                            so = {.size = sizeof so, .cert_pem = server->cert_pem,
                                  .key_pem = server->key_pem,
                                  .client_ca_pem = rig.root.cert_pem};
    struct rig_ends e = {.of_client = rig_tls(&co), .of_server = rig_tls(&so)};
    for (int hour = 0; hour < 3; hour++) {
        assert_int_equal(rig_pair(&e), 0);
        assert_int_equal(weir_tls_resumed(e.server), hour > 0);
        let_tickets_come(&e);
        rig_part(&e);
        assert_int_equal(weir_sleep(WEIR_SECONDS(3600)), 0);
    }
    (void)rig_pair(&e);
    assert_int_equal(of_client ? e.server_rc : e.client_rc, WEIR_ECERT);
    assert_non_null(strstr(of_client ? e.server_text : e.client_text, "expired on"));
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    rig_free(&id);
    return 0;
}

WEIR_TEST(nobody_resumes_with_a_certificate_that_has_expired) {
    rig_open(&rig);
    for (int of_client = 0; of_client < 2; of_client++)
        assert_int_equal(weir_sim_run(until_it_ends, &(bool){of_client == 1}, NULL), 0);
    rig_close(&rig);
}

/* ---- the key's end ---- */

/* Shake hands, and look whether the server still has this key. */
static bool has_after_handshake(struct rig_ends *e, const struct weir__tls_ticket_key *key) {
    bool has = false;
    assert_int_equal(rig_pair(e), 0);
    let_tickets_come(e);
    rig_part(e);
    for (int i = 0; i < 2; i++)
        has |= memcmp(e->of_server->tickets.keys[i].aes, key->aes, sizeof key->aes) == 0;
    return has;
}

static int keys_end(void *arg) {
    bool is_idle = *(bool *)arg;
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem,
                                  .ticket_ns = WEIR_SECONDS(100)};
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_tls(&so)};
    assert_int_equal(rig_pair(&e), 0);
    rig_part(&e);
    struct weir__tls_ticket_key key = e.of_server->tickets.keys[0];
    assert_true(key.made_ns > 0);
    if (!is_idle) {
        assert_int_equal(weir_sleep(WEIR_SECONDS(150)), 0);
        assert_true(has_after_handshake(&e, &key)); /* it opens tickets */
    }
    assert_int_equal(weir_sleep(WEIR_SECONDS(is_idle ? 250 : 60)), 0);
    assert_false(has_after_handshake(&e, &key));
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST(the_first_handshake_after_its_time_erases_a_key_of_tickets) {
    rig_open(&rig);
    for (int is_idle = 0; is_idle < 2; is_idle++)
        assert_int_equal(weir_sim_run(keys_end, &(bool){is_idle == 1}, NULL), 0);
    rig_close(&rig);
}
