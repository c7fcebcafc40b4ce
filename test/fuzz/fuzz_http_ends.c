/* SPDX-License-Identifier: MIT */
/* How connections of an HTTP server end, in the simulated world: by the server's stop, by clients
 * that leave, by becoming WebSockets. One to four peers (fuzz_http_ends.h) share a server, of
 * handlers or reactive. The input says what they ask for, when and how they leave, and when and how
 * the server stops: its listener is closed, a scope around it fires, or its group is cancelled.
 * Handlers wait in sleeps, for an event or between the parts of an answer, and may have asked to be
 * cancelled by their client's leaving or by the stop.
 *
 * The model notes what each function did, and compares at the end:
 * - Each function that starts ends, in order, and no request is delivered twice; `done` is called
 *   once for each request of a reactive server.
 * - A function is cancelled only by its client's leaving, by the stop, or once all is cut (drain_ns
 *   after the stop, or when the group is cancelled); and if it has asked for that, at once.
 * - An answer that a function gave whole reaches a client that reads on, unless all is cut before.
 *   One that the stop has ended is a whole one too, or 503. One that breaks off is not whole.
 * - A whole request is delivered, unless the server stops first or the connection had to close.
 * - The server is gone drain_ns after the stop, and what closing takes: see CLOSING. A WebSocket of
 *   a route closes from the stop on. One that is asked for after the stop gets 503.
 * - WebSocket messages are delivered in order; what was sent for them arrives in order; all if
 *   neither the peer's close frame nor the stop comes first.
 *
 * What is not sure, and therefore allowed:
 * - A client that has shut down its sending side counts as gone if the handler has asked; then
 *   requests behind that one need no answer. With bytes behind it that may be noticed or not.
 * - A cancel within weir_http_write or a reply may leave half a piece: that answer may break off.
 * - At a close frame of the peer the echoes of the messages before it may be missing.
 * - A WebSocket in a handler's hands is cut off as its request is: what was queued may be lost. */
#include <stdio.h>
#include <weir/http_events.h>
#include <weir/http_log.h>
#include <weir/http_server.h>
#include <weir/ws.h>

#include "fuzz_http_ends.h"

#define SOON MS(50) /* latencies and small buffers take less */
/* The client has a second for the last answer, and its reader takes half a second for one. A
 * WebSocket's client has close_ns for its close frame, and a second to close. */
#define CLOSING MS(1500)
#define CLOSING_WS MS(6500)

static bool is_cut(void) {
    return has_come(game.hard_at);
}

/* ---- the server's functions ---- */

static struct asked *asked_by(struct weir_http_request *r, struct peer **ret_peer) {
    char *rest;
    const char *target = weir_http_target(r);
    FUZZ_SAME(strncmp(target, "/ends/", 6) == 0 || strncmp(target, "/feed/", 6) == 0);
    unsigned long index = strtoul(target + 6, &rest, 10), number = strtoul(rest + 1, NULL, 10);
    FUZZ_SAME(index < game.peers_count && number < game.peers[index].count);
    *ret_peer = &game.peers[index];
    return &game.peers[index].asked[number];
}

static size_t number_of(const struct peer *p, const struct asked *a) {
    return (size_t)(a - p->asked);
}

static void note_start(struct peer *p, struct asked *a) {
    FUZZ_SAME(number_of(p, a) == p->delivered++ && !a->started);
    a->started = true;
    a->started_at = a->asked_at = weir_now();
    game.running++;
}

static weir_ns later(weir_ns a, weir_ns b) {
    return a > b ? a : b;
}

static weir_ns sooner(weir_ns a, weir_ns b) {
    return a == NEVER_AT || (b != NEVER_AT && b < a) ? b : a;
}

/* Its client has left, and sent nothing behind it. */
static bool must_be_gone(const struct peer *p, const struct asked *a) {
    return a->when_gone && p->left_at != NEVER_AT && a->written_at != NEVER_AT &&
           a->end == p->put && p->out_len == 0;
}

