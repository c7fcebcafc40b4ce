/* SPDX-License-Identifier: MIT */
/* A shutdown over a stream that cannot be shut down, such as a terminal, or that refuses it: the
 * peer has close_notify, so this direction has ended, and the other goes on. */
#include <errno.h>

#include "tls/tls_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;
static struct weir__stream_kind refusing;
static int refusal;

static int refuses(struct weir_stream *s) {
    return refusal;
}

static void ends_open(struct rig_ends *e, int rc) {
    *e = (struct rig_ends){.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    assert_int_equal(rig_pair(e), 0);
    struct weir_stream *below = weir__tls_of(e->client, "test")->below;
    refusing = *below->kind;
    refusing.shutdown = refuses;
    refusal = rc;
    below->kind = &refusing;
}

static void client_reads(struct rig_ends *e, const char *text) {
    char buf[32];
    size_t len = strlen(text);
    assert_int_equal(weir_write(e->server, text, len), 0);
    assert_int_equal(weir_read(e->client, buf, sizeof buf), len);
    assert_memory_equal(buf, text, len);
}

/* Also while something waits that nobody reads. */
static int shut_down(int refused, int rc) {
    struct rig_ends e;
    char byte;
    ends_open(&e, refused);
    assert_int_equal(weir_shutdown(e.client), rc);
    assert_int_equal(weir_read(e.server, &byte, 1), 0);
    assert_int_equal(weir_write(e.client, "x", 1), -EPIPE);
    client_reads(&e, "the read side goes on");
    assert_int_equal(weir_write(e.server, "unread", 6), 0);
    assert_int_equal(weir_shutdown(e.client), rc);
    for (int i = 0; i < 10; i++)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_read(e.client, &byte, 1), 1);
    assert_int_equal(weir_write(e.client, "x", 1), -EPIPE);
    assert_int_equal(weir_read(e.client, (char[8]){0}, 8), 5);
    rig_leave(&e);
    return 0;
}

TLS_STORY(close_notify_is_the_end_where_the_stream_below_has_no_half_close) {
    return shut_down(-EOPNOTSUPP, 0);
}

TLS_STORY(a_shutdown_that_the_stream_below_refuses_ends_no_reading) {
    return shut_down(-ENOTCONN, -ENOTCONN);
}
