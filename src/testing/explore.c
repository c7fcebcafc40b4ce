/* SPDX-License-Identifier: MIT */
/* explore.c - run a story again and again, with a disturbance at its N-th marked call, op or
 * allocation, for N = 1, 2, ... until the story has no N-th; or with the seed N. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/options.h"
#include "sim/sim.h"
#include "task/task.h"

enum { LINES = 24, LINE_MAX = 192, FAILED_MAX = 10, SEEDS = 100 };

struct disturbance {
    const char *what; /* "cancel at call", "fault at op", "no memory at allocation", "seed" */
    const struct weir_fault *fault;
    void (*arm)(const struct disturbance *d, uint64_t n);
    bool (*disarm)(uint64_t n); /* whether the N-th was reached */
    bool is_seed;               /* N is a seed: it disturbs nothing */
};

/* The last lines logged, shown only if a run fails: a disturbed story logs a lot. */
static struct {
    char line[LINES][LINE_MAX];
    size_t count;
} tail;

static char running[160]; /* what runs now, for an abort */

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    snprintf(tail.line[tail.count++ % LINES], LINE_MAX, "%s", line);
}

/* Only what may be called in a signal handler. */
static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        return;
}

static void tell(void) {
    say(running);
    for (size_t i = tail.count > LINES ? tail.count - LINES : 0; i < tail.count; i++)
        say(tail.line[i % LINES]);
}

/* Then what has crashed crashes again, and ends the process. SA_RESETHAND would not do: the handler
 * of crash reports calls this one as a function. */
