/* SPDX-License-Identifier: MIT */
/* A whole HTTP server in the simulated world, in one of its three shapes. The input says how large
 * the world's buffers are, and what the peer does: requests of several kinds, pipelined, their
 * bytes cut anywhere; reading slowly; and how it stops: in order, by shutting down its side, also
 * within a request, or by bytes that are no request. The target of each request says what the
 * server's function does: how it reads the body, and whether it suspends, answers with much, in
 * parts, fails, or breaks off. Beside it may run a task that tries to answer too, whenever the
 * first one waits in a call that answers: it is refused.
 *
 * The model is a list: request i is delivered as the i-th with its body unchanged; its answer is
 * the i-th, with the status, the length and the bytes asked for. All whole requests are answered,
 * unless an earlier one ended the connection. */
#include <errno.h>
#include <string.h>
#include <weir/http_cors.h>
#include <weir/http_server.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "fuzz_http_peer.h"

enum { REQUESTS_MAX = 60, OUT_MAX = 16384, BODY_MAX = 3000 };

enum shape { SERVES, REACTS, ACCEPTS };

enum how {
    AT_ONCE, SLEEPS, YIELDS, LARGE, BY_LENGTH, IN_CHUNKS, NOTHING, FAILS, CLOSES, BREAKS, SHORT,
    HOWS
};

enum reads { BY_PIECES, WHOLE, UNREAD, READS };

enum sends { PLAIN, BY_HEAD, LENGTH, CHUNKED, EXPECTS, SENDS };

enum ends { STAYS, SHUTS, CUTS, RUBBISH };

struct asked {
    uint8_t how, reads, sends;
    bool old, close; /* HTTP/1.0; Connection: close */
    uint16_t size, body_len;
    size_t end; /* of all bytes that the peer puts, up to its last */
};

static struct game {
    const uint8_t *at, *end; /* of the input */
    struct weir_listener *l;
    struct fuzz_slow peer;
    struct weir_group connections;
    struct weir_http_server_options o;
    enum shape shape;
    struct asked asked[REQUESTS_MAX];
    size_t count, delivered, answered, put, written;
    size_t sum, sum_max; /* of the answers asked for */
    enum ends ends;
    bool is_over;  /* the peer writes nothing more */
    bool answers, inside; /* the function is not over; it is in a call that answers */
    size_t out_len;
    uint8_t out[OUT_MAX];
} game;

static unsigned next(void) {
    return game.at < game.end ? *game.at++ : 0;
}

static uint8_t filler(size_t number, size_t i) {
    return (uint8_t)(number * 7 + i * 13 + (i >> 8));
}

static uint8_t *fill(size_t number, size_t len) {
    uint8_t *bytes = fuzz_block(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = filler(number, i);
    return bytes;
}

/* ---- the model ---- */

static size_t answer_len(const struct asked *a) {
    return a->how == LARGE ? 8 * (size_t)a->size % 100000 : a->size % 700u;
}

/* The answer to HEAD has no bytes that could be missing. */
static bool is_whole(const struct asked *a) {
    return a->how != BREAKS && (a->how != SHORT || a->sends == BY_HEAD);
}

static bool ends_connection(size_t number) {
    const struct asked *a = &game.asked[number];
    return a->how == CLOSES || !is_whole(a) || a->old || a->close ||
           number + 1 == game.o.requests_max;
}

/* Only a part of it was sent, and no more will be. */
static bool is_cut(size_t number) {
    return game.ends == CUTS && game.asked[number].end > game.written;
}

/* ---- the server ---- */

static const struct asked *asked_by(struct weir_http_request *r, size_t *ret_number) {
    const char *target = weir_http_target(r);
    *ret_number = strtoul(target + 1, NULL, 10);
    FUZZ_SAME(*ret_number < game.count);
    const struct asked *a = &game.asked[*ret_number];
    const char *method = a->sends == PLAIN ? "GET" : a->sends == BY_HEAD ? "HEAD" : "POST";
    FUZZ_SAME(strcmp(weir_http_method(r), method) == 0);
    FUZZ_SAME(a->old || strcmp(weir_http_header(r, "host"), "localhost") == 0);
    return a;
}

static int begin(struct weir_http_request *r, size_t len) {
    return weir_http_begin(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .len = len});
}

