/* SPDX-License-Identifier: MIT */
/* worker.c - see worker.h. One message: in order on its connection, exactly one answer. */
#include "worker/worker.h"

#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/ws.h>

#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "mesh/link.h"
#include "proto/ws_room.h"
#include "task/task.h"
#include "wire/uri.h"
#include "wire/utf8.h"
#include "worker/ack.h"
#include "worker/line.h"

enum { REASON_MAX = 123 }; /* of a close frame, RFC 6455 5.5 */

struct conn {
    struct weir__worker *worker;
    char failed[REASON_MAX + 1]; /* the error that loop ended it with; "": none */
};

/* ---- messages -------------------------------------------------------------------------------- */

static int channel_opened(struct weir_ws *ws, void *state) {
    struct conn *c = state;
    c->worker = weir_ws_arg(ws);
    weir__line(c->worker->program->title, "** new client connected, path=%s", weir_ws_path(ws));
    return 0;
}

/* loop failed: the connection is closed with the error's text. */
static int failed(struct conn *c, struct weir_ws *ws, int rc) {
    const char *text = weir_error_message(rc);
    size_t len = weir__utf8_prefix(text, strnlen(text, REASON_MAX));
    memcpy(c->failed, text, len);
    c->failed[len] = '\0';
    c->worker->program->counters.errors++;
    weir__log(WEIR_LOG_ERROR, "%s: loop failed on %s: %s", c->worker->program->title,
              weir_ws_path(ws), text);
    return weir_ws_begin_close(ws, 1011, c->failed);
}

static int answer(struct conn *c, struct weir_ws *ws, const struct weir_ack *ack) {
    struct weir__counters *n = &c->worker->program->counters;
    enum weir_ws_type type = ack->binary ? WEIR_WS_BINARY : WEIR_WS_TEXT;
    bool refused = weir__is_nack(type, (struct weir_view){ack->base, ack->len});
    int rc = weir_ws_send(ws, type, ack->base, ack->len);
    n->acks += rc == 0 && !refused;
    n->errors += refused;
    if (rc == -ENOMEM && weir_cancelled() == 0)
        return failed(c, ws, rc); /* the connection is whole, and the client waits for this ack */
    return rc < 0 && weir_cancelled() == 0 ? 0 : rc; /* a broken connection closes by itself */
}

static int channel_message(struct weir_ws *ws, void *state, const struct weir_ws_message *in) {
    struct conn *c = state;
    struct weir__worker *w = c->worker;
    struct weir_ack ack = {.base = NULL};
    struct weir_message m = {
        .channel = weir_ws_path(ws), .data = in->data, .binary = in->type == WEIR_WS_BINARY};
    weir_ns begun = weir_now();
    w->program->counters.messages++;
    int rc = w->loop(w->user.state, &m, &ack);
    if (rc < 0 && weir_cancelled() != 0)
        rc = 0; /* the program stops: the close code is 1001, whatever loop returned */
    else if ((rc = weir__ack_finish(&ack, rc)) >= 0)
        rc = answer(c, ws, &ack);
    else
        rc = failed(c, ws, rc);
    weir__latency_add(&w->program->counters.latency, weir_now() - begun);
    weir__ack_fini(&ack);
    return rc;
}

static void channel_closed(struct weir_ws *ws, void *state, int rc) {
    struct conn *c = state;
    int code = weir_ws_close_code(ws);
    const char *reason = weir_ws_close_reason(ws);
    if (c->worker == NULL)
        return;
    if (c->failed[0] != '\0' && code != 1006) {
        code = 1011;
        reason = c->failed;
    } else if (rc == -ECANCELED) {
        code = 1001;
        reason = "";
    } else if (code == 1006) {
        int told = weir__ws_refusal(ws, &reason);
        code = told != 0 ? told : code;
    }
    struct weir__program *p = c->worker->program;
    weir__line(p->title, "done processing messages: %d (%s)%s%s", code, weir_ws_code_text(code),
               reason[0] ? " " : "", reason);
    if (p->report != NULL && strcmp(p->report->client, weir_ws_peer(ws)) == 0) {
        p->report->client_left = true;
        p->report->reported(p->report);
    }
}