static void note_end(struct weir_http_request *r, struct peer *p, struct asked *a, int rc) {
    weir_ns now = weir_now();
    bool is_stopped = game.stopped_at != NEVER_AT;
    a->ended = true;
    a->ended_at = now;
    a->rc = rc;
    a->gone = weir_http_gone(r);
    game.running--;
    FUZZ_SAME(!a->gone || (a->when_gone && p->left_at != NEVER_AT));
    FUZZ_SAME(!weir_http_stopping(r) || is_stopped);
    FUZZ_SAME(weir_http_stopping(r) || !is_stopped || now < game.stopped_at + MS(2));
    bool may_cancel = a->gone || is_cut() || (is_stopped && a->on_stop);
    FUZZ_SAME(rc >= 0 || (rc == -ECANCELED && may_cancel) ||
              ((rc == -ECONNRESET || rc == -EPIPE) && (p->left_at != NEVER_AT || is_cut())));
    if (must_be_gone(p, a))
        FUZZ_SAME(now <= later(a->asked_at, p->left_at) + SOON);
    if (a->on_stop && is_stopped)
        FUZZ_SAME(now <= later(a->asked_at, game.stopped_at) + SOON);
    if (is_cut())
        FUZZ_SAME(now <= later(a->started_at, game.hard_at) + SOON);
}

static int nap(const struct asked *a) {
    static const unsigned paces_ms[] = {0, 1, 3, 8, 30, 300};
    unsigned ms = paces_ms[a->pace % 6];
    return ms == 0 ? weir_yield() : weir_sleep(MS(ms));
}

static int wait_in_vain(const struct asked *a) {
    struct weir_event never;
    struct weir_scope bound;
    weir_event_init(&never);
    weir_scope_enter(&bound, MS(1 + a->size % 400u));
    int rc = weir_event_wait(&never);
    rc = weir_scope_leave(&bound, rc);
    weir_event_fini(&never);
    return rc == -ETIME ? 0 : rc;
}

static int write_parts(struct weir_http_request *r, struct asked *a, const uint8_t *bytes) {
    size_t len = answer_len(a), step = len / (1 + a->size % 5u) + 1;
    int rc = weir_http_begin(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .len = a->by_length ? len : 0});
    a->begun = rc == 0;
    for (size_t at = 0; at < len && rc == 0; at += step) {
        rc = weir_http_write(r, bytes + at, len - at < step ? len - at : step);
        a->in_write = rc < 0;
        if (rc == 0 && a->how == PARTS)
            rc = nap(a);
    }
    return rc;
}

static int stream_events(struct weir_http_request *r, struct asked *a) {
    struct weir_http_event e = {.size = sizeof e, .data = "one"};
    a->on_stop = true;
    a->asked_at = weir_now();
    int rc = weir_http_events_begin(r, 0);
    a->begun = rc == 0;
    for (unsigned i = 0; i < a->size % 7u && rc == 0; i++) {
        rc = weir_http_events_send(r, &e);
        a->in_write = rc < 0;
        if (rc == 0)
            rc = nap(a);
    }
    return rc;
}

static int work_in_steps(struct weir_http_request *r, const struct asked *a) {
    int rc = 0;
    for (int i = 0; i < 20 && rc == 0 && !weir_http_stopping(r); i++)
        rc = nap(a);
    return rc;
}

static int reply(struct weir_http_request *r, struct asked *a, const uint8_t *bytes) {
    int rc = weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .body = bytes,
        .len = answer_len(a)});
    a->in_write = rc < 0;
    return rc;
}

static int answer(struct weir_http_request *r, struct peer *p, struct asked *a) {
    uint8_t *bytes = fuzz_block(answer_len(a));
    for (size_t i = 0; i < answer_len(a); i++)
        bytes[i] = filler(number_of(p, a), i);
    a->asked_at = weir_now();
    if (a->when_gone)
        weir_http_end_when_gone(r);
    if (a->on_stop)
        weir_http_end_on_stop(r);
    int rc = a->how == SLEEPS ? nap(a)
             : a->how == WAITS ? wait_in_vain(a)
             : a->how == ASKS  ? work_in_steps(r, a)
                               : 0;
    if (rc == 0 && a->how == EVENTS)
        rc = stream_events(r, a);
    else if (rc == 0 && (a->how == PARTS || a->how == BEHIND))
        rc = write_parts(r, a, bytes);
    else if (rc == 0)
        rc = reply(r, a, bytes);
    if (rc == 0 && a->how == BEHIND && (rc = weir_http_end(r, NULL)) == 0)
        (void)nap(a); /* the answer is whole */
    free(bytes);
    return rc;
}

