/* SPDX-License-Identifier: MIT */
/* A whole reactive WebSocket server in the simulated world. The input says how large the world's
 * buffers are and what the peer does: messages whole and in fragments, control frames, bytes cut
 * anywhere, reading slowly; and how it stops: by a close frame, by shutting down its side, by an
 * invalid frame, or in order after the last answer. Its last byte says what the server's function
 * does with the request: it lets the client in, at once or later, or answers with plain HTTP. Each
 * message says what the server's function does with it: it suspends, answers with a large message,
 * in parts, or from another task. With permessage-deflate, which the first byte turns on, the peer
 * compresses its messages and decompresses the answers.
 *
 * The model is a list: message i is delivered as the i-th, unchanged; its answer is the i-th answer
 * and has the length that the message asks for. All answers must arrive. Only after a close frame
 * of the peer the last ones may be missing. Answers from another task have an order of their own;
 * all of them arrive, unless the connection was closed before that task sent them. */
#include <string.h>
#include <weir/http.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/ws.h>
#include <weir/ws_deflate.h>

#include "fuzz_world.h"
#include "wire/ws_frame.h"

enum { MESSAGES_MAX = 100, ANSWERS_MAX = 400 << 10, TASK_ANSWERS = 3, HEAD = 5, TASK_HEAD = 4 };

enum how { AT_ONCE, SLEEPS, YIELDS, LARGE, LATE_AND_LARGE, IN_PARTS, BY_A_TASK, FLUSHES, HOWS };

/* What the server's function does with the request, by the last byte of the input. */
enum gate { LETS_IN, LETS_IN_LATE, ANSWERS, ANSWERS_LATE };

enum ends { POLITELY, BY_CLOSE, BY_HALF, BY_RUBBISH };

struct asked {
    uint8_t how;
    uint16_t size;
    unsigned by_task; /* answers that came */
};

static struct game {
    const uint8_t *at, *end; /* of the input */
    struct weir_listener *l;
    struct weir_stream *s; /* the peer's */
    struct weir_group tasks;
    struct fuzz_zip zip;
    bool zips;
    struct asked asked[MESSAGES_MAX];
    size_t count, delivered, answered, by_tasks_due, by_tasks;
    size_t budget; /* bytes that the peer may read */
    size_t sum, sum_max; /* of the answers asked for */
    uint16_t pings, ponged;
    enum ends ends;
    enum gate gate;
    size_t body_len; /* of what it answers */
    bool is_over; /* the peer has written its end */
    unsigned code;
    int closed, closed_rc;
    struct {
        size_t len;
        uint8_t bytes[8192];
    } out;
} game;

static unsigned next(void) {
    return game.at < game.end ? *game.at++ : 0;
}

static unsigned next16(void) {
    unsigned high = next();
    return high << 8 | next();
}

static uint8_t filler(size_t number, size_t i) {
    return (uint8_t)(number * 7 + i * 13 + (i >> 8));
}

/* ---- the model ---- */

static size_t answer_len(const struct asked *a) {
    bool large = a->how == LARGE || a->how == LATE_AND_LARGE;
    return HEAD + (large ? 4 * (size_t)a->size : a->size % 700u);
}

static size_t answer_make(uint8_t *to, size_t number, size_t len) {
    to[0] = 0;
    to[1] = (uint8_t)(number >> 8);
    to[2] = (uint8_t)number;
    for (size_t i = 3; i < len; i++)
        to[i] = filler(number, i);
    return len;
}

/* ---- the server ---- */

struct by_task_args {
    struct weir_ws *ws;
    uint16_t number, size;
};
static int by_task(void *args) {
    struct by_task_args *a = args;
    uint8_t bytes[TASK_HEAD] = {1, (uint8_t)(a->number >> 8), (uint8_t)a->number, 0};
    int rc = 0;
    for (unsigned i = 0; i < TASK_ANSWERS && rc == 0; i++) {
        bytes[3] = (uint8_t)i;
        if ((rc = weir_sleep(a->size % 5 * MS(1))) == 0)
            rc = weir_ws_send(a->ws, WEIR_WS_BINARY, bytes, sizeof bytes);
    }
    return 0;
}

static int in_parts(struct weir_ws *ws, const uint8_t *bytes, size_t len) {
    int rc = 0;
    for (size_t at = 0, step = len / 3 + 1; at < len && rc == 0; at += step) {
        size_t n = len - at < step ? len - at : step;
        rc = weir_ws_send_part(ws, WEIR_WS_BINARY, bytes + at, n, at + n == len);
        if (rc == 0 && at + n < len)
            rc = weir_sleep(MS(1));
    }
    return rc;
}

