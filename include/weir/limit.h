/* SPDX-License-Identifier: MIT */
/* limit.h - bounds on work: a limiter (how many at once; it knows its borrowers), a rate limiter
 * (how many in a time), and a flight (callers that ask for one key at once share one call).
 *
 * What weir/sync.h says of its primitives holds for these too: memory of the caller, init and fini,
 * one loop, first come first served, what a cancel can lose. They must be initialised: a call on a
 * zeroed one aborts. */
#ifndef WEIR_LIMIT_H
#define WEIR_LIMIT_H

#include <weir/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_limiter { struct weir_sync sync; uint64_t opaque_[4]; };
struct weir_rate { struct weir_sync sync; uint64_t opaque_[9]; };
struct weir_flight { struct weir_sync sync; uint64_t opaque_[7]; };

/* One unit that is borrowed from a limiter. The borrower gives the memory, which must stay until
 * the release, and must be zeroed before its first use. A copy of it cannot be given back. */
struct weir_borrow { uint64_t opaque_[9]; };

/* ---- limiter --------------------------------------------------------------------------------- */

/* A capacity limiter: at most total borrowers at once, and it knows each. total may be 0. fini
 * aborts also while something is borrowed, and names a borrower. */
WEIR_API void weir_limiter_init(struct weir_limiter *l, size_t total);
WEIR_API void weir_limiter_init_at(const struct weir_site *site, struct weir_limiter *l,
                                   size_t total);
WEIR_API void weir_limiter_fini(struct weir_limiter *l);
#define weir_limiter_init(...) weir_limiter_init_at(WEIR_SITE(weir_limiter_init), __VA_ARGS__)

/* Borrow a unit. Waits until one is free. weir_limiter_try_acquire does not wait. b becomes the
 * running task's: only it may give b back, and a task that ends without doing so aborts and is
 * named. Aborts if b is borrowed, or waited with, already.
 * Returns 0; -EAGAIN (try only); -EDEADLK (this task has borrowed all there is, or the one task
 * that has waits for this one; see weir_mutex_lock); -ECANCELED, -ETIME if a scope fires: b is not
 * borrowed; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_limiter_acquire(struct weir_limiter *l, struct weir_borrow *b);
WEIR_API int weir_limiter_try_acquire(struct weir_limiter *l, struct weir_borrow *b);

/* Borrow a unit for something that is no task, say a connection: any task may give it back. name:
 * text for messages, static, or as long as b.
 * Returns as weir_limiter_acquire, but not -EDEADLK. */
WEIR_SUSPENDS int weir_limiter_acquire_for(struct weir_limiter *l, struct weir_borrow *b,
                                           const char *name);

/* Give a unit back. The task that has waited longest gets it. Aborts unless b is borrowed from l,
 * by the running task or by weir_limiter_acquire_for. */
WEIR_API void weir_limiter_release(struct weir_limiter *l, struct weir_borrow *b);

/* Change how many units there are. If there are more, tasks that wait get them. If there are fewer,
 * what is borrowed stays borrowed, and no task gets a unit until fewer than total are borrowed. */
WEIR_API void weir_limiter_set_total(struct weir_limiter *l, size_t total);

/* How many are borrowed now. */
WEIR_API size_t weir_limiter_borrowed(const struct weir_limiter *l);

/* ---- rate ------------------------------------------------------------------------------------ */

/* A rate limiter: a bucket that gains tokens at an even rate, `tokens` in each per_ns, and holds at
 * most burst of them. It begins full. Aborts if one of the three is 0 or less, or if burst
 * times per_ns does not fit into 62 bits. */
WEIR_API void weir_rate_init(struct weir_rate *r, int64_t tokens, weir_ns per_ns, int64_t burst);
WEIR_API void weir_rate_init_at(const struct weir_site *site, struct weir_rate *r, int64_t tokens,
                                weir_ns per_ns, int64_t burst);
WEIR_API void weir_rate_fini(struct weir_rate *r);
#define weir_rate_init(...) weir_rate_init_at(WEIR_SITE(weir_rate_init), __VA_ARGS__)

/* Take n tokens. Waits until that many are there. weir_rate_try_acquire does not wait. A task that
 * wants many is not overtaken by tasks that want few.
 * Returns 0; -EAGAIN (try only); WEIR_ETOOBIG (n is more than burst); -EINVAL (n is below 0);
 * -ECANCELED, -ETIME if a scope fires: none was taken; WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_rate_acquire(struct weir_rate *r, int64_t n);
WEIR_API int weir_rate_try_acquire(struct weir_rate *r, int64_t n);

/* ---- flight ---------------------------------------------------------------------------------- */

/* What makes the value of a key, in a task of its own: it writes value_size bytes to ret_value.
 * Returns 0 or more; or an error, which all callers get. */
typedef int weir_flight_fn(void *arg, const void *key, size_t key_size, void *ret_value);

/* A flight: callers that ask for one key at the same time share one call of fn, which runs as a
 * task in g. g and arg must outlive the flight. Nothing is kept after the call: it is no cache.
 * fini aborts while a call of fn goes on. */
WEIR_API void weir_flight_init(struct weir_flight *f, struct weir_group *g, weir_flight_fn *fn,
                               void *arg, size_t value_size);
WEIR_API void weir_flight_init_at(const struct weir_site *site, struct weir_flight *f,
                                  struct weir_group *g, weir_flight_fn *fn, void *arg,
                                  size_t value_size);
WEIR_API void weir_flight_fini(struct weir_flight *f);
#define weir_flight_init(...) weir_flight_init_at(WEIR_SITE(weir_flight_init), __VA_ARGS__)

/* Get the value of a key, a copy of it in ret_value. If a call of fn for an equal key goes on, wait
 * for that one; else begin one. A caller that is cancelled leaves the call to the others; when all
 * have left, it is cancelled. The key is compared with that of each call that goes on.
 * Returns fn's result, with a record of its own; WEIR_ESTOPPED (g was cancelled, or a deadline
 * around it has passed); -EDEADLK (fn asks for its own key, or waits for this task; see
 * weir_mutex_lock); -ECANCELED, -ETIME if a scope fires; -ENOMEM, -EAGAIN (as weir_spawn);
 * WEIR_ENOLOOP. ret_value is untouched on errors. */
WEIR_SUSPENDS int weir_flight_get(struct weir_flight *f, const void *key, size_t key_size,
                                  void *ret_value);

#ifdef __cplusplus
}
#endif
#endif