/* ---- WebSockets ---- */

static int echo(struct weir_ws *ws, struct peer *p, const struct weir_ws_message *m) {
    size_t number = p->ws.delivered++;
    const uint8_t *bytes = m->data.base;
    FUZZ_SAME(number < p->ws.count && m->data.len == p->ws.messages[number].len);
    FUZZ_SAME(bytes[0] == number && bytes[1] == p->ws.messages[number].how);
    for (size_t i = MESSAGE_HEAD; i < m->data.len; i++)
        FUZZ_SAME(bytes[i] == filler(number, i));
    int rc = bytes[1] == 0 ? weir_sleep(MS(3)) : bytes[1] == 1 ? weir_yield() : 0;
    if (rc == 0)
        rc = weir_ws_send(ws, m->type, bytes, m->data.len);
    p->ws.sent += rc == 0;
    bool has_left = p->left_at != NEVER_AT && p->ends != SHUTS, is_over = is_cut();
    is_over |= game.stopped_at != NEVER_AT;
    FUZZ_SAME(rc == 0 || has_left || is_over || (rc == WEIR_EWSCLOSED && p->code != 0));
    return rc;
}

static int talk(struct weir_http_request *r, struct peer *p, struct asked *a) {
    struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    if (a->on_stop)
        weir_http_end_on_stop(r);
    int rc = weir_http_ws_accept(r, NULL, &ws);
    a->when_gone = false;
    if (rc < 0)
        return rc;
    a->begun = true;
    while ((rc = weir_ws_receive(ws, &m)) == 0 && (rc = echo(ws, p, &m)) == 0)
        ;
    bool has_left = p->left_at != NEVER_AT, is_over = is_cut();
    is_over |= game.stopped_at != NEVER_AT && a->on_stop;
    FUZZ_SAME(has_left || is_over || (rc == WEIR_EWSCLOSED && p->code != 0));
    weir_ws_drop(&ws);
    return 0;
}

static struct peer *peer_of(struct weir_ws *ws) {
    unsigned long index = strtoul(weir_ws_path(ws) + 6, NULL, 10);
    FUZZ_SAME(index < game.peers_count);
    return &game.peers[index];
}

static int feed_request(struct weir_http_request *r, void *state) {
    struct peer *p;
    struct asked *a = asked_by(r, &p);
    (void)state;
    FUZZ_SAME(number_of(p, a) == p->delivered++ && !a->started);
    a->started = true;
    return a->pace % 2 ? weir_sleep(MS(2)) : 0;
}
static int feed_opened(struct weir_ws *ws, void *state) {
    (void)state;
    FUZZ_SAME(peer_of(ws)->ws.opened++ == 0);
    return 0;
}
static int feed_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    FUZZ_SAME(peer_of(ws)->ws.closed == 0);
    return echo(ws, peer_of(ws), m);
}
static void feed_closed(struct weir_ws *ws, void *state, int rc) {
    (void)state;
    FUZZ_SAME(peer_of(ws)->ws.closed++ == 0);
    peer_of(ws)->ws.closed_rc = rc;
}

/* ---- the server ---- */

static int handle(struct weir_http_request *r) {
    struct peer *p;
    struct weir_view v;
    struct asked *a = asked_by(r, &p);
    note_start(p, a);
    int rc = a->body_len > 0 ? weir_http_body(r, 0, &v) : 0;
    for (size_t i = 0; i < a->body_len && rc == 0; i++)
        FUZZ_SAME(((const uint8_t *)v.base)[i] == filler(number_of(p, a), i));
    bool is_short = rc < 0 && a->written_at == NEVER_AT; /* the body did not come */
    if (rc == 0)
        rc = a->how == TALKS ? talk(r, p, a) : answer(r, p, a);
    note_end(r, p, a, is_short ? 0 : rc);
    a->rc = rc;
    return rc;
}

