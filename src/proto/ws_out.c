/* SPDX-License-Identifier: MIT */
/* ws_out.c - frames out: the queue, which a frame enters whole or not at all. What takes them from
 * there is ws_writer.c. */
#include "proto/ws_out.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "proto/ws_spare.h"
#include "proto/ws_wait.h"

/* As a client. */
static void queue_masked(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    uint8_t mask[4], *at = weir__out_end(&ws->out);
    weir__ws_spare_mask(ws->config->loop->backend, mask);
    size_t head = weir__ws_head_write(at, first_byte, len, mask);
    weir__ws_mask(at + head, data, len, mask, 0);
    weir__out_add(&ws->out, head + len);
    if (!weir__out_writes(&ws->out))
        weir__loop_flush_later(ws->config->loop, &ws->flush);
}

int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    if (weir__out_reserve(&ws->out, WEIR__WS_HEAD_MAX + len) < 0)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    if (ws_is_client(ws))
        queue_masked(ws, first_byte, data, len);
    else
        ws_queue_more(ws, first_byte, data, len);
    return 0;
}

struct weir__seg *weir__ws_seg(unsigned first_byte, const void *data, size_t len) {
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t head_len = weir__ws_head_write(head, first_byte, len, NULL);
    struct weir__seg *g = weir__seg_new(head_len + len);
    if (g == NULL)
        return NULL;
    memcpy(g->bytes, head, head_len);
    if (len > 0)
        memcpy(g->bytes + head_len, data, len);
    return g;
}

int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason) {
    uint8_t payload[WEIR__WS_CONTROL_MAX];
    size_t good = weir__utf8_prefix(reason, strlen(reason)); /* it may be anybody's text */
    size_t len = weir__ws_close_write(payload, (unsigned)code, reason, good);
    int rc = weir__ws_queue(ws, WEIR__WS_CLOSE | WEIR__WS_FIN, payload, len);
    if (rc < 0)
        return rc;
    ws->state = WS_CLOSING;
    weir__ws_wake(ws); /* no message can be sent any more */
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
