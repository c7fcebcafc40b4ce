/* SPDX-License-Identifier: MIT */
/* Our HTTP client against a server whose bytes are the input, in the simulated world. The first
 * bytes say how large the world's buffers are, what the client asks for and how it reads the
 * answer, and how the server ends. The answer comes whole, cut in two, and byte by byte: the
 * client's errors, the heads and the bodies must be the same. It never hangs once the server has
 * ended. A second request on the same client gets its own answer, never what the server sent
 * behind the first. */
#include <errno.h>
#include <string.h>
#include <weir/http_client.h>
#include <weir/loop.h>
#include <weir/option.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "fuzz_world.h"

enum { HEAD = 4, BODY_MAX = 100000, PATIENCE = 30000 };

enum asks { GETS, HEADS, POSTS, STREAMS, EXPECTS, ASKS };

enum ends { SHUTS, STAYS, RESETS };

struct outcome {
    int fetch_rc, body_rc, status;
    int64_t announced;
    size_t headers, len;
    size_t connections; /* for the first request; the peer answers one only */
    uint32_t head_sum; /* of the reason and the headers */
    bool is_written;   /* the whole input was */
    char trailer[100];
    uint8_t body[BODY_MAX];
};

static struct game {
    const uint8_t *bytes; /* of the server */
    size_t len, cut, step;
    enum asks asks;
    enum ends ends;
    bool by_pieces, plain;
    struct weir_listener *l;
    struct weir_group peers;
    size_t connections;
    struct outcome *o;
    char url[64];
} game;

/* ---- the server ---- */

/* Read until the text comes. Returns false at the end. */
static bool await_text(struct weir_stream *s, const char *text) {
    struct weir_view v;
    for (size_t min = 1;; min = v.len + 1) {
        if (weir_peek(s, min, &v) <= 0)
            return false;
        const char *at = memmem(v.base, v.len, text, strlen(text));
        if (at == NULL)
            continue;
        weir_consume(s, (size_t)(at - (const char *)v.base) + strlen(text));
        return true;
    }
}

/* A failed call means that the client has closed. */
static int write_input(struct weir_stream *s) {
    int rc = 0;
    for (size_t at = 0; at < game.len && rc == 0;) {
        size_t rest = game.len - at;
        size_t n = at < game.cut ? game.cut : rest < game.step ? rest : game.step;
        rc = weir_write(s, game.bytes + at, n);
        at += n;
        if (rc == 0 && at < game.len)
            rc = game.step > 1 ? weir_sleep(MS(1)) : weir_yield();
    }
    return rc;
}

static void answer_second(struct weir_stream *s) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
    if (await_text(s, "/second") && await_text(s, "\r\n\r\n"))
        (void)weir_write(s, text, sizeof text - 1);
}

struct peer_args {
    struct weir_stream *s;
    bool is_first;
};
static int peer(void *args) {
    struct peer_args *a = args;
    struct weir_view v;
    if (a->is_first && await_text(a->s, "\r\n\r\n") && write_input(a->s) == 0) {
        game.o->is_written = true;
        if (game.ends == SHUTS)
            (void)weir_shutdown(a->s);
        else if (game.ends == RESETS)
            (void)weir_stream_option(a->s, WEIR_STREAM_RESET, 1);
    }
    answer_second(a->s);
    while (weir_peek(a->s, 1, &v) > 0)
        weir_consume(a->s, v.len);
    weir_close(&a->s);
    return 0;
}

static int serve(void *args) {
    struct weir_stream *s;
    (void)args;
    while (weir_accept(game.l, &s) == 0) {
        bool is_first = game.connections++ == 0;
        FUZZ_SAME(weir_go(&game.peers, peer, .s = s, .is_first = is_first) == 0);
    }
    return 0;
}

/* ---- the client ---- */

static ssize_t more(void *arg, void *buf, size_t size) {
    int *left = arg;
    if ((*left)-- <= 0)
        return 0;
    int rc = weir_sleep(MS(1));
    memset(buf, 'x', size < 100 ? size : 100);
    return rc < 0 ? rc : size < 100 ? (ssize_t)size : 100;
}

static void add_text(struct outcome *o, const char *text) {
    for (; *text != '\0'; text++)
        o->head_sum = o->head_sum * 31 + (uint8_t)*text;
}

static int read_pieces(struct outcome *o, struct weir_http_response *r) {
    ssize_t n = 0;
    size_t step = 1 + game.cut % 50;
    uint8_t *piece = fuzz_block(step);
    while (o->len + step <= BODY_MAX && (n = weir_http_response_read(r, piece, step)) > 0) {
        FUZZ_SAME((size_t)n <= step);
        memcpy(o->body + o->len, piece, (size_t)n);
        o->len += (size_t)n;
    }
    free(piece);
    return n > 0 ? WEIR_ETOOBIG : (int)n;
}

static void read_response(struct outcome *o, struct weir_http_response *r) {
    const char *name, *value;
    struct weir_view v;
    ssize_t n;
    o->status = weir_http_response_status(r);
    FUZZ_SAME(o->status >= 200 && o->status <= 999);
    o->announced = weir_http_response_length(r);
    add_text(o, weir_http_response_reason(r));
    while (weir_http_response_header_at(r, o->headers, &name, &value) == 1) {
        add_text(o, name);
        add_text(o, value);
        o->headers++;
    }
    if (game.by_pieces) {
        o->body_rc = read_pieces(o, r);
    } else {
        n = weir_http_response_body(r, BODY_MAX, &v);
        o->body_rc = n < 0 ? (int)n : 0;
        o->len = n < 0 ? 0 : (size_t)n;
        if (n > 0)
            memcpy(o->body, v.base, o->len);
    }
    const char *trailer = weir_http_response_trailer(r, "x-trailer");
    snprintf(o->trailer, sizeof o->trailer, "%s", trailer ? trailer : "-");
}

