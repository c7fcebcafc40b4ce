/* SPDX-License-Identifier: MIT */
/* Our WebSocket client against a server whose frames are the input, in the simulated world, with
 * and without permessage-deflate. They come whole, cut in two, and byte by byte: the messages, the
 * error and the close code must be the same. If the third byte says so, the input is messages
 * instead, which the server compresses and cuts into frames: then they must come as they are. */
#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/ws.h>
#include <weir/ws_deflate.h>

#include "fuzz_world.h"
#include "wire/extension.h"
#include "wire/handshake.h"
#include "wire/ws_frame.h"

enum { HEAD = 4, LOG_MAX = 1 << 19, FRAMES_MAX = 1 << 16, MESSAGE_MAX = 20000, PATIENCE = 30000 };

struct outcome {
    int rc, close_code;
    size_t len, messages;
    uint8_t log[LOG_MAX]; /* of whole messages */
};

static struct game {
    const uint8_t *bytes; /* of the server */
    size_t len, cut, step;
    bool deflates, by_parts, echoes, takes_over, stays;
    struct weir_listener *l;
    struct outcome *o;
} game;

/* ---- the log ---- */

static void note(struct outcome *o, const void *bytes, size_t len) {
    FUZZ_SAME(len <= LOG_MAX - o->len);
    if (len > 0)
        memcpy(o->log + o->len, bytes, len);
    o->len += len;
}

static void note_start(struct outcome *o, enum weir_ws_type type) {
    uint8_t byte = (uint8_t)type;
    note(o, &byte, 1);
}

static void note_end(struct outcome *o, size_t from) {
    size_t len = o->len - from;
    note(o, &len, sizeof len);
    o->messages++;
}

/* ---- the server ---- */

static size_t answer_make(char *text, size_t size, const uint8_t *head, size_t len) {
    static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__ws_deflate_terms own = {15, 15, !game.takes_over, !game.takes_over, false, false};
    struct weir__ws_deflate_terms terms;
    struct weir__http1 h;
    const char *why;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    FUZZ_SAME(weir__http1_parse(&h, head, len) == (int)len);
    int key = weir__http1_find(&h, head, "Sec-WebSocket-Key", 0);
    FUZZ_SAME(key >= 0);
    if (game.deflates)
        FUZZ_SAME(weir__ws_deflate_choose(&h, head, &own, &terms, &why) == 1);
    ssize_t n = weir__ws_response_write(text, size,
                                        (const char *)head + headers[key].value.offset, NULL,
                                        game.deflates ? &terms : NULL);
    FUZZ_SAME(n > 0);
    return (size_t)n;
}

static int shake(struct weir_stream *s) {
    char text[600];
    struct weir_view v;
    for (size_t min = 1;; min = v.len + 1) {
        FUZZ_SAME(weir_peek(s, min, &v) > 0);
        const char *end = memmem(v.base, v.len, "\r\n\r\n", 4);
        if (end == NULL)
            continue;
        size_t len = (size_t)(end - (const char *)v.base) + 4;
        size_t answer = answer_make(text, sizeof text, v.base, len);
        weir_consume(s, len);
        return weir_write(s, text, answer);
    }
}

/* A failed call means that the client has closed. */
static void write_input(struct weir_stream *s) {
    int rc = 0;
    for (size_t at = 0; at < game.len && rc == 0;) {
        size_t rest = game.len - at;
        size_t n = at < game.cut ? game.cut : rest < game.step ? rest : game.step;
        rc = weir_write(s, game.bytes + at, n);
        at += n;
        if (rc == 0 && at < game.len)
            rc = game.step > 1 ? weir_sleep(MS(1)) : weir_yield();
    }
    if (rc == 0 && !game.stays)
        (void)weir_shutdown(s);
}

