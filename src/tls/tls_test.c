/* SPDX-License-Identifier: MIT */
/* TLS over pairs in memory: bytes both ways, ends, what was agreed. */
#include <errno.h>

#include "tls/tls_rig.h"

static struct rig rig;

static int to_and_fro(struct weir_stream *a, struct weir_stream *b, const char *text) {
    char buf[64];
    size_t len = strlen(text);
    int rc = weir_write(a, text, len);
    if (rc == 0)
        rc = weir_read_exactly(b, buf, len);
    if (rc == 0)
        assert_memory_equal(buf, text, len);
    return rc;
}

static int talks(void *arg) {
    weir_tls_use(); /* nothing more than to be linked */
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    char byte;
    int rc = rig_pair(&e);
    assert_int_equal(rc, 0);
    assert_int_equal(to_and_fro(e.client, e.server, "hello"), 0);
    assert_int_equal(to_and_fro(e.server, e.client, "and good day"), 0);
    assert_string_equal(weir_tls_version(e.client), "TLSv1.3");
    assert_string_equal(weir_tls_host(e.server), "localhost");
    assert_false(weir_tls_resumed(e.client));
    assert_int_equal(weir_shutdown(e.client), 0);
    assert_int_equal(weir_read(e.server, &byte, 1), 0);
    assert_int_equal(to_and_fro(e.server, e.client, "still"), 0);
    weir_close(&e.server);
    assert_int_equal(weir_read(e.client, &byte, 1), 0);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST_BACKENDS(bytes_go_both_ways_and_an_end_is_an_end) {
    rig_open(&rig);
    assert_int_equal(weir_run(talks, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- writing ---- */

struct reads_all_args {
    struct weir_stream *s;
    size_t *got;
};

static int reads_all(void *args) {
    struct reads_all_args *a = args;
    char buf[3000];
    ssize_t n;
    while ((n = weir_read(a->s, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal((uint8_t)buf[i], (uint8_t)((*a->got + (size_t)i) * 7));
        *a->got += (size_t)n;
    }
    return (int)n;
}

enum { MUCH = 1 << 20 };

static int streams_much(void *arg) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_group g;
    size_t got = 0;
    uint8_t *much = malloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (uint8_t)(i * 7);
    assert_int_equal(rig_pair(&e), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reads_all, .s = e.server, .got = &got), 0);
    assert_int_equal(weir_write(e.client, much, MUCH), 0);
    assert_int_equal(weir_shutdown(e.client), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(got, MUCH);
    rig_part(&e);
    free(much);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST_BACKENDS(a_megabyte_goes_through_a_small_pair) {
    rig_open(&rig);
    assert_int_equal(weir_run(streams_much, NULL, NULL), 0);
    rig_close(&rig);
}

static int truncates(void *arg) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_stream *a, *b;
    char buf[8];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    e.client = a;
    e.server = b;
    assert_int_equal(rig_shake(&e), 0);
    assert_int_equal(to_and_fro(e.client, e.server, "half"), 0);
    assert_int_equal(weir_shutdown(a), 0); /* below TLS, as somebody on the way could */
    assert_int_equal(weir_read(e.server, buf, sizeof buf), WEIR_EEOF);
    assert_non_null(strstr(weir_error_message(WEIR_EEOF), "without close_notify"));
    assert_int_equal(weir_read(e.server, buf, sizeof buf), WEIR_EEOF);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST_BACKENDS(an_end_without_close_notify_is_an_error_and_stays_one) {
    rig_open(&rig);
    assert_int_equal(weir_run(truncates, NULL, NULL), 0);
    rig_close(&rig);
}
