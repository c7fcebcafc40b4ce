/* SPDX-License-Identifier: MIT */
/* fuzz_http_ends.h - the peers of fuzz_http_ends.c: what the input lets them ask for, how they
 * write it and leave, and what they read. Each has a task that writes and one that reads. */
#ifndef WEIR_TEST_FUZZ_HTTP_ENDS_H
#define WEIR_TEST_FUZZ_HTTP_ENDS_H

#include <weir/loop.h>
#include <weir/option.h>
#include <weir/sync.h>

#include "fuzz_http_peer.h"
#include "wire/ws_frame.h"

enum { PEERS = 4, REQUESTS_MAX = 16, MESSAGES_MAX = 40, ANSWERS_MAX = 16000, OUT_MAX = 4096,
       MESSAGE_MAX = 600, MESSAGE_HEAD = 2, BODY_MAX = 300, NEVER_AT = 0 };

/* What the handler does. With TALKS it accepts a WebSocket; FEEDS is a route of such. */
enum how { AT_ONCE, SLEEPS, WAITS, PARTS, EVENTS, ASKS, BEHIND, TALKS, FEEDS };

/* How a peer leaves: not before all is answered; or it shuts down its side, closes, or resets. */
enum ends { STAYS, SHUTS, CLOSES, RESETS };

enum stops { UNLISTENS, SCOPE_FIRES, GROUP_IS_CANCELLED, STOPS };

struct asked {
    uint8_t how, pace;         /* enum how; of its sleeps, see pace_of */
    bool when_gone, on_stop, early, by_length;
    uint16_t size, body_len;
    size_t end;                /* of all bytes that the peer puts, up to its last */
    weir_ns written_at, read_at; /* its last byte by the peer; the answer's last byte */
    /* what the server's function did */
    bool started, ended, begun, in_write, gone;
    int rc, done, done_rc;
    weir_ns started_at, asked_at; /* asked_at: it asked for an end */
    weir_ns ended_at;
    /* what the peer got */
    unsigned status;           /* 0: no answer */
    bool whole, closes;
    size_t got_len;
};

struct message {
    uint8_t how;
    uint16_t len;
    size_t end;
    weir_ns written_at;
};

struct peer {
    const uint8_t *at, *script_end;
    unsigned index;
    struct fuzz_slow in;
    struct asked asked[REQUESTS_MAX];
    size_t count, delivered, answered, sum;
    size_t put, written, out_len;
    uint8_t out[OUT_MAX];
    enum ends ends;
    bool connected, holds, answers_close, is_ws, is_over, in_over;
    weir_ns left_at, eof_at;
    unsigned code;             /* of the close frame that it has put; 0: none */
    struct {
        struct message messages[MESSAGES_MAX];
        size_t count, delivered, sent, answered;
        unsigned code;         /* of the server's close frame; 0: none */
        int opened, closed, closed_rc;
    } ws;
};

static struct game {
    struct weir_listener *l;
    char url[64];
    struct weir_group connections;
    struct weir_event serves, served;
    struct weir_scope *serving;
    weir_ns drain_ns, stop_after_ns;
    weir_ns stopped_at, hard_at; /* the stop; from when on what has begun is cut. NEVER_AT: not */
    enum stops stops;
    bool is_reactive;
    size_t running;              /* functions of the server's */
    size_t peers_count;
    struct peer peers[PEERS];
} game;

static unsigned next(struct peer *p) {
    return p->at < p->script_end ? *p->at++ : 0;
}

static uint8_t filler(size_t number, size_t i) {
    return (uint8_t)(number * 7 + i * 13 + (i >> 8));
}

static bool has_come(weir_ns at) {
    return at != NEVER_AT && weir_now() >= at;
}

static bool is_upgrade(const struct asked *a) {
    return a->how == TALKS || a->how == FEEDS;
}

static size_t answer_len(const struct asked *a) {
    return a->how == EVENTS ? 0 : a->size & 512 ? a->size % 6000u : a->size % 300u;
}

