/* SPDX-License-Identifier: MIT */
/* ws_conn.c - what both server shapes and the client share of a connection: the defaults of its
 * options, its creation and release, the first error that it met, its one timer. */
#include "proto/ws_conn.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "base/time.h"
#include "proto/ws_gather.h"
#include "proto/ws_spare.h"
#include "proto/ws_sub.h"
#include "proto/ws_wait.h"
#include "proto/ws_zip.h"

/* ---- config ---- */

size_t weir__ws_queue_max(const struct weir_ws_options *o) {
    size_t max = o->queue_max ? o->queue_max : 1 << 20;
    return max < WS_QUEUE_MAX ? max : WS_QUEUE_MAX;
}

static void fill_defaults(struct weir_ws_options *o) {
    o->message_max = o->message_max ? o->message_max : 1 << 20;
    o->frame_max = o->frame_max ? o->frame_max : o->message_max;
    o->head_max = o->head_max ? o->head_max : 8192;
    o->queue_max = weir__ws_queue_max(o);
    o->handshake_ns = o->handshake_ns > 0 ? o->handshake_ns : WEIR_SECONDS(10);
    o->ping_ns = o->ping_ns > 0 ? o->ping_ns : WEIR_SECONDS(20);
    o->pong_ns = o->pong_ns > 0 ? o->pong_ns : WEIR_SECONDS(20);
    o->close_ns = o->close_ns > 0 ? o->close_ns : WEIR_SECONDS(5);
    o->connections_max = o->connections_max ? o->connections_max : 10000;
    if (o->head_max > WS_HEAD_MAX)
        o->head_max = WS_HEAD_MAX;
    if (o->close_ns > WS_CLOSE_NS_MAX)
        o->close_ns = WS_CLOSE_NS_MAX;
}

struct ws_config *weir__ws_config_new(const struct weir_ws_options *options,
                                      const struct ws_driver *driver) {
    struct ws_config *c = weir__alloc_zero(sizeof *c);
    if (c == NULL)
        return NULL;
    WEIR_OPTIONS_COPY(struct weir_ws_options, tls, &c->o, options);
    fill_defaults(&c->o);
    c->driver = driver;
    c->limits = (struct weir__ws_limits){.frame_max = c->o.frame_max,
                                         .message_max = c->o.message_max};
    c->http = weir__http1_limits_default;
    c->http.head_size_max = (uint32_t)c->o.head_max;
    c->loop = weir__loop();
    c->began = weir__loop_now(c->loop);
    weir__out_owner_init(&c->line, c->loop, "ws send", c->o.pong_ns, driver->moved);
    c->refs = 1;
    return c;
}

void weir__ws_config_unref(struct ws_config *c) {
    if (--c->refs > 0)
        return;
    weir__out_owner_fini(&c->line);
    weir__ws_zips_close(c);
    weir__free(c);
}

/* ---- life ---- */

void weir__ws_init(struct weir_ws *ws, struct weir_stream *s, struct ws_config *c,
                   enum weir__ws_role role) {
    memset(ws, 0, sizeof *ws);
    ws->stream = s;
    ws->config = c;
    ws->flush.flush = c->driver->flush;
    weir__list_init(&ws->flush.link);
    weir__timer_init(&ws->timer, NULL);
    weir__ws_decoder_init(&ws->decoder, role, &c->limits);
    weir__out_init(&ws->out);
    weir__ws_spare_hold();
}

void weir__ws_fini(struct weir_ws *ws) {
    weir__timer_disarm(ws->config->loop->timers, &ws->timer);
    weir__list_remove(&ws->flush.link);
    weir__ws_gather_drop(ws);
    weir__ws_subs_end(ws);
    weir__out_fini(&ws->out);
    weir__free(ws->names);
    if (ws->extra != NULL) {
        weir__at_end_remove(&ws->extra->parting);
        weir__free(ws->extra->peer);
        weir__free(ws->extra->reason);
        weir__ws_zip_free(ws->extra->zip);
    }
    weir__free(ws->extra);
    weir__ws_config_unref(ws->config);
    weir__ws_spare_unhold();
}

void weir__ws_broke(struct weir_ws *ws, int rc) {
    if (ws->failed != 0)
        return;
    ws->failed = WEIR_SMALL_CODE(rc);
    ws->code = ws->code ? ws->code : WEIR__WS_ABNORMAL;
    weir__ws_wake(ws);
}

void weir__ws_cut(struct weir_ws *ws, int rc) {
    weir__ws_broke(ws, rc);
    ws->config->driver->cut(ws);
}

void weir__ws_timer(struct weir_ws *ws, void (*fire)(struct weir__timer *), weir_ns from,
                    weir_ns after) {
    ws->timer.fire = fire;
    weir__timer_arm(ws->config->loop->timers, &ws->timer, weir__deadline(from, after));
}

struct ws_extra *weir__ws_extra(struct weir_ws *ws) {
    if (ws->extra == NULL && (ws->extra = weir__alloc_zero(sizeof *ws->extra)) != NULL)
        ws->extra->ws = ws;
    return ws->extra;
}