static int answer(struct weir_ws *ws, const struct asked *a, size_t number) {
    size_t len = answer_len(a);
    uint8_t *bytes = fuzz_block(len);
    int rc = 0;
    answer_make(bytes, number, len);
    if (a->how == SLEEPS || a->how == LATE_AND_LARGE)
        rc = weir_sleep((a->size % 3 + 1u) * MS(1));
    else if (a->how == YIELDS)
        rc = weir_yield();
    else if (a->how == BY_A_TASK)
        rc = weir_go(weir_ws_group(ws), by_task, .ws = ws, .number = (uint16_t)number,
                     .size = a->size);
    if (rc == 0)
        rc = a->how == IN_PARTS ? in_parts(ws, bytes, len)
                                : weir_ws_send(ws, WEIR_WS_BINARY, bytes, len);
    if (rc == 0 && a->how == FLUSHES)
        rc = weir_ws_flush(ws);
    free(bytes);
    return rc;
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    size_t number = game.delivered++;
    (void)state;
    FUZZ_SAME(number < game.count && m->data.len >= HEAD);
    const struct asked *a = &game.asked[number];
    const uint8_t *p = m->data.base;
    FUZZ_SAME((size_t)(p[0] << 8 | p[1]) == number && p[2] == a->how);
    for (size_t i = HEAD; i < m->data.len; i++)
        FUZZ_SAME(p[i] == filler(number, i));
    int rc = answer(ws, a, number);
    FUZZ_SAME(rc == 0 || (rc == WEIR_EWSCLOSED && (game.ends == BY_CLOSE || game.code != 0)));
    return rc;
}

static bool is_answered(void) {
    return game.gate >= ANSWERS;
}

/* All of the head is read, also while frames that came with it wait behind it. */
static int request(struct weir_http_request *r, void *state) {
    const char *name = NULL, *value = NULL;
    size_t count = 0;
    (void)state;
    while (weir_http_header_at(r, count, &name, &value) == 1)
        count++;
    FUZZ_SAME(count == (game.zip.deflater != NULL ? 6 : 5) && weir_http_wants_websocket(r));
    FUZZ_SAME(strcmp(weir_http_header(r, "Sec-WebSocket-Version"), "13") == 0);
    if (game.gate == LETS_IN_LATE || game.gate == ANSWERS_LATE)
        FUZZ_SAME(weir_sleep(MS(3)) == 0);
    FUZZ_SAME(strcmp(weir_http_header(r, "HOST"), "127.0.0.1") == 0);
    if (!is_answered())
        return 0;
    uint8_t *body = fuzz_block(game.body_len + 1);
    struct weir_http_answer a = {.size = sizeof a, .status = 503, .body = body,
                                 .len = game.body_len};
    int rc = weir_http_reply_with(r, &a);
    free(body);
    FUZZ_SAME(rc == 0);
    return rc;
}

static void closed(struct weir_ws *ws, void *state, int rc) {
    (void)ws, (void)state;
    game.closed++;
    game.closed_rc = rc;
}

static int serve(void *args) {
    static const struct weir_ws_reactive r = {
        .size = sizeof r, .message = message, .closed = closed, .request = request};
    const struct weir_ws_deflate deflate = {.size = sizeof deflate, .level = 1,
                                            .server_takeover = game.zip.takes_over,
                                            .client_takeover = game.zip.takes_over};
    const struct weir_ws_options o = {.size = sizeof o,
                                      .deflate = game.zip.deflater != NULL ? &deflate : NULL};
    (void)args;
    return weir_ws_react(game.l, &game.tasks, &r, &o);
}

/* ---- the peer writes ---- */

/* A failed call means that the connection is closed; the reader checks that it was closed
 * rightly. */
static void write_out(size_t len) {
    (void)weir_write(game.s, game.out.bytes, len);
    game.out.len -= len;
    memmove(game.out.bytes, game.out.bytes + len, game.out.len);
}

static void put(const void *bytes, size_t len) {
    if (game.out.len + len > sizeof game.out.bytes)
        write_out(game.out.len);
    memcpy(game.out.bytes + game.out.len, bytes, len);
    game.out.len += len;
}

static void put_frame(unsigned first_byte, const uint8_t *payload, size_t len) {
    static uint8_t frame[WEIR__WS_HEAD_MAX + 4200];
    uint8_t mask[4] = {(uint8_t)next(), 0x20, 0x77, (uint8_t)len};
    size_t head = weir__ws_head_write(frame, first_byte, len, mask);
    weir__ws_mask(frame + head, payload, len, mask, 0);
    put(frame, head + len);
}