static void ask(struct weir_http_client *client) {
    static const char *const methods[ASKS] = {"GET", "HEAD", "POST", "PUT", "POST"};
    struct outcome *o = game.o;
    struct weir_http_response *r = NULL;
    struct weir_scope s;
    char body[100];
    int left = 3;
    memset(body, 'y', sizeof body);
    struct weir_http_call call = {.size = sizeof call, .method = methods[game.asks],
                                  .url = game.url};
    if (game.asks == STREAMS)
        call.more = more, call.arg = &left;
    else if (game.asks >= POSTS)
        call.body = body, call.len = sizeof body;
    call.expect_continue = game.asks == EXPECTS;
    weir_scope_enter(&s, MS(PATIENCE));
    int rc = o->fetch_rc = weir_http_fetch(client, &call, &r);
    o->connections = game.connections;
    if (rc == 0)
        read_response(o, r);
    weir_http_response_close(&r);
    (void)weir_scope_leave(&s, rc);
}

static void ask_second(struct weir_http_client *client) {
    struct weir_http_response *r = NULL;
    struct weir_view v;
    char url[100];
    snprintf(url, sizeof url, "%s/second", game.url);
    struct weir_http_call call = {.size = sizeof call, .url = url};
    FUZZ_SAME(weir_sleep(MS(500)) == 0); /* what stands behind the first answer comes */
    FUZZ_SAME(weir_http_fetch(client, &call, &r) == 0);
    FUZZ_SAME(weir_http_response_body(r, 0, &v) == 6 && memcmp(v.base, "second", 6) == 0);
    weir_http_response_close(&r);
}

static int play(void *arg) {
    struct weir_group servers;
    struct weir_http_client *client = NULL;
    struct weir_http_client_options o = {.size = sizeof o, .redirects_max = -1,
                                         .no_decompress = game.plain, .head_max = 3000,
                                         .headers_max = 20};
    (void)arg;
    FUZZ_SAME(weir_listen("tcp://127.0.0.1:0", NULL, &game.l) == 0);
    snprintf(game.url, sizeof game.url, "http://127.0.0.1:%d", weir_listener_port(game.l));
    weir_group_open(&game.peers, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&servers, serve) == 0);
    FUZZ_SAME(weir_http_client_new(&o, &client) == 0);
    ask(client);
    if (game.step > 1 && game.ends != RESETS)
        ask_second(client);
    weir_http_client_close(&client);
    weir_unlisten(&game.l);
    FUZZ_SAME(weir_group_close(&servers, 0) == 0);
    FUZZ_SAME(weir_group_close(&game.peers, 0) == 0);
    return 0;
}

static void run(struct outcome *o, unsigned world, size_t cut, size_t step) {
    game.cut = cut;
    game.step = step;
    game.connections = 0;
    game.o = o;
    memset(o, 0, offsetof(struct outcome, body));
    fuzz_world_run(play, NULL, world, 1 + (world & 7));
    bool is_answered = game.ends == SHUTS && o->is_written && o->connections <= 1;
    FUZZ_SAME(!is_answered || (o->fetch_rc != -ETIME && o->body_rc != -ETIME));
}

/* Both ends write, and neither reads: the answer has come, and bytes behind it, before the request
 * is sent. Whether there is room for the rest of both is a matter of the buffers. */
static bool is_stuck(const struct outcome *o) {
    return o->fetch_rc == -ETIME && !o->is_written && game.asks >= POSTS;
}

static void same(const struct outcome *a, const struct outcome *b) {
    size_t len = a->len < b->len ? a->len : b->len;
    if (game.ends == RESETS || is_stuck(a) || is_stuck(b))
        return; /* how much comes before a reset is a matter of time */
    FUZZ_SAME(a->fetch_rc == b->fetch_rc && a->body_rc == b->body_rc && a->status == b->status);
    FUZZ_SAME(a->announced == b->announced && a->headers == b->headers);
    FUZZ_SAME(a->head_sum == b->head_sum && strcmp(a->trailer, b->trailer) == 0);
    FUZZ_SAME(a->len == b->len || a->body_rc < 0);
    FUZZ_SAME(memcmp(a->body, b->body, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    static struct outcome whole, other;
    if (len < HEAD || len > 5000)
        return 0;
    unsigned how = input[1];
    memset(&game, 0, sizeof game);
    game.asks = how % ASKS;
    game.by_pieces = how / ASKS & 1;
    game.plain = how / ASKS & 2;
    game.ends = input[2] % 8 < 5 ? SHUTS : input[2] % 8 < 7 ? STAYS : RESETS;
    uint8_t *bytes = fuzz_copy(input + HEAD, len - HEAD);
    game.bytes = bytes;
    game.len = len - HEAD;
    run(&whole, input[0], 0, SIZE_MAX);
    run(&other, input[0], input[3] < game.len ? input[3] : 0, SIZE_MAX);
    same(&whole, &other);
    run(&other, input[0], 0, 1);
    same(&whole, &other);
    free(bytes);
    return 0;
}
