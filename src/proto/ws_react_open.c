/* SPDX-License-Identifier: MIT */
/* ws_react_open.c - a reactive connection shakes hands, without a task that waits: pieces of the
 * head are gathered as they come. */
#include <string.h>

#include "base/log.h"
#include "proto/ws_conn.h"
#include "proto/ws_gather.h"
#include "proto/ws_react_conn.h"
#include "proto/ws_shake.h"

/* closed is for those that were opened, so that nobody else would hear of it. */
static void tell_refused(int rc) {
    weir__log(WEIR_LOG_WARNING, "%s", weir_error_message(rc));
}

static void refused(struct ws_react_conn *c, int rc) {
    if (weir_shutdown(c->ws.stream) < 0) {
        weir__ws_react_over(c, rc);
        return;
    }
    c->ws.failed = (int16_t)rc; /* what still comes is thrown away */
    weir__ws_react_closing(c, rc, WS_REFUSED_NS);
}

int weir__ws_react_opened(struct weir_conn *conn, void *state) {
    struct ws_react_conn *c = state;
    struct ws_server *sv = weir_conn_arg(conn);
    weir__ws_init(&c->ws, weir_conn_stream(conn), sv->config, WEIR__WS_SERVER);
    sv->config->refs++;
    c->conn = conn;
    if (sv->live >= sv->config->o.connections_max) {
        struct ws_answer a;
        weir__ws_refuse(&c->ws, WEIR_EHTTP, 503, "too many connections", &a);
        tell_refused(a.rc);
        (void)weir_write(c->ws.stream, a.text, a.len);
        refused(c, WEIR_EHTTP);
        return 0;
    }
    c->counted = true;
    sv->live++;
    weir__ws_react_arm(c, sv->config->o.handshake_ns);
    return 0;
}

/* Look at the head that has come. Returns its size, 0: not whole, -1: refused. */
static int shake(struct ws_react_conn *c, const uint8_t *head, size_t len) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    struct ws_answer a;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &ws_server_of(c)->config->http);
    int size = weir__http1_parse(&h, head, len);
    if (size == 0)
        return 0;
    if (size < 0)
        weir__ws_refuse(&c->ws, size, h.answer, h.why, &a);
    else
        weir__ws_answer(&c->ws, &h, head, &a);
    if (a.rc < 0)
        tell_refused(a.rc);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    if (rc < 0)
        weir__ws_react_over(c, rc);
    else if (a.rc < 0)
        refused(c, a.rc);
    if (c->phase != WS_SHAKING || rc < 0 || a.rc < 0)
        return -1;
    c->phase = WS_TALKING;
    return size;
}

ssize_t weir__ws_react_shake(struct ws_react_conn *c, const uint8_t *base, size_t len) {
    /* One more than head_max, so that the parser says why. */
    size_t max = ws_server_of(c)->config->o.head_max + 1;
    struct ws_gather *g = c->ws.gather;
    size_t before = g ? g->len : 0;
    if (before == 0) { /* mostly it comes whole */
        int size = shake(c, base, len);
        if (size != 0)
            return size;
    }
    size_t n = len < max - before ? len : max - before;
    if ((g = weir__ws_gather(&c->ws)) == NULL || weir__ws_gather_append(g, base, n, 0) < 0) {
        weir__ws_react_over(c, -ENOMEM);
        return -1;
    }
    /* Heads end at a line's end: one that comes byte by byte is not parsed at each. */
    if (before == 0 || (memchr(base, '\n', n) == NULL && g->len < max))
        return (ssize_t)len;
    int size = shake(c, g->base, g->len);
    return size <= 0 ? size < 0 ? -1 : (ssize_t)len : size - (ssize_t)before;
}

void weir__ws_react_late(struct ws_react_conn *c) {
    struct weir_scope shield;
    struct ws_answer a;
    weir__ws_late(&c->ws, &a);
    weir_shield_enter(&shield, WS_REFUSED_NS);
    tell_refused(a.rc);
    int rc = weir_write(c->ws.stream, a.text, a.len);
    if (rc == 0 && (rc = weir_shutdown(c->ws.stream)) == 0)
        weir__ws_react_discard(c);
    weir_scope_leave(&shield, rc);
}