struct meddle_args {
    struct weir_http_request *r;
};
static int meddle(void *args) {
    struct weir_http_request *r = ((struct meddle_args *)args)->r;
    for (int rc = 0; game.answers && rc == 0; rc = weir_sleep(MS(1)))
        if (game.inside) {
            FUZZ_SAME(weir_http_write(r, "?", 1) < 0);
            FUZZ_SAME(weir_http_end(r, NULL) < 0);
            FUZZ_SAME(begin(r, 0) < 0);
            FUZZ_SAME(weir_http_reply(r, 503, NULL) < 0);
            FUZZ_SAME(weir_http_add_header(r, "X: y") < 0);
        }
    return 0;
}

static int in_parts(struct weir_http_request *r, const struct asked *a, const uint8_t *bytes,
                    size_t len) {
    static const char *const trailers[] = {"X-End: yes", NULL};
    bool announced = a->how == BY_LENGTH || a->how == SHORT;
    int rc = begin(r, announced ? len + (a->how == SHORT) : 0);
    for (size_t at = 0, step = len / 3 + 1; at < len && rc == 0; at += step) {
        game.inside = true;
        rc = weir_http_write(r, bytes + at, len - at < step ? len - at : step);
        game.inside = false;
        if (rc == 0 && a->size & 1024)
            rc = weir_sleep(MS(1));
    }
    if (rc == 0 && a->how == BREAKS)
        return -EIO;
    game.inside = true;
    if (rc == 0 && a->size & 2048)
        rc = weir_http_end(r, trailers);
    game.inside = false;
    return rc;
}

static int whole(struct weir_http_request *r, const uint8_t *bytes, size_t len) {
    game.inside = true;
    int rc = weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .body = bytes, .len = len});
    game.inside = false;
    return rc;
}

static int answer_alone(struct weir_http_request *r, const struct asked *a, size_t number) {
    size_t len = answer_len(a);
    uint8_t *bytes = fill(number, len);
    int rc = a->how == SLEEPS ? weir_sleep((a->size % 3 + 1u) * MS(1))
             : a->how == YIELDS ? weir_yield()
                                : 0;
    if (a->how == CLOSES)
        weir_http_close_after(r);
    if (rc == 0 && a->how == FAILS)
        rc = -EIO;
    else if (rc == 0 && (a->how == BY_LENGTH || a->how == IN_CHUNKS ||
                          a->how == BREAKS || a->how == SHORT))
        rc = in_parts(r, a, bytes, len);
    else if (rc == 0 && a->how != NOTHING)
        rc = whole(r, bytes, len);
    free(bytes);
    return rc;
}

static int answer(struct weir_http_request *r, const struct asked *a, size_t number) {
    struct weir_group g;
    if ((a->size & 4096) == 0)
        return answer_alone(r, a, number);
    game.answers = true;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, meddle, .r = r);
    if (rc == 0)
        rc = answer_alone(r, a, number);
    game.answers = false;
    return weir_group_close(&g, rc);
}

static void check_piece(size_t number, size_t at, const void *bytes, size_t len) {
    FUZZ_SAME(at + len <= game.asked[number].body_len);
    for (size_t i = 0; i < len; i++)
        FUZZ_SAME(((const uint8_t *)bytes)[i] == filler(number, at + i));
}

static int read_body(struct weir_http_request *r, const struct asked *a, size_t number) {
    struct weir_view v = {"", 0};
    size_t at = 0, step = a->size % 300u + 1;
    ssize_t n = 0;
    if (a->reads == UNREAD)
        return 0;
    if (a->reads == WHOLE) {
        n = weir_http_body(r, 0, &v);
        check_piece(number, 0, v.base, n == 0 ? v.len : 0);
        at = v.len;
    } else {
        uint8_t *piece = fuzz_block(step);
        while ((n = weir_http_read(r, piece, step)) > 0) {
            check_piece(number, at, piece, (size_t)n);
            at += (size_t)n;
        }
        free(piece);
    }
    FUZZ_SAME(n < 0 || at == a->body_len);
    FUZZ_SAME(n == 0 || is_cut(number) || game.ends == RUBBISH);
    if (n == 0 && a->sends == CHUNKED && a->body_len > 0)
        FUZZ_SAME(strcmp(weir_http_trailer(r, "x-trailer"), "t") == 0);
    return (int)n;
}

