/* SPDX-License-Identifier: MIT */
/* ws_topic.c - what is published to a topic: one frame for all, appended to the write line of each
 * subscriber, and what becomes of those that have no room. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "base/time.h"
#include "loop/debug.h"
#include "proto/ws_conn.h"
#include "proto/ws_out.h"
#include "proto/ws_send.h"
#include "proto/ws_sub.h"
#include "proto/ws_wait.h"
#include "proto/ws_zip.h"

enum {
    LINK_COST = 64,   /* what one shared message costs a line, beside its bytes */
    COPIED_MAX = 512, /* a frame up to here is copied, if the line has begun a chunk already */
    BITS_MIN = 8,     /* windows of compressors */
    BITS_MAX = 15
};

static const struct weir__what publishes = {.text = "ws publish"};

/* ---- life ---- */

static void topic_defaults(struct weir_ws_topic_options *o) {
    o->queue_max = o->queue_max ? o->queue_max : 1 << 20;
    o->wait_ns = o->wait_ns > 0 ? o->wait_ns : WEIR_SECONDS(1);
    o->close_code = o->close_code ? o->close_code : 1013;
    o->close_reason = o->close_reason ? o->close_reason : "too slow";
    o->subscribers_max = o->subscribers_max ? o->subscribers_max : 1000000;
    if (o->queue_max > WS_QUEUE_MAX)
        o->queue_max = WS_QUEUE_MAX;
}

int weir_ws_topic_new(const struct weir_ws_topic_options *options,
                      struct weir_ws_topic **ret_topic) {
    struct weir_ws_topic_options o;
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop("ws topic");
    WEIR_OPTIONS_COPY(struct weir_ws_topic_options, subscribers_max, &o, options);
    topic_defaults(&o);
    int rc = weir__ws_close_check("ws topic", o.close_code, o.close_reason);
    if (rc < 0)
        return rc;
    struct weir_ws_topic *t = weir__alloc_zero(sizeof *t);
    if (t == NULL)
        return weir__fail(-ENOMEM, "ws topic", NULL);
    t->o = o;
    t->loop = l;
    memcpy(t->reason, o.close_reason, strnlen(o.close_reason, sizeof t->reason - 1));
    t->o.close_reason = t->reason;
    weir__list_init(&t->subs);
    l->unclosed++;
    weir__debug_made(l, t, "WebSocket", "topic", __builtin_return_address(0));
    *ret_topic = t;
    return 0;
}

static void topic_leave(struct weir_ws_topic *t) {
    if (--t->inside == 0 && t->freed)
        weir__free(t);
}

void weir_ws_topic_free(struct weir_ws_topic **take_topic) {
    struct weir_ws_topic *t = take_topic != NULL ? *take_topic : NULL;
    if (t == NULL)
        return;
    weir__debug_not_closed(weir__loop(), t, "weir_ws_topic_free", __builtin_return_address(0));
    *take_topic = NULL;
    if (weir__loop_is_parents(t->loop))
        return;
    weir__loop_assert(t->loop, t, "weir_ws_topic_free");
    t->loop->unclosed--;
    weir__debug_closed(t->loop, t, __builtin_return_address(0));
    t->freed = true;
    while (!weir__list_empty(&t->subs))
        weir__ws_sub_end(WEIR_CONTAINER(t->subs.next, struct ws_sub, link));
    if (t->waited != NULL)
        weir__ws_wake(t->waited->ws); /* the publisher ends those that it has */
    weir__waitq_wake_all(&t->turn, WEIR_ECLOSED);
    t->inside++;
    topic_leave(t);
}

static int topic_enter(const struct weir_ws_topic *t, const char *call) {
    weir__not_null(t, call);
    return weir__loop_enter(t->loop, t, call);
}

static struct ws_sub *sub_of(const struct weir_ws_topic *t, const struct weir_ws *ws) {
    struct ws_sub *sub = ws->subs;
    while (sub != NULL && sub->topic != t)
        sub = sub->next;
    return sub;
}

