/* SPDX-License-Identifier: MIT */
/* ws_sub.h - a topic and its subscriptions: the lists, and how a subscription ends. What is
 * published is ws_topic.c's. */
#ifndef WEIR_PROTO_WS_SUB_H
#define WEIR_PROTO_WS_SUB_H

#include <weir/ws_topic.h>

#include "proto/weir_ws.h"

struct weir_ws_topic {
    struct weir_ws_topic_options o; /* with the defaults filled in */
    struct weir__loop *loop;
    struct weir__list subs;
    struct weir__waitq turn;   /* tasks that wait until another has published */
    struct ws_sub *waited;     /* the slow one that the publisher waits for; NULL: it has ended */
    struct weir_ws_topic_stats stats;
    unsigned inside;           /* tasks in publish, which keep the memory */
    bool publishing, freed;
    char reason[WEIR__WS_REASON_MAX + 1];
};

struct ws_sub {
    struct weir__list link; /* in topic->subs; or in a list of the publisher's, of slow ones */
    struct ws_sub *next;    /* of the same connection */
    struct weir_ws_topic *topic;
    struct weir_ws *ws;
};

/* End a subscription, and free it. */
void weir__ws_sub_end(struct ws_sub *sub);
/* The connection closes: end all that it has. */
void weir__ws_subs_end(struct weir_ws *ws);

#endif