static void stop_server(void); /* in fuzz_http_ends.c */

/* ---- the peer writes ---- */

static void note_written(struct peer *p) {
    weir_ns now = weir_now();
    for (size_t i = 0; i < p->count; i++)
        if (p->asked[i].end <= p->written && p->asked[i].written_at == NEVER_AT)
            p->asked[i].written_at = now;
    for (size_t i = 0; i < p->ws.count; i++)
        if (p->ws.messages[i].end <= p->written && p->ws.messages[i].written_at == NEVER_AT)
            p->ws.messages[i].written_at = now;
}

/* A failed call means that the connection is closed; the model checks whether that is right. */
static void write_out(struct peer *p, size_t len) {
    int rc = p->in.s == NULL || p->left_at != NEVER_AT ? -EPIPE : weir_write(p->in.s, p->out, len);
    if (rc == 0) {
        p->written += len;
        note_written(p);
    } else {
        p->is_over = true;
        p->in.is_reset |= rc == -ECONNRESET || rc == -EPIPE;
    }
    p->out_len -= len;
    memmove(p->out, p->out + len, p->out_len);
}

static void put(struct peer *p, const void *bytes, size_t len) {
    if (p->out_len + len > sizeof p->out)
        write_out(p, p->out_len);
    memcpy(p->out + p->out_len, bytes, len);
    p->out_len += len;
    p->put += len;
}

static void put_text(struct peer *p, const char *text) {
    put(p, text, strlen(text));
}

static void put_body(struct peer *p, size_t number, size_t len) {
    uint8_t body[BODY_MAX];
    for (size_t i = 0; i < len; i++)
        body[i] = filler(number, i);
    put(p, body, len);
}

static void put_request(struct peer *p, bool upgrades) {
    static const char upgrade[] =
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    char head[200];
    size_t number = p->count;
    if (number == REQUESTS_MAX)
        return;
    unsigned what = next(p), more = next(p), size = next(p);
    struct asked *a = &p->asked[number];
    *a = (struct asked){.how = (uint8_t)(upgrades ? TALKS + what % 2 : what % TALKS),
                        .when_gone = more & 1, .on_stop = more & 2, .early = more & 4,
                        .by_length = more & 8, .pace = (uint8_t)(more >> 4),
                        .size = (uint16_t)(size << 8 | next(p))};
    a->body_len = (uint16_t)(!upgrades && what >= 200 ? (what - 199) * 5 : 0);
    a->early &= a->body_len == 0;
    if (p->sum + answer_len(a) > ANSWERS_MAX)
        return;
    p->sum += answer_len(a);
    p->is_ws = upgrades;
    a->end = SIZE_MAX;
    p->count++;
    snprintf(head, sizeof head, "%s /%s/%u/%zu HTTP/1.1\r\nHost: localhost\r\n",
             a->body_len > 0 ? "POST" : "GET", a->how == FEEDS ? "feed" : "ends", p->index, number);
    put_text(p, head);
    if (a->body_len > 0) {
        snprintf(head, sizeof head, "Content-Length: %u\r\n", a->body_len);
        put_text(p, head);
    }
    put_text(p, upgrades ? upgrade : "");
    put_text(p, "\r\n");
    put_body(p, number, a->body_len);
    a->end = p->put;
}

static void put_frame(struct peer *p, unsigned first_byte, const uint8_t *payload, size_t len) {
    uint8_t frame[WEIR__WS_HEAD_MAX + MESSAGE_MAX];
    const uint8_t mask[4] = {0x11, 0x20, 0x77, (uint8_t)len};
    size_t head = weir__ws_head_write(frame, first_byte, len, mask);
    weir__ws_mask(frame + head, payload, len, mask, 0);
    put(p, frame, head + len);
}

