/* SPDX-License-Identifier: MIT */
/* trial.c - see trial.h. */
#include "worker/trial.h"

#include <stdio.h>
#include <string.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/waitq.h"
#include "worker/options.h"
#include "worker/program.h"
#include "worker/worker.h"

struct weir__trial {
    struct weir__program *program;
    struct weir__worker worker;
    struct weir__report report;
    struct weir__waitq waiter; /* of the one task that tries it */
    bool has_ended;
};

static const struct weir__what serves = {.text = "a worker to serve", .kind = WEIR__ON_SYNC};
static const struct weir__what is_left = {.text = "a worker's client to leave",
                                          .kind = WEIR__ON_SYNC};

/* ---- life ------------------------------------------------------------------------------------ */

static void reported(struct weir__report *r) {
    struct weir__trial *t = WEIR_CONTAINER(r, struct weir__trial, report);
    weir__waitq_grant(&t->waiter);
}

static int fill(struct weir__trial *t, const struct weir_worker *fn, const char *const *with,
                int spare_port) {
    struct weir__program *p = t->program;
    int rc = weir__grid_init(&p->grid);
    if (rc == 0)
        rc = weir__worker_init(&t->worker, p, fn);
    for (; rc == 0 && with != NULL && *with != NULL; with++)
        rc = weir__params_give(&p->params, *with);
    if (rc < 0)
        return rc;
    p->port = -1;
    weir__options_default(p, t->worker.node);
    if (p->port == 0)
        p->port = spare_port;
    t->report.reported = reported;
    p->report = &t->report;
    return 0;
}

int weir__trial_new(const struct weir_worker *fn, const char *const *with, int spare_port,
                    struct weir__trial **ret_trial) {
    WEIR_CHECK(spare_port > 0 && spare_port <= UINT16_MAX);
    struct weir__trial *t = weir__alloc_zero(sizeof *t);
    if (t == NULL || (t->program = weir__program_new("trial")) == NULL) {
        weir__free(t);
        return weir__fail(-ENOMEM, "trial", NULL);
    }
    int rc = fill(t, fn, with, spare_port);
    if (rc < 0)
        weir__trial_free(t);
    else
        *ret_trial = t;
    return rc;
}

void weir__trial_free(struct weir__trial *t) {
    if (t == NULL)
        return;
    WEIR_CHECK(t->program->task == NULL && weir__waitq_empty(&t->waiter));
    weir__worker_fini(&t->worker);
    weir__program_free(t->program);
    weir__free(t);
}

bool weir__trial_shares_node(const struct weir__trial *t, const struct weir__trial *other) {
    return strcmp(t->worker.node, other->worker.node) == 0;
}

int weir__trial_meet(struct weir__trial *t, const struct weir__trial *other) {
    char entry[WEIR__NODE_NAME_MAX + 32];
    WEIR_CHECK(t->program->task == NULL);
    const char *node = other->worker.node;
    int len = snprintf(entry, sizeof entry, "%s=localhost:%d", node, other->program->port);
    if (len < 0 || (size_t)len >= sizeof entry)
        return weir__failf(WEIR_EPARAM, "trial", node, "the name of a node has at most %d bytes",
                           WEIR__NODE_NAME_MAX);
    return weir__grid_add(&t->program->grid, entry);
}

/* ---- the run --------------------------------------------------------------------------------- */

struct run_trial_args {
    struct weir__trial *trial;
};

static int run_trial(void *args) {
    struct weir__trial *t = ((struct run_trial_args *)args)->trial;
    (void)weir__program_task(t->program);
    t->has_ended = true;
    weir__waitq_grant(&t->waiter);
    return 0;
}

int weir__trial_start(struct weir__trial *t, struct weir_group *g) {
    WEIR_CHECK(!t->has_ended && t->program->task == NULL);
    return weir_go(g, run_trial, .trial = t);
}

int weir__trial_serves(struct weir__trial *t) {
    int rc = 0;
    while (rc == 0 && t->report.port == 0 && !t->has_ended)
        rc = (int)weir__waitq_wait(&t->waiter, NULL, &serves, t);
    if (rc < 0 || t->report.port != 0)
        return rc < 0 ? rc : t->report.port;
    if (t->report.failed == 0)
        return weir__failf(-EADDRINUSE, "trial", t->worker.user.name, "its port is in use");
    weir__error_restore(&t->report.error);
    return t->report.failed;
}

void weir__trial_client(struct weir__trial *t, const char *address) {
    snprintf(t->report.client, sizeof t->report.client, "%s", address);
}

/* The worker closes a connection a few turns later than its client does. */
int weir__trial_is_left(struct weir__trial *t) {
    int rc = 0;
    while (rc == 0 && t->report.client[0] != '\0' && !t->report.client_left)
        rc = (int)weir__waitq_wait(&t->waiter, NULL, &is_left, t);
    return rc;
}
