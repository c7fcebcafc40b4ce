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
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    char byte;
    int rc = rig_pair(&e);
    assert_int_equal(rc, 0);
    assert_int_equal(to_and_fro(e.client, e.server, "hello"), 0);
    assert_int_equal(to_and_fro(e.server, e.client, "and good day"), 0);
    assert_string_equal(weir_tls_version(e.client), "TLSv1.3");
    assert_string_equal(weir_tls_name(e.server), "localhost");
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
