/* SPDX-License-Identifier: MIT */
/* ws_out.c - frames out. A frame enters the queue whole or not at all; one writer at a time takes
 * the whole queue and writes it, so what one turn queued leaves together. The writer is a task of
 * the run's own group (of the connection's, in a reactive server), which no cancel of a sender
 * reaches: a frame is never torn by one. */
#include <string.h>

#include "base/alloc.h"
#include "proto/ws_conn.h"

/* ---- waiting ---- */

static int waiter_abort(struct weir__park *p) {
    struct ws_waiter *w = WEIR_CONTAINER(p, struct ws_waiter, park);
    struct ws_waiter **at = &w->ws->waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    return WEIR__DONE;
}

int weir__ws_wait(struct weir_ws *ws, const char *what) {
    int rc = weir_cancelled(); /* fired while this call went round */
    if (rc < 0)
        return weir__fail(rc, what, NULL);
    struct ws_waiter w = {.park = {.abort = waiter_abort, .what = what, .on = ws}, .ws = ws};
    struct ws_waiter **at = &ws->waiters;
    while (*at != NULL) /* first come, first served */
        at = &(*at)->next;
    *at = &w;
    rc = (int)weir__park(&w.park);
    return rc < 0 ? weir__fail(rc, what, NULL) : 0;
}

void weir__ws_wake(struct weir_ws *ws) {
    struct ws_waiter *w = ws->waiters;
    ws->waiters = NULL;
    for (struct ws_waiter *next; w != NULL; w = next) {
        next = w->next;
        weir__unpark(&w->park, 0);
    }
}

/* ---- the queue ---- */

static int queue_reserve(struct weir_ws *ws, size_t more) {
    struct ws_bytes *q = &ws->queue;
    if (q->len + more <= q->max)
        return 0;
    if (q->base == NULL && more <= WS_SPARE && ws->config->spare != NULL) {
        *q = (struct ws_bytes){.base = ws->config->spare, .max = WS_SPARE};
        ws->config->spare = NULL;
        return 0;
    }
    size_t max = q->max ? q->max * 2 : WS_SPARE;
    while (max < q->len + more)
        max *= 2;
    uint8_t *base = weir__realloc(q->base, max);
    if (base == NULL)
        return -ENOMEM;
    q->base = base;
    q->max = max;
    return 0;
}

/* RFC 6455 10.3: masks must not be guessed. Drawn from the backend a handful at a time. */
static void mask_make(struct weir_ws *ws, uint8_t mask[4]) {
    static __thread uint8_t pool[256];
    static __thread size_t left;
    if (left < 4) {
        ws->loop->backend->ops->random(ws->loop->backend, pool, sizeof pool);
        left = sizeof pool;
    }
    left -= 4;
    memcpy(mask, pool + left, 4);
}

int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    bool masked = ws->role == WEIR__WS_CLIENT;
    uint8_t mask[4];
    if (queue_reserve(ws, WEIR__WS_HEAD_MAX + len) < 0)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    if (masked)
        mask_make(ws, mask);
    uint8_t *at = ws->queue.base + ws->queue.len;
    size_t head = weir__ws_head_write(at, first_byte, len, masked ? mask : NULL);
    if (masked)
        weir__ws_mask(at + head, data, len, mask, 0);
    else if (len > 0)
        memcpy(at + head, data, len);
    ws->queue.len += head + len;
    if (!ws->writing)
        weir__loop_flush_later(ws->loop, &ws->flush);
    return 0;
}

int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason) {
    uint8_t payload[WEIR__WS_CONTROL_MAX];
    size_t len = weir__ws_close_write(payload, (unsigned)code, reason, strlen(reason));
    ws->state = WS_CLOSING;
    return weir__ws_queue(ws, WEIR__WS_CLOSE | WEIR__WS_FIN, payload, len);
}

/* ---- the writer ---- */

static void queue_give_back(struct weir_ws *ws, struct ws_bytes *taken) {
    if (ws->config->spare == NULL && taken->max == WS_SPARE)
        ws->config->spare = taken->base;
    else
        weir__free(taken->base);
}

int weir__ws_write_out(struct weir_ws *ws) {
    int rc = 0;
    if (ws->writing)
        return 0; /* the other one takes what came meanwhile */
    ws->writing = true;
    ws->inside++;
    while (rc == 0 && ws->queue.len > 0 && ws->stream != NULL) {
        struct ws_bytes taken = ws->queue;
        ws->queue = (struct ws_bytes){0};
        ws->writing_len = taken.len;
        rc = weir_write(ws->stream, taken.base, taken.len);
        ws->writing_len = 0;
        queue_give_back(ws, &taken);
        if (rc < 0)
            weir__ws_broke(ws, rc);
        weir__ws_wake(ws);
    }
    ws->writing = false;
    weir__ws_leave(ws);
    return rc;
}

static int writer(void *args) {
    struct weir_ws *ws = *(struct weir_ws **)args;
    (void)weir__ws_write_out(ws); /* an error stays in ws->failed: whoever uses it next gets it */
    weir__ws_leave(ws);
    return 0;
}

void weir__ws_flush_hook(struct weir__flush *f) {
    static const struct weir_site site = {"ws writer", __FILE__, "weir_ws_send", __LINE__};
    struct weir_ws *ws = WEIR_CONTAINER(f, struct weir_ws, flush);
    if (ws->writing || ws->queue.len == 0 || ws->stream == NULL)
        return;
    ws->inside++; /* the writer's */
    struct weir_group *g = ws->conn ? weir_conn_group(ws->conn) : NULL;
    int rc = weir_spawn(g, &site, writer, &ws, sizeof ws, NULL, NULL);
    if (rc < 0) {
        weir__ws_broke(ws, rc);
        weir__ws_leave(ws);
    }
}
