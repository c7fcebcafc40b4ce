/* SPDX-License-Identifier: MIT */
/* TLS in the simulated world, where the same input repeats a handshake to the last bit. The first
 * byte of the input chooses: our server, or our client, gets the input as ciphertext; or the two
 * talk, and somebody between them changes, drops, inserts and holds back bytes as the input says.
 *
 * What was never TLS ends with an error, the same however it is cut. Who receives through the one
 * between gets the bytes that were sent, or a beginning of them and then an error; the end of the
 * stream only behind the last one, or if the other has failed and closed. If nothing was changed,
 * all arrives. */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/tls.h>

#include "fuzz_tls_pem.h"
#include "fuzz_world.h"

enum { TEXT = 3000, PATIENCE = 30000, HEAD = 3 };

enum mode { TO_SERVER, TO_CLIENT, BETWEEN };

struct side { /* what one of the two got */
    int rc;
    bool failed; /* it closes early, and says so by close_notify */
    size_t len;
};

static struct game {
    const uint8_t *at, *end; /* of the input */
    size_t step;             /* of a raw input */
    bool changed;
    struct weir_tls *server_tls, *client_tls;
    struct weir_stream *client, *server, *to_client, *to_server; /* the ends of two pairs */
    struct side got_client, got_server;
} game;

static unsigned next(void) {
    return game.at < game.end ? *game.at++ : 0;
}

static uint8_t filler(size_t i) {
    return (uint8_t)(i * 13 + (i >> 8));
}

/* ---- the two ---- */

static void open_both(unsigned how) {
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = fuzz_cert_pem,
                                  .key_pem = fuzz_key_pem, .alpn = how & 1 ? alpn : NULL,
                                  .no_tickets = how & 2, .client_optional = true,
                                  .client_ca_pem = how & 4 ? fuzz_cert_pem : NULL},
                            co = {.size = sizeof co, .ca_pem = fuzz_cert_pem,
                                  .alpn = how & 8 ? alpn + 1 : NULL,
                                  .minimum = how & 16 ? WEIR_TLS_1_3 : WEIR_TLS_1_2,
                                  .cert_pem = how & 32 ? fuzz_cert_pem : NULL,
                                  .key_pem = how & 32 ? fuzz_key_pem : NULL};
    if (!(how & 4))
        so.client_optional = false;
    FUZZ_SAME(weir_tls_new(&so, &game.server_tls) == 0);
    FUZZ_SAME(weir_tls_new(&co, &game.client_tls) == 0);
}

/* Take what comes, write it to `back` if that is not NULL. */
static int take_text(struct side *o, struct weir_stream *s, struct weir_stream *back) {
    const struct side *peer = o == &game.got_client ? &game.got_server : &game.got_client;
    uint8_t piece[500];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = weir_read(s, piece, sizeof piece)) > 0) {
        FUZZ_SAME(o->len + (size_t)n <= TEXT);
        for (size_t i = 0; i < (size_t)n; i++)
            FUZZ_SAME(piece[i] == filler(o->len + i));
        o->len += (size_t)n;
        rc = back != NULL ? weir_write(back, piece, (size_t)n) : 0;
    }
    rc = rc < 0 ? rc : (int)n;
    FUZZ_SAME(rc < 0 || o->len == TEXT || peer->failed); /* no end that the peer did not mean */
    return rc;
}

static int serve_text(struct side *o) {
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    weir_scope_enter(&scope, MS(PATIENCE));
    int rc = weir_tls_accept(&game.server, game.server_tls, &s);
    if (rc == 0)
        rc = take_text(o, s, s);
    if (rc == 0)
        rc = weir_shutdown(s);
    o->failed = rc < 0;
    weir_close(&s);
    weir_close(&game.server);
    return weir_scope_leave(&scope, rc);
}

static int ask_text(struct side *o) {
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    uint8_t text[TEXT];
    for (size_t i = 0; i < TEXT; i++)
        text[i] = filler(i);
    weir_scope_enter(&scope, MS(PATIENCE));
    int rc = weir_tls_connect(&game.client, game.client_tls, "localhost", &s);
    if (rc == 0)
        rc = weir_write(s, text, TEXT);
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0)
        rc = take_text(o, s, NULL);
    o->failed = rc < 0;
    weir_close(&s);
    weir_close(&game.client);
    return weir_scope_leave(&scope, rc);
}

static int serve(void *args) {
    (void)args;
    game.got_server.rc = serve_text(&game.got_server);
    return 0;
}

static int ask(void *args) {
    (void)args;
    game.got_client.rc = ask_text(&game.got_client);
    return 0;
}

/* ---- the one between ---- */

