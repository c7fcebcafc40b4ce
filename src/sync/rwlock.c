/* SPDX-License-Identifier: MIT */
/* rwlock.c - many readers or one writer. One queue for both, so nobody is overtaken; serve lets in
 * from its head whoever can be let in. */
#include <errno.h>
#include <string.h>

#include "sync/owner.h"

#undef weir_rwlock_init

struct rwlock { /* behind struct weir_rwlock */
    struct weir__owned writer;
    uint64_t readers;
};
static_assert(sizeof(struct rwlock) <= sizeof(struct weir_rwlock), "public size is ABI");

static const char kind[] = "rwlock";
static const struct weir__what reads = WEIR__SYNC_WHAT("read lock", kind, weir__owner_of),
                               writes = WEIR__SYNC_WHAT("write lock", kind, weir__owner_of);
static char writer_slot; /* a waiter with this slot wants to write */

static struct rwlock *rwlock_of(const struct weir_rwlock *l, const char *call) {
    weir__not_null(l, call);
    return (struct rwlock *)(void *)(uintptr_t)l;
}

void weir_rwlock_init_at(const struct weir_site *site, struct weir_rwlock *l) {
    weir__not_null(l, "weir_rwlock_init");
    memset(l, 0, sizeof *l);
    weir__sync_init(&rwlock_of(l, "weir_rwlock_init")->writer.sync, kind, site);
}

void weir_rwlock_init(struct weir_rwlock *l) {
    weir_rwlock_init_at(NULL, l);
}

void weir_rwlock_fini(struct weir_rwlock *lock) {
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_fini");
    char text[WEIR__SYNC_TEXT];
    weir__owned_fini(&l->writer, kind, "weir_rwlock_fini");
    if (l->readers > 0)
        WEIR_BUG("weir_rwlock_fini: %llu tasks read under %s", (unsigned long long)l->readers,
                 weir__sync_text(&l->writer.sync, text));
    memset(lock, 0, sizeof *lock);
}

static void serve(struct weir__sync *s) {
    struct rwlock *l = WEIR_CONTAINER(s, struct rwlock, writer.sync);
    struct weir__waiter *w;
    while (l->writer.held.task == NULL && (w = weir__waitq_first(&s->queue)) != NULL) {
        bool write = w->slot == &writer_slot;
        if (write && l->readers > 0)
            return;
        if (write)
            weir__owner_set(&l->writer, w->wait->park.task);
        else
            l->readers++;
        weir__sync_grant(s, w, 0);
    }
}

static bool can_read(const struct rwlock *l) {
    return l->writer.held.task == NULL && weir__waitq_empty(&l->writer.sync.queue);
}

static bool can_write(const struct rwlock *l) {
    return can_read(l) && l->readers == 0;
}

static int wait_for(struct rwlock *l, const struct weir__what *what) {
    int rc = weir__deadlock_refuse(what, l);
    return rc < 0 ? rc
                  : weir__sync_wait(&l->writer.sync, what == &writes ? &writer_slot : NULL, what,
                                    serve);
}

int weir_rwlock_read_lock(struct weir_rwlock *lock) {
    int rc = weir__suspend_enter("read lock");
    if (rc < 0)
        return rc;
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_read_lock");
    rc = weir__sync_enter(&l->writer.sync, kind, "weir_rwlock_read_lock", "read lock");
    if (rc < 0)
        return rc;
    if (!can_read(l))
        return wait_for(l, &reads);
    l->readers++;
    return 0;
}

int weir_rwlock_write_lock(struct weir_rwlock *lock) {
    int rc = weir__suspend_enter("write lock");
    if (rc < 0)
        return rc;
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_write_lock");
    rc = weir__sync_enter(&l->writer.sync, kind, "weir_rwlock_write_lock", "write lock");
    if (rc < 0)
        return rc;
    if (!can_write(l))
        return wait_for(l, &writes);
    weir__owner_set(&l->writer, weir__task_here());
    return 0;
}

int weir_rwlock_try_read_lock(struct weir_rwlock *lock) {
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_try_read_lock");
    weir__sync_touch(&l->writer.sync, kind, "weir_rwlock_try_read_lock");
    if (!can_read(l))
        return -EAGAIN;
    l->readers++;
    return 0;
}

int weir_rwlock_try_write_lock(struct weir_rwlock *lock) {
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_try_write_lock");
    weir__sync_touch(&l->writer.sync, kind, "weir_rwlock_try_write_lock");
    struct weir_task *t = weir__owner_here("weir_rwlock_try_write_lock");
    if (!can_write(l))
        return -EAGAIN;
    weir__owner_set(&l->writer, t);
    return 0;
}

void weir_rwlock_read_unlock(struct weir_rwlock *lock) {
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_read_unlock");
    char text[WEIR__SYNC_TEXT];
    weir__sync_touch(&l->writer.sync, kind, "weir_rwlock_read_unlock");
    if (l->readers == 0)
        WEIR_BUG("weir_rwlock_read_unlock: nobody reads under %s",
                 weir__sync_text(&l->writer.sync, text));
    l->readers--;
    serve(&l->writer.sync);
}

void weir_rwlock_write_unlock(struct weir_rwlock *lock) {
    struct rwlock *l = rwlock_of(lock, "weir_rwlock_write_unlock");
    weir__sync_touch(&l->writer.sync, kind, "weir_rwlock_write_unlock");
    weir__owner_check(&l->writer, kind, "weir_rwlock_write_unlock");
    weir__at_end_remove(&l->writer.held);
    serve(&l->writer.sync);
}