static void put_ping(void) {
    uint8_t payload[2] = {(uint8_t)(game.pings >> 8), (uint8_t)game.pings};
    game.pings++;
    put_frame(0x89, payload, 2);
}

static void put_message(unsigned pieces) {
    static uint8_t payload[4200], packed[4500];
    const uint8_t *bytes = payload;
    size_t number = game.count, len = HEAD + next() * (pieces > 1 ? 16u : 1u);
    if (game.is_over || number == MESSAGES_MAX)
        return;
    struct asked *a = &game.asked[number];
    *a = (struct asked){.how = (uint8_t)(next() % HOWS), .size = (uint16_t)next16()};
    if (game.sum + answer_len(a) > game.sum_max)
        return;
    game.sum += answer_len(a);
    game.by_tasks_due += a->how == BY_A_TASK ? TASK_ANSWERS : 0;
    game.count++;
    payload[0] = (uint8_t)(number >> 8);
    payload[1] = (uint8_t)number;
    payload[2] = a->how;
    for (size_t i = HEAD; i < len; i++)
        payload[i] = filler(number, i);
    bool packs = game.zip.deflater != NULL && a->size % 4 != 0;
    if (packs) {
        len = fuzz_zip_pack(&game.zip, packed, sizeof packed, payload, len);
        bytes = packed;
    }
    for (unsigned k = 0; k < pieces; k++) {
        size_t from = len * k / pieces, upto = len * (k + 1) / pieces;
        unsigned first = (k == 0 ? 2u | (packs ? WEIR__WS_RSV1 : 0u) : 0u) |
                         (k + 1 == pieces ? 0x80u : 0u);
        put_frame(first, bytes + from, upto - from);
        if (k + 1 < pieces && next() % 4 == 0)
            put_ping();
    }
}

static void put_rubbish(void) {
    static const struct {
        const char *bytes;
        uint8_t len;
    } rubbish[] = {
        {"\x81\x01x", 3},
        {"\x83\x80\0\0\0\0", 6},
        {"\xc1\x80\0\0\0\0", 6},
        {"\x09\x80\0\0\0\0", 6},
        {"\x80\x80\0\0\0\0", 6},
        {"\x89\xfe\x00\x80\0\0\0\0", 8},
        {"\x88\x81\0\0\0\0x", 7},
        {"\x88\x82\0\0\0\0\x03\xe7", 8},
        {"\x81\x81\0\0\0\0\xff", 7},
        {"\x81\xff\0\0\1\0\0\0\0\0\0\0\0\0", 14},
    };
    unsigned i = next() % (sizeof rubbish / sizeof rubbish[0]);
    if (!game.is_over)
        game.ends = BY_RUBBISH;
    game.is_over = true;
    if (i == 2 && game.zip.deflater != NULL) /* what this bit means was agreed on */
        i = 3;
    put(rubbish[i].bytes, rubbish[i].len);
}

static void put_close(unsigned code) {
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    put_frame(0x88, payload, 2);
    game.is_over = true;
    game.code = game.code ? game.code : code;
}

static void half_close(void) {
    if (game.is_over)
        return;
    write_out(game.out.len);
    (void)weir_shutdown(game.s);
    game.ends = BY_HALF;
    game.is_over = true;
    game.at = game.end; /* it cannot write any more */
}

static void act(void) {
    unsigned action = next();
    switch (action % 16) {
    case 0: case 1: case 2: case 3:
        put_message(1);
        break;
    case 4: case 5:
        put_message(2 + next() % 4);
        break;
    case 6:
        put_ping();
        break;
    case 7:
        put_frame(0x8a, (const uint8_t *)"pong", 4);
        break;
    case 8: case 9: case 10: {
        size_t n = 1 + next();
        write_out(n < game.out.len ? n : game.out.len);
        (void)weir_yield();
        break;
    }
    case 11:
        write_out(game.out.len);
        if (!game.is_over)
            (void)weir_sleep((next() % 4 + 1) * MS(1));
        break;
    case 12: case 13:
        game.budget += 16 * next();
        break;
    case 14:
        if (next() % 8 == 0)
            put_rubbish();
        break;
    default:
        if (next() % 8 == 0) {
            if (!game.is_over)
                game.ends = BY_CLOSE;
            put_close(3000 + next());
        } else if (next() % 8 == 0) {
            half_close();
        }
    }
}

static bool all_came(void) {
    return game.answered == game.count && game.by_tasks == game.by_tasks_due &&
           game.ponged == game.pings;
}