int weir_ws_topic_subscribe(struct weir_ws_topic *t, struct weir_ws *ws) {
    int rc = topic_enter(t, "weir_ws_topic_subscribe");
    if (rc < 0)
        return rc;
    weir__not_null(ws, "weir_ws_topic_subscribe");
    if ((rc = weir__ws_send_state(ws)) < 0)
        return rc;
    if (sub_of(t, ws) != NULL)
        return weir__fail(-EALREADY, "ws subscribe", weir_ws_peer(ws));
    if (t->stats.subscribers >= t->o.subscribers_max)
        return weir__failf(-ENOSPC, "ws subscribe", weir_ws_peer(ws),
                           "the topic has %zu subscribers already", t->stats.subscribers);
    struct ws_sub *sub = weir__alloc(sizeof *sub);
    if (sub == NULL)
        return weir__fail(-ENOMEM, "ws subscribe", weir_ws_peer(ws));
    *sub = (struct ws_sub){.next = ws->subs, .topic = t, .ws = ws};
    weir__list_add_tail(&t->subs, &sub->link);
    ws->subs = sub;
    t->stats.subscribers++;
    return 0;
}

int weir_ws_topic_unsubscribe(struct weir_ws_topic *t, struct weir_ws *ws) {
    int rc = topic_enter(t, "weir_ws_topic_unsubscribe");
    if (rc < 0)
        return rc;
    weir__not_null(ws, "weir_ws_topic_unsubscribe");
    struct ws_sub *sub = sub_of(t, ws);
    if (sub == NULL)
        return weir__fail(-ENOENT, "ws unsubscribe", weir_ws_peer(ws));
    weir__ws_sub_end(sub);
    return 0;
}

void weir_ws_topic_stats(const struct weir_ws_topic *t, struct weir_ws_topic_stats *ret_stats) {
    weir__not_null(t, "weir_ws_topic_stats");
    *ret_stats = t->stats;
}

/* ---- one message ---- */

struct message {
    unsigned first_byte;
    const void *data;
    size_t len;
    struct weir__seg *plain;
    /* As compressed with each window, when the first connection with that window wants it; a copy
     * of plain where compressing would not make it shorter. */
    struct weir__seg *zipped[BITS_MAX - BITS_MIN + 1];
};

static int message_open(struct message *m, enum weir_ws_type type, const void *data, size_t len) {
    *m = (struct message){.first_byte = (unsigned)type | WEIR__WS_FIN, .data = data, .len = len};
    m->plain = weir__ws_seg(m->first_byte, data, len);
    return m->plain != NULL ? 0 : weir__fail(-ENOMEM, publishes.text, NULL);
}

static void message_close(struct message *m) {
    weir__seg_unref(m->plain);
    for (int i = 0; i <= BITS_MAX - BITS_MIN; i++)
        if (m->zipped[i] != NULL)
            weir__seg_unref(m->zipped[i]);
}

/* What a connection that compresses gets: shared with all that have the same window, since no
 * context is taken over. NULL: no memory. */
static struct weir__seg *zipped_for(struct message *m, struct weir_ws *ws, struct ws_zip *z) {
    struct weir__seg **shared = &m->zipped[z->out_bits - BITS_MIN];
    if (*shared == NULL && weir__ws_deflate_seg(ws, m->first_byte, m->data, m->len, shared) == 0 &&
        *shared == NULL) {
        weir__seg_ref(m->plain);
        *shared = m->plain;
    }
    return *shared;
}

static int append(struct weir_ws *ws, struct weir__seg *g) {
    bool copies = g->len <= COPIED_MAX && weir__out_has_room(&ws->out, g->len);
    int rc = copies ? weir__out_append(&ws->out, g->bytes, g->len)
                    : weir__out_append_seg(&ws->out, g);
    if (rc == 0 && !weir__out_writes(&ws->out))
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    return rc;
}

/* A client masks what it sends, and a compressor that takes its context over is one connection's:
 * these encode for themselves. */
static int queue_for(struct message *m, struct weir_ws *ws) {
    struct ws_zip *z = ws_zip_of(ws);
    bool zips = z != NULL && m->len >= ws->config->zips->o.threshold && m->len > 0;
    if (zips && (z->out_takeover || ws_is_client(ws)))
        return weir__ws_deflate_send(ws, m->first_byte, m->data, m->len);
    if (ws_is_client(ws))
        return weir__ws_queue(ws, m->first_byte, m->data, m->len);
    struct weir__seg *g = zips ? zipped_for(m, ws, z) : m->plain;
    return g != NULL ? append(ws, g) : -ENOMEM;
}

/* ---- slow ones ---- */

static bool has_room(const struct weir_ws_topic *t, const struct weir_ws *ws, size_t len) {
    size_t max = t->o.queue_max, own = ws->config->o.queue_max;
    size_t used = ws->out.queued + (size_t)ws->out.links * LINK_COST;
    if (ws->extra != NULL && (ws->extra->parting.task != NULL || ws->extra->orphaned))
        return false;
    return weir__waitq_empty(&ws->out.room) && ws->out.links < WEIR__OUT_LINKS_MAX &&
           (used == 0 || used + len <= (own < max ? own : max));
}