static int handle(struct weir_http_request *r) {
    size_t number;
    if (strcmp(weir_http_target(r), "/*") == 0)
        return 0; /* what the rubbish asked for */
    const struct asked *a = asked_by(r, &number);
    FUZZ_SAME(number == game.delivered++);
    FUZZ_SAME(weir_http_body_length(r) == (a->sends == CHUNKED ? -1 : a->body_len));
    int rc = read_body(r, a, number);
    return rc < 0 ? rc : answer(r, a, number);
}

struct got { /* of a reactive request's body */
    size_t len;
    bool answered;
};
static int react_request(struct weir_http_request *r, void *state) {
    struct got *got = state;
    size_t number;
    if (strcmp(weir_http_target(r), "/*") == 0)
        return 0;
    const struct asked *a = asked_by(r, &number);
    FUZZ_SAME(number == game.delivered++);
    got->answered = a->reads == UNREAD;
    return got->answered ? answer(r, a, number) : 0;
}
static int react_body(struct weir_http_request *r, void *state, struct weir_view v) {
    struct got *got = state;
    size_t number;
    if (strcmp(weir_http_target(r), "/*") == 0)
        return 0;
    const struct asked *a = asked_by(r, &number);
    FUZZ_SAME(v.len > 0);
    if (got->answered)
        return 0; /* with a failure or nothing: the answer is still to be made */
    check_piece(number, got->len, v.base, v.len);
    got->len += v.len;
    return a->size % 7 == 0 ? weir_yield() : 0;
}
static int react_end(struct weir_http_request *r, void *state) {
    struct got *got = state;
    size_t number;
    if (strcmp(weir_http_target(r), "/*") == 0)
        return 0;
    const struct asked *a = asked_by(r, &number);
    FUZZ_SAME(got->answered || got->len == a->body_len);
    return got->answered ? 0 : answer(r, a, number);
}
static void react_done(struct weir_http_request *r, void *state, int rc) {
    (void)r, (void)state, (void)rc;
}

/* As the library does where it calls the handler. */
static int handle_accepted(struct weir_http_request *r) {
    int rc = handle(r);
    if (rc == -EIO || rc == WEIR_EPROTO || rc == WEIR_EEOF) {
        int answered = weir_http_reply(r, 500, NULL);
        return answered < 0 ? answered : 0;
    }
    return rc;
}

struct connection_args {
    struct weir_stream *s;
};
static int connection(void *args) {
    struct connection_args *a = args;
    struct weir_http *http = NULL;
    struct weir_http_request *r;
    int rc = weir_http_accept(&a->s, &game.o, &http);
    FUZZ_SAME(rc == 0);
    while (rc == 0 && (rc = weir_http_next(http, &r)) == 1)
        rc = handle_accepted(r);
    weir_http_drop(&http);
    return 0;
}

static int serve(void *args) {
    static const struct weir_http_reactive f = {
        .size = sizeof f, .state_size = sizeof(struct got), .request = react_request,
        .body = react_body, .end = react_end, .done = react_done};
    struct weir_stream *s;
    (void)args;
    if (game.shape == REACTS)
        return weir_http_react(game.l, &game.connections, &f, &game.o);
    if (game.shape == SERVES)
        return weir_http_serve(game.l, &game.connections, &game.o);
    while (weir_accept(game.l, &s) == 0)
        FUZZ_SAME(weir_go(&game.connections, connection, .s = s) == 0);
    return 0;
}

/* ---- the peer writes ---- */

/* A failed call means that the connection is closed; the reader checks that it was closed
 * rightly. */
static void write_out(size_t len) {
    game.written += len; /* perhaps all of them are read at once */
    int rc = weir_write(game.peer.s, game.out, len);
    game.peer.is_reset |= rc == -ECONNRESET || rc == -EPIPE; /* then no read reports it */
    game.out_len -= len;
    memmove(game.out, game.out + len, game.out_len);
}

static void put(const void *bytes, size_t len) {
    if (game.out_len + len > sizeof game.out)
        write_out(game.out_len);
    memcpy(game.out + game.out_len, bytes, len);
    game.out_len += len;
    game.put += len;
}

static void put_text(const char *text) {
    put(text, strlen(text));
}

