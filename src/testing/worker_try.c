/* SPDX-License-Identifier: MIT */
/* worker_try.c - weir_worker_try: one task runs the programs (worker/trial.h) as children, and is
 * the client. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/mesh.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "base/check.h"
#include "base/options.h"
#include "mesh/link.h"
#include "proto/weir_ws.h"
#include "worker/trial.h"

enum { SPARE_PORT = 20000, OTHERS_MAX = 1000 };

struct attempt {
    const struct weir_worker *worker;
    struct weir_worker_trial trial;
    struct weir_node_ack *acks; /* or NULL */
    struct weir__trial **programs; /* the worker's first */
    size_t count;
};

/* ---- the programs ---------------------------------------------------------------------------- */

/* The caller's struct may be smaller than ours. */
static struct weir_trial_node other_at(const struct weir_worker_trial *t, size_t i) {
    struct weir_trial_node n;
    size_t stride = t->others[0].size != 0 ? t->others[0].size : sizeof n;
    const void *at = (const char *)t->others + i * stride;
    WEIR_OPTIONS_COPY(struct weir_trial_node, with, &n, (const struct weir_trial_node *)at);
    return n;
}

static int make_programs(struct attempt *a) {
    int rc = weir__trial_new(a->worker, a->trial.with, SPARE_PORT, &a->programs[0]);
    for (a->count = rc == 0; rc == 0 && a->count <= a->trial.others_count; a->count++) {
        struct weir_trial_node n = other_at(&a->trial, a->count - 1);
        rc = weir__trial_new(n.worker, n.with, SPARE_PORT + (int)a->count,
                             &a->programs[a->count]);
        if (rc < 0)
            break;
    }
    for (size_t i = 1; i < a->count; i++)
        for (size_t k = 0; rc == 0 && k < i; k++)
            if (weir__trial_shares_node(a->programs[i], a->programs[k]))
                rc = weir_fail(-EADDRINUSE, "workers %zu and %zu of the trial have one node", k, i);
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; rc == 0 && k < a->count; k++)
            rc = weir__trial_meet(a->programs[i], a->programs[k]);
    return rc;
}

/* The one that is tried starts last. Returns its port, or an error. */
static int start_programs(struct attempt *a, struct weir_group *g) {
    int rc = 0;
    for (size_t i = a->count; i-- > 0 && rc >= 0;) {
        rc = weir__trial_start(a->programs[i], g);
        if (rc == 0)
            rc = weir__trial_serves(a->programs[i]);
    }
    return rc;
}

/* ---- the client ------------------------------------------------------------------------------ */

static int send_one(struct attempt *a, struct weir_ws *ws, size_t i) {
    const struct weir_item *item = &a->trial.messages[i];
    struct weir_ws_message m;
    int rc = weir_ws_send(ws, item->binary ? WEIR_WS_BINARY : WEIR_WS_TEXT, item->data,
                          item->len);
    if (rc == 0)
        rc = weir_ws_receive(ws, &m);
    if (rc == 0 && a->acks != NULL)
        rc = weir__node_ack_copy(&m, &a->acks[i]);
    if (rc == -ECANCELED || rc == -ETIME)
        return weir_fail(rc, "message %zu: no answer: %s", i, weir_error_message(rc));
    if (rc != WEIR_EWSCLOSED)
        return rc;
    const char *reason = weir_ws_close_reason(ws);
    return weir_fail(rc, "message %zu: %s (%d)", i,
                     reason[0] ? reason : weir_ws_code_text(weir_ws_close_code(ws)),
                     weir_ws_close_code(ws));
}

static int send_all(struct attempt *a, int port) {
    const char *channel = a->trial.channel ? a->trial.channel : "";
    struct weir_ws *ws = NULL;
    char url[512];
    int len = snprintf(url, sizeof url, "ws://localhost:%d/%s", port,
                       channel + (channel[0] == '/'));
    if (len < 0 || (size_t)len >= sizeof url)
        return weir_fail(WEIR_ETOOBIG, "the channel is too long");
    int rc = weir_ws_dial(url, NULL, &ws);
    if (rc == 0)
        weir__trial_client(a->programs[0], weir_stream_local(ws->stream));
    for (size_t i = 0; rc == 0 && i < a->trial.count; i++)
        rc = send_one(a, ws, i);
    if (rc == 0)
        rc = weir_ws_close(ws, 1000, "");
    weir_ws_drop(&ws);
    return rc;
}

/* ---- the trial ------------------------------------------------------------------------------- */

static int run_programs(struct attempt *a) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = start_programs(a, &g);
    if (rc >= 0)
        rc = a->trial.count > 0 ? send_all(a, rc) : 0;
    if (rc == 0)
        rc = weir__trial_is_left(a->programs[0]);
    weir_group_cancel(&g, "the trial is over");
    int closed = weir_group_close(&g, rc);
    return rc < 0 ? rc : closed;
}

static int try_worker(void *arg) {
    struct attempt *a = arg;
    if (a->trial.others_count > OTHERS_MAX)
        return weir_fail(WEIR_ETOOBIG, "more than %d workers beside it", OTHERS_MAX);
    a->programs = calloc(a->trial.others_count + 1, sizeof(struct weir__trial *));
    if (a->programs == NULL)
        return -ENOMEM;
    int rc = make_programs(a);
    if (rc == 0)
        rc = run_programs(a);
    for (size_t i = 0; i < a->count; i++)
        weir__trial_free(a->programs[i]);
    free(a->programs);
    return rc;
}

static void arguments_assert(const struct weir_worker_trial *t) {
    if (t->messages == NULL && t->count > 0)
        WEIR_BUG("weir_worker_try: messages is NULL, and count is %zu", t->count);
    if (t->others == NULL && t->others_count > 0)
        WEIR_BUG("weir_worker_try: others is NULL, and others_count is %zu", t->others_count);
    for (size_t i = 0; i < t->others_count && i < OTHERS_MAX; i++)
        if (other_at(t, i).worker == NULL)
            WEIR_BUG("weir_worker_try: the worker of others[%zu] is NULL", i);
}

int weir_worker_try(const struct weir_worker *w, const struct weir_worker_trial *trial,
                    struct weir_node_ack *ret_acks) {
    struct attempt a = {.worker = w, .acks = ret_acks};
    if (w == NULL)
        WEIR_BUG("weir_worker_try: the worker is NULL");
    WEIR_OPTIONS_COPY(struct weir_worker_trial, options, &a.trial, trial);
    arguments_assert(&a.trial);
    if (ret_acks != NULL && a.trial.count > 0)
        memset(ret_acks, 0, a.trial.count * sizeof *ret_acks);
    return weir_sim_run(try_worker, &a, a.trial.options);
}
