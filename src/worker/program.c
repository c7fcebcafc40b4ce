/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. */
#include "worker/program.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "mesh/nodes.h"
#include "mesh/retry.h"
#include "task/task.h"
#include "worker/line.h"
#include "worker/standard.h"

static __thread struct weir__program *programs; /* of this thread, the last first */

struct weir__program *weir__program_here(void) {
    struct weir__program *p = programs;
    const struct weir_task *t = weir_task_current();
    if (p == NULL || p->before == NULL)
        return p;
    while (p != NULL && !weir__task_is_within(t, p->task))
        p = p->before;
    return p;
}

static struct weir_mesh *own_mesh(void) {
    struct weir__program *p = weir__program_here();
    return p != NULL && p->mesh.open ? &p->mesh : NULL;
}

static void enlist(struct weir__program *p) {
    WEIR_CHECK(p->task == NULL);
    p->task = weir_task_current();
    p->before = programs;
    programs = p;
    weir__mesh_own = own_mesh;
}

static void strike_out(struct weir__program *p) {
    struct weir__program **at = &programs;
    while (*at != NULL && *at != p)
        at = &(*at)->before;
    WEIR_CHECK(*at == p && p->task == weir_task_current());
    *at = p->before;
    p->task = NULL;
    if (programs == NULL)
        weir__mesh_own = NULL;
}

/* ---- the second signal ----------------------------------------------------------------------- */

static const int stops[] = {SIGINT, SIGTERM};
enum { STOPS = sizeof stops / sizeof stops[0] };

static atomic_int stops_seen;
static struct sigaction loops_action[STOPS]; /* the loop's handlers, which on_stop calls */

/* A handler and not a task: the loop may be stuck in a worker's code. */
static void on_stop(int signo) {
    if (atomic_fetch_add(&stops_seen, 1) > 0)
        _exit(128 + signo);
    weir__line_stopping(true);
    loops_action[signo == SIGTERM].sa_handler(signo);
}

/* Was the signal ignored at the start, as under nohup or in a script's background? Then it stays
 * ignored. */