/* Pass at most len bytes on, as the input says. Returns how many are used; < 0: an end. */
static ssize_t meddle(struct weir_stream *to, const uint8_t *bytes, size_t len) {
    unsigned op = next() % 16;
    uint8_t copy[64];
    size_t n = next() % 64 + 1;
    n = n < len ? n : len;
    if (op < 8) { /* in order, many or few */
        n = op < 4 ? n * 16 < len ? n * 16 : len : n;
        return weir_write(to, bytes, n) < 0 ? -1 : (ssize_t)n;
    }
    if (op < 10)
        return weir_sleep(MS(1)) < 0 ? -1 : 0;
    if (op == 15 && next() % 4 != 0)
        return 0;
    game.changed = true;
    memcpy(copy, bytes, n);
    if (op < 12) /* another byte */
        copy[next() % n] ^= (uint8_t)(next() | 1);
    else if (op == 12) /* fewer */
        return (ssize_t)n;
    else if (op == 13) /* twice */
        return weir_write(to, copy, n) < 0 ? -1 : 0;
    else if (op == 14) /* of the input */
        for (size_t i = 0; i < n; i++)
            copy[i] = (uint8_t)next();
    else
        return -1;
    return weir_write(to, copy, n) < 0 ? -1 : (ssize_t)n;
}

struct way {
    struct weir_stream *from, *to;
};
static int pass(void *args) {
    struct way *way = args;
    struct weir_view v;
    ssize_t n;
    while ((n = weir_peek(way->from, 1, &v)) > 0) {
        if (game.at < game.end) {
            uint8_t *copy = fuzz_copy(v.base, v.len);
            n = meddle(way->to, copy, v.len);
            free(copy);
        } else {
            n = weir_write(way->to, v.base, v.len) < 0 ? -1 : (ssize_t)v.len;
        }
        if (n < 0)
            break;
        weir_consume(way->from, (size_t)n);
    }
    (void)weir_shutdown(way->to);
    while (weir_peek(way->from, 1, &v) > 0) /* so that no writer waits */
        weir_consume(way->from, v.len);
    return 0;
}

static void go_between(struct weir_group *g) {
    struct way there = {game.to_client, game.to_server}, back = {game.to_server, game.to_client};
    FUZZ_SAME(weir_spawn(g, WEIR_SITE(pass), pass, &there, sizeof there, NULL, NULL) == 0);
    FUZZ_SAME(weir_spawn(g, WEIR_SITE(pass), pass, &back, sizeof back, NULL, NULL) == 0);
}

/* ---- a raw input ---- */

static int write_raw(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    int rc = 0;
    while (game.at < game.end && rc == 0) {
        size_t rest = (size_t)(game.end - game.at), n = rest < game.step ? rest : game.step;
        rc = weir_write(s, game.at, n);
        game.at += n;
    }
    (void)weir_shutdown(s);
    return 0;
}

static int read_raw(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    struct weir_view v;
    while (weir_peek(s, 1, &v) > 0)
        weir_consume(s, v.len);
    return 0;
}

static void go_raw(struct weir_group *g, struct weir_stream *s) {
    FUZZ_SAME(weir_spawn(g, WEIR_SITE(write_raw), write_raw, &s, sizeof s, NULL, NULL) == 0);
    FUZZ_SAME(weir_spawn(g, WEIR_SITE(read_raw), read_raw, &s, sizeof s, NULL, NULL) == 0);
}

/* ---- */

static int play(void *arg) {
    enum mode mode = *(enum mode *)arg;
    struct weir_group g;
    unsigned how = next();
    size_t capacity = 8000 + 16 * next();
    open_both(how);
    FUZZ_SAME(weir_memory_pair(capacity, &game.client, &game.to_client) == 0);
    FUZZ_SAME(weir_memory_pair(capacity, &game.server, &game.to_server) == 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    if (mode != TO_CLIENT)
        FUZZ_SAME(weir_go0(&g, serve) == 0);
    if (mode != TO_SERVER)
        FUZZ_SAME(weir_go0(&g, ask) == 0);
    if (mode == BETWEEN)
        go_between(&g);
    else
        go_raw(&g, mode == TO_SERVER ? game.to_server : game.to_client);
    FUZZ_SAME(weir_group_close(&g, 0) == 0);
    weir_close(&game.to_client);
    weir_close(&game.to_server);
    weir_close(&game.client);
    weir_close(&game.server);
    weir_tls_unref(&game.client_tls);
    weir_tls_unref(&game.server_tls);
    return 0;
}

static void run(enum mode mode, const uint8_t *input, size_t len, size_t step) {
    memset(&game, 0, sizeof game);
    game.at = input + 1;
    game.end = input + len;
    game.step = step;
    fuzz_world_run(play, &mode, 0x7e, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    if (len < HEAD)
        return 0;
    enum mode mode = input[0] % 4 == 0 ? TO_SERVER : input[0] % 4 == 1 ? TO_CLIENT : BETWEEN;
    run(mode, input, len, SIZE_MAX);
    if (mode == BETWEEN) {
        FUZZ_SAME(game.changed || (game.got_server.rc == 0 && game.got_server.len == TEXT));
        FUZZ_SAME(game.changed || (game.got_client.rc == 0 && game.got_client.len == TEXT));
        return 0;
    }
    int rc = mode == TO_SERVER ? game.got_server.rc : game.got_client.rc;
    FUZZ_SAME(rc < 0 && rc != -ETIME);
    run(mode, input, len, 1);
    FUZZ_SAME(rc == (mode == TO_SERVER ? game.got_server.rc : game.got_client.rc));
    return 0;
}