/* What the client sends is valid: each frame is masked, and of a kind that there is. */
static int drain(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    struct weir__ws_limits wide = {.frame_max = INT64_MAX, .message_max = INT64_MAX,
                                   .rsv_allowed = game.deflates ? WEIR__WS_RSV1 : 0};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    struct weir_view v;
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &wide);
    for (size_t min = 1; weir_peek(s, min, &v) > 0;) {
        uint8_t *copy = fuzz_copy(v.base, v.len);
        int rc = weir__ws_decode(&d, copy, v.len, &ev);
        FUZZ_SAME(rc >= 0);
        min = rc == WEIR__WS_ON_MORE ? v.len - ev.used + 1 : 1;
        weir_consume(s, ev.used);
        free(copy);
    }
    return 0;
}

static int serve(void *args) {
    struct weir_stream *s = NULL;
    struct weir_group g;
    (void)args;
    FUZZ_SAME(weir_accept(game.l, &s) == 0);
    FUZZ_SAME(shake(s) == 0);
    weir_group_open(&g, WEIR_TOGETHER);
    FUZZ_SAME(weir_spawn(&g, WEIR_SITE(drain), drain, &s, sizeof s, NULL, NULL) == 0);
    write_input(s);
    FUZZ_SAME(weir_group_close(&g, 0) == 0);
    weir_close(&s);
    return 0;
}

/* ---- the client ---- */

static int receive_parts(struct outcome *o, struct weir_ws *ws) {
    struct weir_ws_part p = {0};
    size_t from = o->len;
    int rc = 0;
    while (!p.last && (rc = weir_ws_receive_part(ws, &p)) == 0) {
        FUZZ_SAME(p.first == (from == o->len));
        if (p.first)
            note_start(o, p.type);
        note(o, p.data.base, p.data.len);
    }
    if (rc < 0)
        o->len = from;
    else
        note_end(o, from);
    return rc;
}

static int receive(struct outcome *o, struct weir_ws *ws) {
    struct weir_ws_message m;
    size_t from = o->len;
    int rc = weir_ws_receive(ws, &m);
    if (rc < 0)
        return rc;
    FUZZ_SAME(m.data.len <= MESSAGE_MAX);
    note_start(o, m.type);
    note(o, m.data.base, m.data.len);
    note_end(o, from);
    if (game.echoes) /* if the server has closed, it may fail */
        (void)weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return 0;
}

static void converse(struct outcome *o, struct weir_ws *ws) {
    struct weir_scope s;
    weir_scope_enter(&s, MS(PATIENCE));
    do
        o->rc = game.by_parts ? receive_parts(o, ws) : receive(o, ws);
    while (o->rc == 0);
    o->close_code = weir_ws_close_code(ws);
    (void)weir_scope_leave(&s, o->rc);
}

static int play(void *arg) {
    struct weir_ws_deflate deflate = {.size = sizeof deflate, .server_takeover = game.takes_over,
                                      .client_takeover = game.takes_over, .threshold = 1};
    struct weir_ws_options o = {.size = sizeof o, .message_max = MESSAGE_MAX,
                                .ping_ns = WEIR_NEVER,
                                .deflate = game.deflates ? &deflate : NULL};
    struct weir_group servers;
    struct weir_ws *ws = NULL;
    char url[64];
    (void)arg;
    FUZZ_SAME(weir_listen("tcp://127.0.0.1:0", NULL, &game.l) == 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(game.l));
    weir_group_open(&servers, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&servers, serve) == 0);
    FUZZ_SAME(weir_ws_dial(url, &o, &ws) == 0);
    FUZZ_SAME(weir_ws_is_deflated(ws, NULL) == game.deflates);
    converse(game.o, ws);
    weir_ws_drop(&ws);
    FUZZ_SAME(weir_group_close(&servers, 0) == 0);
    weir_unlisten(&game.l);
    return 0;
}

/* ---- messages instead of frames ---- */

static struct outcome wanted;