/* Close a slow one; not because of a task that is in the middle of a message in parts. */
static void shed(struct weir_ws_topic *t, struct ws_sub *sub) {
    struct weir_ws *ws = sub->ws;
    if (ws_parting(ws) != NULL) {
        t->stats.skipped++;
        return;
    }
    t->stats.closed++;
    weir__ws_sub_end(sub);
    ws->config->driver->sheds(ws, t->o.close_code, t->reason);
}

static void no_room(struct weir_ws_topic *t, struct ws_sub *sub, struct weir__list *slow) {
    if (t->o.slow == WEIR_WS_SLOW_SKIP) {
        t->stats.skipped++;
    } else if (t->o.slow == WEIR_WS_SLOW_CLOSE) {
        shed(t, sub);
    } else {
        weir__list_remove(&sub->link);
        weir__list_add_tail(slow, &sub->link);
    }
}

/* No memory for a message: it counts as skipped, and one that must not miss any is closed. */
static bool give(struct weir_ws_topic *t, struct ws_sub *sub, struct message *m) {
    if (queue_for(m, sub->ws) == 0) {
        t->stats.queued++;
        return true;
    }
    if (t->o.slow == WEIR_WS_SLOW_SKIP)
        t->stats.skipped++;
    else
        shed(t, sub);
    return false;
}

/* Queue m for all that have room. Returns for how many; those to wait for are in slow. No other
 * task runs meanwhile. */
static size_t give_all(struct weir_ws_topic *t, struct message *m, struct weir__list *slow) {
    size_t count = 0;
    for (struct weir__list *at = t->subs.next, *next; at != &t->subs; at = next) {
        struct ws_sub *sub = WEIR_CONTAINER(at, struct ws_sub, link);
        next = at->next;
        __builtin_prefetch(next->next);
        if (next != &t->subs) /* its line, while this one's is written to */
            __builtin_prefetch(&WEIR_CONTAINER(next, struct ws_sub, link)->ws->out, 1);
        if (!ws_is_open(sub->ws))
            weir__ws_sub_end(sub);
        else if (!has_room(t, sub->ws, m->len))
            no_room(t, sub, slow);
        else
            count += give(t, sub, m);
    }
    return count;
}

/* Wait until sub has room, is not open any more or has ended: then it is no longer waited. */
static int wait_for(struct weir_ws_topic *t, struct ws_sub *sub, size_t len) {
    struct weir_ws *ws = sub->ws;
    struct ws_waiter w;
    int rc = 0;
    t->waited = sub;
    ws->inside++;
    weir__ws_wait_begin(ws, &w, WS_CLOSES);
    while (rc == 0 && t->waited != NULL && !t->freed && ws_is_open(ws) && !has_room(t, ws, len))
        rc = weir__ws_wait(ws, &w, &publishes);
    weir__ws_wait_end(ws, &w);
    weir__ws_leave(ws);
    return rc;
}

static int wait_for_all(struct weir_ws_topic *t, struct message *m, struct weir__list *slow,
                        size_t *count) {
    int rc = 0;
    while (rc == 0 && !weir__list_empty(slow) && !t->freed) {
        struct ws_sub *sub = WEIR_CONTAINER(slow->next, struct ws_sub, link);
        rc = wait_for(t, sub, m->len);
        if (rc < 0 || t->waited == NULL || t->freed)
            continue;
        t->waited = NULL;
        weir__list_remove(&sub->link);
        weir__list_add_tail(&t->subs, &sub->link);
        if (ws_is_open(sub->ws))
            *count += give(t, sub, m);
        else
            weir__ws_sub_end(sub);
    }
    t->waited = NULL;
    return t->freed ? WEIR_ECLOSED : rc;
}

/* The time is over, also for those whose turn to be waited for has not come: they may have room by
 * now. Those that have none are closed. rc: a cancel from outside, or the topic was freed. */
static void let_slow_go(struct weir_ws_topic *t, struct message *m, struct weir__list *slow,
                        size_t *count, int rc) {
    while (!weir__list_empty(slow)) {
        struct ws_sub *sub = WEIR_CONTAINER(slow->next, struct ws_sub, link);
        weir__list_remove(&sub->link);
        weir__list_add_tail(&t->subs, &sub->link);
        if (t->freed || !ws_is_open(sub->ws))
            weir__ws_sub_end(sub);
        else if (rc < 0)
            t->stats.skipped++;
        else if (has_room(t, sub->ws, m->len))
            *count += give(t, sub, m);
        else
            shed(t, sub);
    }
}

