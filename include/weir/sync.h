/* SPDX-License-Identifier: MIT */
/* sync.h - how tasks of one loop wait for each other: event, mutex, rwlock, condition, semaphore,
 * barrier, once, and a parking place for primitives of your own.
 *
 * The caller gives the memory and must not move it. A zeroed event, mutex, rwlock, condition,
 * parking or once is ready for use, so it may be static; a call on a zeroed semaphore or barrier
 * aborts. A call named init records its place, which messages name. After a call named fini the
 * memory may be used for something else, or initialised again. It aborts if a task waits, and names
 * the primitive, its place and the first waiter. A second fini is fine.
 *
 * A primitive belongs to the loop whose task first uses it. From then on a call from another loop
 * or thread aborts and names both; weir/shared.h has an event, a queue and a chan for threads.
 * Calls that are not marked WEIR_SUSPENDS never wait. Posted functions and callbacks of the loop
 * may make them, except where the call takes or gives back a lock that has one holder: the holder
 * is a task.
 *
 * First come, first served: no call overtakes a task that waits, not even one named try. What a
 * task was granted is returned to it, even if a scope fired meanwhile; its next suspending call
 * returns the scope's code. A task whose wait was cancelled has got nothing, and those behind it
 * lose nothing. */
#ifndef WEIR_SYNC_H
#define WEIR_SYNC_H

#include <stdbool.h>
#include <weir/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The head of every primitive here, its first member. */
struct weir_sync { uint64_t opaque_[7]; };

struct weir_event { struct weir_sync sync; };
struct weir_mutex { struct weir_sync sync; uint64_t opaque_[4]; };
struct weir_rwlock { struct weir_sync sync; uint64_t opaque_[5]; };
struct weir_cond { struct weir_sync sync; };
struct weir_sem { struct weir_sync sync; uint64_t opaque_[2]; };
struct weir_barrier { struct weir_sync sync; };
struct weir_once { struct weir_sync sync; uint64_t opaque_[4]; };
struct weir_parking { struct weir_sync sync; };

/* What a primitive has counted. */
struct weir_sync_stats {
    size_t size;          /* in: sizeof (struct weir_sync_stats), or 0 */
    size_t waiting;       /* tasks that wait now */
    size_t waiting_peak;  /* the most at once; those in weir_select count only in waiting */
    uint64_t waits;       /* calls that had to wait */
    uint64_t calls;
};

/* Read the counts of a primitive: weir_sync_stats(&m.sync, &stats). */
WEIR_API void weir_sync_stats(const struct weir_sync *s, struct weir_sync_stats *ret);

/* ---- event ----------------------------------------------------------------------------------- */

/* An event: tasks wait until it is set. It begins clear. weir_event_set wakes all that wait, and it
 * stays set until weir_event_clear. Waits that it has woken return 0, even if it was cleared before
 * their tasks ran. weir_event_is_set returns whether it is set. */
WEIR_API void weir_event_init(struct weir_event *e);
WEIR_API void weir_event_init_at(const struct weir_site *site, struct weir_event *e);
WEIR_API void weir_event_fini(struct weir_event *e);
WEIR_API void weir_event_set(struct weir_event *e);
WEIR_API void weir_event_clear(struct weir_event *e);
WEIR_API bool weir_event_is_set(const struct weir_event *e);
#define weir_event_init(...) weir_event_init_at(WEIR_SITE(weir_event_init), __VA_ARGS__)

/* Wait until an event is set.
 * Returns 0; -ECANCELED, -ETIME if a scope fires; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_event_wait(struct weir_event *e);

/* ---- mutex ----------------------------------------------------------------------------------- */

/* A mutex: held by one task at a time. fini aborts if it is held. A task that ends while it holds
 * one aborts and is named. */
WEIR_API void weir_mutex_init(struct weir_mutex *m);
WEIR_API void weir_mutex_init_at(const struct weir_site *site, struct weir_mutex *m);
WEIR_API void weir_mutex_fini(struct weir_mutex *m);
#define weir_mutex_init(...) weir_mutex_init_at(WEIR_SITE(weir_mutex_init), __VA_ARGS__)

/* Lock a mutex. Waits while another task holds it. weir_mutex_try_lock does not wait.
 * Returns 0: the running task holds it; -EAGAIN (try only: another task holds it); -EDEADLK (this
 * task holds it already; or the holder waits for this task, directly or through others, or began to
 * while this call waited, by a close, the end of a grace or a notify of a condition: the record and
 * the log have the cycle); -ECANCELED, -ETIME if a scope fires: it is not held; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_mutex_lock(struct weir_mutex *m);
WEIR_API int weir_mutex_try_lock(struct weir_mutex *m);

/* Unlock a mutex. The task that has waited longest holds it from then on, although it runs later.
 * Aborts unless the running task holds it. */
