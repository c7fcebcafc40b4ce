/* SPDX-License-Identifier: MIT */
/* ws_topic.h - WebSocket broadcast: a message that is published to a topic goes to every connection
 * that has subscribed to it.
 *
 * A message is encoded once, however many connections get it, and they share the bytes. It is also
 * compressed once, for those that have agreed on compression without takeover (weir/ws_deflate.h).
 * Each subscriber gets the messages of a topic in the order in which they were published; a message
 * that was sent to it alone comes between them, in the order of the calls. What one turn of the
 * loop publishes to a connection leaves in one send. Connections of all kinds may subscribe:
 * reactive, accepted by a task, dialled. Loop thread only. */
#ifndef WEIR_WS_TOPIC_H
#define WEIR_WS_TOPIC_H

#include <weir/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws_topic; /* a set of connections, and what is published to them */

/* What becomes of a subscriber that has no room for a message, since its client reads slowly. */
enum weir_ws_slow {
    WEIR_WS_SLOW_SKIP,  /* it does not get this message; `skipped` counts that */
    WEIR_WS_SLOW_CLOSE, /* it is closed with close_code. If that takes longer than close_ns of its
                         * own options, the connection is broken */
    WEIR_WS_SLOW_WAIT   /* publish waits for it, wait_ns at most; then it is closed as above */
};

/* The options of a topic. A member of 0 has its default, which stands first below. */
struct weir_ws_topic_options {
    size_t size;             /* sizeof (struct weir_ws_topic_options) */
    enum weir_ws_slow slow;  /* WEIR_WS_SLOW_SKIP */
    size_t queue_max;        /* 1 MiB. The largest message. Also: a subscriber has no room for a
                              * message with which more bytes than this, or than queue_max of its
                              * own options, would be queued on its connection. Each published
                              * message counts 64 bytes more than it has */
    weir_ns wait_ns;         /* 1 s. For WEIR_WS_SLOW_WAIT: how long a publish waits at most */
    int close_code;          /* 1013, "try again later". One that weir_ws_close would take */
    const char *close_reason; /* "too slow". UTF-8, at most 123 bytes; copied */
    size_t subscribers_max;  /* 1000000 */
};

/* What has happened on a topic since weir_ws_topic_new. */
struct weir_ws_topic_stats {
    size_t subscribers; /* now. One whose connection has closed may be counted until the next
                         * publish */
    uint64_t published; /* messages */
    uint64_t queued;    /* how often a message was queued for a subscriber */
    uint64_t skipped;   /* how often not, because it had no room or there was no memory */
    uint64_t closed;    /* subscribers that were closed because they were slow */
};

/* Make a topic. options may be NULL. It belongs to the loop that runs on this thread.
 * The caller must free *ret_topic.
 * Returns 0; -EINVAL (close_code), WEIR_EUTF8 (close_reason), -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_ws_topic_new(const struct weir_ws_topic_options *options,
                               struct weir_ws_topic **ret_topic);

/* Free a topic; *take_topic becomes NULL. Its subscribers stay connected, and what was published is
 * still sent to them. Tasks that publish to it return WEIR_ECLOSED. NULL and *NULL are fine. */
WEIR_API void weir_ws_topic_free(struct weir_ws_topic **take_topic);

/* Let a connection get what is published to a topic from now on. The subscription ends by itself
 * with the connection. A connection may subscribe to any number of topics.
 * Returns 0; -EALREADY (it has subscribed to this topic), -ENOSPC (subscribers_max),
 * WEIR_EWSCLOSED, or what else weir_ws_send would return, if the connection takes no more messages;
 * -ENOMEM. */
WEIR_API int weir_ws_topic_subscribe(struct weir_ws_topic *topic, struct weir_ws *ws);

/* End a subscription. What was published before is still sent.
 * Returns 0; -ENOENT (there is none). */
WEIR_API int weir_ws_topic_unsubscribe(struct weir_ws_topic *topic, struct weir_ws *ws);

/* Queue a message for every subscriber. If several tasks publish, their messages keep the order of
 * the calls. What becomes of a subscriber without room is the member slow of the options. There is
 * no room either while a task is in the middle of a message in parts on that connection, or tasks
 * wait to send on it; but a message in parts closes no subscriber. The call waits only with
 * WEIR_WS_SLOW_WAIT. data is copied, once.
 * Returns for how many subscribers the message was queued; WEIR_EUTF8, WEIR_ETOOBIG (more than
 * queue_max), WEIR_ECLOSED (the topic was freed while it waited), -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. If a cancel ends the wait, the message is queued for the subscribers that had room,
 * whose number is `done` of weir_error; the others count as skipped. After any other error it is
 * queued for nobody. */
WEIR_SUSPENDS ssize_t weir_ws_topic_publish(struct weir_ws_topic *topic, enum weir_ws_type type,
                                            const void *data, size_t len);

/* Queue a message as weir_ws_topic_publish, but never wait. It is no cancel point, so posted
 * functions and callbacks may call it too.
 * Returns as weir_ws_topic_publish, but never WEIR_ECLOSED, -ECANCELED, -ETIME or WEIR_ENOLOOP;
 * -EAGAIN (with WEIR_WS_SLOW_WAIT only: a subscriber has no room, or another publish waits for one;
 * then no subscriber gets the message); WEIR_EFORKED. */
WEIR_API ssize_t weir_ws_topic_try_publish(struct weir_ws_topic *topic, enum weir_ws_type type,
                                           const void *data, size_t len);

/* Fill *ret_stats with what has happened on a topic. */
WEIR_API void weir_ws_topic_stats(const struct weir_ws_topic *topic,
                                  struct weir_ws_topic_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
