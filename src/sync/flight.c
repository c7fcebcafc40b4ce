/* SPDX-License-Identifier: MIT */
/* flight.c - callers of one key share a run. A run is a task in the flight's group and a block of
 * memory, which the last of its callers and its task frees. */
#include <errno.h>
#include <string.h>
#include <weir/limit.h>

#include "base/alloc.h"
#include "base/list.h"
#include "sync/sync.h"

#undef weir_flight_init

struct flight { /* behind struct weir_flight */
    struct weir__sync sync; /* its queue stays empty: callers wait in that of their run */
    struct weir__list runs; /* that a caller may join */
    struct weir_group *group;
    weir_flight_fn *fn;
    void *arg;
    size_t value_size;
    size_t going; /* runs whose task has not ended */
};
static_assert(sizeof(struct flight) <= sizeof(struct weir_flight), "public size is ABI");

struct run {
    struct weir__list link; /* in runs; alone: nobody may join any more */
    struct weir__waitq queue;
    struct weir__at_end held; /* of task: so the search for deadlocks finds who waits for it */
    struct flight *flight;
    const struct weir_site *site; /* the flight's */
    struct weir_task *task;
    uint64_t hash;
    size_t callers; /* that wait */
    size_t refs;
    size_t key_size;
    unsigned char *value; /* behind the key */
    unsigned char key[];
};

struct call { /* in the frame of a caller */
    struct weir__wait wait;
    struct weir__waiter waiter;
    struct run *run;
    void *ret_value;
    struct weir_error error; /* the run's, if it failed */
};

static struct weir_task *task_of(const void *run) {
    return ((const struct run *)run)->task;
}

static const char kind[] = "flight";
static const struct weir__what gets = {
    .text = "flight get", .kind = WEIR__ON_SYNC, .object = kind, .owner = task_of,
    .site_at = offsetof(struct run, site)};

static struct flight *flight_of(struct weir_flight *flight, const char *call) {
    struct flight *f = (struct flight *)(void *)flight;
    weir__not_null(flight, call);
    if (__builtin_expect(f->fn == NULL, 0))
        WEIR_BUG("%s: the flight was not initialised", call);
    return f;
}

void weir_flight_init_at(const struct weir_site *site, struct weir_flight *flight,
                         struct weir_group *g, weir_flight_fn *fn, void *arg, size_t value_size) {
    struct flight *f = (struct flight *)(void *)flight;
    weir__not_null(flight, "weir_flight_init");
    if (fn == NULL)
        WEIR_BUG("weir_flight_init: the function is NULL");
    weir__sync_init(&f->sync, kind, site);
    weir__list_init(&f->runs);
    f->group = g;
    f->fn = fn;
    f->arg = arg;
    f->value_size = value_size;
    f->going = 0;
}

void weir_flight_init(struct weir_flight *f, struct weir_group *g, weir_flight_fn *fn, void *arg,
                      size_t value_size) {
    weir_flight_init_at(NULL, f, g, fn, arg, value_size);
}

void weir_flight_fini(struct weir_flight *flight) {
    struct flight *f = (struct flight *)(void *)flight;
    char text[WEIR__SYNC_TEXT];
    weir__not_null(flight, "weir_flight_fini");
    weir__sync_look(&f->sync, "weir_flight_fini");
    if (f->going > 0)
        WEIR_BUG("weir_flight_fini: %zu calls of %s go on: close its group first", f->going,
                 weir__sync_text(&f->sync, text));
    memset(flight, 0, sizeof *flight);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static uint64_t hash_of(const unsigned char *key, size_t size) { /* FNV-1a */
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ key[i]) * 0x100000001b3u;
    return h;
}

static struct run *run_find(struct flight *f, const void *key, size_t size, uint64_t hash) {
    for (struct weir__list *at = f->runs.next; at != &f->runs; at = at->next) {
        struct run *r = WEIR_CONTAINER(at, struct run, link);
        if (r->hash == hash && r->key_size == size && (size == 0 || memcmp(r->key, key, size) == 0))
            return r;
    }
    return NULL;
}

static void run_unref(struct run *r) {
    if (--r->refs == 0)
        weir__free(r);
}

/* One caller has its result, before it runs: the run's memory may be gone by then. */
static void hand_over(struct run *r, struct call *c, int rc, const struct weir_error *e) {
    if (rc >= 0 && r->flight->value_size > 0)
        memcpy(c->ret_value, r->value, r->flight->value_size);
    c->error.code = 0;
    if (e != NULL)
        c->error = *e;
    r->callers--;
    r->refs--; /* the run's task holds another */
    r->flight->sync.waiting--;
    weir__waiter_grant(&c->waiter, rc);
}