static int react_request(struct weir_http_request *r, void *state) {
    struct peer *p;
    struct asked *a = asked_by(r, &p);
    (void)state;
    FUZZ_SAME(number_of(p, a) == p->delivered++ && !a->started);
    a->started = true;
    if (!a->early)
        return 0;
    a->started_at = weir_now();
    game.running++;
    int rc = answer(r, p, a);
    note_end(r, p, a, rc);
    return rc;
}
static int react_body(struct weir_http_request *r, void *state, struct weir_view v) {
    struct peer *p;
    struct asked *a = asked_by(r, &p);
    size_t *len = state;
    FUZZ_SAME(*len + v.len <= a->body_len);
    for (size_t i = 0; i < v.len; i++)
        FUZZ_SAME(((const uint8_t *)v.base)[i] == filler(number_of(p, a), *len + i));
    *len += v.len;
    return 0;
}
static int react_end(struct weir_http_request *r, void *state) {
    struct peer *p;
    struct asked *a = asked_by(r, &p);
    FUZZ_SAME(*(size_t *)state == a->body_len);
    if (a->ended) /* in parts, whose end is still to come */
        return 0;
    a->started_at = weir_now();
    game.running++;
    int rc = answer(r, p, a);
    note_end(r, p, a, rc);
    return rc;
}
static void react_done(struct weir_http_request *r, void *state, int rc) {
    struct peer *p;
    struct asked *a = asked_by(r, &p);
    (void)state;
    FUZZ_SAME(a->started && a->done++ == 0);
    a->done_rc = rc;
}

/* Is its WebSocket one of a route? Then it closes while other requests go on. */
static bool is_fed(const struct peer *p) {
    return p->asked[p->count - 1].how == FEEDS;
}

static void check_end_of_server(int rc) {
    static const int results[] = {0, WEIR_ESTOPPED, -ECANCELED};
    weir_ns until = game.hard_at + CLOSING;
    FUZZ_SAME(rc == results[game.stops]);
    FUZZ_SAME(game.stopped_at != NEVER_AT && game.running == 0);
    for (size_t i = 0; i < game.peers_count; i++) {
        const struct peer *p = &game.peers[i];
        if (p->is_ws)
            until = later(until, CLOSING_WS + (is_fed(p) ? game.stopped_at : game.hard_at));
        FUZZ_SAME(p->ws.opened == p->ws.closed);
        for (size_t k = 0; k < p->count; k++)
            FUZZ_SAME(p->asked[k].done == (game.is_reactive && p->asked[k].started));
    }
    FUZZ_SAME(weir_now() <= until);
}

static void logged(const struct weir_http_log *entry, void *arg) {
    char line[256];
    (void)arg;
    int len = weir_http_log_line(entry, line, sizeof line);
    FUZZ_SAME(len > 0 && (size_t)len == strlen(line));
    FUZZ_SAME(entry->status == 0 || (entry->status >= 101 && entry->status < 600));
}

static int serve(void *args) {
    static const struct weir_ws_reactive feed = {
        .size = sizeof feed, .opened = feed_opened, .message = feed_message,
        .closed = feed_closed, .request = feed_request};
    static const struct weir_http_route routes[] = {
        {NULL, "/feed/{peer}/{number}", .ws = &feed},
        {NULL, "/ends/{peer}/{number}", handle},
        {0}};
    static const struct weir_http_reactive f = {
        .size = sizeof f, .state_size = sizeof(size_t), .request = react_request,
        .body = react_body, .end = react_end, .done = react_done};
    struct weir_http_server_options o = {
        .size = sizeof o, .drain_ns = game.drain_ns, .head_ns = MS(200000), .body_ns = MS(200000),
        .handler = game.is_reactive ? NULL : handle, .routes = game.is_reactive ? NULL : routes,
        .log = logged};
    struct weir_scope s;
    (void)args;
    weir_scope_enter(&s, WEIR_NEVER);
    game.serving = &s;
    int rc = game.is_reactive ? weir_http_react(game.l, &game.connections, &f, &o)
                              : weir_http_serve(game.l, &game.connections, &o);
    game.serving = NULL;
    check_end_of_server(weir_scope_leave(&s, rc));
    weir_unlisten(&game.l);
    weir_event_set(&game.served);
    return 0;
}