static void put_body(const struct asked *a, size_t number) {
    char line[20];
    uint8_t *body = fill(number, a->body_len);
    size_t step = a->sends == CHUNKED ? a->size % 97u + 1 : BODY_MAX;
    for (size_t at = 0; at < a->body_len; at += step) {
        size_t n = a->body_len - at < step ? a->body_len - at : step;
        snprintf(line, sizeof line, a->size & 1 ? "%zx\r\n" : "%zX;a=b\r\n", n);
        if (a->sends == CHUNKED)
            put_text(line);
        put(body + at, n);
        if (a->sends == CHUNKED)
            put_text("\r\n");
    }
    if (a->sends == CHUNKED)
        put_text("0\r\nX-Trailer: t\r\n\r\n");
    free(body);
}

static void put_request(void) {
    static const char *const methods[SENDS] = {"GET", "HEAD", "POST", "POST", "POST"};
    size_t number = game.count;
    char head[300];
    if (game.is_over || number == REQUESTS_MAX)
        return;
    unsigned what = next(), more = next(), size = next();
    struct asked a = {.how = (uint8_t)(what % HOWS), .reads = (uint8_t)(what / HOWS % READS),
                      .sends = (uint8_t)(more % SENDS), .old = more >= 250,
                      .close = more < 250 && more >= 240};
    a.size = (uint16_t)(size << 8 | next());
    a.body_len = (uint16_t)(a.sends >= LENGTH ? next() * (size % 12 + 1) : 0);
    if (a.old || a.sends == BY_HEAD)
        a.sends = a.old ? PLAIN : BY_HEAD;
    if (a.old)
        a.body_len = 0;
    if (a.sends == EXPECTS && (a.reads == UNREAD || a.body_len == 0))
        a.sends = LENGTH; /* whether the body follows would not be known */
    if (game.sum + answer_len(&a) > game.sum_max)
        return;
    game.sum += answer_len(&a);
    snprintf(head, sizeof head, "%s /%zu HTTP/1.%d\r\n%s%s%s", methods[a.sends], number, !a.old,
             a.old ? "" : "Host: localhost\r\n", a.close ? "Connection: close\r\n" : "",
             a.sends == EXPECTS ? "Expect: 100-continue\r\n" : "");
    game.asked[number] = a;
    game.asked[number].end = SIZE_MAX;
    game.count++;
    put_text(head);
    snprintf(head, sizeof head, "Content-Length: %u\r\n", a.body_len);
    put_text(a.sends == CHUNKED ? "Transfer-Encoding: chunked\r\n"
             : a.sends >= LENGTH ? head
                                 : "");
    put_text("\r\n");
    put_body(&a, number);
    game.asked[number].end = game.put;
}

