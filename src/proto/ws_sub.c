/* SPDX-License-Identifier: MIT */
/* ws_sub.c - how a subscription to a topic ends: by its user, with its connection or its topic. */
#include "proto/ws_sub.h"

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_wait.h"

void weir__ws_sub_end(struct ws_sub *sub) {
    struct weir_ws_topic *t = sub->topic;
    struct weir_ws *ws = sub->ws;
    struct ws_sub **at = &ws->subs;
    while (*at != sub)
        at = &(*at)->next;
    *at = sub->next;
    weir__list_remove(&sub->link);
    WEIR_CHECK(t->stats.subscribers > 0);
    t->stats.subscribers--;
    if (t->waited == sub) {
        t->waited = NULL;
        weir__ws_wake(ws);
    }
    weir__free(sub);
}

void weir__ws_subs_end(struct weir_ws *ws) {
    while (ws->subs != NULL)
        weir__ws_sub_end(ws->subs);
}