static void never_ends_so(struct weir__at_end *held) {
    (void)held;
    WEIR_BUG("a flight's task ended before its run");
}

/* A cancel or a deadline of the group is not the callers' own: they must not take it for theirs. */
static int run_task(void *args) {
    struct run *r = *(struct run **)args;
    struct flight *f = r->flight;
    struct weir__waiter *w;
    weir__at_end_add(&r->held, never_ends_so);
    int rc = f->fn(f->arg, r->key, r->key_size, r->value);
    weir__at_end_remove(&r->held);
    weir__list_remove(&r->link);
    if (rc == -ECANCELED || (rc < 0 && rc == weir_cancelled()))
        rc = weir__fail(WEIR_ESTOPPED, "flight", NULL);
    while ((w = weir__waitq_first(&r->queue)) != NULL)
        hand_over(r, w->slot, rc, rc < 0 ? weir_error(rc) : NULL);
    f->going--;
    weir_task_release(&r->task);
    run_unref(r);
    return 0;
}

static int run_start(struct flight *f, const void *key, size_t size, uint64_t hash,
                     struct run **ret_run) {
    size_t behind = (size + 15) / 16 * 16; /* the value is aligned for any type */
    size_t head = (sizeof(struct run) + 15) / 16 * 16;
    if (size > SIZE_MAX / 4 || f->value_size > SIZE_MAX / 4)
        return weir__fail(-ENOMEM, "flight get", NULL);
    struct run *r = weir__alloc(head + behind + f->value_size);
    if (r == NULL)
        return weir__fail(-ENOMEM, "flight get", NULL);
    memset(r, 0, head);
    r->value = (unsigned char *)r + head + behind;
    r->flight = f;
    r->site = f->sync.site;
    r->hash = hash;
    r->key_size = size;
    r->refs = 1;
    if (size > 0)
        memcpy(r->key, key, size);
    int rc = weir_spawn(f->group, WEIR_SITE(flight), run_task, &r, sizeof(struct run *), NULL,
                        &r->task);
    if (rc < 0) {
        weir__free(r);
        return rc;
    }
    weir__list_add_tail(&f->runs, &r->link);
    f->going++;
    *ret_run = r;
    return 0;
}

/* ---- a caller -------------------------------------------------------------------------------- */

static int call_abort(struct weir__park *p) {
    WEIR_CONTAINER(p, struct call, wait.park)->run->flight->sync.waiting--;
    return weir__wait_abort(p);
}

/* The caller was cancelled. The run is still there: its reference is the caller's. */
static void leave(struct run *r) {
    if (--r->callers == 0 && r->task != NULL) { /* NULL: it has ended meanwhile */
        weir__list_remove(&r->link);
        weir_task_cancel(r->task, "all callers of the flight have left");
    }
    run_unref(r);
}

static int join(struct flight *f, struct run *r, void *ret_value) {
    int rc = weir__deadlock_refuse(&gets, r);
    if (rc < 0)
        return rc;
    struct call c = {.run = r, .ret_value = ret_value};
    weir__wait_begin(&c.wait, &gets, r);
    c.wait.park.abort = call_abort;
    weir__wait_add(&c.wait, &c.waiter, &r->queue, &c);
    r->callers++;
    r->refs++;
    f->sync.waits++;
    if (++f->sync.waiting > f->sync.peak)
        f->sync.peak = f->sync.waiting;
    rc = (int)weir__park(&c.wait.park);
    if (c.wait.won == NULL) {
        leave(r);
        return weir__fail_wait(rc, "flight get", NULL);
    }
    if (rc < 0 && c.error.code == rc)
        weir__error_restore(&c.error);
    else if (rc < 0)
        weir__error_forget(rc);
    return rc;
}

int weir_flight_get(struct weir_flight *flight, const void *key, size_t key_size,
                    void *ret_value) {
    int rc = weir__suspend_enter("flight get");
    if (rc < 0)
        return rc;
    struct flight *f = flight_of(flight, "weir_flight_get");
    rc = weir__sync_enter(&f->sync, kind, "weir_flight_get", "flight get");
    if (rc < 0)
        return rc;
    uint64_t hash = hash_of(key, key_size);
    struct run *r = run_find(f, key, key_size, hash);
    if (r == NULL)
        rc = run_start(f, key, key_size, hash, &r);
    return rc < 0 ? rc : join(f, r, ret_value);
}