static void put_rubbish(void) {
    static const char *const rubbish[] = {
        "GET /* HTTP/1.1\r\n\r\n",
        "GET /* HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET  /* HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /* HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /* HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /* HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET /* HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET /* HTTP/1.1\nHost: a\nA : b\n\n",
        "POST /* HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /* HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    };
    unsigned i = next();
    if (game.is_over)
        return;
    game.ends = RUBBISH;
    game.is_over = true;
    if (i % 2 == 0) {
        put_text(rubbish[i / 2 % 10]);
    } else { /* what is left of the input */
        size_t n = (size_t)(game.end - game.at) < 2000 ? (size_t)(game.end - game.at) : 2000;
        put_text("GET /* HTTP/1.1\r\n");
        put(game.at, n);
    }
    game.at = game.end;
}

static void stop(void) {
    unsigned how = next();
    if (game.is_over)
        return;
    if (how % 2 == 0)
        write_out(game.out_len);
    game.ends = how % 2 == 0 ? SHUTS : CUTS;
    game.is_over = true;
    game.at = game.end; /* it cannot write any more */
}

static void act(void) {
    unsigned action = next();
    switch (action % 16) {
    case 0: case 1: case 2: case 3: case 4: case 5:
        put_request();
        break;
    case 6: case 7: case 8: {
        size_t n = 1 + next();
        write_out(n < game.out_len ? n : game.out_len);
        (void)weir_yield();
        break;
    }
    case 9: case 10:
        write_out(game.out_len);
        (void)weir_sleep((next() % 4 + 1) * MS(1));
        break;
    case 11: case 12:
        game.peer.budget += 16 * next();
        break;
    case 13:
        if (next() % 8 == 0)
            put_rubbish();
        break;
    default:
        if (next() % 8 == 0)
            stop();
    }
}

static int write_all(void *args) {
    (void)args;
    while (game.at < game.end)
        act();
    if (game.ends != CUTS)
        write_out(game.out_len);
    game.is_over = true;
    game.peer.budget = SIZE_MAX / 2;
    (void)weir_shutdown(game.peer.s);
    return 0;
}

/* ---- the peer reads ---- */

/* The first request that breaks the connection, or count. */
static size_t first_broken(void) {
    size_t i = 0;
    while (i < game.count && is_whole(&game.asked[i]))
        i++;
    return i;
}

/* A program that drops the connection drops the answers before, too; and where one breaks off, the
 * connection is closed at once, which is a reset if more was on its way. */
static bool may_be_dropped(void) {
    return game.shape == ACCEPTS || game.peer.is_reset;
}

static void check_response(const struct fuzz_response *o, size_t number) {
    const struct asked *a = &game.asked[number];
    unsigned status = a->how == FAILS ? 500 : a->how == NOTHING ? 404 : 200;
    FUZZ_SAME(o->status == status);
    FUZZ_SAME(o->closes || !ends_connection(number) || !is_whole(a));
    FUZZ_SAME(!o->closes || ends_connection(number) || game.is_over);
    if (!is_whole(a)) {
        FUZZ_SAME(a->sends == BY_HEAD || !o->whole || (a->old && a->how == BREAKS));
        return;
    }
    FUZZ_SAME(o->whole || (may_be_dropped() && first_broken() < game.count));
    if (status != 200 || a->sends == BY_HEAD || !o->whole)
        return;
    FUZZ_SAME(o->len == answer_len(a));
    for (size_t i = 0; i < o->len; i++)
        FUZZ_SAME(o->body[i] == filler(number, i));
}

/* Read all that the model says, then whatever else must not be there. */
static void read_all(void) {
    struct fuzz_response o;
    char byte;
    bool is_open = true, is_whole_answer = true;
    for (size_t i = 0; is_open && fuzz_read_head(&game.peer, &o); i++) {
        fuzz_read_body(&game.peer, &o, i < game.count && game.asked[i].sends == BY_HEAD);
        if (i < game.count && !is_cut(i)) {
            check_response(&o, i);
            is_open = !ends_connection(i);
            game.answered++;
        } else { /* to rubbish, or to a part of a request */
            FUZZ_SAME(game.ends == CUTS || game.ends == RUBBISH);
            is_open = !o.closes && game.ends == RUBBISH;
        }
        is_whole_answer = o.whole;
        free(o.body);
    }
    if (is_open || !is_whole_answer) /* it breaks off perhaps within a line, still to be read */
        return;
    ssize_t n = weir_read(game.peer.s, &byte, 1);
    FUZZ_SAME(n == 0 || n == -ECONNRESET); /* nothing behind it */
}

static void compare(void) {
    size_t due = 0;
    while (due < game.count && !is_cut(due) && is_whole(&game.asked[due]) &&
           !ends_connection(due))
        due++;
    if (due < game.count && !is_cut(due) && is_whole(&game.asked[due]))
        due++; /* the last one */
    bool is_dropped = may_be_dropped() && due < game.count && !is_whole(&game.asked[due]);
    FUZZ_SAME(game.answered >= due || is_dropped);
    FUZZ_SAME(game.delivered >= game.answered && game.delivered <= game.count);
}

static int play(void *arg) {
    struct weir_group peer, servers;
    char url[64];
    (void)arg;
    FUZZ_SAME(weir_listen("tcp://127.0.0.1:0", NULL, &game.l) == 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(game.l));
    weir_group_open(&game.connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&servers, serve) == 0);
    FUZZ_SAME(weir_dial(url, NULL, &game.peer.s) == 0);
    weir_group_open(&peer, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&peer, write_all) == 0);
    read_all();
    FUZZ_SAME(weir_group_close(&peer, 0) == 0);
    weir_close(&game.peer.s);
    weir_unlisten(&game.l);
    FUZZ_SAME(weir_group_close(&servers, 0) == 0);
    FUZZ_SAME(weir_group_close(&game.connections, 0) == 0);
    compare();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    memset(&game, 0, sizeof game);
    game.at = input;
    game.end = input + len;
    unsigned world = next(), server = next();
    uint64_t seed = 1 + next();
    game.sum_max = fuzz_world_bytes(world);
    game.shape = server % 3;
    game.o = (struct weir_http_server_options){
        .size = sizeof game.o, .handler = game.shape == SERVES ? handle : NULL,
        .requests_max = server >= 200 ? 1 + server % 5 : 0};
    fuzz_world_run(play, NULL, world, seed);
    return 0;
}