static bool is_ignored(int signo) {
    struct sigaction now;
    return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Install on_stop in front of the loop's handlers, which are called too and do nothing when no task
 * waits for a signal. Without SA_RESTART, so that a stop interrupts a write to a full terminal or
 * pipe. */
static void watch_stops(void) {
    struct sigaction ours = {.sa_handler = on_stop};
    sigfillset(&ours.sa_mask);
    atomic_store(&stops_seen, 0);
    weir__line_stopping(false);
    for (int i = 0; i < STOPS; i++)
        if (sigaction(stops[i], NULL, &loops_action[i]) == 0
            && loops_action[i].sa_handler != SIG_DFL && loops_action[i].sa_handler != SIG_IGN)
            sigaction(stops[i], &ours, NULL);
}

/* ---- the run --------------------------------------------------------------------------------- */

struct weir__program *weir__program_new(const char *who) {
    struct weir__program *p = weir__alloc_zero(sizeof *p);
    if (p == NULL)
        return NULL;
    p->who = who;
    weir__control_init(&p->control, &p->counters);
    return p;
}

void weir__program_free(struct weir__program *p) {
    if (p == NULL)
        return;
    weir__params_fini(&p->params);
    weir__grid_fini(&p->grid);
    weir__free(p->failure);
    weir__free(p);
}

/* ---- failures, for people -------------------------------------------------------------------- */

/* The whole URL of l, and what failed last. On the heap; NULL without memory. */
static char *describe(const struct weir__program *p, const struct weir__link *l, int rc) {
    char tried[WEIR__RETRY_TEXT] = "";
    const char *url = weir__link_url(l), *why = weir__link_why(l);
    bool is_tried = rc == WEIR_EUNREACH && p->mesh.retry_ns >= 0;
    if (is_tried)
        weir__retry_text(p->mesh.retry_ns, tried);
    size_t size = strlen(url) + strlen(why) + sizeof ": , tried" + sizeof tried;
    char *text = weir__alloc(size);
    if (text != NULL)
        snprintf(text, size, "%s: %s%s%s", url, why, is_tried ? ", tried" : "", tried);
    return text;
}

/* Keep the URL and the cause, in case the program ends with this error: a record may have had to
 * cut both. */
static void keep_failure(struct weir__program *p, const struct weir__link *l, int rc) {
    WEIR_CHECK(rc < 0 && l != NULL);
    if (weir_cancelled() != 0)
        return;
    weir__free(p->failure);
    p->failure = describe(p, l, rc);
    snprintf(p->failure_record, sizeof p->failure_record, "%s", weir_error_message(rc));
}

static void report_failure(struct weir__report *r, int rc) {
    const struct weir_error *e = weir_error(rc);
    r->failed = rc;
    r->error = e ? *e : (struct weir_error){.code = rc, .what = "", .where = "", .scope = ""};
    r->reported(r);
}

int weir__program_tell(const struct weir__program *p, int rc) {
    if (rc >= 0)
        return rc;
    if (p->report != NULL) {
        report_failure(p->report, rc);
        return 1;
    }
    const char *text = weir_error_message(rc);
    bool is_kept = p->failure != NULL && strcmp(text, p->failure_record) == 0;
    weir__line_error("%s: %s", p->who, is_kept ? p->failure : text);
    return 1;
}

int weir__program_tell_link(const struct weir__program *p, const struct weir__link *l, int rc) {
    if (weir_cancelled() != 0)
        return rc;
    char *text = describe(p, l, rc);
    weir__line_error("%s: %s", p->who, text ? text : weir_error_message(rc));
    weir__free(text);
    return 1;
}

static int run_body(struct weir__program *p) {
    struct weir_scope s;
    int rc = 0;
    weir_scope_enter(&s, WEIR_NEVER);
    for (int i = 0; i < STOPS && rc == 0; i++)
        rc = is_ignored(stops[i]) ? 0 : weir_scope_on_signal(&s, stops[i]);
    if (p->watches_stops)
        watch_stops();
    if (rc == 0)
        rc = p->body(p);
    p->signal = weir_scope_signal(&s);
    if (rc <= 0)
        rc = weir_scope_leave(&s, rc);
    else
        (void)weir_scope_leave(&s, 0); /* an exit status stays what it is */
    bool is_stopped = p->signal != 0 || weir_cancelled() != 0;
    return is_stopped && rc < 0 ? 0 : weir__program_tell(p, rc);
}

/* ---- the run's groups ------------------------------------------------------------------------ */

static void count_item(struct weir__program *p, const struct weir__mesh_news *n) {
    struct weir__counters *c = &p->counters;
    c->messages += n->event == WEIR__ITEM_SENT;
    c->acks += n->event == WEIR__ITEM_ACKED;
    c->errors += n->event == WEIR__ITEM_REFUSED || n->event == WEIR__ITEM_FAILED;
    if (n->event == WEIR__ITEM_ACKED || n->event == WEIR__ITEM_REFUSED)
        weir__latency_add(&c->latency, n->took_ns);
    if (n->event == WEIR__ITEM_FAILED || n->event == WEIR__NOT_CONNECTED)
        keep_failure(p, n->link, n->rc);
}

static void watch(void *arg, const struct weir__mesh_news *n) {
    struct weir__program *p = arg;
    p->counters.unasked += n->event == WEIR__UNASKED;
    if (p->counts_items)
        count_item(p, n);
}

int weir__program_ready(struct weir__program *p, int port) {
    WEIR_CHECK(p->task != NULL && p->mesh.open);
    if (p->report != NULL) {
        p->report->port = port;
        p->report->reported(p->report);
    }
    return weir__control_ready(&p->control, &p->aside, port);
}

/* What is opened last is closed first. Clients stream over links, so they end before the links;
 * both change counters, so the heartbeats, which report these, end last. */
static int run_groups(struct weir__program *p) {
    struct weir_group clients;
    weir_group_open(&p->aside, WEIR_INDEPENDENT);
    weir__mesh_open(&p->mesh);
    p->mesh.watch = watch;
    p->mesh.watch_arg = p;
    if (p->no_retry)
        p->mesh.retry_ns = -1;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    p->clients = &clients;
    int rc = weir__mesh_fill(&p->mesh, &p->grid.provider);
    rc = rc < 0 ? weir__program_tell(p, rc) : run_body(p);
    weir__stop_others("the program ends"); /* they may use the mesh until they have felt it */
    weir_group_cancel(&clients, "the program ends");
    (void)weir_group_close(&clients, 0);
    (void)weir__mesh_close(&p->mesh, p->signal != 0 ? 1001 : 1000);
    weir_group_cancel(&p->aside, "the program ends");
    (void)weir_group_close(&p->aside, 0);
    return rc;
}

int weir__program_task(void *arg) {
    struct weir__program *p = arg;
    enlist(p);
    int rc = run_groups(p);
    weir__control_close(&p->control);
    if (p->signal == SIGINT && p->title != NULL)
        weir__line(p->title, "Keyboard interruption, aborting.");
    strike_out(p);
    return rc;
}

int weir__program_run(struct weir__program *p) {
    struct weir_run_options o = {
        .size = sizeof o, .backend = p->backend, .name = p->title, .crash_reports = true};
    struct sigaction before[STOPS];
    sigset_t heard, mask;
    sigemptyset(&heard);
    for (int i = 0; i < STOPS; i++) {
        sigaction(stops[i], NULL, &before[i]);
        sigaddset(&heard, stops[i]);
    }
    pthread_sigmask(SIG_UNBLOCK, &heard, &mask); /* the parent process may have blocked them */
    p->watches_stops = true;
    weir__control_open(&p->control); /* before the loop opens descriptors */
    int rc = weir_run(weir__program_task, p, &o);
    weir__control_close(&p->control); /* the task has done so, if there was a loop */
    for (int i = 0; i < STOPS; i++)
        sigaction(stops[i], &before[i], NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return rc < 0 ? weir__run_status(p->backend, rc) : rc;
}
