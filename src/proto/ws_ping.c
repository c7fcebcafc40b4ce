/* SPDX-License-Identifier: MIT */
/* ws_ping.c - a ping of the user's, and what pings have shown of the latency. */
#include <errno.h>

#include "proto/ws_conn.h"
#include "proto/ws_keep.h"
#include "proto/ws_send.h"
#include "proto/ws_wait.h"

static const struct weir__what pings = {.text = "ws ping", .link = "to", .kind = WEIR__ON_WS,
                                        .stream_at = offsetof(struct weir_ws, stream)};

/* Pings do not wait for room, so there is a bound to how many a peer that takes nothing costs. */
static int ping_may_go(struct weir_ws *ws) {
    int rc = weir__ws_send_state(ws);
    if (rc < 0)
        return rc;
    if (weir__ws_extra(ws) == NULL)
        return weir__fail(-ENOMEM, pings.text, weir_ws_peer(ws));
    if (!weir__out_control_fits(&ws->out, WEIR__WS_HEAD_MAX + sizeof ws->pinged,
                                ws->config->o.queue_max))
        return weir__failf(-EAGAIN, pings.text, weir_ws_peer(ws),
                           "too much is queued that the peer does not take (EAGAIN)");
    return 0;
}

/* The pong that answers may be that of a later ping, or have come together with it. In whole
 * microseconds, as weir_ws_latency has it. */
static weir_ns time_to_pong(const struct ws_extra *x, uint64_t stamp) {
    uint64_t ns = x->ponged_at > stamp ? x->ponged_at - stamp : 0;
    return (weir_ns)(ns / 1000 * 1000);
}

static int ping(struct weir_ws *ws, weir_ns *ret_latency) {
    struct ws_waiter w;
    uint64_t stamp;
    int rc = ping_may_go(ws);
    if (rc == 0)
        rc = weir__ws_ping_queue(ws, &stamp);
    if (rc < 0)
        return rc;
    weir__ws_wait_begin(ws, &w, WS_CLOSES);
    while (rc == 0 && ws->extra->ponged < stamp)
        if ((rc = weir__ws_send_state(ws)) == 0)
            rc = weir__ws_wait(ws, &w, &pings);
    weir__ws_wait_end(ws, &w);
    if (rc == 0 && ret_latency != NULL)
        *ret_latency = time_to_pong(ws->extra, stamp);
    return rc;
}

int weir_ws_ping(struct weir_ws *ws, weir_ns *ret_latency) {
    int rc = ws_enter(ws, pings.text);
    if (rc < 0)
        return rc;
    return ws_exit(ws, ping(ws, ret_latency));
}

weir_ns weir_ws_latency(const struct weir_ws *ws, weir_ns *ret_last) {
    weir__not_null(ws, "weir_ws_latency");
    if (!ws->has_latency)
        return -ENODATA;
    if (ret_last != NULL)
        *ret_last = (weir_ns)ws->latency_us * 1000;
    return (weir_ns)ws->smoothed_us * 1000;
}