static void put_message(struct peer *p, bool in_two) {
    uint8_t payload[MESSAGE_MAX];
    size_t number = p->ws.count;
    if (number == MESSAGES_MAX || p->code != 0)
        return;
    unsigned size = next(p), cut = in_two ? next(p) : 0;
    struct message *m = &p->ws.messages[number];
    *m = (struct message){.how = (uint8_t)(size % 8), .end = SIZE_MAX,
                          .len = (uint16_t)(MESSAGE_HEAD + (size >= 200 ? size * 2 : size))};
    payload[0] = (uint8_t)number;
    payload[1] = m->how;
    for (size_t i = MESSAGE_HEAD; i < m->len; i++)
        payload[i] = filler(number, i);
    p->ws.count++;
    size_t first = in_two ? cut % (m->len + 1u) : m->len;
    put_frame(p, in_two ? 0x02 : 0x82, payload, first);
    if (in_two && cut % 3 == 0)
        put_frame(p, 0x89, payload, 2);
    if (in_two)
        put_frame(p, 0x80, payload + first, m->len - first);
    m->end = p->put;
}

static void put_close(struct peer *p, unsigned code) {
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (p->code != 0)
        return;
    p->code = code;
    put_frame(p, 0x88, payload, 2);
    write_out(p, p->out_len);
}

static void leave(struct peer *p, enum ends ends, bool flushes) {
    if (flushes)
        write_out(p, p->out_len);
    if (p->is_over)
        return;
    p->ends = ends;
    p->is_over = true;
    p->in.budget = SIZE_MAX / 2;
    p->left_at = weir_now();
    if (ends == RESETS)
        (void)weir_stream_option(p->in.s, WEIR_STREAM_RESET, 1);
    if (ends == SHUTS)
        (void)weir_shutdown(p->in.s);
    else
        weir_close(&p->in.s);
}

static bool all_came(const struct peer *p) {
    return p->in_over || p->ws.code != 0 ||
           (p->answered == p->count && p->ws.answered == p->ws.count);
}

static void await_answers(struct peer *p, weir_ns at_most) {
    weir_ns until = weir_now() + at_most;
    for (weir_ns pause = MS(1); !all_came(p) && weir_now() < until; pause += pause / 4)
        (void)weir_sleep(pause);
}

static void leave_perhaps(struct peer *p) {
    unsigned how = next(p);
    if (how >= 64)
        return;
    if (how % 5 == 4 && p->is_ws)
        put_close(p, 3000 + how);
    else if (how % 5 == 3)
        stop_server();
    else
        leave(p, SHUTS + how % 5 % 3, how & 32);
}

static void act(struct peer *p) {
    unsigned action = next(p), n;
    switch (action % 16) {
    case 0: case 1: case 2: case 3: case 4:
        if (p->is_ws)
            put_message(p, action % 16 == 4);
        else
            put_request(p, action % 16 == 4 && !game.is_reactive);
        break;
    case 5: case 6: case 7:
        n = 1 + next(p);
        write_out(p, n < p->out_len ? n : p->out_len);
        (void)weir_yield();
        break;
    case 8: case 9:
        n = next(p);
        write_out(p, p->out_len);
        (void)weir_sleep(n >= 250 ? MS(100) : (n % 4 + 1) * MS(1));
        break;
    case 10: case 11:
        p->in.budget += 16 * next(p);
        break;
    case 12: case 13:
        write_out(p, p->out_len);
        await_answers(p, MS(500));
        break;
    default:
        leave_perhaps(p);
    }
}

struct write_all_args {
    struct peer *p;
};
static int write_all(void *args) {
    struct peer *p = ((struct write_all_args *)args)->p;
    while (p->at < p->script_end && !p->is_over && !p->in_over && p->ws.code == 0)
        act(p);
    if (!p->is_over)
        write_out(p, p->out_len);
    p->in.budget = SIZE_MAX / 2;
    if (p->is_over)
        return 0;
    await_answers(p, MS(60000));
    for (int i = 0; i < 10 && p->holds && !p->in_over && p->ws.code == 0; i++)
        (void)weir_sleep(MS(100));
    if (p->is_ws && (p->answers_close || p->ws.code == 0))
        put_close(p, 1000);
    p->is_over = true;
    p->left_at = weir_now();
    if (p->in.s != NULL && !(p->is_ws && !p->answers_close))
        (void)weir_shutdown(p->in.s);
    return 0;
}

