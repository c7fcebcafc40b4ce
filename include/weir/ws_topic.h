/* SPDX-License-Identifier: MIT */
/* ws_topic.h - WebSocket broadcast: a message that is published to a topic goes to every connection
 * that has subscribed to it.
 *
 * A message is encoded once, however many connections get it; where they have agreed on compression
 * without takeover (weir/ws_deflate.h), it is also compressed once. The connections share the
 * bytes. Each subscriber gets the messages of a topic in the order in which they were published,
 * and in their place among the messages that are sent to it alone. What one turn of the loop
 * publishes to a connection leaves in one send. Connections of all kinds may subscribe: reactive,
 * accepted by a task, dialled. Loop thread only. */
#ifndef WEIR_WS_TOPIC_H
#define WEIR_WS_TOPIC_H

#include <weir/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws_topic; /* a set of connections, and what is published to them */

/* What becomes of a subscriber that has no room for a message: a slow client. */
enum weir_ws_slow {
    WEIR_WS_SLOW_SKIP,  /* it does not get this message, and this is counted */
    WEIR_WS_SLOW_CLOSE, /* it is closed with close_code, and cut off close_ns later */
    WEIR_WS_SLOW_WAIT   /* publish waits for it, wait_ns at most; then it is closed as above */
};

/* The options of a topic. A member of 0 has its default, which stands first below. */
struct weir_ws_topic_options {
    size_t size;             /* sizeof (struct weir_ws_topic_options) */
    enum weir_ws_slow slow;  /* WEIR_WS_SLOW_SKIP */
    size_t queue_max;        /* 1 MiB. A subscriber has room while what is queued for it, of this
                              * topic and of all else, has at most so many bytes, and at most its
                              * own queue_max. A shared message counts 64 bytes more for each
                              * connection. Also the largest message of the topic */
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
    uint64_t queued;    /* for subscribers, one by one */
    uint64_t skipped;   /* not queued, because the subscriber had no room or we had no memory */
    uint64_t closed;    /* subscribers, because they were slow */
};

/* Make a topic. options may be NULL. It belongs to the loop that runs on this thread.
 * Returns 0, and *ret_topic must be freed; -EINVAL (close_code), WEIR_EUTF8 (close_reason),
 * -ENOMEM, WEIR_ENOLOOP. */
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

/* Queue a message for every subscriber, in the order in which the calls of all tasks were made. A
 * subscriber without room is treated as options.slow says. A task in the middle of a message in
 * parts, or tasks that wait to send, leave no room either; but nobody is closed because of a
 * message in parts. Except with WEIR_WS_SLOW_WAIT the call does not wait. data is copied, once.
 * Returns for how many subscribers the message was queued; WEIR_EUTF8, WEIR_ETOOBIG (more than
 * queue_max), WEIR_ECLOSED (the topic was freed while it waited), -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. After a cancel while it waits, those that had room have the message, the slow ones
 * have not and are counted as skipped; `done` of weir_error is how many have it. After any other
 * error nobody has it. */
WEIR_SUSPENDS ssize_t weir_ws_topic_publish(struct weir_ws_topic *topic, enum weir_ws_type type,
                                            const void *data, size_t len);

/* Fill *ret_stats with what has happened on a topic. */
WEIR_API void weir_ws_topic_stats(const struct weir_ws_topic *topic,
                                  struct weir_ws_topic_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