static int wait_bounded(struct weir_ws_topic *t, struct message *m, struct weir__list *slow,
                        size_t *count) {
    struct weir_scope s;
    weir_scope_enter(&s, t->o.wait_ns);
    int rc = weir_scope_leave(&s, wait_for_all(t, m, slow, count));
    if (rc == -ETIME && weir_cancelled() == 0)
        rc = 0; /* wait_ns is over */
    let_slow_go(t, m, slow, count, rc);
    return rc;
}

/* ---- publish ---- */

static int take_turn(struct weir_ws_topic *t) {
    int rc = 0;
    if (t->publishing) /* it is handed on with the grant */
        rc = (int)weir__waitq_wait(&t->turn, NULL, &publishes, t);
    else
        t->publishing = true;
    return rc < 0 ? weir__fail(rc, publishes.text, NULL) : 0;
}

static void leave_turn(struct weir_ws_topic *t) {
    if (weir__waitq_grant(&t->turn) == NULL)
        t->publishing = false;
}

static ssize_t publish(struct weir_ws_topic *t, struct message *m) {
    struct weir__list slow;
    int rc = take_turn(t);
    if (rc < 0)
        return rc;
    weir__list_init(&slow);
    t->stats.published++;
    size_t count = give_all(t, m, &slow);
    if (!weir__list_empty(&slow))
        rc = wait_bounded(t, m, &slow, &count);
    leave_turn(t);
    if (rc == WEIR_ECLOSED)
        weir__fail(rc, publishes.text, NULL);
    if (rc < 0)
        weir__fail_done(rc, count);
    return rc < 0 ? rc : (ssize_t)count;
}

/* Open m, unless the message breaks a rule. */
static int open_checked(const struct weir_ws_topic *t, enum weir_ws_type type, const void *data,
                        size_t len, const char *call, struct message *m) {
    weir__ws_type_check(type, call);
    if (len > t->o.queue_max)
        return weir__failf(WEIR_ETOOBIG, publishes.text, NULL, "%zu bytes; the topic takes %zu",
                           len, t->o.queue_max);
    if (type == WEIR_WS_TEXT && !weir__utf8_valid(data, len))
        return weir__fail(WEIR_EUTF8, publishes.text, NULL);
    return message_open(m, type, data, len);
}

/* Would a publish have to wait for a subscriber, or for one that does? */
static bool would_wait(const struct weir_ws_topic *t, size_t len) {
    if (t->publishing)
        return true;
    if (t->o.slow != WEIR_WS_SLOW_WAIT)
        return false;
    for (const struct weir__list *at = t->subs.next; at != &t->subs; at = at->next) {
        const struct weir_ws *ws = WEIR_CONTAINER(at, struct ws_sub, link)->ws;
        if (ws_is_open(ws) && !has_room(t, ws, len))
            return true;
    }
    return false;
}

ssize_t weir_ws_topic_try_publish(struct weir_ws_topic *t, enum weir_ws_type type,
                                  const void *data, size_t len) {
    struct message m;
    struct weir__list slow;
    int rc = topic_enter(t, "weir_ws_topic_try_publish");
    if (rc < 0 ||
        (rc = open_checked(t, type, data, len, "weir_ws_topic_try_publish", &m)) < 0)
        return rc;
    if (would_wait(t, len)) {
        message_close(&m);
        return -EAGAIN;
    }
    weir__list_init(&slow);
    t->stats.published++;
    size_t count = give_all(t, &m, &slow);
    WEIR_CHECK(weir__list_empty(&slow));
    message_close(&m);
    return (ssize_t)count;
}

ssize_t weir_ws_topic_publish(struct weir_ws_topic *t, enum weir_ws_type type, const void *data,
                              size_t len) {
    struct message m;
    int rc = weir__suspend_enter_on(t ? t->loop : NULL, publishes.text);
    if (rc < 0)
        return rc;
    weir__not_null(t, "weir_ws_topic_publish");
    if ((rc = open_checked(t, type, data, len, "weir_ws_topic_publish", &m)) < 0)
        return rc;
    t->inside++;
    ssize_t n = publish(t, &m);
    message_close(&m);
    weir__breathe();
    topic_leave(t);
    return n;
}