/* The first frames may come with it. */
static void ask(void) {
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    put(request, sizeof request - 1);
    if (game.zip.deflater != NULL)
        put("Sec-WebSocket-Extensions: permessage-deflate\r\n", 46);
    put("\r\n", 2);
    if (next() % 2 == 0)
        write_out(game.out.len);
}

static int write_all(void *args) {
    (void)args;
    ask();
    while (game.at < game.end)
        act();
    if (game.ends != BY_HALF)
        write_out(game.out.len);
    if (game.is_over)
        return 0;
    game.budget = SIZE_MAX / 2;
    while (!all_came() && !is_answered())
        if (weir_sleep(MS(1)) < 0)
            return 0;
    put_close(1000);
    write_out(game.out.len);
    return 0;
}

/* ---- the peer reads ---- */

static void read_answer(void) {
    char line[256];
    ssize_t n = weir_read_until(game.s, '\n', line, sizeof line);
    FUZZ_SAME(n > 12 && memcmp(line + 9, is_answered() ? "503" : "101", 3) == 0);
    while ((n = weir_read_until(game.s, '\n', line, sizeof line)) > 2)
        ;
    FUZZ_SAME(n == 2);
}

struct frame {
    unsigned first_byte;
    size_t len;
};

/* Slowly: what the input allows, and a little if that is nothing for long. Returns false at the
 * end of the stream, which is no error and not inside a frame. */
static bool read_bytes(uint8_t *to, size_t len, bool may_end) {
    for (size_t at = 0; at < len;) {
        for (unsigned waited = 0; game.budget == 0 && !game.is_over; waited++) {
            FUZZ_SAME(weir_sleep(MS(1)) == 0);
            game.budget += waited > 20 ? 1000 : 0;
        }
        size_t n = len - at;
        n = game.is_over || n < game.budget ? n : game.budget;
        ssize_t got = weir_read(game.s, to + at, n);
        if (got == 0 && at == 0 && may_end)
            return false;
        FUZZ_SAME(got > 0);
        at += (size_t)got;
        game.budget -= (size_t)got < game.budget ? (size_t)got : game.budget;
    }
    return true;
}

static bool read_head(struct frame *f) {
    uint8_t head[10];
    if (!read_bytes(head, 2, true))
        return false;
    size_t more = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
    FUZZ_SAME((head[1] & 0x80) == 0 && (more == 0 || read_bytes(head + 2, more, false)));
    *f = (struct frame){head[0], more ? 0 : head[1]};
    for (size_t i = 0; i < more; i++)
        f->len = f->len << 8 | head[2 + i];
    FUZZ_SAME(f->len <= ANSWERS_MAX);
    return true;
}

static void on_answer(const uint8_t *bytes, size_t len) {
    FUZZ_SAME(len >= TASK_HEAD);
    size_t number = (size_t)bytes[1] << 8 | bytes[2];
    FUZZ_SAME(number < game.count);
    struct asked *a = &game.asked[number];
    if (bytes[0] == 1) {
        FUZZ_SAME(len == TASK_HEAD && a->how == BY_A_TASK && bytes[3] == a->by_task++);
        game.by_tasks++;
        return;
    }
    FUZZ_SAME(number == game.answered++ && len == answer_len(a));
    for (size_t i = 3; i < len; i++)
        FUZZ_SAME(bytes[i] == filler(number, i));
}

static void on_close(const uint8_t *bytes, size_t len) {
    static const unsigned codes[] = {1002, 1007, 1009};
    unsigned code = len >= 2 ? (unsigned)(bytes[0] << 8 | bytes[1]) : 0;
    bool is_ours = code == game.code && len == 2;
    bool is_refusal = code == codes[0] || code == codes[1] || code == codes[2];
    /* Who breaks the rules inside a message and closes too, while a function works, may get either
     * answer: control frames are acted on ahead of the messages. */
    FUZZ_SAME(game.is_over && (is_ours || (game.ends == BY_RUBBISH && is_refusal)));
}

/* Returns false once the close frame has come. */
static bool on_control(const struct frame *f) {
    uint8_t bytes[125];
    FUZZ_SAME(f->len <= sizeof bytes && (f->len == 0 || read_bytes(bytes, f->len, false)));
    if (f->first_byte == 0x88) {
        on_close(bytes, f->len);
        return false;
    }
    FUZZ_SAME(f->first_byte == 0x8a && f->len == 2);
    unsigned number = (unsigned)(bytes[0] << 8 | bytes[1]);
    FUZZ_SAME(number >= game.ponged && number < game.pings);
    game.ponged = (uint16_t)(number + 1);
    return true;
}

