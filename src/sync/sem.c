/* SPDX-License-Identifier: MIT */
/* sem.c - a semaphore: a count of permits. Whoever waits first is served first, however many it
 * wants; permits that are too few for it stay until there are enough. */
#include <errno.h>
#include <string.h>

#include "sync/sync.h"

#undef weir_sem_init
#undef weir_sem_init_bounded

struct sem { /* behind struct weir_sem */
    struct weir__sync sync;
    size_t permits;
    size_t max; /* 0: it was never initialised */
};
static_assert(sizeof(struct sem) <= sizeof(struct weir_sem), "public size is ABI");

static const char kind[] = "semaphore";
static const struct weir__what acquires = WEIR__SYNC_WHAT("acquire", kind, NULL);

static struct sem *sem_of(const struct weir_sem *sem, const char *call) {
    struct sem *s = (struct sem *)(void *)(uintptr_t)sem;
    weir__not_null(sem, call);
    if (__builtin_expect(s->max == 0, 0))
        WEIR_BUG("%s: the semaphore was not initialised", call);
    return s;
}

static void init(const struct weir_site *site, struct weir_sem *sem, size_t permits, size_t max,
                 const char *call) {
    weir__not_null(sem, call);
    struct sem *s = (struct sem *)(void *)sem;
    if (max == 0 || permits > max)
        WEIR_BUG("%s: %zu permits, and at most %zu", call, permits, max);
    weir__sync_init(&s->sync, kind, site);
    s->permits = permits;
    s->max = max;
}

void weir_sem_init_at(const struct weir_site *site, struct weir_sem *s, size_t permits) {
    init(site, s, permits, SIZE_MAX, "weir_sem_init");
}

void weir_sem_init(struct weir_sem *s, size_t permits) {
    weir_sem_init_at(NULL, s, permits);
}

void weir_sem_init_bounded_at(const struct weir_site *site, struct weir_sem *s, size_t permits,
                              size_t max) {
    init(site, s, permits, max, "weir_sem_init_bounded");
}

void weir_sem_init_bounded(struct weir_sem *s, size_t permits, size_t max) {
    weir_sem_init_bounded_at(NULL, s, permits, max);
}

void weir_sem_fini(struct weir_sem *sem) {
    weir__not_null(sem, "weir_sem_fini");
    weir__sync_fini(&((struct sem *)(void *)sem)->sync, kind, "weir_sem_fini");
    memset(sem, 0, sizeof *sem);
}

static size_t wanted(const struct weir__waiter *w) {
    return (size_t)(uintptr_t)w->slot;
}

static void serve(struct weir__sync *sync) {
    struct sem *s = WEIR_CONTAINER(sync, struct sem, sync);
    struct weir__waiter *w;
    while ((w = weir__waitq_first(&sync->queue)) != NULL && wanted(w) <= s->permits) {
        s->permits -= wanted(w);
        weir__sync_grant(sync, w, 0);
    }
}

/* Nobody is overtaken. */
static bool take(struct sem *s, size_t n) {
    if (s->permits < n || !weir__waitq_empty(&s->sync.queue))
        return false;
    s->permits -= n;
    return true;
}

static int too_many(const char *what, const struct sem *s, size_t n) {
    return weir__failf(WEIR_ETOOBIG, what, NULL, "%zu permits are asked for, of at most %zu", n,
                       s->max);
}

int weir_sem_acquire(struct weir_sem *sem, size_t n) {
    int rc = weir__suspend_enter("acquire");
    if (rc < 0)
        return rc;
    struct sem *s = sem_of(sem, "weir_sem_acquire");
    rc = weir__sync_enter(&s->sync, kind, "weir_sem_acquire", "acquire");
    if (rc < 0)
        return rc;
    if (take(s, n))
        return 0;
    if (n > s->max)
        return too_many("acquire", s, n);
    return weir__sync_wait(&s->sync, (void *)(uintptr_t)n, &acquires, serve);
}

int weir_sem_try_acquire(struct weir_sem *sem, size_t n) {
    struct sem *s = sem_of(sem, "weir_sem_try_acquire");
    weir__sync_touch(&s->sync, kind, "weir_sem_try_acquire");
    if (n > s->max)
        return too_many("try_acquire", s, n);
    return take(s, n) ? 0 : -EAGAIN;
}

void weir_sem_release(struct weir_sem *sem, size_t n) {
    struct sem *s = sem_of(sem, "weir_sem_release");
    char text[WEIR__SYNC_TEXT];
    weir__sync_touch(&s->sync, kind, "weir_sem_release");
    if (n > s->max - s->permits)
        WEIR_BUG("weir_sem_release: %zu more than the %zu permits of %s, which has at most %zu", n,
                 s->permits, weir__sync_text(&s->sync, text), s->max);
    s->permits += n;
    serve(&s->sync);
}

size_t weir_sem_permits(const struct weir_sem *sem) {
    struct sem *s = sem_of(sem, "weir_sem_permits");
    weir__sync_look(&s->sync, "weir_sem_permits");
    return s->permits;
}