static void on_crash(int signal) {
    tell();
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

/* The handlers, and a stack for them: after an overflow the task's own cannot be used. */
struct watch {
    struct sigaction abort_before, segv_before;
    stack_t stack_before;
};

static void watch_begin(struct watch *w) {
    static _Alignas(16) char stack[128 << 10];
    struct sigaction on = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigaltstack(NULL, &w->stack_before);
    if (w->stack_before.ss_flags & SS_DISABLE)
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigaction(SIGABRT, &on, &w->abort_before);
    sigaction(SIGSEGV, &on, &w->segv_before);
}

static void watch_end(const struct watch *w) {
    sigaction(SIGABRT, &w->abort_before, NULL);
    sigaction(SIGSEGV, &w->segv_before, NULL);
    if (w->stack_before.ss_flags & SS_DISABLE)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
}

/* ---- one run --------------------------------------------------------------------------------- */

/* What went wrong with the errors of tasks since then: each is read or logged once. Or NULL. */
static const char *misplaced(const struct weir__ledger *before) {
    static char text[96];
    uint64_t raised = weir__ledger.raised - before->raised;
    uint64_t settled = weir__ledger.settled - before->settled;
    uint64_t sums = (weir__ledger.raised_sum - before->raised_sum) ^
                    (weir__ledger.settled_sum - before->settled_sum);
    if (raised == settled)
        return sums == 0 ? NULL : "an error of a task was lost, and another's reported twice";
    if (raised > settled)
        snprintf(text, sizeof text, "errors of tasks that nobody read or logged: %llu of %llu",
                 (unsigned long long)(raised - settled), (unsigned long long)raised);
    else
        snprintf(text, sizeof text, "errors of tasks that were reported twice: %llu of %llu",
                 (unsigned long long)(settled - raised), (unsigned long long)raised);
    return text;
}

/* Why the run was not clean, or NULL. */
static const char *unclean(size_t live_before, const struct weir__ledger *ledger_before) {
    static char text[96];
    const struct weir_sim_counts *c = weir_sim_counts();
    if (c->overran)
        return "it did not end within the limit of virtual time";
    if (c->quiet > 0)
        return "it waited for what could never happen";
    if (weir__alloc_live() == live_before && c->sockets == 0 && c->pieces == 0 && c->ops == 0)
        return misplaced(ledger_before);
    snprintf(text, sizeof text, "left: %zd allocations, %zu sockets, %zu lent buffers, %zu ops",
             (ssize_t)(weir__alloc_live() - live_before), c->sockets, c->pieces, c->ops);
    return text;
}

static void describe(const struct weir_story *s, const struct disturbance *d, uint64_t seed,
                     uint64_t n) {
    char under[48] = "";
    if (seed != 0 && !d->is_seed)
        snprintf(under, sizeof under, "seed %llu, ", (unsigned long long)seed);
    snprintf(running, sizeof running, "story %s, %s%s %llu", s->name, under, d->what,
             (unsigned long long)n);
}

static void tell_failure(const struct disturbance *d, uint64_t n, const char *why, int rc) {
    char alone[64];
    tell();
    say(why);
    say(weir_error_name(rc));
    snprintf(alone, sizeof alone, "to run it alone: WEIR_SEED=%llu", (unsigned long long)n);
    if (d->is_seed)
        say(alone);
}

/* Returns whether the N-th point was there to be disturbed. */
static bool run_once(const struct weir_story *s, const struct disturbance *d, uint64_t n,
                     struct weir_explored *e) {
    size_t live = weir__alloc_live();
    struct weir__ledger ledger = weir__ledger;
    struct weir_sim_options o;
    WEIR_OPTIONS_COPY(struct weir_sim_options, disk_size, &o, s->options);
    o.size = sizeof o;
    o.seed = d->is_seed ? n : o.seed;
    describe(s, d, o.seed, n);
    tail.count = 0;
    d->arm(d, n);
    int rc = weir_sim_run(s->fn, s->arg, &o);
    bool struck = d->disarm(n);
    const char *why = unclean(live, &ledger);
    if (why == NULL && rc < 0 && (!struck || d->is_seed))
        why = "undisturbed it must not fail";
    e->runs++;
    e->points += struck;
    if (why == NULL)
        return struck;
    e->failed++;
    tell_failure(d, n, why, rc);
    return struck;
}

/* Run it twice; the second time must be like the first. A failure is reported once. */
static bool run_twice(const struct weir_story *s, const struct disturbance *d, uint64_t n,
                      struct weir_explored *e) {
    uint64_t failed = e->failed;
    run_once(s, d, n, e);
    uint64_t digest = weir_sim_counts()->digest;
    if (e->failed > failed)
        return true;
    struct weir_explored again = *e;
    run_once(s, d, n, &again);
    e->runs = again.runs;
    e->failed = again.failed;
    if (e->failed > failed || weir_sim_counts()->digest == digest)
        return true;
    e->failed++;
    tell_failure(d, n, "with the same seed it went another way the second time", 0);
    return true;
}

static bool run_point(const struct weir_story *s, const struct disturbance *d, uint64_t n,
                      struct weir_explored *e) {
    return d->is_seed ? run_twice(s, d, n, e) : run_once(s, d, n, e);
}

static void run_all(const struct weir_story *s, const struct disturbance *d,
                    struct weir_explored *e) {
    uint64_t n = s->first ? s->first : 1, last = s->last ? s->last : UINT64_MAX, alone;
    if (d->is_seed && weir__sim_seed_asked(&alone)) {
        run_point(s, d, alone, e);
        return;
    }
    if (d->is_seed && s->last == 0)
        last = n + SEEDS - 1;
    run_point(s, d, 0, e);
    while (e->failed < FAILED_MAX && n <= last && run_point(s, d, n, e))
        n++;
}

static int explore(const struct weir_story *story, const struct disturbance *d,
                   struct weir_explored *ret) {
    struct weir_story s;
    struct weir_explored e = {0};
    struct watch watch;
    WEIR_OPTIONS_COPY(struct weir_story, last, &s, story);
    watch_begin(&watch);
    weir_log_to(keep_line, NULL);
    run_all(&s, d, &e);
    weir_log_to(NULL, NULL);
    watch_end(&watch);
    if (ret != NULL)
        *ret = e;
    return e.failed == 0 ? 0 : -EPROTO;
}

/* ---- the disturbances ------------------------------------------------------------------------ */

static void arm_cancel(const struct disturbance *d, uint64_t n) {
    (void)d;
    weir__marks = 0;
    weir__cancel_at_mark = n;
}

static bool disarm_cancel(uint64_t n) {
    weir__cancel_at_mark = 0;
    return n != 0 && weir__marks >= n;
}

static void arm_fault(const struct disturbance *d, uint64_t n) {
    struct weir_fault f;
    WEIR_OPTIONS_COPY(struct weir_fault, every, &f, d->fault);
    f.size = sizeof f; /* a newer header's is longer than this copy */
    f.nth = n;
    weir_fault_arm(&f);
}

static bool disarm_fault(uint64_t n) {
    (void)n;
    bool struck = weir_fault_struck() > 0;
    weir_fault_arm(NULL);
    return struck;
}

static void arm_allocation(const struct disturbance *d, uint64_t n) {
    (void)d;
    weir_fault_allocation(n);
}

static bool disarm_allocation(uint64_t n) {
    return weir_fault_allocation(0) >= n && n != 0;
}

static void arm_seed(const struct disturbance *d, uint64_t n) {
    (void)d, (void)n;
}

static bool disarm_seed(uint64_t n) {
    return n != 0;
}

int weir_explore_cancels(const struct weir_story *story, struct weir_explored *ret) {
    struct disturbance d = {"cancel at call", NULL, arm_cancel, disarm_cancel, false};
    return explore(story, &d, ret);
}

int weir_explore_faults(const struct weir_story *story, const struct weir_fault *fault,
                        struct weir_explored *ret) {
    struct disturbance d = {"fault at op", fault, arm_fault, disarm_fault, false};
    return explore(story, &d, ret);
}

int weir_explore_allocations(const struct weir_story *story, struct weir_explored *ret) {
    struct disturbance d = {"no memory at allocation", NULL, arm_allocation, disarm_allocation,
                            false};
    return explore(story, &d, ret);
}

int weir_explore_seeds(const struct weir_story *story, struct weir_explored *ret) {
    struct disturbance d = {"seed", NULL, arm_seed, disarm_seed, true};
    return explore(story, &d, ret);
}
