/* SPDX-License-Identifier: MIT */
/* A cancel of a reader meets bytes that the stream below has already completed: its unask is too
 * late, and its wake comes. If these bytes are no whole record, the read must end all the same. */
#include <errno.h>

#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;

/* Like a socket whose RECV has completed in this turn, and whose wake did not yet run. */
static struct weir__stream_kind late;

static int unask_late(struct weir_stream *s, struct weir__op *ask) {
    return WEIR__PENDING;
}

/* A server of ours, whose client is bare OpenSSL. */
struct scene {
    struct rig_ends e;
    struct weir_group g;
    struct raw r;
    SSL_CTX *ctx;
};

static void scene_open(struct scene *c) {
    struct rig_ends *at = &c->e;
    c->e = (struct rig_ends){.of_server = rig_server(&rig)};
    c->ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(weir_memory_pair(0, &c->e.client, &c->e.server), 0);
    late = *c->e.server->kind;
    late.unask = unask_late;
    weir_group_open(&c->g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&c->g, WEIR_SITE(rig_accepts), rig_accepts, &at, sizeof at, NULL,
                                NULL), 0);
    raw_open(&c->r, c->ctx, c->e.client);
    while (weir_tls_version(c->e.server) == NULL)
        assert_int_equal(weir_yield(), 0);
}

static void scene_close(struct scene *c) {
    assert_int_equal(weir_group_close(&c->g, 0), 0);
    rig_leave(&c->e);
    SSL_free(c->r.ssl);
    SSL_CTX_free(c->ctx);
}

/* The first bytes of a record arrive; the server's stream below cannot be unasked any more. */
static void begin_comes(struct scene *c, struct weir_stream *below) {
    char begin[10];
    assert_int_equal(SSL_write(c->r.ssl, "word", 4), 4);
    assert_int_equal(BIO_read(c->r.out, begin, sizeof begin), sizeof begin);
    below->kind = &late;
    assert_int_equal(weir_try_write(c->r.s, begin, sizeof begin), sizeof begin);
}

/* Cancel g, and let all go on. */
static void cancel(struct weir_group *g) {
    struct weir_scope shield;
    weir_group_cancel(g, "test");
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_scope_leave(&shield, 0);
}

struct reads_args {
    struct weir_stream *s;
    int *ret;
};

static int reads(void *args) {
    struct reads_args *a = args;
    char byte;
    *a->ret = (int)weir_read(a->s, &byte, 1);
    return 0;
}

TLS_STORY(a_cancel_that_meets_a_part_of_a_record_ends_the_read_and_loses_nothing) {
    struct scene c;
    struct weir_group readers;
    char word[5];
    int got = 1;
    scene_open(&c);
    weir_group_open(&readers, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&readers, reads, .s = c.e.server, .ret = &got), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    begin_comes(&c, weir__tls_of(c.e.server, "test")->below);
    cancel(&readers);
    assert_int_equal(got, -ECANCELED);
    assert_int_equal(weir_group_close(&readers, 0), 0);
    assert_int_equal(raw_send(&c.r), 0);
    assert_int_equal(weir_read(c.e.server, word, sizeof word), 4);
    assert_memory_equal(word, "word", 4);
    scene_close(&c);
    return 0;
}

static void notes(struct weir_conn *c, void *state, int rc) {
    *(int *)weir_conn_arg(c) = rc;
}

static int never(struct weir_conn *c, void *state, struct weir_view v) {
    fail_msg("there is no message");
    return 0;
}

TLS_STORY(a_cancel_that_meets_a_part_of_a_record_ends_an_idle_connection) {
    struct scene c;
    struct weir_group served;
    int got = 1;
    struct weir_reactive r = {.size = sizeof r, .message = never, .closed = notes, .arg = &got};
    scene_open(&c);
    struct weir_stream *below = weir__tls_of(c.e.server, "test")->below;
    weir_group_open(&served, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&c.e.server, &served, &r), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    begin_comes(&c, below);
    cancel(&served);
    assert_int_equal(got, -ECANCELED);
    assert_int_equal(weir_group_close(&served, 0), 0);
    scene_close(&c);
    return 0;
}

/* The close has ended the read, whose task did not yet run, and writes on. */
TLS_STORY(a_cancel_after_a_close_finds_nothing_to_take_back) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_group readers;
    int got = 1;
    assert_int_equal(weir_memory_pair(100, &e.client, &e.server), 0);
    assert_int_equal(rig_shake(&e), 0);
    weir_group_open(&readers, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&readers, reads, .s = e.client, .ret = &got), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_try_write(e.client, (char[200]){0}, 200), 200);
    weir_close(&e.client);
    weir_group_cancel(&readers, "test");
    assert_int_equal(weir_group_close(&readers, 0), 0);
    assert_int_equal(got, WEIR_ECLOSED);
    rig_leave(&e);
    return 0;
}