static void on_packed(const uint8_t *bytes, size_t len) {
    static uint8_t out[ANSWERS_MAX + HEAD];
    on_answer(out, fuzz_zip_unpack(&game.zip, out, sizeof out, bytes, len));
}

/* Returns whether a close frame came. */
static bool read_all(void) {
    static uint8_t bytes[ANSWERS_MAX + HEAD];
    uint8_t byte;
    struct frame f;
    size_t len = 0;
    bool is_open = false, goes_on = true, is_packed = false;
    while (goes_on && read_head(&f)) {
        if (f.first_byte & 0x08) {
            goes_on = on_control(&f);
            continue;
        }
        if (!is_open && game.zip.inflater != NULL) {
            is_packed = f.first_byte & WEIR__WS_RSV1;
            f.first_byte &= 0xffu ^ WEIR__WS_RSV1;
        }
        FUZZ_SAME((f.first_byte & 0x7f) == (is_open ? 0 : 2) && len + f.len <= ANSWERS_MAX + HEAD);
        FUZZ_SAME(f.len == 0 || read_bytes(bytes + len, f.len, false));
        len += f.len;
        is_open = (f.first_byte & 0x80) == 0;
        if (!is_open) {
            (is_packed ? on_packed : on_answer)(bytes, len);
            len = 0;
        }
    }
    FUZZ_SAME(goes_on || weir_read(game.s, &byte, 1) == 0); /* nothing behind it, and no reset */
    FUZZ_SAME(!is_open || game.code != 0);
    return !goes_on;
}

/* The body, then the end of the stream, which is no reset whatever was written meanwhile. */
static void read_body(void) {
    char bytes[1000];
    size_t sum = 0;
    ssize_t n;
    while ((n = weir_read(game.s, bytes, sizeof bytes)) > 0)
        sum += (size_t)n;
    FUZZ_SAME(n == 0 && sum == game.body_len);
}

/* ---- closing ---- */

static void compare(bool was_closed) {
    if (is_answered()) {
        FUZZ_SAME(game.closed == 0 && game.delivered == 0);
        return;
    }
    FUZZ_SAME(game.closed == 1 && game.delivered == game.count);
    FUZZ_SAME(was_closed == (game.ends != BY_HALF));
    if (game.ends != BY_CLOSE && (game.ends != BY_RUBBISH || game.code == 0))
        FUZZ_SAME(game.answered == game.count);
    if (game.ends == POLITELY)
        FUZZ_SAME(all_came());
    if (game.ends == BY_RUBBISH)
        FUZZ_SAME(game.code != 0 || game.closed_rc == WEIR_EPROTO || game.closed_rc == WEIR_EUTF8 ||
                  game.closed_rc == WEIR_ETOOBIG);
    else
        FUZZ_SAME(game.closed_rc == (game.ends == BY_HALF ? WEIR_EEOF : 0));
}

static int play(void *arg) {
    struct weir_group peer, servers;
    char url[64];
    (void)arg;
    if (game.zips)
        fuzz_zip_open(&game.zip, game.zip.takes_over);
    FUZZ_SAME(weir_listen("tcp://127.0.0.1:0", NULL, &game.l) == 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(game.l));
    weir_group_open(&game.tasks, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&servers, serve) == 0);
    FUZZ_SAME(weir_dial(url, NULL, &game.s) == 0);
    weir_group_open(&peer, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&peer, write_all) == 0);
    read_answer();
    bool was_closed = false;
    if (is_answered())
        read_body();
    else
        was_closed = read_all();
    FUZZ_SAME(weir_group_close(&peer, 0) == 0);
    weir_close(&game.s);
    weir_unlisten(&game.l);
    FUZZ_SAME(weir_group_close(&servers, 0) == 0);
    FUZZ_SAME(weir_group_close(&game.tasks, 0) == 0);
    compare(was_closed);
    fuzz_zip_close(&game.zip);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    memset(&game, 0, sizeof game);
    game.at = input;
    game.end = input + len;
    unsigned world = next(), last = len > 0 ? input[len - 1] : 0;
    uint64_t seed = 1 + next();
    game.sum_max = fuzz_world_bytes(world);
    game.gate = last % 16 < 8 ? LETS_IN : last % 16 < 14 ? LETS_IN_LATE : ANSWERS + last % 2;
    game.body_len = last < 128 ? last : 100 * (size_t)last;
    game.zips = world & 128;
    game.zip.takes_over = last & 1;
    fuzz_world_run(play, NULL, world, seed);
    return 0;
}
