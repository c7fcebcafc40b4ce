/* SPDX-License-Identifier: MIT */
/* ws_out.c - frames out: the queue, which a frame enters whole or not at all. What takes them from
 * there is ws_writer.c. */
#include "proto/ws_out.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "proto/ws_wait.h"

/* What the connections of a thread share: an empty queue for the next one who needs it, and
 * random bytes for masks. */
static __thread struct {
    size_t holders;
    struct ws_queue *queue;
    size_t random_left;
    uint8_t random[256];
} spare;

void weir__ws_spare_hold(void) {
    spare.holders++;
}

void weir__ws_spare_unhold(void) {
    WEIR_CHECK(spare.holders > 0);
    if (--spare.holders > 0)
        return;
    weir__free(spare.queue);
    spare.queue = NULL;
    spare.random_left = 0; /* the next run draws its own, so that a seed replays it */
}

int weir__ws_queue_reserve(struct weir_ws *ws, size_t more) {
    struct ws_queue *q = ws->queue;
    size_t len = q ? q->len : 0, max = WS_QUEUE_MIN;
    if (q != NULL && len + more <= q->max)
        return 0;
    if (q == NULL && spare.queue != NULL && more <= spare.queue->max) {
        ws->queue = spare.queue;
        spare.queue = NULL;
        return 0;
    }
    while (max < len + more)
        max *= 2;
    q = weir__realloc(q, sizeof *q + max);
    if (q == NULL)
        return -ENOMEM;
    q->len = (uint32_t)len;
    q->max = (uint32_t)max;
    ws->queue = q;
    return 0;
}

/* The larger one is kept: who sends much will do so again. */
void weir__ws_queue_give_back(struct ws_queue *q) {
    struct ws_queue *kept = spare.queue;
    if (q->max <= WS_SPARE_MAX && (kept == NULL || kept->max < q->max)) {
        q->len = 0;
        spare.queue = q;
        q = kept;
    }
    weir__free(q);
}

/* RFC 6455 10.3: masks must not be guessed. Drawn from the backend a handful at a time. */
static void mask_make(struct weir_ws *ws, uint8_t mask[4]) {
    if (spare.random_left < 4) {
        struct weir__backend *b = ws->config->loop->backend;
        b->ops->random(b, spare.random, sizeof spare.random);
        spare.random_left = sizeof spare.random;
    }
    spare.random_left -= 4;
    memcpy(mask, spare.random + spare.random_left, 4);
}

int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    bool masked = ws->role == WEIR__WS_CLIENT;
    uint8_t mask[4];
    if (weir__ws_queue_reserve(ws, WEIR__WS_HEAD_MAX + len) < 0)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    if (masked)
        mask_make(ws, mask);
    uint8_t *at = ws->queue->bytes + ws->queue->len;
    size_t head = weir__ws_head_write(at, first_byte, len, masked ? mask : NULL);
    if (masked)
        weir__ws_mask(at + head, data, len, mask, 0);
    else if (len > 0)
        memcpy(at + head, data, len);
    ws->queue->len += (uint32_t)(head + len);
    if (!ws->writing)
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    return 0;
}

int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason) {
    uint8_t payload[WEIR__WS_CONTROL_MAX];
    size_t good = weir__utf8_prefix(reason, strlen(reason)); /* whoever the text is from */
    size_t len = weir__ws_close_write(payload, (unsigned)code, reason, good);
    int rc = weir__ws_queue(ws, WEIR__WS_CLOSE | WEIR__WS_FIN, payload, len);
    if (rc < 0)
        return rc;
    ws->state = WS_CLOSING;
    weir__ws_wake(ws); /* nobody sends any more */
    return 0;
}

int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len) {
    bool waits = ws->extra != NULL && ws->extra->pong_waits;
    if (ws_queued(ws) <= WS_PONG_QUEUED_MAX && !waits)
        return weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, data, len);
    struct ws_extra *x = weir__ws_extra(ws);
    if (x == NULL)
        return -ENOMEM;
    x->pong_waits = true;
    x->pong_len = (uint8_t)len;
    if (len > 0)
        memcpy(x->pong, data, len);
    return 0;
}

/* What was queued has left: now the pong that waited. */
void weir__ws_queue_late_pong(struct weir_ws *ws) {
    struct ws_extra *x = ws->extra;
    if (__builtin_expect(x == NULL, 1) || !x->pong_waits || ws->state != WS_OPEN)
        return;
    if (weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, x->pong, x->pong_len) == 0)
        x->pong_waits = false; /* else after the next write */
}

int weir__ws_close_check(const char *what, int code, const char *reason) {
    if (!weir__ws_code_valid((unsigned)code))
        return weir__failf(-EINVAL, what, NULL, "%d is no code to send", code);
    if (reason != NULL && !weir__utf8_valid(reason, strlen(reason)))
        return weir__failf(WEIR_EUTF8, what, NULL, "the reason is not UTF-8");
    return 0;
}