/* ---- serving --------------------------------------------------------------------------------- */

static int listen_on(struct weir__worker *w) {
    struct weir__program *p = w->program;
    char authority[WEIR__URI_AUTHORITY], url[sizeof "tcp://" + sizeof authority];
    snprintf(url, sizeof url, "tcp://%s", weir__uri_authority(p->host, p->port, authority));
    int rc = weir_listen(url, NULL, &w->listener);
    if (rc >= 0 || rc < -4095 || weir_cancelled() != 0)
        return rc;
    weir__line(p->title, "Cannot bind to this port! Is the server already running? (%s)",
               strerror(-rc));
    return 1;
}

static int serve(struct weir__worker *w) {
    struct weir__program *p = w->program;
    const struct weir_ws_reactive fn = {.size = sizeof fn,
                                        .state_size = sizeof(struct conn),
                                        .opened = channel_opened,
                                        .message = channel_message,
                                        .closed = channel_closed,
                                        .arg = w,
                                        .stack_size = w->user.stack_size,
                                        .name = w->user.name};
    /* Room for the frame's head beside the largest ack. */
    struct weir_ws_options o = {.size = sizeof o,
                                .queue_max = WEIR__ACK_MAX + 64,
                                .connections_max = (size_t)p->connections_max,
                                .close_ns = WEIR__LINK_CLOSE}; /* within `weir up`'s grace */
    w->hosts[0] = strcmp(p->host, "*") == 0 ? "" : p->host; /* "*" to listen is not "*" to let in */
    w->hosts[1] = "";
    o.hosts = w->hosts;
    o.origins = p->origins[0] != NULL ? p->origins : NULL;
    int port = weir_listener_port(w->listener);
    weir__line(p->title, "serving on %s:%d", p->host, port);
    int rc = weir__program_ready(p, port);
    return rc == 0 ? weir_ws_react(w->listener, p->clients, &fn, &o) : rc;
}

static int body(struct weir__program *p) {
    struct weir__worker *w = p->work;
    WEIR_CHECK(w->program == p && w->listener == NULL);
    for (size_t i = 0; i < p->mesh.count; i++)
        weir__line("mesh", "registering new node: %s", p->mesh.nodes[i]->name);
    int rc = weir__user_setup(&w->user, &p->params);
    if (rc == 0)
        rc = listen_on(w);
    if (rc != 0)
        return rc;
    rc = serve(w);
    weir_unlisten(&w->listener);
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum { SIZE_MIN = offsetof(struct weir_worker, stack_size) }; /* members that it must have */

static const char *missing(const struct weir_worker *fn) {
    return fn->size < SIZE_MIN              ? "size"
           : !fn->name || fn->name[0] == '\0' ? "name"
           : fn->setup == NULL              ? "setup"
           : fn->loop == NULL               ? "loop"
                                            : NULL;
}

int weir__worker_init(struct weir__worker *w, struct weir__program *p,
                      const struct weir_worker *fn) {
    struct weir_worker known;
    const char *without = missing(fn);
    *w = (struct weir__worker){.program = p};
    if (without != NULL)
        return weir__failf(WEIR_EWORKER, "worker", fn->size >= SIZE_MIN ? fn->name : NULL,
                           "it has no %s: a worker needs size, name, setup and loop", without);
    WEIR_OPTIONS_COPY(struct weir_worker, node, &known, fn);
    w->user = (struct weir__user){
        .name = known.name, .stack_size = known.stack_size, .setup = known.setup};
    w->loop = known.loop;
    w->node = known.node ? known.node : known.name;
    p->work = w;
    p->body = body;
    p->title = known.name;
    return weir__user_init(&w->user, known.state_size);
}

void weir__worker_fini(struct weir__worker *w) {
    WEIR_CHECK(w->listener == NULL);
    weir__user_fini(&w->user);
}
