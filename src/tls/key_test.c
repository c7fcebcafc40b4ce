/* SPDX-License-Identifier: MIT */
/* A key encrypts only so many records: TLS 1.3 then changes it, in the middle of what both sides
 * write, and TLS 1.2 cannot. */
#include <openssl/ssl3.h>

#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

enum { MUCH = 300000, RECORDS = 19, KEY_RECORDS = 3 };

static struct rig rig;
static uint8_t much[MUCH];

static void before(void) {
    rig_open(&rig);
    weir__tls_key_records = KEY_RECORDS;
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (uint8_t)(i * 7 + i / 5000);
}

/* KeyUpdates that a side has sent. */
static void count_updates(int write, int version, int type, const void *bytes, size_t len,
                          SSL *ssl, void *arg) {
    const uint8_t *message = bytes;
    if (write != 0 && type == SSL3_RT_HANDSHAKE && len > 0 && message[0] == SSL3_MT_KEY_UPDATE)
        ++*(int *)arg;
}

static void watch(struct weir_stream *s, int *count) {
    SSL *ssl = weir__tls_ssl(s, "test");
    SSL_set_msg_callback(ssl, count_updates);
    SSL_set_msg_callback_arg(ssl, count);
}

struct writes_args {
    struct weir_stream *s;
};

static int writes(void *args) {
    struct writes_args *a = args;
    return weir_write(a->s, much, MUCH);
}

struct reads_args {
    struct weir_stream *s;
};

static int reads(void *args) {
    struct reads_args *a = args;
    uint8_t *got = malloc(MUCH);
    int rc = weir_read_exactly(a->s, got, MUCH);
    if (rc == 0)
        assert_memory_equal(got, much, MUCH);
    free(got);
    return rc;
}

static int both_ways(void *arg) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_group g;
    int by_client = 0, by_server = 0;
    assert_int_equal(weir_memory_pair(5000, &e.client, &e.server), 0);
    assert_int_equal(rig_shake(&e), 0);
    watch(e.client, &by_client);
    watch(e.server, &by_server);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, writes, .s = e.client), 0);
    assert_int_equal(weir_go(&g, writes, .s = e.server), 0);
    assert_int_equal(weir_go(&g, reads, .s = e.client), 0);
    assert_int_equal(weir_go(&g, reads, .s = e.server), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(by_client, (RECORDS - 1) / KEY_RECORDS);
    assert_int_equal(by_server, (RECORDS - 1) / KEY_RECORDS);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST_BACKENDS(both_sides_change_their_keys_while_both_write) {
    before();
    assert_int_equal(weir_run(both_ways, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- the older version ---- */

static int older(void *arg) {
    struct rig_ends e = {.of_server = rig_server(&rig)}, *at = &e;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct weir_group g;
    struct raw r;
    uint8_t byte;
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &at, sizeof at, NULL,
                                NULL), 0);
    raw_open(&r, ctx, e.client);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(weir_tls_version(e.server), "TLSv1.2");
    for (int i = 0; i < 4 * KEY_RECORDS; i++) {
        assert_int_equal(weir_write(e.server, &much[i], 1), 0);
        while (SSL_read(r.ssl, &byte, 1) < 0)
            raw_get(&r);
        assert_int_equal(byte, much[i]);
    }
    rig_part(&e);
    weir_tls_unref(&e.of_server);
    SSL_free(r.ssl);
    SSL_CTX_free(ctx);
    return 0;
}

WEIR_TEST(the_older_version_goes_on_with_its_key) {
    before();
    assert_int_equal(weir_sim_run(older, NULL, NULL), 0);
    rig_close(&rig);
}
