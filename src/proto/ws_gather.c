/* SPDX-License-Identifier: MIT */
/* ws_gather.c - a buffer for what came in pieces. */
#include "proto/ws_gather.h"

#include <string.h>

#include "base/alloc.h"

struct ws_gather *weir__ws_gather(struct weir_ws *ws) {
    if (ws->gather == NULL)
        ws->gather = weir__alloc_zero(sizeof *ws->gather);
    return ws->gather;
}

/* The buffer grows in one step to what was announced, but not beyond WS_ANNOUNCED_MAX: what a peer
 * only announces must not cost us more. */
int weir__ws_gather_append(struct ws_gather *g, const uint8_t *data, size_t len, size_t hint) {
    if (g->len + len > g->max) {
        size_t max = g->max ? g->max * 2 : 256;
        if (max < hint)
            max = hint < WS_ANNOUNCED_MAX ? hint : max > WS_ANNOUNCED_MAX ? max : WS_ANNOUNCED_MAX;
        if (max < g->len + len)
            max = g->len + len;
        uint8_t *base = weir__realloc(g->base, max);
        if (base == NULL)
            return -ENOMEM;
        g->base = base;
        g->max = max;
    }
    if (len > 0)
        memcpy(g->base + g->len, data, len);
    g->len += len;
    return 0;
}

int weir__ws_gather_room(struct ws_gather *g, size_t first, size_t max) {
    if (g->len < g->max)
        return 0;
    size_t room = g->max ? 2 * g->max : first < 256 ? 256 : first;
    room = room - 1 < max ? room : max + 1;
    uint8_t *base = weir__realloc(g->base, room);
    if (base == NULL)
        return -ENOMEM;
    g->base = base;
    g->max = room;
    return 0;
}

void weir__ws_gather_drop(struct weir_ws *ws) {
    if (ws->gather == NULL)
        return;
    weir__free(ws->gather->base);
    weir__free(ws->gather);
    ws->gather = NULL;
}