/* Put a message as `pieces` frames; z NULL: not compressed. */
static void put_message(uint8_t *frames, size_t *at, struct fuzz_zip *z, unsigned pieces,
                        const uint8_t *message, size_t len) {
    static uint8_t packed[FRAMES_MAX];
    size_t n = len;
    if (z != NULL) {
        n = fuzz_zip_pack(z, packed, sizeof packed, message, len);
        message = packed;
    }
    for (unsigned k = 0; k < pieces; k++) {
        size_t from = n * k / pieces, upto = n * (k + 1) / pieces;
        unsigned first = (k == 0 ? 2u | (z != NULL ? WEIR__WS_RSV1 : 0u) : 0u) |
                         (k + 1 == pieces ? 0x80u : 0u);
        *at += weir__ws_head_write(frames + *at, first, upto - from, NULL);
        memcpy(frames + *at, message + from, upto - from);
        *at += upto - from;
    }
}

/* Each four bytes of the input are a message. Returns the length of the frames. */
static size_t frames_make(uint8_t *frames, const uint8_t *input, size_t len) {
    static uint8_t message[2048];
    struct fuzz_zip zip = {0};
    const size_t room = 4096; /* for one more */
    size_t at = 0;
    wanted.len = wanted.messages = 0;
    if (game.deflates)
        fuzz_zip_open(&zip, game.takes_over);
    for (; len >= 4 && at < FRAMES_MAX - room && wanted.len < LOG_MAX - room;
         len -= 4, input += 4) {
        size_t size = 1 + (size_t)(input[0] << 8 | input[1]) % 2000, from = wanted.len;
        for (size_t i = 0; i < size; i++)
            message[i] = (uint8_t)(input[2] + i % (1 + input[3] % 64u) * input[3]);
        bool is_packed = game.deflates && input[1] % 5 != 0;
        put_message(frames, &at, is_packed ? &zip : NULL, 1 + input[0] % 4, message, size);
        note_start(&wanted, WEIR_WS_BINARY);
        note(&wanted, message, size);
        note_end(&wanted, from);
    }
    fuzz_zip_close(&zip);
    return at;
}

/* ---- */

static void run(struct outcome *o, unsigned world, size_t cut, size_t step) {
    game.cut = cut;
    game.step = step;
    game.o = o;
    memset(o, 0, offsetof(struct outcome, log));
    fuzz_world_run(play, NULL, world, 1 + (world & 7));
    FUZZ_SAME(o->rc < 0 && (o->rc != -ETIME || game.stays));
}

/* Whether a text is known to be bad before its frame is whole, or before the compressed data behind
 * it is found damaged, depends on the pieces. */
static bool is_bad_text(const struct outcome *a, const struct outcome *b) {
    return a->rc == WEIR_EUTF8 && (b->rc == WEIR_EEOF || b->rc == -ETIME ||
                                   (b->rc == WEIR_EPROTO && game.deflates));
}

static void same(const struct outcome *a, const struct outcome *b) {
    FUZZ_SAME(a->messages == b->messages && a->len == b->len);
    FUZZ_SAME(memcmp(a->log, b->log, a->len) == 0);
    if (is_bad_text(a, b) || is_bad_text(b, a))
        return;
    FUZZ_SAME(a->rc == b->rc && a->close_code == b->close_code);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    static struct outcome whole, other;
    static uint8_t made[FRAMES_MAX];
    if (len < HEAD || len > 5000)
        return 0;
    memset(&game, 0, sizeof game);
    game.deflates = weir__deflate_table != NULL && input[1] & 1;
    game.takes_over = input[1] & 2;
    game.by_parts = input[1] & 4;
    game.echoes = input[1] & 8;
    game.stays = input[1] & 16;
    bool are_messages = input[2] % 4 == 0;
    game.len = are_messages ? frames_make(made, input + HEAD, len - HEAD) : len - HEAD;
    uint8_t *bytes = fuzz_copy(are_messages ? made : input + HEAD, game.len);
    game.bytes = bytes;
    run(&whole, input[0], 0, SIZE_MAX);
    if (are_messages) {
        wanted.rc = game.stays ? -ETIME : WEIR_EEOF;
        wanted.close_code = whole.close_code;
        same(&whole, &wanted);
    }
    run(&other, input[0], input[3] < game.len ? input[3] : 0, SIZE_MAX);
    same(&whole, &other);
    if (game.len < 3000) {
        run(&other, input[0], 0, 1);
        same(&whole, &other);
    }
    free(bytes);
    return 0;
}