WEIR_API void weir_mutex_unlock(struct weir_mutex *m);

/* The task that holds a mutex, or NULL. It is no handle: valid until the holder unlocks. */
WEIR_API struct weir_task *weir_mutex_holder(const struct weir_mutex *m);

/* ---- rwlock ---------------------------------------------------------------------------------- */

/* A read-write lock: held by any number of readers, or by one writer. A reader that comes while a
 * writer waits stands behind it. Readers that stand side by side in the queue get in together.
 * fini aborts if it is held. A task that ends while it is the writer aborts and is named. */
WEIR_API void weir_rwlock_init(struct weir_rwlock *l);
WEIR_API void weir_rwlock_init_at(const struct weir_site *site, struct weir_rwlock *l);
WEIR_API void weir_rwlock_fini(struct weir_rwlock *l);
#define weir_rwlock_init(...) weir_rwlock_init_at(WEIR_SITE(weir_rwlock_init), __VA_ARGS__)

/* Lock for reading or writing; those named try do not wait.
 * Returns 0; -EAGAIN (try only: it would have to wait); -EDEADLK (as weir_mutex_lock, where a
 * writer holds the lock; readers are not known one by one, so a cycle through one is not found);
 * -ECANCELED, -ETIME if a scope fires: it is not held; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_rwlock_read_lock(struct weir_rwlock *l);
WEIR_SUSPENDS int weir_rwlock_write_lock(struct weir_rwlock *l);
WEIR_API int weir_rwlock_try_read_lock(struct weir_rwlock *l);
WEIR_API int weir_rwlock_try_write_lock(struct weir_rwlock *l);

/* Give a lock back. Waiters that may have it now hold it when the call returns.
 * weir_rwlock_read_unlock aborts if there is no reader, weir_rwlock_write_unlock unless the running
 * task is the writer. */
WEIR_API void weir_rwlock_read_unlock(struct weir_rwlock *l);
WEIR_API void weir_rwlock_write_unlock(struct weir_rwlock *l);

/* ---- condition ------------------------------------------------------------------------------- */

/* A condition: a task that holds a mutex waits until another task notifies it of a change. The
 * mutex must outlive the waits. */
WEIR_API void weir_cond_init(struct weir_cond *c);
WEIR_API void weir_cond_init_at(const struct weir_site *site, struct weir_cond *c);
WEIR_API void weir_cond_fini(struct weir_cond *c);
#define weir_cond_init(...) weir_cond_init_at(WEIR_SITE(weir_cond_init), __VA_ARGS__)

/* Unlock m, wait to be notified, lock m again. The caller holds m when the call returns, whatever
 * it returns; so after a cancel, too, the call waits for m. Check in a loop what you wait for:
 * other tasks may have run between the notify and the return. Aborts unless the caller holds m; and
 * when a notify, a cancel or a deadline comes while the holder of m closes a group that the caller
 * is in: nothing could end either wait.
 * Returns 0: it was notified, even if a scope fired since; -ECANCELED, -ETIME: it was not, and no
 * notify was used up; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_cond_wait(struct weir_cond *c, struct weir_mutex *m);

/* Wake the n tasks that have waited longest, or all. The caller need not hold the mutex. A notify
 * that finds no waiter has no effect. Aborts if one that it wakes is in a group that the holder of
 * its mutex closes (see weir_cond_wait).
 * Returns how many were notified. */
WEIR_API size_t weir_cond_notify(struct weir_cond *c, size_t n);
WEIR_API size_t weir_cond_notify_all(struct weir_cond *c);

/* ---- semaphore ------------------------------------------------------------------------------- */

/* A semaphore: a count of permits, of which a call takes some and another gives some. A bounded one
 * aborts if a release brings the count above max, or if it is initialised above it. */
WEIR_API void weir_sem_init(struct weir_sem *s, size_t permits);
WEIR_API void weir_sem_init_at(const struct weir_site *site, struct weir_sem *s, size_t permits);
WEIR_API void weir_sem_init_bounded(struct weir_sem *s, size_t permits, size_t max);
WEIR_API void weir_sem_init_bounded_at(const struct weir_site *site, struct weir_sem *s,
                                       size_t permits, size_t max);
WEIR_API void weir_sem_fini(struct weir_sem *s);
#define weir_sem_init(...) weir_sem_init_at(WEIR_SITE(weir_sem_init), __VA_ARGS__)
#define weir_sem_init_bounded(...)                                                                 \
    weir_sem_init_bounded_at(WEIR_SITE(weir_sem_init_bounded), __VA_ARGS__)

