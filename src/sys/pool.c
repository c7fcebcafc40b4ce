/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h.
 *
 * The log's sink is the user's and may call into this file: no line is logged under the lock. */
#include "sys/pool.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/process.h"
#include "sys/cpus.h"
#include "sys/crew.h"
#include "sys/limits.h"
#include "sys/plain.h"

/* Stack sizes: getaddrinfo needs 12 KiB (measured), modules of nsswitch need more; a user's
 * function gets about as much as a thread of the user's would have. This is address space, not
 * memory. */
enum { RESOLVE_STACK = 512 << 10, FILE_STACK = 256 << 10, WORK_STACK = 2 << 20 };
enum { CPUS_AND = 4 }; /* functions that wait do not use their processor: so many more may begin */

static const struct {
    const char *name;
    size_t stack_size;
} rows[WEIR__POOL_CLASSES] = {
    [WEIR__POOL_RESOLVE] = {"weir-resolve", RESOLVE_STACK},
    [WEIR__POOL_FILE] = {"weir-file", FILE_STACK},
    [WEIR__POOL_WORK] = {"weir-work", WORK_STACK},
};

static struct {
    pthread_mutex_t lock;
    unsigned users; /* loops that have had jobs and have not left */
    uint64_t numbers;
    struct weir__crew crews[WEIR__POOL_CLASSES];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct weir__crew *crew_of(const struct weir__job *j) {
    return &pool.crews[j->class];
}

/* The program's bounds stay. */
static void pool_begin(void) {
    pool.users = 0;
    pool.numbers = 0;
    for (int i = 0; i < WEIR__POOL_CLASSES; i++)
        weir__crew_init(&pool.crews[i], &pool.lock, rows[i].name, rows[i].stack_size);
}

/* The child has no helpers, so nothing is kept but the bounds. The loops of the parent, which are
 * the users, are dead in the child too. */
static void fork_child(void) {
    pool_begin();
    weir__crew_forget_alone();
}

static const struct weir__part part = {
    .name = "pool",
    .state = &pool,
    .size = sizeof pool,
    .lock = &pool.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    pool_begin();
    weir__process_add(WEIR__PART_POOL, &part);
}

/* ---- bounds and numbers --------------------------------------------------------------------- */

static unsigned default_of(enum weir__pool_class class) {
    if (class == WEIR__POOL_RESOLVE)
        return weir__sys_limits.resolve_threads;
    if (class == WEIR__POOL_FILE)
        return weir__sys_limits.file_threads;
    unsigned few = (unsigned)weir__cpus() + CPUS_AND;
    return few < weir__sys_limits.work_threads ? few : weir__sys_limits.work_threads;
}

void weir__pool_bound(enum weir__pool_class class, unsigned threads) {
    struct weir__crew *c = &pool.crews[class];
    WEIR_CHECK(threads <= WEIR__POOL_THREADS_MAX);
    unsigned by_default = default_of(class);
    pthread_mutex_lock(&pool.lock);
    c->bound = threads;
    weir__crew_set_max(c, threads > 0 ? threads : by_default);
    pthread_mutex_unlock(&pool.lock);
}

void weir__pool_stats(enum weir__pool_class class, struct weir__pool_stats *ret_stats) {
    const struct weir__crew *c = &pool.crews[class];
    unsigned by_default = default_of(class);
    pthread_mutex_lock(&pool.lock);
    unsigned max = c->bound > 0 ? c->bound : pool.users > 0 ? c->max : by_default;
    *ret_stats = (struct weir__pool_stats){
        .threads_max = max,
        .threads = c->count,
        .idle = c->count - c->lost - c->running - c->coming,
        .running = c->running,
        .queued = c->queued,
        .abandoned = c->lost,
        .running_peak = c->running_peak,
        .ended = c->ended,
        .wait_longest = c->wait_longest,
    };
    pthread_mutex_unlock(&pool.lock);
}

bool weir__pool_abandoned(uint64_t after, struct weir__pool_job *ret_job) {
    const struct weir__job *found = NULL;
    pthread_mutex_lock(&pool.lock);
    for (int i = 0; i < WEIR__POOL_CLASSES; i++) {
        struct weir__list *all = &pool.crews[i].abandoned, *at = all->next;
        while (at != all && weir__job_of(at)->number <= after)
            at = at->next;
        if (at != all && (found == NULL || weir__job_of(at)->number < found->number))
            found = weir__job_of(at);
    }
    if (found != NULL)
        weir__job_describe(found, ret_job);
    pthread_mutex_unlock(&pool.lock);
    return found != NULL;
}

/* ---- the loop's side ------------------------------------------------------------------------ */

void weir__pool_user_init(struct weir__pool_user *u, struct weir__latch *latch) {
    u->latch = latch;
    for (int i = 0; i < WEIR__POOL_CLASSES; i++) {
        weir__list_init(&u->seats[i].queued);
        weir__list_init(&u->seats[i].turn);
    }
    weir__list_init(&u->ended);
    atomic_init(&u->any_ended, false);
    u->entered = false;
    weir__slots_init(&u->jobs);
}

/* The first user fixes the bounds, as long as there are users. */
static void enter(struct weir__pool_user *u) {
    unsigned max[WEIR__POOL_CLASSES];
    if (u->entered)
        return;
    for (int i = 0; i < WEIR__POOL_CLASSES; i++)
        max[i] = default_of((enum weir__pool_class)i);
    u->entered = true;
    pthread_mutex_lock(&pool.lock);
    for (int i = 0; i < WEIR__POOL_CLASSES && pool.users == 0; i++)
        pool.crews[i].max = pool.crews[i].bound > 0 ? pool.crews[i].bound : max[i];
    pool.users++;
    pthread_mutex_unlock(&pool.lock);
}

/* Log that abandoned jobs hold as many threads as the bound allows, or all that can exist. At most
 * once a second. Without the lock. */
static void say_lost(struct weir__crew *c) {
    struct weir__pool_job oldest;
    char text[WEIR__JOB_TEXT] = "";
    weir_ns now = weir__plain_now();
    pthread_mutex_lock(&pool.lock);
    unsigned lost = c->lost;
    bool full = lost >= c->max * WEIR__POOL_GROWTH;
    bool said = c->said != 0 && now - c->said < WEIR_SECONDS(1);
    if (lost > 0 && !said) {
        c->said = now;
        weir__job_describe(weir__job_of(c->abandoned.next), &oldest);
    }
    pthread_mutex_unlock(&pool.lock);
    if (lost == 0 || said)
        return;
    weir__log(WEIR_LOG_WARNING, "%s: %u abandoned jobs still run, the oldest %s: %s", c->name,
              lost, weir__job_text(&oldest, text),
              full ? "nothing more is begun until one ends" : "further threads take their place");
}

int weir__pool_submit(struct weir__pool_user *u, struct weir__op *op) {
    uint64_t handle;
    enter(u);
    struct weir__job *j = weir__job_new(u, op);
    if (j == NULL || weir__slots_add(&u->jobs, j, &handle) != 0) {
        weir__job_free(j);
        return weir__op_now_done(op, -ENOMEM);
    }
    struct weir__crew *c = crew_of(j);
    op->priv = (uint32_t)handle;
    j->queued_at = weir__plain_now();
    pthread_mutex_lock(&pool.lock);
    weir__crew_enqueue(c, j);
    int rc = weir__crew_man(c);
    if (rc != 0)
        weir__crew_dequeue(c, j);
    unsigned lost = c->lost;
    pthread_mutex_unlock(&pool.lock);
    if (rc == 0)
        return weir__op_hold(op);
    if (lost > 0)
        say_lost(c);
    weir__slots_remove(&u->jobs, op->priv, j);
    weir__job_free(j);
    return weir__op_now_done(op, rc);
}

/* With the lock held: no thread will run the jobs that wait. They end with rc. */
static void refuse_queued(struct weir__crew *c, int rc) {
    while (!weir__list_empty(&c->turns)) {
        struct weir__job *j = weir__crew_dequeue_next(c);
        j->result = rc;
        weir__crew_send_home(j);
    }
}

/* With the lock held: a running job is abandoned, its thread is lost. */
static void abandon(struct weir__crew *c, struct weir__job *j) {
    j->number = ++pool.numbers;
    weir__crew_lose(c, j);
    int rc = weir__crew_man(c);
    if (rc != 0)
        refuse_queued(c, rc);
}

int weir__pool_cancel(struct weir__pool_user *u, struct weir__op *op) {
    struct weir__job *j = weir__slots_at(&u->jobs, op->priv);
    WEIR_CHECK(j != NULL && j->op == op);
    struct weir__crew *c = crew_of(j);
    pthread_mutex_lock(&pool.lock);
    enum weir__job_phase phase = j->phase;
    bool is_call = op->kind != WEIR__RESOLVE;
    bool runs_on = phase == WEIR__JOB_RUNNING && is_call;
    bool may_abandon = op->kind == WEIR__WORK && op->u.work.abandon;
    if (is_call && phase != WEIR__JOB_QUEUED && !(runs_on && may_abandon)) {
        pthread_mutex_unlock(&pool.lock);
        return WEIR__PENDING;
    }
    weir__slots_remove(&u->jobs, op->priv, j); /* before the thread of an abandoned job frees it */
    if (phase == WEIR__JOB_QUEUED)
        weir__crew_dequeue(c, j);
    else if (phase == WEIR__JOB_RUNNING)
        abandon(c, j);
    else
        weir__list_remove(&j->link);
    bool short_of_threads = phase == WEIR__JOB_RUNNING && c->lost >= c->max;
    pthread_mutex_unlock(&pool.lock);
    if (phase != WEIR__JOB_RUNNING)
        weir__job_free(j);
    if (short_of_threads)
        say_lost(c);
    return weir__op_now_done(op, runs_on ? -EINPROGRESS : -ECANCELED);
}

static void hand_out(struct weir__pool_user *u, struct weir__job *j, struct weir__fifo *done) {
    struct weir__op *op = j->op;
    if (op->kind == WEIR__RESOLVE && j->result > 0)
        memcpy(op->u.resolve.ret, j->addrs, (size_t)j->result * sizeof *j->addrs);
    weir__slots_remove(&u->jobs, op->priv, j);
    weir__op_complete(done, op, j->result);
    weir__job_free(j);
}

void weir__pool_collect(struct weir__pool_user *u, struct weir__fifo *done) {
    struct weir__list ended;
    if (!atomic_load_explicit(&u->any_ended, memory_order_acquire))
        return;
    pthread_mutex_lock(&pool.lock);
    atomic_store_explicit(&u->any_ended, false, memory_order_relaxed);
    weir__list_take(&ended, &u->ended);
    pthread_mutex_unlock(&pool.lock);
    while (!weir__list_empty(&ended)) {
        struct weir__job *j = weir__job_of(ended.next);
        weir__list_remove(&j->link);
        hand_out(u, j, done);
    }
}

/* With the lock held: an abandoned job of u, which forgets u; NULL: none is left. */
static const struct weir__job *disown_one(const struct weir__pool_user *u) {
    for (int i = 0; i < WEIR__POOL_CLASSES; i++) {
        struct weir__list *all = &pool.crews[i].abandoned;
        for (struct weir__list *at = all->next; at != all; at = at->next)
            if (weir__job_of(at)->user == u) {
                weir__job_of(at)->user = NULL;
                return weir__job_of(at);
            }
    }
    return NULL;
}

static void name_abandoned(const struct weir__pool_user *u) {
    struct weir__pool_job copy;
    char text[WEIR__JOB_TEXT];
    for (;;) {
        pthread_mutex_lock(&pool.lock);
        const struct weir__job *j = disown_one(u);
        if (j != NULL)
            weir__job_describe(j, &copy);
        pthread_mutex_unlock(&pool.lock);
        if (j == NULL)
            return;
        weir__log(WEIR_LOG_WARNING, "still running when its loop closed: %s: left to end alone",
                  weir__job_text(&copy, text));
    }
}

void weir__pool_leave(struct weir__pool_user *u) {
    struct weir__list dismissed;
    if (!u->entered)
        return;
    name_abandoned(u);
    weir__list_init(&dismissed);
    pthread_mutex_lock(&pool.lock);
    WEIR_CHECK(weir__list_empty(&u->ended));
    pool.users--;
    for (int i = 0; i < WEIR__POOL_CLASSES; i++) {
        WEIR_CHECK(weir__list_empty(&u->seats[i].queued));
        if (pool.users == 0)
            weir__crew_dismiss(&pool.crews[i], &dismissed);
    }
    pthread_mutex_unlock(&pool.lock);
    weir__crew_join(&dismissed);
    weir__slots_fini(&u->jobs);
    u->entered = false;
}