/* ---- the peer reads ---- */

static void check_bytes(struct peer *p, size_t i, const struct fuzz_response *o) {
    struct asked *a = &p->asked[i];
    if (o->status != 200 || a->how == EVENTS)
        return;
    FUZZ_SAME(o->len <= answer_len(a));
    if (!o->whole && !o->chunked)
        return; /* len is what was announced */
    for (size_t k = 0; k < o->len; k++)
        FUZZ_SAME(o->body[k] == filler(i, k));
}

static void read_message(struct peer *p, size_t len) {
    uint8_t bytes[MESSAGE_MAX];
    size_t number = p->ws.answered;
    FUZZ_SAME(number < p->ws.count && len == p->ws.messages[number].len);
    if (!fuzz_read_bytes(&p->in, bytes, len))
        return;
    FUZZ_SAME(bytes[0] == number && bytes[1] == p->ws.messages[number].how);
    for (size_t i = MESSAGE_HEAD; i < len; i++)
        FUZZ_SAME(bytes[i] == filler(number, i));
    p->ws.answered++;
}

/* To the server's close frame, or to the end of the stream. Returns whether it was the first. */
static bool read_frames(struct peer *p) {
    uint8_t head[4], bytes[WEIR__WS_CONTROL_MAX];
    while (fuzz_read_bytes(&p->in, head, 2)) {
        size_t len = head[1];
        if (len == 126) {
            if (!fuzz_read_bytes(&p->in, head + 2, 2))
                return false;
            len = (size_t)(head[2] << 8 | head[3]);
        }
        FUZZ_SAME(len <= MESSAGE_MAX);
        if (head[0] == 0x82) {
            read_message(p, len);
            continue;
        }
        FUZZ_SAME(head[0] == 0x88 || head[0] == 0x89 || head[0] == 0x8a);
        FUZZ_SAME(len <= sizeof bytes);
        if (!fuzz_read_bytes(&p->in, bytes, len))
            return false;
        if (head[0] == 0x88) {
            FUZZ_SAME(len >= 2);
            p->ws.code = (unsigned)(bytes[0] << 8 | bytes[1]);
            return true;
        }
    }
    return false;
}

/* Returns whether it knows that nothing follows. */
static bool read_answers(struct peer *p) {
    struct fuzz_response o;
    bool is_open = true, is_last = false;
    for (size_t i = 0; is_open && fuzz_read_head(&p->in, &o); i++) {
        FUZZ_SAME(i < p->count);
        struct asked *a = &p->asked[i];
        a->status = o.status;
        a->closes = o.closes;
        if (o.status == 101) {
            FUZZ_SAME(is_upgrade(a) && a->started);
            a->whole = true;
            p->answered++;
            return read_frames(p);
        }
        fuzz_read_body(&p->in, &o, false);
        check_bytes(p, i, &o);
        a->whole = o.whole;
        a->got_len = o.len;
        a->read_at = weir_now();
        is_last = o.whole && o.closes;
        is_open = o.whole && !o.closes;
        p->answered += o.whole;
        free(o.body);
    }
    return is_last;
}

static int peer(struct peer *p) {
    struct weir_group g;
    uint8_t byte;
    if (weir_dial(game.url, NULL, &p->in.s) < 0)
        return 0;
    p->connected = true;
    weir_group_open(&g, WEIR_TOGETHER);
    FUZZ_SAME(weir_go(&g, write_all, .p = p) == 0);
    bool is_last = read_answers(p);
    p->in.budget = SIZE_MAX / 2;
    ssize_t n = is_last ? fuzz_read(&p->in, &byte, 1) : 0;
    FUZZ_SAME(n <= 0); /* nothing behind the last answer */
    p->eof_at = weir_now();
    p->in_over = true;
    FUZZ_SAME(weir_group_close(&g, 0) == 0);
    weir_close(&p->in.s);
    return 0;
}

#endif