/* Take n permits at once; wait until that many are there. A task that wants many is not overtaken
 * by tasks that want few. weir_sem_try_acquire does not wait. If n is 0 the call returns when it
 * is the caller's turn.
 * Returns 0: they are the caller's; -EAGAIN (try only); WEIR_ETOOBIG (n is above max: it would wait
 * for ever); -ECANCELED, -ETIME if a scope fires: none was taken; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_sem_acquire(struct weir_sem *s, size_t n);
WEIR_API int weir_sem_try_acquire(struct weir_sem *s, size_t n);

/* Give n permits. Tasks that wait are granted theirs, in order, as far as the permits last. */
WEIR_API void weir_sem_release(struct weir_sem *s, size_t n);

/* How many permits are free. While a task waits for more than these, newcomers wait behind it. */
WEIR_API size_t weir_sem_permits(const struct weir_sem *s);

/* ---- barrier --------------------------------------------------------------------------------- */

/* A barrier: n tasks wait for each other. It may be used again and again. Aborts if n is 0. */
WEIR_API void weir_barrier_init(struct weir_barrier *b, unsigned n);
WEIR_API void weir_barrier_init_at(const struct weir_site *site, struct weir_barrier *b,
                                   unsigned n);
WEIR_API void weir_barrier_fini(struct weir_barrier *b);
#define weir_barrier_init(...) weir_barrier_init_at(WEIR_SITE(weir_barrier_init), __VA_ARGS__)

/* Wait until n tasks wait here. The last one does not wait, and wakes the others. A task whose wait
 * was cancelled is not counted any more, and another must come in its place.
 * Returns 0 .. n-1: the order in which they came; WEIR_ECLOSED; -ECANCELED, -ETIME if a scope
 * fires; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_barrier_wait(struct weir_barrier *b);

/* Close a barrier: tasks that wait, and later callers, get WEIR_ECLOSED. */
WEIR_API void weir_barrier_close(struct weir_barrier *b);

/* ---- once ------------------------------------------------------------------------------------ */

/* Something to do once, at the first call. fini aborts while it is being done. */
WEIR_API void weir_once_init(struct weir_once *o);
WEIR_API void weir_once_init_at(const struct weir_site *site, struct weir_once *o);
WEIR_API void weir_once_fini(struct weir_once *o);
#define weir_once_init(...) weir_once_init_at(WEIR_SITE(weir_once_init), __VA_ARGS__)

/* Call fn(arg), unless a call of it has succeeded before. While one task is in fn, the others wait.
 * If fn fails (a result below 0), its caller gets the error, and the task that has waited longest
 * calls its own fn. fn may suspend; if a cancel ends one of its calls, it should return that error.
 * Returns 0: fn has succeeded, now or before; fn's error; -EDEADLK (fn calls weir_once on o, or its
 * task waits for this one; see weir_mutex_lock); -ECANCELED, -ETIME if a scope fires;
 * WEIR_ENOLOOP. Aborts if fn is NULL. */
WEIR_SUSPENDS int weir_once(struct weir_once *o, int (*fn)(void *arg), void *arg);

/* ---- parking --------------------------------------------------------------------------------- */

/* A place where tasks wait, for primitives of your own: a queue and nothing else. Between the look
 * at your own state and weir_parking_wait no other task runs. */
WEIR_API void weir_parking_init(struct weir_parking *p);
WEIR_API void weir_parking_init_at(const struct weir_site *site, struct weir_parking *p);
WEIR_API void weir_parking_fini(struct weir_parking *p);
#define weir_parking_init(...) weir_parking_init_at(WEIR_SITE(weir_parking_init), __VA_ARGS__)

/* Wait until weir_parking_wake takes this task out. Always waits. slot is for the waker, which gets
 * it from weir_parking_first: it says what this task wants, or where to put what it gets.
 * Returns the result given to weir_parking_wake, whose meaning is yours; -ECANCELED, -ETIME if a
 * scope fires: the task was not woken, and nothing should have been written through slot;
 * WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_parking_wait(struct weir_parking *p, void *slot);

/* The slot of the task that has waited longest; NULL if none waits. */
WEIR_API void *weir_parking_first(const struct weir_parking *p);

/* Wake the n tasks that have waited longest: their wait returns result.
 * Returns how many were woken. */
WEIR_API size_t weir_parking_wake(struct weir_parking *p, size_t n, int result);

/* Move the n tasks that have waited longest to the end of another parking place; they go on waiting
 * there, in their order. Returns how many were moved. */
WEIR_API size_t weir_parking_move(struct weir_parking *source, struct weir_parking *target,
                                  size_t n);

#ifdef __cplusplus
}
#endif
#endif