/* A cancel of the group reaches the task that has opened it: so that is a task of its own. */
static int hold_group(void *args) {
    struct weir_scope shield;
    (void)args;
    weir_group_open(&game.connections, WEIR_INDEPENDENT);
    weir_event_set(&game.serves);
    weir_shield_enter(&shield, MS(600000));
    FUZZ_SAME(weir_event_wait(&game.served) == 0);
    weir_scope_leave(&shield, 0);
    (void)weir_group_close(&game.connections, 0);
    return 0;
}

static void stop_server(void) {
    if (game.stopped_at != NEVER_AT)
        return;
    game.stopped_at = game.hard_at = weir_now();
    if (game.stops != GROUP_IS_CANCELLED)
        game.hard_at += game.drain_ns;
    if (game.stops == GROUP_IS_CANCELLED)
        weir_group_cancel(&game.connections, "all is cut");
    else if (game.stops == SCOPE_FIRES)
        weir_scope_cancel(game.serving, "the scope fires");
    else
        weir_unlisten(&game.l);
}

static int stop_later(void *args) {
    (void)args;
    (void)weir_sleep(game.stop_after_ns);
    stop_server();
    return 0;
}

/* ---- the model ---- */

/* When the whole request waits for its turn: those before it are over, and their answers read. */
static weir_ns ready_at(const struct peer *p, size_t i) {
    const struct asked *a = &p->asked[i], *before = i > 0 ? a - 1 : a;
    return later(a->written_at, later(before->read_at, before->ended_at));
}

static void check_undelivered(const struct peer *p, size_t i) {
    const struct asked *a = &p->asked[i];
    weir_ns end = sooner(game.hard_at, game.stopped_at);
    if (a->written_at == NEVER_AT || p->ends >= CLOSES)
        return;
    for (size_t k = 0; k < i; k++)
        if (!p->asked[k].whole || p->asked[k].closes || p->asked[k].gone)
            return;
    FUZZ_SAME(ready_at(p, i) + SOON >= end);
}

static void check_answer(const struct peer *p, const struct asked *a) {
    bool stays = p->ends < CLOSES, is_late = game.hard_at != NEVER_AT && p->eof_at >= game.hard_at;
    bool is_stopped = a->on_stop && game.stopped_at != NEVER_AT;
    bool is_full = a->whole && a->status == 200 &&
                   (a->how == EVENTS || a->got_len == answer_len(a));
    FUZZ_SAME(a->status == 0 || a->status == 200 || (a->status == 503 && game.hard_at != NEVER_AT));
    if (a->whole && a->status == 200 && !is_full) /* the stop has ended it */
        FUZZ_SAME(is_stopped && a->rc == -ECANCELED);
    if (!stays || is_late)
        return;
    if (a->rc >= 0)
        FUZZ_SAME(is_full);
    else if (is_stopped && !a->gone && !a->in_write && a->rc == -ECANCELED)
        FUZZ_SAME(a->begun ? a->whole || a->by_length
                           : a->whole && (a->status == 503 || a->how == EVENTS));
    if (game.is_reactive && a->rc >= 0)
        FUZZ_SAME(a->done_rc == 0);
}

static void check_websocket(const struct peer *p, const struct asked *a) {
    bool stays = p->ends < CLOSES, is_late = game.hard_at != NEVER_AT && p->eof_at >= game.hard_at;
    bool is_stopped = game.stopped_at != NEVER_AT && p->eof_at >= game.stopped_at;
    FUZZ_SAME(p->ws.answered <= p->ws.sent && p->ws.sent <= p->ws.delivered);
    FUZZ_SAME(a->status == 101 || a->status == 0 || is_stopped || is_late);
    FUZZ_SAME(p->ws.code == 0 || (p->code != 0 && p->ws.code == p->code) ||
              (p->ws.code == 1001 && (is_stopped || is_late)));
    if (!stays)
        return;
    if (a->status == 101 && (a->how == FEEDS || (!is_late && !(is_stopped && a->on_stop))))
        FUZZ_SAME(p->ws.answered == p->ws.sent);
    if (is_stopped || is_late)
        return;
    FUZZ_SAME(a->status == 101);
    for (size_t i = 0; i < p->ws.count && (p->code == 0 || p->code == 1000); i++)
        FUZZ_SAME(i < p->ws.delivered || p->ws.messages[i].written_at == NEVER_AT);
}

static void compare(const struct peer *p) {
    for (size_t i = 0; i < p->count; i++) {
        const struct asked *a = &p->asked[i];
        if (!a->started) {
            bool is_refused = a->how == FEEDS && a->status == 503 && game.stopped_at != NEVER_AT;
            FUZZ_SAME((a->status == 0 || is_refused) && p->delivered == i);
            if (p->connected)
                check_undelivered(p, i);
            return;
        }
        if (is_upgrade(a))
            check_websocket(p, a);
        else if (a->written_at != NEVER_AT && a->ended)
            check_answer(p, a);
    }
}

struct play_peer_args {
    struct peer *p;
};
static int play_peer(void *args) {
    struct peer *p = ((struct play_peer_args *)args)->p;
    (void)weir_sleep(p->index * MS(1));
    return peer(p);
}

static int play(void *arg) {
    struct weir_group peers, servers;
    (void)arg;
    FUZZ_SAME(weir_listen("tcp://127.0.0.1:0", NULL, &game.l) == 0);
    snprintf(game.url, sizeof game.url, "tcp://127.0.0.1:%d", weir_listener_port(game.l));
    weir_group_open(&servers, WEIR_TOGETHER);
    FUZZ_SAME(weir_go0(&servers, hold_group) == 0);
    FUZZ_SAME(weir_event_wait(&game.serves) == 0);
    FUZZ_SAME(weir_go0(&servers, serve) == 0);
    FUZZ_SAME(weir_yield() == 0);
    weir_group_open(&peers, WEIR_TOGETHER);
    if (game.stop_after_ns > 0)
        FUZZ_SAME(weir_go0(&peers, stop_later) == 0);
    for (size_t i = 0; i < game.peers_count; i++)
        FUZZ_SAME(weir_go(&peers, play_peer, .p = &game.peers[i]) == 0);
    FUZZ_SAME(weir_group_close(&peers, 0) == 0);
    stop_server();
    FUZZ_SAME(weir_group_close(&servers, 0) == 0);
    weir_event_fini(&game.serves);
    weir_event_fini(&game.served);
    for (size_t i = 0; i < game.peers_count; i++)
        compare(&game.peers[i]);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    static const unsigned drains_ms[] = {1, 10, 100, 1000, 10000};
    struct peer head = {.at = input, .script_end = input + len};
    memset(&game, 0, sizeof game);
    unsigned world = next(&head), server = next(&head), seed = 1 + next(&head);
    unsigned stop = next(&head);
    game.is_reactive = server & 1;
    game.stops = server / 2 % STOPS;
    game.drain_ns = MS(drains_ms[server / 6 % 5]);
    game.peers_count = 1 + server / 30 % PEERS;
    game.stop_after_ns = stop < 128 ? stop * MS(1) / 8 : stop == 255 ? 0 : (stop - 127) * MS(4);
    for (unsigned i = 0; i < game.peers_count; i++) {
        struct peer *p = &game.peers[i];
        unsigned says = next(&head), share = next(&head);
        size_t rest = (size_t)(head.script_end - head.at);
        size_t n = i + 1 == game.peers_count || share > rest ? rest : share;
        p->index = i;
        p->holds = says & 1;
        p->answers_close = !(says & 2);
        p->at = head.at;
        p->script_end = head.at += n;
    }
    fuzz_world_run(play, NULL, world, seed);
    return 0;
}
